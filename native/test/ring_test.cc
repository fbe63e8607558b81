// The ring: order, wrap-around, full, abandoned claims, and many producers at once.
#include "ring/ring.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "frame/framer.h"
#include "ring/push.h"
#include "test/check.h"

namespace streamgate {
namespace {

class Memory {
 public:
  explicit Memory(uint32_t capacity = 65536, uint32_t slots = 1000)
      : size_(sizeof(RingHeader) + capacity), words_(new uint64_t[size_ / 8]()) {
    header()->magic = kRingMagic;
    header()->version = kRingVersion;
    header()->capacity_bytes = capacity;
    header()->slots = slots;
  }
  void* data() { return words_.get(); }
  size_t size() const { return size_; }
  RingHeader* header() { return reinterpret_cast<RingHeader*>(words_.get()); }

 private:
  size_t size_;
  std::unique_ptr<uint64_t[]> words_;
};

bool Push(Ring& ring, const std::string& record) {
  Ring::Block block;
  if (!ring.Claim(1, static_cast<uint32_t>(record.size() + 1), &block)) return false;
  block.lengths[0] = static_cast<uint32_t>(record.size());
  std::memcpy(block.body, record.data(), record.size());
  block.body[record.size()] = '\n';
  ring.Commit(block, BlockSource(), 0);
  return true;
}

// The first record of the block at the head, taken; "" when there is none.
std::string Take(Ring& ring) {
  Ring::View view;
  if (ring.Peek(&view) != Ring::Peeked::kBlock) return "";
  const std::string record(view.body, view.lengths[0]);
  ring.Release();
  return record;
}

TEST("memory that is no ring is refused", {
  Memory memory;
  CHECK(Ring::Check(memory.data(), memory.size()) == nullptr);
  CHECK(Ring::Check(memory.data(), memory.size() - 8) != nullptr);
  CHECK(Ring::Check(memory.data(), 8) != nullptr);
  memory.header()->slots = 0;
  CHECK(Ring::Check(memory.data(), memory.size()) != nullptr);
});

TEST("blocks come out in order, over many laps, of every size", {
  Memory memory;
  Ring ring(memory.data(), 0);
  uint32_t pushed = 0;
  uint32_t taken = 0;
  const auto text = [](uint32_t n) { return std::to_string(n) + std::string(n * 7919 % 20000, 'x'); };
  while (taken < 3000) {
    while (pushed < 3000 && Push(ring, text(pushed))) ++pushed;
    for (int i = 0; i < 2 && taken < pushed; ++i) CHECK(Take(ring) == text(taken++));
  }
  CHECK(ring.IsEmpty());
  CHECK_EQUAL(ring.Bytes(), 0u);
  CHECK_EQUAL(memory.header()->pushed_records, 3000u);
  CHECK_EQUAL(memory.header()->taken_records, 3000u);
  CHECK_EQUAL(memory.header()->taken_bytes, memory.header()->pushed_bytes);
});

TEST("a full ring refuses, by bytes and by slots, and takes again after a release", {
  Memory memory(65536, 3);
  Ring ring(memory.data(), 0);
  CHECK(Push(ring, "a") && Push(ring, "b") && Push(ring, "c"));
  CHECK(!Push(ring, "d"));
  CHECK_EQUAL(ring.Blocks(), 3u);
  CHECK_EQUAL(Take(ring), "a");
  CHECK(Push(ring, "d"));
  CHECK_EQUAL(Take(ring), "b");
  CHECK_EQUAL(Take(ring), "c");
  CHECK_EQUAL(Take(ring), "d");
  CHECK(Push(ring, std::string(40000, 'x')));
  CHECK(!Push(ring, std::string(40000, 'y')));
});

TEST("a block of nearly the whole ring fits an empty one, wherever the head stands", {
  Memory memory;
  Ring ring(memory.data(), 0);
  for (int i = 0; i < 300; ++i) {
    CHECK(Push(ring, std::string(static_cast<size_t>(i) * 97 % 9000, 'a')));
    Take(ring);
    const std::string large(65536 - 100, 'b');
    // The first attempt may have claimed the rest of the lap as padding only.
    if (!Push(ring, large)) {
      CHECK_EQUAL(Take(ring), "");
      CHECK(Push(ring, large));
    }
    CHECK(Take(ring) == large);
  }
});

TEST("a claim of a dead producer is skipped and counted, a living one's is not", {
  Memory memory;
  Ring dead(memory.data(), 1);
  Ring ring(memory.data(), 0);
  Ring::Block block;
  CHECK(dead.Claim(1, 10, &block));
  CHECK(Push(ring, "after"));
  CHECK_EQUAL(Take(ring), "");
  CHECK(!ring.SkipAbandoned(true));
  memory.header()->producer_epochs[1] += 1;
  CHECK(ring.SkipAbandoned(false));
  CHECK_EQUAL(Take(ring), "after");
  CHECK_EQUAL(memory.header()->abandoned_claims, 1u);
  CHECK(ring.IsEmpty());
  CHECK_EQUAL(ring.Blocks(), 0u);
});

TEST("claims that were never written are passed by force only, up to the next one that was", {
  Memory memory;
  Ring ring(memory.data(), 0);
  Push(ring, "before");
  // Two producers died between the exchange and their first store.
  memory.header()->tail += (uint64_t{2} << 32) + (80 + 160) / 8;
  Push(ring, "after");
  CHECK_EQUAL(Take(ring), "before");
  CHECK_EQUAL(Take(ring), "");
  CHECK(!ring.SkipAbandoned(false));
  CHECK(!ring.SkipAbandoned(true));
  CHECK(ring.SkipAbandoned(true));
  CHECK_EQUAL(memory.header()->abandoned_bytes, 240u);
  CHECK_EQUAL(Take(ring), "after");
  CHECK_EQUAL(Take(ring), "");
  CHECK_EQUAL(ring.Blocks(), 0u);
  memory.header()->tail += (uint64_t{1} << 32) + 10;
  CHECK(!ring.SkipAbandoned(true));
  CHECK(ring.SkipAbandoned(true));
  CHECK(ring.IsEmpty());
  CHECK(!ring.SkipAbandoned(true));
});

TEST("damaged memory is told, not followed", {
  Memory memory;
  Ring ring(memory.data(), 0);
  Push(ring, "x");
  Ring::View view;
  CHECK(ring.Peek(&view) == Ring::Peeked::kBlock);
  const_cast<BlockHeader*>(view.header)->records = 1u << 30;
  CHECK(ring.Peek(&view) == Ring::Peeked::kDamaged);
});

// What follows a record's number: its length and its letter depend on that, so that a torn block shows.
std::string Filling(uint32_t i) { return std::string(i * 31 % 400, static_cast<char>('a' + i % 26)); }

TEST("four producers and a consumer: nothing lost, doubled or out of order", {
  constexpr uint32_t kProducers = 4;
  // Of one block each. STREAMGATE_STRESS=N: N times as many (scripts/native/test.mjs --stress=N).
  const char* stress = std::getenv("STREAMGATE_STRESS");
  const uint32_t records = 50'000 * (stress == nullptr ? 1 : static_cast<uint32_t>(std::atoi(stress)));
  Memory memory(65536, 64);
  std::vector<std::thread> producers;
  for (uint32_t producer = 0; producer < kProducers; ++producer) {
    producers.emplace_back([&memory, producer, records] {
      Ring ring(memory.data(), producer);
      for (uint32_t i = 0; i < records; ++i) {
        const std::string record = std::to_string(producer) + " " + std::to_string(i) + Filling(i);
        while (!Push(ring, record)) std::this_thread::yield();
      }
    });
  }
  Ring ring(memory.data(), 63);
  uint32_t next[kProducers] = {};
  bool in_order = true;
  bool never_more_taken = true;
  for (uint32_t taken = 0; taken < kProducers * records;) {
    const std::string record = Take(ring);
    if (record.empty()) {
      std::this_thread::yield();
      continue;
    }
    const uint32_t producer = static_cast<uint32_t>(record[0] - '0');
    const uint32_t i = next[producer]++;
    in_order = in_order && record.substr(2) == std::to_string(i) + Filling(i);
    never_more_taken = never_more_taken && memory.header()->taken_records <=
                                               __atomic_load_n(&memory.header()->pushed_records, __ATOMIC_RELAXED);
    ++taken;
  }
  for (std::thread& thread : producers) thread.join();
  CHECK(in_order);
  CHECK(never_more_taken);
  CHECK(ring.IsEmpty());
});

TEST("a chunk goes in as blocks and stops where the ring is full, without losing or repeating", {
  double losses[kFrameCells] = {};
  Memory memory(65536, 1000);
  Ring ring(memory.data(), 0);
  Framer framer(FramingKind::kNewline, "", 50, losses);
  Pusher pusher;
  std::string chunk;
  std::string expected;
  for (int i = 0; i < 20000; ++i) {
    const std::string line = std::to_string(i) + " " + std::string(static_cast<size_t>(i) % 45, '-');
    chunk += line + "\n";
    expected += line + "|";
    if (i % 100 == 0) {
      chunk += std::string(70, '+') + "\n";
      expected += std::string(50, '+') + "|";
    }
  }
  std::string got;
  size_t at = 0;
  const auto take = [&] {
    Ring::View view;
    while (ring.Peek(&view) == Ring::Peeked::kBlock) {
      const char* body = view.body;
      for (uint32_t i = 0; i < view.header->records; ++i) {
        got.append(body, view.lengths[i]).append("|");
        body += view.lengths[i] + 1;
      }
      ring.Release();
    }
  };
  int rounds = 0;
  while (at < chunk.size()) {
    const size_t end = std::min(chunk.size(), at + 100003);
    size_t within = 0;
    const std::string piece = chunk.substr(at, end - at);
    while (pusher.PushChunk(ring, framer, piece.data(), piece.size(), BlockSource(), 0, &within) !=
           Pusher::Result::kDone) {
      take();
      ++rounds;
    }
    at = end;
  }
  take();
  CHECK(rounds > 3);
  CHECK(got == expected);
  CHECK_EQUAL(losses[static_cast<uint32_t>(FrameCell::kCutRecords)], 200.0);
  CHECK_EQUAL(losses[static_cast<uint32_t>(FrameCell::kLostOversizeBytes)], 4000.0);
});

}  // namespace
}  // namespace streamgate
