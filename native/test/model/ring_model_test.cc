// The ring's protocol, checked: ring/protocol.h, the very source that the program runs, over a simulated memory, in
// every order of its threads' steps and with every value that C11 lets a load return, for rings of a few blocks; by
// chance for larger ones. And the checker, checked: each way to weaken the protocol that is listed below is found.
//
// STREAMGATE_MODEL_BUDGET=N multiplies the random executions and the bound on states (scripts/native/test.mjs
// --model-budget=N). STREAMGATE_MODEL_SEED=N starts the random ones there.

// The checker changes stacks behind a sanitizer's back; it looks for races by itself.
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "ring/protocol.h"
#include "test/check.h"
#include "test/model/memory.h"

namespace streamgate::model {
namespace {

using ring_protocol::Cursor;
using ring_protocol::KindIn;
using ring_protocol::LengthIn;
using ring_protocol::Position;
using ring_protocol::Sequence;

constexpr int kProducersHere = 3;

struct Setup {
  const char* name;
  int producers = 2;
  int blocks = 2;           // of each producer
  int fewer = 0;            // so many less of the others than of producer 0
  uint32_t capacity = 256;  // bytes: three small blocks
  uint32_t slots = 8;
  uint32_t words[2] = {1, 3};  // of 8 bytes in a block's body, by turns
  bool sleeps = false;         // the consumer sleeps as src/data/ring/wait.ts does
  bool mortal = false;         // producer 0 may die at any step
  bool observed = false;       // a thread compares the counts
  bool fresh_tail = false;     // loads of tail see its newest value: an older one only makes an exchange fail
  // Faults of the sleeper's own protocol, which lies outside protocol.h.
  bool notes_late = false;
};

// What the scenario knows without looking through the threads' eyes.
struct Ghost {
  int produced[kProducersHere];  // committed, as far as the producer came
  int taken[kProducersHere];
  bool finished[kProducersHere];
  bool in_claim[kProducersHere];  // between the exchange and the return of Claim
  uint32_t waiters;               // of Atomics.waitAsync: 1 while the consumer is in the list
  bool notified;
  bool check_zeroes;
};

class RingModel;
RingModel* model = nullptr;

// Looks over the shoulder of each claim.
struct ClaimsChecked : ModelMemory {
  template <typename T>
  static T Load(const T* at, const Order& order);
  template <typename T>
  static bool CompareExchange(T* at, T* expected, T desired, const Order& order);
};

using Ring = BasicRing<ClaimsChecked>;

class RingModel {
 public:
  explicit RingModel(const Setup& setup) : setup_(setup), bytes_(sizeof(RingHeader) + setup.capacity) {
    memory_ = std::make_unique<uint64_t[]>(bytes_ / 8);
    RingHeader* header = this->header();
    consumer_ = setup.producers;
    world_.Track(&header->tail, 8, 8);
    world_.Track(&header->head, 8, 8, false, consumer_);
    world_.Track(&header->wake, 4, 4, !setup.sleeps);
    world_.Track(&header->waiting, 4, 4);
    world_.Track(&header->pushed_records, 8, 8, !setup.observed);
    world_.Track(&header->pushed_bytes, 8, 8, true);
    world_.Track(&header->taken_records, 8, 8, !setup.observed);
    world_.Track(&header->taken_bytes, 8, 8, true);
    world_.Track(&header->abandoned_claims, 16, 8, true);
    // The others never change, and need no place.
    for (int i = 0; i < setup.producers; ++i) world_.Track(&header->producer_epochs[i], 4, 4, false, i);
    world_.Track(blocks(), setup.capacity, 8);
  }

  World::Scenario Scenario() {
    World::Scenario scenario;
    scenario.threads = setup_.producers + 1 + (setup_.observed ? 1 : 0);
    scenario.begin = [this](World&) { Begin(); };
    scenario.run = [this](World&, int thread) {
      if (thread < setup_.producers) return Produce(thread);
      if (thread == consumer_) return Consume();
      Observe();
    };
    scenario.end = [this](World&) { return End(); };
    scenario.mortal = setup_.mortal ? 0 : -1;
    scenario.ghost = &ghost_;
    scenario.ghost_bytes = sizeof ghost_;
    scenario.epoch = &header()->producer_epochs[0];
    return scenario;
  }

  World& world() { return world_; }
  Ghost& ghost() { return ghost_; }
  RingHeader* header() { return reinterpret_cast<RingHeader*>(memory_.get()); }
  const Setup& setup() const { return setup_; }
  bool IsFresh(const void* at) { return setup_.fresh_tail && at == &header()->tail; }
  uint64_t WordAt(uint32_t position) const {
    uint64_t word;
    std::memcpy(&word, blocks() + (uint64_t{position} * 8 & (setup_.capacity - 1)), 8);
    return word;
  }

