// See shard_key.h.
#include "shard/shard_key.h"

#include <string_view>

#include "shard/hash.h"
#include "syslog/message.h"

namespace streamgate {

std::unique_ptr<ShardKey> ShardKey::Prepare(ShardKeyKind kind, const std::vector<std::string>& paths,
                                            std::string* error) {
  std::unique_ptr<ShardKey> key(new ShardKey(kind));
  if (kind == ShardKeyKind::kAttribute) {
    // Only found, never compared: operator and value say nothing.
    Operation operation{OperationCode::kDropAttribute, 0, 0, {std::string(1, '\0'), std::string()}};
    operation.args.insert(operation.args.end(), paths.begin(), paths.end());
    key->attribute_ = AttributeFilter::Prepare(operation, error);
    if (key->attribute_ == nullptr) return nullptr;
  }
  if (kind == ShardKeyKind::kSyslog && (paths.size() != 1 || !key->syslog_.Use(paths[0]))) {
    *error = "records are sharded by a syslog field that does not exist";
    return nullptr;
  }
  return key;
}

uint64_t ShardKey::Hash(const char* data, size_t size, const BlockSource& source) {
  std::string_view key;
  switch (kind_) {
    case ShardKeyKind::kAttribute:
      if (attribute_->Find(data, size, &key)) return ShardHash(key.data(), key.size());
      break;
    case ShardKeyKind::kSyslog:
      if (syslog_.Text(ReadSyslog({data, size}), &key)) return ShardHash(key.data(), key.size());
      break;
    case ShardKeyKind::kSource:
      break;
  }
  const size_t address_bytes = source.family == 0 ? 0 : source.family == 4 ? 4 : 16;
  return ShardHash(reinterpret_cast<const char*>(source.address), address_bytes);
}

}  // namespace streamgate
