// A simulated machine for model checking: a few threads, and memory that behaves as C11 allows.
//
// Every location keeps all writes in their modification order. A thread has a view (of each location, the oldest write
// that it may still read) and a clock (what happens before it). A relaxed or acquire load may return any write that the
// view allows: that is a choice, as is which thread goes next, and who dies when. A release store leaves view and clock
// with its write, an acquire load that reads it joins them; read-modify-writes read the newest write and continue its
// release sequence. Sequentially consistent loads see the newest write: the locations that use them use nothing else.
// Plain accesses that are not ordered by clocks are data races, and end the execution. (Kang, Hur, Lahav, Vafeiadis,
// Dreyer, "A promising semantics for relaxed-memory concurrency", POPL 2017, without promises; clocks as in Flanagan
// and Freund, "FastTrack", PLDI 2009.)
//
// Not modelled: loads that see stores which their own thread makes later in program order (RC11 forbids them, C11 and
// arm64 do not), stores that take their place before newer unordered ones, compare-and-exchange that fails by whim, and
// accesses to parts of an atomic location.
//
// Threads are coroutines on stacks of their own; each parks before an access that others can notice. An execution is
// replayed from its choices. Exhaustive search is depth first, and cuts an execution where it meets a state that was
// seen: what each thread has read since it last forgot, and what can still be read from each location, say all there is
// about one.
#pragma once

#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <unordered_set>
#include <vector>

namespace streamgate::model {

enum class Order { kRelaxed, kAcquire, kRelease, kSequential };

class World {
 public:
  static constexpr int kThreadsMax = 4;

  struct Result {
    const char* violation = nullptr;  // the first one met
    uint64_t executions = 0;
    uint64_t states = 0;
    bool complete = false;  // exhaustive: everything was seen
    uint64_t seed = 0;      // random: of the violation
  };

  // What happens in an execution; called anew for each. `Begin` writes the memory before any thread runs.
  struct Scenario {
    int threads = 0;
    std::function<void(World&)> begin;
    std::function<void(World&, int thread)> run;
    // Null when the end is as it should be, else what is wrong.
    std::function<const char*(World&)> end;
    // The thread that may die at any of its steps, at most once; -1: none.
    int mortal = -1;
    // Where a death is told: a 4-byte count that is incremented after the thread's last step.
    uint32_t* epoch = nullptr;
    // What the scenario itself keeps of an execution's course: a part of its state.
    const void* ghost = nullptr;
    size_t ghost_bytes = 0;
  };

  World();
  ~World();
  World(const World&) = delete;

  // Locations of `width` bytes each, 4 or 8, where scenarios' `begin` has put what all threads see first. What is not
  // tracked is constant. `quiet`: accesses are no steps of their own, because nobody's course depends on them. `owner`:
  // the one thread that stores there; its loads are no steps.
  void Track(void* at, size_t bytes, size_t width, bool quiet = false, int owner = -1);

  Result Exhaust(const Scenario& scenario, uint64_t states_max);
  Result Sample(const Scenario& scenario, uint64_t executions, uint64_t seed);

  // For the threads. `bytes` is the location's width. `fresh`: the load sees the newest write.
  uint64_t Load(const void* at, size_t bytes, Order order, bool fresh = false);
  // `parks` false: the store makes no difference to any other thread, and is no step of its own.
  void Store(void* at, uint64_t value, size_t bytes, Order order, bool parks = true);
  bool CompareExchange(void* at, uint64_t* expected, uint64_t desired, size_t bytes, Order order);
  void Add(void* at, uint64_t value, size_t bytes, Order order);
  void PlainRead(const void* at, size_t bytes);
  // Call after the bytes were written.
  void PlainWritten(const void* at, size_t bytes);

  // Waits until `until` holds; then newer writes of `at` have become visible, but order nothing.
  void Await(const std::function<bool()>& until, const void* at = nullptr);
  // As Await; then everything that any thread has done so far happens before what follows.
  void AwaitSettled(const std::function<bool()>& until);
  // The calling thread's course from here depends on `local` and on what it has seen of memory, no more on how it came
  // here: states that differ in that alone are one.
  void Forget(uint64_t local);
  // The write of `at` that the calling thread has seen last, and whether there is one after that.
  size_t Seen(const void* at) const;
  bool HasNewer(const void* at, size_t seen) const;
  // The newest value.
  uint64_t Newest(const void* at, size_t bytes) const;
  bool dead(int thread) const { return threads_[thread].state == State::kDead; }
  int current() const { return current_; }
  // Ends the execution. `what` is a literal.
  [[noreturn]] void Fail(const char* what);

 private:
  static constexpr int kLocationsMax = 96;
  static constexpr size_t kStackBytes = 64 * 1024;

  struct View {
    uint8_t oldest[kLocationsMax];
  };
  struct Clock {
    uint16_t time[kThreadsMax];
  };
  struct Write {
    uint64_t value;
    int author;  // -1: before all threads
    uint16_t time;
    bool plain;
    bool carries;  // view and clock are what an acquire load joins
    uint64_t hash;
    View view;
    Clock clock;
  };
  struct Location {
    char* at;
    size_t width;
    bool quiet;
    int owner;
    std::vector<Write> writes;
    size_t count;  // of `writes` in use: their memory is kept between executions
    // When each thread last read it, atomically or not.
    uint16_t plain_reads[kThreadsMax];
    uint16_t reads[kThreadsMax];
    size_t last_plain;  // plain write, as its index
  };
  enum class State { kReady, kAwaiting, kFinished, kDead };
  struct Thread {
    State state = State::kFinished;
    std::jmp_buf at;
    bool started = false;
    uint16_t time = 1;  // of this thread: how many releases so far, plus 1
    uint32_t writes = 0;
    char* stack = nullptr;
    View view;
    Clock clock;
    uint64_t log_hash = 0;
    const std::function<bool()>* until = nullptr;
  };

  static void Enter();
  // One execution. False: cut, because the state was seen before.
  bool Execute(const Scenario& scenario);
  void Reset(const Scenario& scenario);
  void Resume(int thread);
  void Park();
  void Die(int thread, uint32_t* epoch);
  int Choose(int options);
  uint64_t StateHash() const;
  int Find(const void* at) const;
  bool HappensBefore(const Write& write) const;
  // Begins an atomic access: parks unless it is quiet, and looks for plain accesses that it races with.
  Location& Step(int location, bool stores, bool parks);
  Write& Append(int location, bool plain, Order order, const Write* continued);
  void Join(const Write& write);
  void JoinThread(const Thread& other);
  void Log(uint64_t what);

  Location location_[kLocationsMax];
  int locations_ = 0;
  std::vector<int> location_of_;  // by 4 bytes from base_; -1: not tracked
  char* base_ = nullptr;

  Thread threads_[kThreadsMax];
  const Scenario* scenario_ = nullptr;
  int current_ = -1;
  std::jmp_buf scheduler_;
  const char* violation_ = nullptr;

  struct Choice {
    int chosen;
    int options;
  };
  std::vector<Choice> trail_;
  size_t trail_at_ = 0;
  bool random_ = false;
  uint64_t random_state_ = 0;
  std::unordered_set<uint64_t> seen_;
};

}  // namespace streamgate::model