 private:
  char* blocks() const { return reinterpret_cast<char*>(memory_.get()) + sizeof(RingHeader); }

  void Begin() {
    std::memset(memory_.get(), 0, bytes_);
    RingHeader* header = this->header();
    header->capacity_bytes = setup_.capacity;
    header->slots = setup_.slots;
    // Both halves of the cursors pass 2^32 on the way.
    header->tail = header->head = Cursor(0u - 14, 0u - 2);
    const bool check = ghost_.check_zeroes;
    std::memset(&ghost_, 0, sizeof ghost_);  // its padding too: it is hashed
    ghost_.check_zeroes = check;
    ModelMemory::deaths = setup_.mortal;
    ModelMemory::world = &world_;
    ModelMemory::delayed_bytes = 0;
    model = this;
  }

  int BlocksOf(int producer) const { return setup_.blocks - (producer == 0 ? 0 : setup_.fewer); }
  uint32_t BodyBytes(int producer, int block) const { return 8 * setup_.words[(producer + block) % 2]; }
  static uint64_t Tag(int producer, int block, uint32_t word) {
    return uint64_t{0xb10c} << 48 | static_cast<uint64_t>(producer) << 32 | static_cast<uint64_t>(block) << 16 | word;
  }

  void Produce(int producer) {
    Ring ring(header(), static_cast<uint32_t>(producer));
    for (int n = 0; n < BlocksOf(producer); ++n) {
      Ring::Block block;
      const uint32_t bytes = BodyBytes(producer, n);
      for (;;) {
        world_.Forget(static_cast<uint64_t>(n));
        const bool claimed = ring.Claim(1, bytes, &block);
        ghost_.in_claim[producer] = false;
        if (claimed) break;
        const size_t seen = world_.Seen(&header()->head);
        NotifyConsumer();
        const std::function<bool()> moved = [this, seen] { return world_.HasNewer(&header()->head, seen); };
        world_.Await(moved, &header()->head);
      }
      ClaimsChecked::Write(block.lengths, bytes - 1);
      for (uint32_t i = 0; i < bytes / 8; ++i)
        ClaimsChecked::Write(reinterpret_cast<uint64_t*>(block.body) + i, Tag(producer, n, i));
      BlockSource source;
      source.port = static_cast<uint16_t>(n);
      ring.Commit(block, source, n);
      ghost_.produced[producer] = n + 1;
      NotifyConsumer();
    }
    ghost_.finished[producer] = true;
  }

  // As src/data/engine/native/ring.ts after each push.
  void NotifyConsumer() {
    if (!setup_.sleeps) return;
    if (ClaimsChecked::Load(&header()->waiting, Sequential()) == 1 && ghost_.waiters > 0) ghost_.notified = true;
  }

  void Consume() {
    Ring ring(header(), 63);
    for (;;) {
      uint64_t taken = 0;
      for (const int blocks : ghost_.taken) taken = taken << 8 | static_cast<uint64_t>(blocks);
      // Once someone is dead the ring remembers what it suspects.
      if (!setup_.mortal || !world_.dead(0)) world_.Forget(taken);
      Ring::View view;
      const Ring::Peeked peeked = ring.Peek(&view);
      if (peeked == Ring::Peeked::kDamaged) world_.Fail("a block that nobody wrote");
      if (peeked == Ring::Peeked::kBlock) {
        Verify(view);
        ring.Release();
        continue;
      }
      if (setup_.sleeps) {
        if (AllTaken()) return;
        Sleep(ring);
        continue;
      }
      if (setup_.mortal && ring.SkipAbandoned(false)) continue;
      if (!setup_.mortal || !world_.dead(0)) {
        if (Done()) return;
        uint64_t* word = HeadWord();
        const size_t seen = world_.Seen(word);
        const std::function<bool()> changed = [this, word, seen] {
          return Done() || (setup_.mortal && world_.dead(0)) || world_.HasNewer(word, seen) || LengthIn(*word) > 0;
        };
        world_.Await(changed, word);
        continue;
      }
      if (ring.SkipAbandoned(true)) continue;
      if (Done()) return;
      const std::function<bool()> second_passed = [this] {
        for (int i = 0; i < setup_.producers; ++i)
          if (ghost_.in_claim[i] && !world_.dead(i)) return false;
        if (Done()) return true;
        const RingHeader* header = this->header();
        if (Position(header->head) == Position(header->tail)) return false;
        const uint64_t word = WordAt(Position(header->head));
        if (LengthIn(word) >= 0 || KindIn(word) == ring_protocol::kKindUnknown) return true;
        return world_.dead(static_cast<int>(ring_protocol::ProducerIn(word)));
      };
      world_.AwaitSettled(second_passed);
    }
  }

