// Sharding below the binding: the fixed hash, and a router whose rings and batch are
// full again and again. What keys mean for users is tested on both engines in test/conformance/shard.test.ts.
#include <algorithm>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "generated/layout.h"
#include "plan/prepare.h"
#include "plan/run.h"
#include "ring/ring.h"
#include "shard/hash.h"
#include "shard/router.h"
#include "syslog/message.h"
#include "test/check.h"

namespace streamgate {
namespace {

class RingMemory {
 public:
  RingMemory() : words_(new uint64_t[(sizeof(RingHeader) + kCapacity) / 8]()) {
    auto* header = reinterpret_cast<RingHeader*>(words_.get());
    header->magic = kRingMagic;
    header->version = kRingVersion;
    header->capacity_bytes = kCapacity;
    header->slots = 8;
  }
  void* data() { return words_.get(); }

 private:
  static constexpr uint32_t kCapacity = 65536;
  std::unique_ptr<uint64_t[]> words_;
};

BlockSource Source() {
  BlockSource source;
  source.family = 4;
  source.address[0] = 10;
  return source;
}

std::unique_ptr<ShardKey> HostKey() {
  std::string error;
  return ShardKey::Prepare(ShardKeyKind::kSyslog, {std::string(1, static_cast<char>(SyslogField::kHost))}, &error);
}

std::string Host(std::string_view record) { return std::string(ReadSyslog(record).host); }

TEST("the hash and the owner of a key are fixed", {
  CHECK_EQUAL(ShardHash("", 0), 0xefd01f60ba992926u);
  CHECK_EQUAL(ShardHash("checkout", 8), 0x5f263ed75df33484u);
  CHECK_EQUAL(ShardOwner(ShardHash("web-01", 6), 8), 6u);
  CHECK_EQUAL(ShardOwner(ShardHash("web-01", 6), 32), 21u);
  for (uint32_t workers = 1; workers <= 64; ++workers) CHECK(ShardOwner(UINT64_MAX, workers) < workers);
});

// A batch of up to four records.
class Batch {
 public:
  Batch() : memory_(new uint64_t[(kData + kBytes) / 8]()) { Empty(); }
  void* memory() { return memory_.get(); }
  // Takes the records out.
  std::vector<std::string> Take() {
    const auto* header = reinterpret_cast<const BatchHeader*>(memory_.get());
    const auto* entries = reinterpret_cast<const BatchEntry*>(header + 1);
    const char* const data = reinterpret_cast<const char*>(memory_.get()) + kData;
    std::vector<std::string> records;
    for (uint32_t i = 0; i < header->records; ++i) records.emplace_back(data + entries[i].offset, entries[i].length);
    Empty();
    return records;
  }

 private:
  static constexpr uint32_t kRecords = 4;
  static constexpr uint32_t kBytes = 8192;
  static constexpr size_t kData = sizeof(BatchHeader) + kRecords * sizeof(BatchEntry);

  void Empty() {
    auto* header = reinterpret_cast<BatchHeader*>(memory_.get());
    *header = BatchHeader();
    header->records_max = kRecords;
    header->bytes_max = kBytes;
  }

