// See shard_key.h.
#include "shard/shard_key.h"

#include <string_view>
#include <utility>

#include "shard/hash.h"
#include "shard/syslog_header.h"

namespace streamgate {

std::unique_ptr<ShardKey> ShardKey::Prepare(ShardKeyKind kind, const std::vector<std::string>& paths,
                                            std::string* error) {
  std::unique_ptr<AttributeFilter> attribute;
  if (kind == ShardKeyKind::kAttribute) {
    // Only found, never compared: operator and value say nothing.
    Operation operation{OperationCode::kDropAttribute, 0, 0, {std::string(1, '\0'), std::string()}};
    operation.args.insert(operation.args.end(), paths.begin(), paths.end());
    attribute = AttributeFilter::Prepare(operation, error);
    if (attribute == nullptr) return nullptr;
  }
  return std::unique_ptr<ShardKey>(new ShardKey(kind, std::move(attribute)));
}

ShardKey::ShardKey(ShardKeyKind kind, std::unique_ptr<AttributeFilter> attribute)
    : kind_(kind), attribute_(std::move(attribute)) {}

uint64_t ShardKey::Hash(const char* data, size_t size, const BlockSource& source) {
  std::string_view key;
  switch (kind_) {
    case ShardKeyKind::kAttribute:
      if (attribute_->Find(data, size, &key)) return ShardHash(key.data(), key.size());
      break;
    case ShardKeyKind::kSyslogHost:
      key = ReadSyslogHeader({data, size}).host;
      break;
    case ShardKeyKind::kSyslogApp:
      key = ReadSyslogHeader({data, size}).app;
      break;
    case ShardKeyKind::kSource:
      break;
  }
  if (!key.empty()) return ShardHash(key.data(), key.size());
  const size_t address_bytes = source.family == 0 ? 0 : source.family == 4 ? 4 : 16;
  return ShardHash(reinterpret_cast<const char*>(source.address), address_bytes);
}

}  // namespace streamgate