  // The protocol of src/data/ring/wait.ts.
  void Sleep(Ring& ring) {
    RingHeader* header = this->header();
    int32_t seen = ClaimsChecked::Load(&header->wake, Sequential());
    ClaimsChecked::Store(&header->waiting, 1u, Sequential());
    Ring::View view;
    const bool found = ring.Peek(&view) == Ring::Peeked::kBlock;
    if (setup_.notes_late) seen = ClaimsChecked::Load(&header->wake, Sequential());
    if (!found && ClaimsChecked::Load(&header->wake, Sequential()) == seen) {
      // Atomics.waitAsync compares and enters the list as one step towards Atomics.notify: no step lies between.
      ghost_.waiters = 1;
      const std::function<bool()> woken = [this] { return ghost_.notified; };
      world_.Await(woken);
      ghost_.waiters = 0;
      ghost_.notified = false;
    }
    ClaimsChecked::Store(&header->waiting, 0u, Sequential());
  }

  static const Order& Sequential() {
    static const Order order = Order::kSequential;
    return order;
  }

  void Verify(const Ring::View& view) {
    const BlockHeader* header = view.header;
    const int producer = ClaimsChecked::Read(&header->producer);
    if (producer >= setup_.producers) world_.Fail("a block of nobody");
    const int n = ghost_.taken[producer];
    if (n >= BlocksOf(producer)) world_.Fail("a block twice");
    const uint32_t bytes = BodyBytes(producer, n);
    if (ClaimsChecked::Read(&header->port) != n || ClaimsChecked::Read(&header->received_at_ms) != n)
      world_.Fail("a block out of its producer's order, lost or twice");
    if (ClaimsChecked::Read(&header->records) != 1 || ClaimsChecked::Read(&header->body_bytes) != bytes ||
        ClaimsChecked::Read(view.lengths) != bytes - 1)
      world_.Fail("a torn header");
    for (uint32_t i = 0; i < bytes / 8; ++i)
      if (ClaimsChecked::Read(reinterpret_cast<const uint64_t*>(view.body) + i) != Tag(producer, n, i))
        world_.Fail("a torn or stale body");
    ghost_.taken[producer] = n + 1;
  }

  uint64_t* HeadWord() {
    return reinterpret_cast<uint64_t*>(blocks() + (uint64_t{Position(header()->head)} * 8 & (setup_.capacity - 1)));
  }

  bool AllTaken() const {
    for (int i = 0; i < setup_.producers; ++i)
      if (ghost_.taken[i] < BlocksOf(i)) return false;
    return true;
  }

  bool Done() {
    for (int i = 0; i < setup_.producers; ++i)
      if (!ghost_.finished[i] && !world_.dead(i)) return false;
    return Position(header()->head) == Position(header()->tail);
  }

  void Observe() {
    for (int i = 0; i < 2; ++i) {
      static const Order acquire = Order::kAcquire;
      const uint64_t taken = ClaimsChecked::Load(&header()->taken_records, acquire);
      const uint64_t pushed = ClaimsChecked::Load(&header()->pushed_records, ModelMemory::kRelaxed);
      if (pushed < taken) world_.Fail("more is taken than pushed");
    }
  }

  const char* End() {
    uint64_t taken = 0;
    for (int i = 0; i < setup_.producers; ++i) {
      taken += static_cast<uint64_t>(ghost_.taken[i]);
      // What the dead committed in their last step they could not note.
      const int most = world_.dead(i) ? ghost_.produced[i] + 1 : BlocksOf(i);
      const int least = world_.dead(i) ? ghost_.produced[i] : BlocksOf(i);
      if (ghost_.taken[i] < least || ghost_.taken[i] > most) return "a block is lost";
    }
    const RingHeader* header = this->header();
    if (header->taken_records != taken) return "the count of taken records is wrong";
    if (header->abandoned_claims > (setup_.mortal && world_.dead(0) ? 1u : 0u)) return "a living claim was skipped";
    if (Position(header->head) != Position(header->tail)) return "the ring is not empty at the end";
    for (size_t i = sizeof(RingHeader) / 8; i < bytes_ / 8; ++i)
      if (memory_[i] != 0 && ghost_.check_zeroes) return "something is left behind in an empty ring";
    return nullptr;
  }

