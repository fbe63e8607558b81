// The key by which a record is sharded, and its hash. Twin of src/data/shard/shard_key.ts; docs/sharding.md says what
// users see.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "attribute/attribute_filter.h"
#include "generated/layout.h"
#include "ring/ring.h"
#include "syslog/field.h"

namespace streamgate {

class ShardKey {
 public:
  // `paths`: where an attribute may lie, each as the arguments of a dropAttribute operation have it; of kSyslog one,
  // the field as encodeSyslogField of src/plan/syslog_field.ts writes it. Null: refused, and `error` says why.
  static std::unique_ptr<ShardKey> Prepare(ShardKeyKind kind, const std::vector<std::string>& paths,
                                           std::string* error);

  // Hash of the record's key; of its source's address where it has none. Allocates nothing once its buffers have grown
  // to the longest escaped key. Not const: one thread at a time.
  uint64_t Hash(const char* data, size_t size, const BlockSource& source);

 private:
  explicit ShardKey(ShardKeyKind kind) : kind_(kind) {}

  const ShardKeyKind kind_;
  std::unique_ptr<AttributeFilter> attribute_;  // for kAttribute
  SyslogFieldReader syslog_;                    // for kSyslog
};

}  // namespace streamgate
