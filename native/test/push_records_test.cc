// Batches pushed into a ring as they lie, and the check of their memory before.
#include "ring/push_records.h"

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "generated/layout.h"
#include "ring/ring.h"
#include "test/check.h"

namespace streamgate {
namespace {

class RingMemory {
 public:
  explicit RingMemory(uint32_t capacity = 65536) : words_(new uint64_t[(sizeof(RingHeader) + capacity) / 8]()) {
    auto* header = static_cast<RingHeader*>(data());
    header->magic = kRingMagic;
    header->version = kRingVersion;
    header->capacity_bytes = capacity;
    header->slots = 10000;
  }
  void* data() { return words_.get(); }

 private:
  std::unique_ptr<uint64_t[]> words_;
};

// A batch of the given records, as an engine would write it.
std::vector<uint64_t> BatchOf(const std::vector<std::string>& records) {
  std::string bytes;
  for (const std::string& record : records) bytes += record + "\n";
  std::vector<uint64_t> memory((sizeof(BatchHeader) + records.size() * sizeof(BatchEntry) + bytes.size()) / 8 + 1);
  auto* header = reinterpret_cast<BatchHeader*>(memory.data());
  header->records_max = header->records = static_cast<uint32_t>(records.size());
  header->bytes_max = header->bytes = static_cast<uint32_t>(bytes.size());
  auto* entries = reinterpret_cast<BatchEntry*>(header + 1);
  uint32_t offset = 0;
  for (size_t i = 0; i < records.size(); ++i) {
    entries[i] = {offset, static_cast<uint32_t>(records[i].size()), 1, 0};
    offset += entries[i].length + 1;
  }
  std::memcpy(reinterpret_cast<char*>(entries + records.size()), bytes.data(), bytes.size());
  return memory;
}

TEST("a batch is pushed whole, in blocks of whole records, and stops where the ring is full", {
  RingMemory memory;
  Ring ring(memory.data(), 0);
  std::vector<std::string> records;
  for (int i = 0; i < 4000; ++i) records.push_back("record " + std::to_string(i) + std::string(i % 90, 'x'));
  const std::vector<uint64_t> batch = BatchOf(records);
  const uint32_t count = static_cast<uint32_t>(records.size());
  CHECK(CheckBatch(batch.data(), batch.size() * 8, 0, count));
  std::vector<std::string> got;
  uint32_t at = 0;
  int stops = 0;
  while (at < count) {
    at = PushRecords(&ring, batch.data(), at, count, BlockSource(), 0);
    stops += at < count ? 1 : 0;
    Ring::View view;
    while (ring.Peek(&view) == Ring::Peeked::kBlock) {
      const char* record = view.body;
      for (uint32_t i = 0; i < view.header->records; ++i) {
        got.emplace_back(record, view.lengths[i]);
        CHECK(record[view.lengths[i]] == '\n');
        record += view.lengths[i] + 1;
      }
      ring.Release();
    }
  }
  CHECK(stops > 0);
  CHECK(got == records);
});

TEST("a batch that does not hold what it says is refused", {
  std::vector<uint64_t> batch = BatchOf({"one", "two"});
  const size_t size = batch.size() * 8;
  auto* header = reinterpret_cast<BatchHeader*>(batch.data());
  auto* entries = reinterpret_cast<BatchEntry*>(header + 1);
  CHECK(CheckBatch(batch.data(), size, 0, 2));
  CHECK(!CheckBatch(batch.data(), size, 0, 3));
  CHECK(!CheckBatch(batch.data(), size, 2, 1));
  CHECK(!CheckBatch(batch.data(), 32, 0, 0));
  entries[1].length = 100;
  CHECK(!CheckBatch(batch.data(), size, 0, 2));
  entries[1].length = 3;
  entries[1].offset = 5;
  CHECK(!CheckBatch(batch.data(), size, 0, 2));
  entries[1].offset = 4;
  header->bytes_max = 1u << 30;
  CHECK(!CheckBatch(batch.data(), size, 0, 2));
});

}  // namespace
}  // namespace streamgate