  std::unique_ptr<uint64_t[]> memory_;
};

void TakeBlock(Ring* ring, std::vector<std::string>* to) {
  Ring::View view;
  if (ring->Peek(&view) != Ring::Peeked::kBlock) return;
  const char* at = view.body;
  for (uint32_t i = 0; i < view.header->records; ++i) {
    to->emplace_back(at, view.lengths[i]);
    at += view.lengths[i] + 1;
  }
  CHECK_EQUAL(view.header->address[0], 10);
  ring->Release();
}

TEST("a router settles every record once and in order per key, whatever is full and wherever chunks end", {
  for (uint32_t seed = 0; seed < 60; ++seed) {
    std::mt19937 random(seed);
    const uint32_t workers = 1 + random() % 5;
    std::vector<RingMemory> memories(workers);
    std::vector<Ring> rings;
    for (RingMemory& memory : memories) rings.emplace_back(memory.data(), 0);
    Router router(HostKey(), 0, rings);
    std::vector<double> counts(kCountCellsFixed);
    std::vector<double> losses(kFrameCells);
    uint32_t rule = 0;
    std::string error;
    Runner runner;
    runner.Use(Prepare(DecodedPlan(), true, &rule, &error), counts.data());
    Batch batch;
    runner.batch().Attach(batch.memory());
    Framer framer(FramingKind::kNewline, "", 8000, losses.data());

    std::vector<std::string> sent;
    std::string stream;
    for (int i = 0; i < 400; ++i) {
      std::string record = "<1>1 - host" + std::to_string(random() % 7) + " app " + std::to_string(i) + " ";
      record.append(random() % 10 == 0 ? random() % 7000 : random() % 100, 'x');
      stream += record + "\n";
      sent.push_back(std::move(record));
    }
    stream.pop_back();  // the last record has no end of its own

    std::vector<std::vector<std::string>> received(workers);
    double own = 0;
    // What a stop asks for, and now and then some of it unasked. Its own ring is older than what it runs next, so it is
    // emptied before that.
    const auto after = [&](StopCause stopped) {
      for (std::string& record : batch.Take()) received[0].push_back(std::move(record));
      for (uint32_t i = 1; i < workers; ++i)
        if (stopped == StopCause::kRingFull || random() % 4 == 0) TakeBlock(&rings[i], &received[i]);
    };
    const auto runs = [&] {
      const bool run = random() % 2 == 0;
      while (run && !rings[0].IsEmpty()) TakeBlock(&rings[0], &received[0]);
      if (!run && rings[0].Blocks() > 5) TakeBlock(&rings[0], &received[0]);
      return run ? &runner : nullptr;
    };
    size_t from = 0;
    while (from < stream.size()) {
      // A copy of the chunk that goes after it: an engine that still points into it shows.
      const std::string chunk = stream.substr(from, 1 + random() % 20000);
      from += chunk.size();
      size_t at = 0;
      for (StopCause stopped = StopCause::kRingFull; stopped != StopCause::kNone;) {
        const double before = counts[0];
        const Router::Result result = router.RunChunk(runs(), framer, Source(), chunk.data(), chunk.size(), at, 1);
        CHECK(!result.never_fits);
        CHECK((result.stopped == StopCause::kNone) == (result.at == chunk.size()));
        stopped = result.stopped;
        at = result.at;
        own += counts[0] - before;
        after(stopped);
      }
    }
    for (StopCause stopped = StopCause::kRingFull; stopped != StopCause::kNone;) {
      stopped = router.RunEnd(runs(), framer, Source(), 1).stopped;
      after(stopped);
    }
    for (uint32_t i = 0; i < workers; ++i)
      while (!rings[i].IsEmpty()) TakeBlock(&rings[i], &received[i]);

    size_t total = 0;
    for (uint32_t i = 0; i < workers; ++i) {
      std::vector<std::string> owned;
      for (const std::string& record : sent) {
        const std::string host = Host(record);
        if (ShardOwner(ShardHash(host.data(), host.size()), workers) == i) owned.push_back(record);
      }
      CHECK(received[i] == owned);
      total += received[i].size();
    }
    CHECK_EQUAL(total, sent.size());
    CHECK(own <= static_cast<double>(received[0].size()));
  }
});

TEST("a record that is larger than its owner's ring is told of, not waited for", {
  std::vector<RingMemory> memories(2);
  std::vector<Ring> rings;
  for (RingMemory& memory : memories) rings.emplace_back(memory.data(), 0);
  Router router(HostKey(), 0, rings);
  std::vector<double> losses(kFrameCells);
  Framer framer(FramingKind::kNewline, "", 1 << 20, losses.data());
  const std::string chunk = std::string(70000, 'x') + "\n";
  CHECK(router.RunChunk(nullptr, framer, Source(), chunk.data(), chunk.size(), 0, 1).never_fits);
});

}  // namespace
}  // namespace streamgate
