// Batches of given records for native tests, as an engine would write them.

#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "plan/batch_memory.h"
#include "test/check.h"

namespace streamgate {

// A batch of the given records, as an engine would write it, and the reference that its worker has.
class Batch {
 public:
  explicit Batch(const std::vector<std::string>& records) {
    size_t bytes = 0;
    for (const std::string& record : records) bytes += record.size() + 1;
    memory_ = BatchMemory::Create(static_cast<uint32_t>(records.size()), static_cast<uint32_t>(bytes));
    CHECK(memory_ != nullptr);
    auto* entries = const_cast<BatchEntry*>(memory_->entries());
    char* data = const_cast<char*>(memory_->records());
    uint32_t offset = 0;
    for (size_t i = 0; i < records.size(); ++i) {
      entries[i] = {offset, static_cast<uint32_t>(records[i].size()), 1, 0};
      std::memcpy(data + offset, records[i].data(), records[i].size());
      data[offset + records[i].size()] = '\n';
      offset += entries[i].length + 1;
    }
    memory_->header()->records = count_ = static_cast<uint32_t>(records.size());
    memory_->header()->bytes = offset;
  }
  Batch(const Batch&) = delete;
  ~Batch() { memory_->Release(); }
  BatchMemory* memory() { return memory_; }
  uint32_t count() const { return count_; }

 private:
  BatchMemory* memory_;
  uint32_t count_;
};

}  // namespace streamgate
