// The stream writer under real threads and pipes; its behaviour as a whole is tested in src/data/delivery/stream/.
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "generated/layout.h"
#include "ring/push_records.h"
#include "ring/ring.h"
#include "test/check.h"
#include "writer/stream_writer.h"

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

struct Pipe {
  Pipe() { CHECK(pipe(fds) == 0); }
  ~Pipe() {
    close(fds[0]);
    if (fds[1] >= 0) close(fds[1]);
  }
  int fds[2];
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

TEST("many producers' records arrive whole while the writer sleeps and wakes between them", {
  constexpr int kProducers = 3;
  constexpr int kRecords = 3000;
  RingMemory memory;
  Pipe pipe;
  std::string error;
  auto writer = StreamWriter::Start(
      pipe.fds[1], memory.data(), [](const std::string&) {}, &error);
  CHECK(writer != nullptr);
  std::vector<std::thread> producers;
  for (int producer = 0; producer < kProducers; ++producer) {
    producers.emplace_back([&memory, producer] {
      Ring ring(memory.data(), static_cast<uint32_t>(producer));
      for (int i = 0; i < kRecords; ++i) {
        const auto batch = BatchOf({std::to_string(producer) + " " + std::to_string(i)});
        while (PushRecords(&ring, batch.data(), 0, 1, BlockSource(), 0) == 0) std::this_thread::yield();
        StreamWriter::Notify(memory.data());
        // Now and then the writer gets the time to fall asleep.
        if (i % 100 == 0) usleep(300);
      }
    });
  }
  std::string text;
  int newlines = 0;
  char bytes[4096];
  while (newlines < kProducers * kRecords) {
    const ssize_t got = read(pipe.fds[0], bytes, sizeof bytes);
    if (got <= 0) break;
    text.append(bytes, static_cast<size_t>(got));
    for (ssize_t i = 0; i < got; ++i) newlines += bytes[i] == '\n' ? 1 : 0;
  }
  for (std::thread& producer : producers) producer.join();
  while (!writer->Drained()) std::this_thread::yield();
  int next[kProducers] = {};
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    const int producer = text[at] - '0';
    CHECK(producer >= 0 && producer < kProducers);
    if (producer < 0 || producer >= kProducers) break;
    CHECK_EQUAL(text.substr(at + 2, end - at - 2), std::to_string(next[producer]++));
    at = end + 1;
  }
  for (const int count : next) CHECK_EQUAL(count, kRecords);
  CHECK_EQUAL(writer->counts().written_records, static_cast<uint64_t>(kProducers * kRecords));
  CHECK_EQUAL(writer->counts().lost_records, 0u);
  writer->Close();
});

TEST("a writer ends at once while its reader is stuck, and the ring can have another then", {
  RingMemory memory(1 << 20);
  Pipe pipe;
  std::string error;
  auto writer = StreamWriter::Start(
      pipe.fds[1], memory.data(), [](const std::string&) {}, &error);
  Ring ring(memory.data(), 0);
  const auto batch = BatchOf(std::vector<std::string>(2000, std::string(200, 'x')));
  CHECK_EQUAL(PushRecords(&ring, batch.data(), 0, 2000, BlockSource(), 0), 2000u);
  StreamWriter::Notify(memory.data());
  CHECK(StreamWriter::Start(
            pipe.fds[1], memory.data(), [](const std::string&) {}, &error) == nullptr);
  writer->Close();
  writer->Close();
  CHECK(!writer->Drained());
  CHECK(!writer->left_behind());
  CHECK(StreamWriter::Start(
            pipe.fds[1], memory.data(), [](const std::string&) {}, &error) != nullptr);
});

TEST("a reader that goes away is reported once and everything is accounted for", {
  RingMemory memory;
  Pipe pipe;
  std::string error;
  std::atomic<int> reports{0};
  auto writer = StreamWriter::Start(
      pipe.fds[1], memory.data(), [&](const std::string&) { ++reports; }, &error);
  Ring ring(memory.data(), 0);
  const auto batch = BatchOf(std::vector<std::string>(1000, std::string(100, 'x')));
  for (int round = 0; round < 10; ++round) {
    for (uint32_t at = 0; at < 1000;) {
      const uint32_t stopped = PushRecords(&ring, batch.data(), at, 1000, BlockSource(), 0);
      StreamWriter::Notify(memory.data());
      if (stopped == at) {
        // The pipe is full: the reader goes.
        if (pipe.fds[0] >= 0) close(pipe.fds[0]);
        pipe.fds[0] = -1;
        std::this_thread::yield();
      }
      at = stopped;
    }
  }
  while (!writer->Drained()) std::this_thread::yield();
  const StreamWriter::Counts counts = writer->counts();
  CHECK_EQUAL(reports.load(), 1);
  CHECK_EQUAL(counts.written_records + counts.lost_records, 10000u);
  CHECK_EQUAL(counts.written_bytes + counts.lost_bytes, 1000000u);
  CHECK(counts.lost_records > 0);
  writer->Close();
});

}  // namespace
}  // namespace streamgate