  const Setup setup_;
  const size_t bytes_;
  std::unique_ptr<uint64_t[]> memory_;
  int consumer_ = 0;
  World world_;
  Ghost ghost_ = {};
};

template <typename T>
T ClaimsChecked::Load(const T* at, const Order& order) {
  if (&order == &kLookAgain && !protocol.looks_again) return static_cast<T>(looked);
  const uint64_t value = model->world().Load(at, sizeof(T), order, model->IsFresh(at));
  if (&order == &kLook) looked = value;  // the consumer alone looks
  return static_cast<T>(value);
}

template <typename T>
bool ClaimsChecked::CompareExchange(T* at, T* expected, T desired, const Order& order) {
  const uint64_t from = *expected;
  if (!ModelMemory::CompareExchange(at, expected, desired, order)) return false;
  World& world = model->world();
  model->ghost().in_claim[world.current()] = true;
  const RingHeader* header = model->header();
  const uint64_t head = header->head;
  if ((Position(desired) - Position(head)) * 8 > model->setup().capacity) world.Fail("a claim beyond the ring's bytes");
  if (Sequence(desired) - Sequence(head) > model->setup().slots) world.Fail("a claim beyond the ring's slots");
  if (model->ghost().check_zeroes)
    for (uint32_t at8 = Position(from); at8 != Position(desired); ++at8)
      if (model->WordAt(at8) != 0) world.Fail("a claim over bytes that are not zero");
  return true;
}

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}
uint64_t Budget() { return FromEnvironment("STREAMGATE_MODEL_BUDGET", 1); }

World::Result Exhaust(const Setup& setup, uint64_t states_max, bool check_zeroes = true) {
  RingModel ring(setup);
  ring.ghost().check_zeroes = check_zeroes;
  return ring.world().Exhaust(ring.Scenario(), states_max);
}

World::Result Sample(const Setup& setup, uint64_t executions, uint64_t seed, bool check_zeroes = true) {
  RingModel ring(setup);
  ring.ghost().check_zeroes = check_zeroes;
  return ring.world().Sample(ring.Scenario(), executions, seed);
}

Setup Make(void (*change)(Setup&)) {
  Setup setup;
  change(setup);
  return setup;
}

const Setup kWrap = Make([](Setup& s) {
  s.name = "two producers, two and one block, over the ring's end";
  s.fewer = 1;
  s.fresh_tail = true;
});
const Setup kOneEach = Make([](Setup& s) {
  s.name = "two producers, a block each, every tail";
  s.blocks = 1;
});
const Setup kOneProducer = Make([](Setup& s) {
  s.name = "one producer, four blocks, every tail";
  s.producers = 1;
  s.blocks = 4;
});
const Setup kSlots = Make([](Setup& s) {
  s.name = "two producers, two and one block, one slot";
  s.fewer = 1;
  s.slots = 1;
  s.fresh_tail = true;
});
const Setup kLarge = Make([](Setup& s) {
  s.name = "two producers, one with a block of more than half the ring";
  s.blocks = 1;
  s.words[1] = 12;
});
const Setup kObserved = Make([](Setup& s) {
  s.name = "a producer, two blocks, the counts observed";
  s.producers = 1;
  s.observed = true;
});
const Setup kSleeps = Make([](Setup& s) {
  s.name = "a producer, two blocks, a consumer that sleeps";
  s.producers = 1;
  s.sleeps = true;
});
const Setup kMortal = Make([](Setup& s) {
  s.name = "a producer of two blocks that dies at any step, and another of one";
  s.mortal = true;
  s.fewer = 1;
  s.fresh_tail = true;
});

const Setup kManyWrap = Make([](Setup& s) {
  s.name = "three producers, ten blocks each";
  s.producers = 3;
  s.blocks = 10;
});
const Setup kManySlots = Make([](Setup& s) {
  s.name = "three producers, eight blocks each, two slots";
  s.producers = 3;
  s.blocks = 8;
  s.slots = 2;
});
const Setup kManyLarge = Make([](Setup& s) {
  s.name = "two producers, eight blocks each, some of more than half the ring";
  s.blocks = 8;
  s.words[1] = 12;
});
const Setup kManySleeps = Make([](Setup& s) {
  s.name = "three producers, six blocks each, a consumer that sleeps";
  s.producers = 3;
  s.blocks = 6;
  s.sleeps = true;
});
const Setup kManyMortal = Make([](Setup& s) {
  s.name = "three producers, five blocks each, one of them dies";
  s.producers = 3;
  s.blocks = 5;
  s.mortal = true;
});

std::string Text(const char* violation) { return violation == nullptr ? "" : violation; }

TEST("model: every course of a small ring keeps every block, whole, once, in order, within its bounds", {
  for (const Setup& setup : {kOneProducer, kOneEach, kLarge, kObserved, kSleeps, kWrap, kSlots, kMortal}) {
    ModelMemory::protocol = Protocol();
    const World::Result result = Exhaust(setup, Budget() * 150'000);
    std::printf("    %s: %llu states, %s\n", setup.name, static_cast<unsigned long long>(result.states),
                result.complete ? "all" : "cut off");
    CHECK_EQUAL(Text(result.violation), "");
  }
});

TEST("model: random courses of larger rings", {
  const uint64_t seed = FromEnvironment("STREAMGATE_MODEL_SEED", 1);
  for (const Setup& setup : {kManyWrap, kManySlots, kManyLarge, kManySleeps, kManyMortal}) {
    ModelMemory::protocol = Protocol();
    const World::Result result = Sample(setup, Budget() * 3'000, seed);
    std::printf("    %s: %llu executions, seeds from %llu\n", setup.name,
                static_cast<unsigned long long>(result.executions), static_cast<unsigned long long>(seed));
    if (result.violation != nullptr)
      std::printf("    seed %llu: %s\n", static_cast<unsigned long long>(result.seed), result.violation);
    CHECK_EQUAL(Text(result.violation), "");
  }
});

struct Mutation {
  const char* name;
  void (*change)(Protocol&);
  const Setup* small;  // searched exhaustively first
  const Setup* large;  // then by chance
};

TEST("model: the checker finds each way to weaken the protocol", {
  const Mutation mutations[] = {
      {"commit relaxed", [](Protocol& p) { p.commit = Order::kRelaxed; }, &kOneEach, &kManyWrap},
      {"the consumer's look relaxed", [](Protocol& p) { p.look = Order::kRelaxed; }, &kOneEach, &kManyWrap},
      {"head stored relaxed", [](Protocol& p) { p.free = Order::kRelaxed; }, &kOneProducer, &kManyWrap},
      {"head loaded relaxed", [](Protocol& p) { p.room = Order::kRelaxed; }, &kOneProducer, &kManyWrap},
      {"padding stored relaxed", [](Protocol& p) { p.padding = Order::kRelaxed; }, &kLarge, &kManyLarge},
      {"the kind stored relaxed", [](Protocol& p) { p.kind = Order::kRelaxed; }, &kMortal, &kManyMortal},
      {"the epoch loaded relaxed", [](Protocol& p) { p.epoch = Order::kRelaxed; }, &kMortal, &kManyMortal},
      {"a claim skipped by its first look", [](Protocol& p) { p.looks_again = false; }, &kMortal, &kManyMortal},
      {"taken stored relaxed", [](Protocol& p) { p.taken = Order::kRelaxed; }, &kObserved, &kObserved},
      {"no zeroing", [](Protocol& p) { p.zeroes = false; }, &kOneProducer, &kManyWrap},
      {"head stored before zeroing", [](Protocol& p) { p.zeroes_before_free = false; }, &kOneProducer, &kManyWrap},
      {"tail loaded and stored in two steps", [](Protocol& p) { p.exchanges_at_once = false; }, &kOneEach, &kManyWrap},
      {"no increment of wake", [](Protocol& p) { p.wakes = false; }, &kSleeps, &kManySleeps},
      {"wake incremented relaxed", [](Protocol& p) { p.wake = Order::kRelaxed; }, &kSleeps, &kManySleeps},
  };
  for (const Mutation& mutation : mutations) {
    ModelMemory::protocol = Protocol();
    mutation.change(ModelMemory::protocol);
    // What claims would find of missing zeroes is left unsaid: what goes wrong must show in the blocks.
    World::Result result = Exhaust(*mutation.small, 100'000, false);
    if (result.violation == nullptr) result = Sample(*mutation.large, 20'000, 1, false);
    std::printf("    %s: %s, after %llu executions\n", mutation.name,
                result.violation == nullptr ? "NOT FOUND" : result.violation,
                static_cast<unsigned long long>(result.executions));
    CHECK(result.violation != nullptr);
  }
  ModelMemory::protocol = Protocol();
});

TEST("model: a consumer that notes wake only after its last look sleeps over a block", {
  Setup setup = kSleeps;
  setup.notes_late = true;
  ModelMemory::protocol = Protocol();
  CHECK_EQUAL(Text(Exhaust(setup, 100'000).violation), "every thread waits for another");
});

}  // namespace
}  // namespace streamgate::model

#endif
