// See world.h.
#include "test/model/world.h"

#include <ucontext.h>

#include <algorithm>
#include <cstring>

namespace streamgate::model {
namespace {

// The one that runs: a coroutine's entry takes no pointer.
World* running = nullptr;

// splitmix64 (Steele, Lea, Flood, OOPSLA 2014): mixes, and makes random numbers from a counter.
uint64_t Mix(uint64_t value) {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
  value = (value ^ value >> 27) * 0x94d049bb133111eb;
  return value ^ value >> 31;
}

bool Acquires(Order order) { return order == Order::kAcquire || order == Order::kSequential; }
bool Releases(Order order) { return order == Order::kRelease || order == Order::kSequential; }

}  // namespace

World::World() {
  for (Thread& thread : threads_) thread.stack = new char[kStackBytes];
}

World::~World() {
  for (Thread& thread : threads_) delete[] thread.stack;
}

void World::Track(void* at, size_t bytes, size_t width, bool quiet, int owner) {
  char* first = static_cast<char*>(at);
  if (base_ == nullptr) base_ = first - reinterpret_cast<uintptr_t>(first) % 4096;
  for (size_t i = 0; i < bytes; i += width) {
    if (locations_ == kLocationsMax || first < base_) std::abort();
    const size_t slot = static_cast<size_t>(first + i - base_) / 4;
    if (location_of_.size() < slot + width / 4) location_of_.resize(slot + width / 4, -1);
    for (size_t part = 0; part < width / 4; ++part) location_of_[slot + part] = locations_;
    Location& location = location_[locations_++];
    location.at = first + i;
    location.width = width;
    location.quiet = quiet;
    location.owner = owner;
    location.count = 0;
  }
}

int World::Find(const void* at) const {
  const char* byte = static_cast<const char*>(at);
  if (byte < base_ || static_cast<size_t>(byte - base_) / 4 >= location_of_.size()) return -1;
  return location_of_[static_cast<size_t>(byte - base_) / 4];
}

World::Result World::Exhaust(const Scenario& scenario, uint64_t states_max) {
  Result result;
  random_ = false;
  seen_.clear();
  trail_.clear();
  for (;;) {
    Execute(scenario);
    ++result.executions;
    result.states = seen_.size();
    if (violation_ != nullptr || result.states >= states_max) break;
    while (!trail_.empty() && trail_.back().chosen + 1 == trail_.back().options) trail_.pop_back();
    if (trail_.empty()) {
      result.complete = true;
      break;
    }
    ++trail_.back().chosen;
  }
  result.violation = violation_;
  return result;
}

World::Result World::Sample(const Scenario& scenario, uint64_t executions, uint64_t seed) {
  Result result;
  random_ = true;
  for (; result.executions < executions && result.violation == nullptr; ++result.executions) {
    result.seed = seed + result.executions;
    random_state_ = Mix(result.seed);
    Execute(scenario);
    result.violation = violation_;
  }
  return result;
}

bool World::Execute(const Scenario& scenario) {
  Reset(scenario);
  bool died = false;
  // Each to its first access, which no other can notice: so that every step from here on leaves a trace in the state.
  for (int i = 0; i < scenario.threads; ++i) Resume(i);
  for (;;) {
    if (violation_ != nullptr) return true;
    int ready[kThreadsMax];
    int count = 0;
    bool all_ended = true;
    for (int i = 0; i < scenario.threads; ++i) {
      Thread& thread = threads_[i];
      if (thread.state == State::kFinished || thread.state == State::kDead) continue;
      all_ended = false;
      current_ = i;
      if (thread.state == State::kReady || (*thread.until)()) ready[count++] = i;
    }
    if (all_ended) {
      violation_ = scenario.end(*this);
      return true;
    }
    const bool may_die = !died && scenario.mortal >= 0 && threads_[scenario.mortal].state != State::kFinished;
    if (count == 0 && !may_die) {
      violation_ = "every thread waits for another";
      return true;
    }
    if (!random_ && trail_at_ == trail_.size() && !seen_.insert(StateHash()).second) return false;
    // A random death is rare, so that there is something to be found dead in.
    const bool offer_death = may_die && (!random_ || count == 0 || (random_state_ >> 20) % 32 == 0);
    const int chosen = Choose(count + (offer_death ? 1 : 0));
    if (chosen == count) {
      died = true;
      Die(scenario.mortal, scenario.epoch);
    } else {
      threads_[ready[chosen]].state = State::kReady;
      Resume(ready[chosen]);
    }
  }
}

void World::Reset(const Scenario& scenario) {
  running = this;
  scenario_ = &scenario;
  violation_ = nullptr;
  trail_at_ = 0;
  current_ = -1;
  scenario.begin(*this);
  for (int i = 0; i < locations_; ++i) {
    Location& location = location_[i];
    if (location.writes.empty()) location.writes.resize(16);
    location.count = 1;
    Write& first = location.writes[0];
    first = Write();
    first.author = -1;
    std::memcpy(&first.value, location.at, location.width);
    std::fill_n(location.plain_reads, kThreadsMax, uint16_t{0});
    std::fill_n(location.reads, kThreadsMax, uint16_t{0});
    location.last_plain = 0;
  }
  for (Thread& thread : threads_) {
    thread.state = &thread - threads_ < scenario.threads ? State::kReady : State::kFinished;
    thread.started = false;
    thread.time = 1;
    thread.writes = 0;
    thread.view = View();
    thread.clock = Clock();
    thread.clock.time[&thread - threads_] = 1;
    thread.log_hash = 0;
  }
}

void World::Resume(int thread) {
  current_ = thread;
  Thread& next = threads_[thread];
  if (_setjmp(scheduler_) != 0) return;
  if (next.started) _longjmp(next.at, 1);
  next.started = true;
  static ucontext_t context;
  getcontext(&context);
  context.uc_stack.ss_sp = next.stack;
  context.uc_stack.ss_size = kStackBytes;
  context.uc_link = nullptr;
  makecontext(&context, &World::Enter, 0);
  setcontext(&context);
}

void World::Enter() {
  World& world = *running;
  world.scenario_->run(world, world.current_);
  world.threads_[world.current_].state = State::kFinished;
  _longjmp(world.scheduler_, 1);
}

void World::Park() {
  if (_setjmp(threads_[current_].at) == 0) _longjmp(scheduler_, 1);
}

void World::Fail(const char* what) {
  violation_ = what;
  _longjmp(scheduler_, 1);
}

// What a supervisor does, in one step: it sees the thread's end, and then counts it.
void World::Die(int thread, uint32_t* epoch) {
  current_ = thread;
  threads_[thread].state = State::kDead;
  const int location = Find(epoch);
  ++*epoch;
  Write& last = location_[location].writes[location_[location].count - 1];
  Append(location, false, Order::kRelease, &last);
}

int World::Choose(int options) {
  if (options == 1) return 0;
  if (random_) {
    random_state_ = Mix(random_state_);
    return static_cast<int>(random_state_ % static_cast<uint64_t>(options));
  }
  if (trail_at_ == trail_.size()) trail_.push_back({0, options});
  return trail_[trail_at_++].chosen;
}

uint64_t World::StateHash() const {
  uint64_t hash = 0;
  for (int i = 0; i < locations_; ++i) {
    const Location& location = location_[i];
    if (location.quiet) continue;
    size_t oldest = location.count - 1;
    for (int thread = 0; thread < scenario_->threads; ++thread)
      if (threads_[thread].state == State::kReady || threads_[thread].state == State::kAwaiting)
        oldest = std::min<size_t>(oldest, threads_[thread].view.oldest[i]);
    for (size_t write = oldest; write < location.count; ++write) hash = Mix(hash ^ location.writes[write].hash);
    if (location.last_plain < oldest) hash = Mix(hash + location.writes[location.last_plain].hash);
  }
  for (size_t i = 0; i < scenario_->ghost_bytes; ++i)
    hash = (hash ^ static_cast<const uint8_t*>(scenario_->ghost)[i]) * 0x100000001b3;
  for (int i = 0; i < scenario_->threads; ++i)
    hash = Mix(hash ^ threads_[i].log_hash ^ (threads_[i].state == State::kDead ? 1 : 0));
  return hash;
}

void World::Log(uint64_t what) {
  Thread& self = threads_[current_];
  self.log_hash = Mix(self.log_hash ^ Mix(what));
}

bool World::HappensBefore(const Write& write) const {
  return write.author < 0 || write.author == current_ || threads_[current_].clock.time[write.author] >= write.time;
}

void World::Join(const Write& write) {
  Thread& self = threads_[current_];
  for (int i = 0; i < locations_; ++i) self.view.oldest[i] = std::max(self.view.oldest[i], write.view.oldest[i]);
  for (int i = 0; i < kThreadsMax; ++i) self.clock.time[i] = std::max(self.clock.time[i], write.clock.time[i]);
}

void World::JoinThread(const Thread& other) {
  Thread& self = threads_[current_];
  for (int i = 0; i < locations_; ++i) self.view.oldest[i] = std::max(self.view.oldest[i], other.view.oldest[i]);
  for (int i = 0; i < kThreadsMax; ++i) self.clock.time[i] = std::max(self.clock.time[i], other.clock.time[i]);
}

World::Location& World::Step(int index, bool stores, bool parks) {
  if (parks) Park();
  Location& location = location_[index];
  Thread& self = threads_[current_];
  for (size_t i = location.count; i-- > 0;) {
    if (!location.writes[i].plain) continue;
    if (!HappensBefore(location.writes[i]))
      Fail("a data race: an atomic access to bytes that another thread just wrote");
    break;
  }
  if (stores)
    for (int i = 0; i < kThreadsMax; ++i)
      if (i != current_ && location.plain_reads[i] > self.clock.time[i])
        Fail("a data race: an atomic store to bytes that another thread just read");
  return location;
}

World::Write& World::Append(int index, bool plain, Order order, const Write* continued) {
  Location& location = location_[index];
  Thread& self = threads_[current_];
  if (location.count == 255) Fail("the model's own limit: too many writes to one location");
  // `continued` may lie in the vector that grows.
  const size_t from = continued == nullptr ? 0 : static_cast<size_t>(continued - location.writes.data());
  if (location.count == location.writes.size()) location.writes.resize(2 * location.count);
  Write& write = location.writes[location.count];
  self.view.oldest[index] = static_cast<uint8_t>(location.count);
  ++location.count;
  write.value = 0;
  std::memcpy(&write.value, location.at, location.width);
  write.author = current_;
  write.time = self.time;
  ++self.writes;
  write.plain = plain;
  write.carries = false;
  if (!plain && Releases(order)) {
    write.carries = true;
    write.view = self.view;
    write.clock = self.clock;
    // What comes after a release is not carried by it: time counts releases.
    self.clock.time[current_] = ++self.time;
  }
  if (continued != nullptr && location.writes[from].carries) {
    const Write& head = location.writes[from];
    if (!write.carries) {
      write.view = View();
      write.clock = Clock();
    }
    write.carries = true;
    for (int i = 0; i < locations_; ++i) write.view.oldest[i] = std::max(write.view.oldest[i], head.view.oldest[i]);
    for (int i = 0; i < kThreadsMax; ++i) write.clock.time[i] = std::max(write.clock.time[i], head.clock.time[i]);
  }
  write.hash =
      Mix(write.value ^ Mix(uint64_t{write.time} << 8 | static_cast<uint64_t>(current_) << 1 | (plain ? 1 : 0)));
  if (write.carries) {
    uint64_t words[kLocationsMax / 8];
    std::memcpy(words, write.view.oldest, sizeof words);
    for (int i = 0; i < (locations_ + 7) / 8; ++i) write.hash = Mix(write.hash ^ words[i]);
    for (const uint16_t time : write.clock.time) write.hash = Mix(write.hash ^ time);
  }
  if (plain) location.last_plain = location.count - 1;
  return write;
}

uint64_t World::Load(const void* at, size_t bytes, Order order, bool fresh) {
  const int index = Find(at);
  if (index < 0) {
    uint64_t value = 0;
    std::memcpy(&value, at, bytes);
    return value;
  }
  if (location_[index].width != bytes) Fail("an access to a part of a location");
  Location& location = Step(index, false, !location_[index].quiet && location_[index].owner != current_);
  Thread& self = threads_[current_];
  const int newest = static_cast<int>(location.count) - 1;
  int oldest = self.view.oldest[index];
  if (location.quiet || fresh || order == Order::kSequential) oldest = newest;
  // The newest first, so that a search begins with what mostly happens.
  const int read = newest - Choose(newest - oldest + 1);
  self.view.oldest[index] = static_cast<uint8_t>(read);
  location.reads[current_] = self.time;
  const Write& write = location.writes[static_cast<size_t>(read)];
  if (Acquires(order) && write.carries) Join(write);
  if (!location.quiet) Log(static_cast<uint64_t>(index) << 8 | static_cast<uint64_t>(read));
  return write.value;
}

void World::Store(void* at, uint64_t value, size_t bytes, Order order, bool parks) {
  const int index = Find(at);
  if (index < 0) Fail("a store where nothing is tracked");
  if (location_[index].width != bytes) Fail("an access to a part of a location");
  Location& location = Step(index, true, parks && !location_[index].quiet);
  std::memcpy(location.at, &value, bytes);
  Append(index, false, order, nullptr);
  Log(static_cast<uint64_t>(index) << 8 | 0x10000);
}

bool World::CompareExchange(void* at, uint64_t* expected, uint64_t desired, size_t bytes, Order order) {
  const int index = Find(at);
  Location& location = Step(index, true, true);
  Thread& self = threads_[current_];
  const size_t newest = location.count - 1;
  self.view.oldest[index] = static_cast<uint8_t>(newest);
  location.reads[current_] = self.time;
  Write& was = location.writes[newest];
  Log(static_cast<uint64_t>(index) << 8 | newest | 0x20000);
  if (Acquires(order) && was.carries) Join(was);
  if (was.value != *expected) {
    *expected = was.value;
    return false;
  }
  std::memcpy(location.at, &desired, bytes);
  Append(index, false, order, &was);
  return true;
}

void World::Add(void* at, uint64_t value, size_t bytes, Order order) {
  const int index = Find(at);
  Location& location = Step(index, true, !location_[index].quiet);
  const size_t newest = location.count - 1;
  Write& was = location.writes[newest];
  if (!location.quiet) Log(static_cast<uint64_t>(index) << 8 | newest | 0x30000);
  if (Acquires(order) && was.carries) Join(was);
  const uint64_t sum = was.value + value;
  std::memcpy(location.at, &sum, bytes);
  Append(index, false, order, &was);
}

void World::PlainRead(const void* at, size_t bytes) {
  const char* end = static_cast<const char*>(at) + bytes;
  for (const char* byte = static_cast<const char*>(at); byte < end;) {
    const int index = Find(byte);
    if (index < 0) return;
    Location& location = location_[index];
    Thread& self = threads_[current_];
    if (!HappensBefore(location.writes[location.count - 1]))
      Fail("a data race: bytes are read that another thread just wrote");
    self.view.oldest[index] = static_cast<uint8_t>(location.count - 1);
    location.plain_reads[current_] = self.time;
    byte = location.at + location.width;
  }
}

void World::PlainWritten(const void* at, size_t bytes) {
  const char* end = static_cast<const char*>(at) + bytes;
  for (const char* byte = static_cast<const char*>(at); byte < end;) {
    const int index = Find(byte);
    if (index < 0) Fail("bytes are written where nothing is tracked");
    Location& location = location_[index];
    Thread& self = threads_[current_];
    if (!HappensBefore(location.writes[location.count - 1]))
      Fail("a data race: bytes are written that another thread just wrote");
    for (int i = 0; i < kThreadsMax; ++i)
      if (i != current_ && std::max(location.plain_reads[i], location.reads[i]) > self.clock.time[i])
        Fail("a data race: bytes are written that another thread just read");
    Append(index, true, Order::kRelaxed, nullptr);
    Log(static_cast<uint64_t>(index) << 8 | 0x40000);
    byte = location.at + location.width;
  }
}

void World::Await(const std::function<bool()>& until, const void* at) {
  Thread& self = threads_[current_];
  self.until = &until;
  self.state = State::kAwaiting;
  Park();
  if (at == nullptr) return Log(0x50000);
  const int index = Find(at);
  self.view.oldest[index] = static_cast<uint8_t>(location_[index].count - 1);
  Log(0x60000 | self.view.oldest[index]);
}

void World::AwaitSettled(const std::function<bool()>& until) {
  Thread& self = threads_[current_];
  self.until = &until;
  self.state = State::kAwaiting;
  Park();
  const uint64_t state = StateHash();
  for (int i = 0; i < scenario_->threads; ++i)
    if (i != current_) JoinThread(threads_[i]);
  Log(state);
}

void World::Forget(uint64_t local) {
  Thread& self = threads_[current_];
  uint64_t hash = Mix(local ^ uint64_t{self.writes} << 32 ^ uint64_t{self.time} << 48);
  for (const uint16_t time : self.clock.time) hash = Mix(hash ^ time);
  for (int i = 0; i < locations_; ++i) {
    const Location& location = location_[i];
    if (location.quiet) continue;
    hash = Mix(hash ^ (uint64_t{location.plain_reads[current_]} << 32 | uint64_t{location.reads[current_]} << 16 |
                       self.view.oldest[i]));
  }
  self.log_hash = hash;
}

size_t World::Seen(const void* at) const { return threads_[current_].view.oldest[Find(at)]; }

bool World::HasNewer(const void* at, size_t seen) const { return seen + 1 < location_[Find(at)].count; }

uint64_t World::Newest(const void* at, size_t bytes) const {
  uint64_t value = 0;
  std::memcpy(&value, at, bytes);
  return value;
}

}  // namespace streamgate::model
