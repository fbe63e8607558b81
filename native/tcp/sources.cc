// See sources.h.
#include "tcp/sources.h"

#if defined(__linux__)

#include <algorithm>
#include <cstring>

namespace streamgate {
namespace {

constexpr size_t kHeaderBytes = 64;
constexpr size_t kWorkerHeaderBytes = 64;
constexpr size_t kRows = 2;
constexpr double kBurstMs = 1000;

// The finalizer of MurmurHash3 (Austin Appleby, public domain).
uint32_t Mix(uint32_t hash) {
  hash = (hash ^ hash >> 16) * 0x85ebca6bu;
  hash = (hash ^ hash >> 13) * 0xc2b2ae35u;
  return hash ^ hash >> 16;
}

uint32_t Word(const uint8_t* bytes) {
  return static_cast<uint32_t>(bytes[0]) << 24 | static_cast<uint32_t>(bytes[1]) << 16 |
         static_cast<uint32_t>(bytes[2]) << 8 | bytes[3];
}

// Sequentially consistent, as JavaScript's Atomics are: of two workers that count a connection at once each, one at
// least has to see the other's.
int32_t Load(const char* at) { return __atomic_load_n(reinterpret_cast<const int32_t*>(at), __ATOMIC_SEQ_CST); }

// JavaScript stores plain doubles there; on the platforms that we run on neither side sees half of one.
double LoadMs(const char* at) {
  const uint64_t bits = __atomic_load_n(reinterpret_cast<const uint64_t*>(at), __ATOMIC_RELAXED);
  double ms = 0;
  std::memcpy(&ms, &bits, sizeof ms);
  return ms;
}

void RaiseMs(char* at, double ms) {
  if (ms <= LoadMs(at)) return;
  uint64_t bits = 0;
  std::memcpy(&bits, &ms, sizeof bits);
  __atomic_store_n(reinterpret_cast<uint64_t*>(at), bits, __ATOMIC_RELAXED);
}

}  // namespace

bool Sources::Open(char* memory, size_t bytes, uint32_t worker) {
  uint32_t words[6];
  if (bytes < kHeaderBytes) return false;
  std::memcpy(words, memory, sizeof words);
  slots_ = words[0];
  workers_ = words[1];
  const uint64_t wanted =
      kHeaderBytes + kRows * 8 * uint64_t{slots_} + workers_ * (kWorkerHeaderBytes + kRows * 4 * uint64_t{slots_});
  if (wanted != bytes || worker >= workers_ || (slots_ & (slots_ - 1)) != 0) return false;
  seeds_[0] = words[2];
  seeds_[1] = words[3];
  connections_max_ = words[4];
  connections_of_source_max_ = words[5];
  std::memcpy(&bytes_per_second_, memory + sizeof words, sizeof bytes_per_second_);
  worker_ = worker;
  memory_ = memory;
  return true;
}

Sources::Place Sources::PlaceOf(const BlockSource& source) const {
  if (slots_ == 0) return {};
  const bool wide = source.family == 6;
  // Of IPv6 the network counts: whoever has one address has 2^64.
  const uint32_t high = wide ? Word(source.address) : 0xffffffffu;
  const uint32_t low = wide ? Word(source.address + 4) : Word(source.address);
  const auto slot = [&](int row) { return Mix(Mix(high ^ seeds_[row]) ^ low) & (slots_ - 1); };
  return {slot(0), slots_ + slot(1)};
}

char* Sources::WorkerAt(uint32_t worker) const {
  return memory_ + kHeaderBytes + kRows * 8 * slots_ + worker * (kWorkerHeaderBytes + kRows * 4 * size_t{slots_});
}

Sources::Admission Sources::Admit(Place place) {
  if (memory_ == nullptr) return Admission::kAdmitted;
  // Counted first and looked at then, so that no limit is passed. Of two that come at once to the last place neither
  // may get it.
  Count(place, 1);
  int64_t all = 0, first = 0, second = 0;
  for (uint32_t worker = 0; worker < workers_; ++worker) {
    const char* const part = WorkerAt(worker);
    all += Load(part);
    if (connections_of_source_max_ == 0) continue;
    first += Load(part + kWorkerHeaderBytes + 4 * size_t{place.first});
    second += Load(part + kWorkerHeaderBytes + 4 * size_t{place.second});
  }
  Admission admission = Admission::kAdmitted;
  if (connections_max_ > 0 && all > connections_max_) {
    admission = Admission::kTooMany;
  } else if (connections_of_source_max_ > 0 && std::min(first, second) > connections_of_source_max_) {
    admission = Admission::kTooManyOfSource;
  }
  if (admission != Admission::kAdmitted) Count(place, -1);
  return admission;
}

void Sources::Count(Place place, int by) {
  if (memory_ == nullptr) return;
  char* const part = WorkerAt(worker_);
  const auto add = [by](char* at) { __atomic_fetch_add(reinterpret_cast<int32_t*>(at), by, __ATOMIC_SEQ_CST); };
  add(part);
  if (slots_ == 0) return;
  add(part + kWorkerHeaderBytes + 4 * size_t{place.first});
  add(part + kWorkerHeaderBytes + 4 * size_t{place.second});
}

double Sources::Took(Place place, size_t bytes, double now_ms) {
  if (bytes_per_second_ <= 0) return 0;
  char* const first = memory_ + kHeaderBytes + 8 * size_t{place.first};
  char* const second = memory_ + kHeaderBytes + 8 * size_t{place.second};
  const double paid = std::max(now_ms, std::min(LoadMs(first), LoadMs(second)));
  const double until = paid + static_cast<double>(bytes) * 1000 / bytes_per_second_;
  RaiseMs(first, until);
  RaiseMs(second, until);
  return std::max(0.0, until - now_ms - kBurstMs);
}

double Sources::ToWait(Place place, double now_ms) const {
  if (bytes_per_second_ <= 0) return 0;
  const double paid = std::min(LoadMs(memory_ + kHeaderBytes + 8 * size_t{place.first}),
                               LoadMs(memory_ + kHeaderBytes + 8 * size_t{place.second}));
  return std::max(0.0, paid - now_ms - kBurstMs);
}

}  // namespace streamgate

#endif
