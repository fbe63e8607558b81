// The policy by which ring/protocol.h runs over the simulated memory of world.h; see ring/atomic.h for the real one.
// Orders are variables here, and accesses can be left out or delayed, so that a test can break the protocol in one
// place and see that the checker notices.
#pragma once

#include <cstdint>
#include <cstring>

#include "test/model/world.h"

namespace streamgate::model {

// What a mutation changes; the default is the protocol as it is.
struct Protocol {
  Order room = Order::kAcquire;
  Order claim = Order::kRelaxed;
  Order padding = Order::kRelease;
  Order length = Order::kRelaxed;
  Order kind = Order::kRelease;
  Order commit = Order::kRelease;
  Order wake = Order::kSequential;
  Order look = Order::kAcquire;
  Order taken = Order::kRelease;
  Order free = Order::kRelease;
  Order epoch = Order::kAcquire;
  bool zeroes = true;
  bool zeroes_before_free = true;
  bool exchanges_at_once = true;
  bool wakes = true;
  bool looks_again = true;
};

struct ModelMemory {
  static inline World* world = nullptr;
  static inline Protocol protocol;
  // Where nobody dies, a claim that is not committed is as good as one that is not written.
  static inline bool deaths = true;

  static constexpr Order kRelaxed = Order::kRelaxed;
  static inline const Order& kRoom = protocol.room;
  static inline const Order& kClaim = protocol.claim;
  static inline const Order& kPadding = protocol.padding;
  static inline const Order& kLength = protocol.length;
  static inline const Order& kKind = protocol.kind;
  static inline const Order& kCommit = protocol.commit;
  // Told from a mere order by its address.
  static inline const Order& kWake = protocol.wake;
  static inline const Order& kLook = protocol.look;
  static constexpr Order kLookAgain = Order::kAcquire;
  static inline const Order& kTaken = protocol.taken;
  static inline const Order& kFree = protocol.free;
  static inline const Order& kEpoch = protocol.epoch;

  template <typename T>
  static T Load(const T* at, const Order& order) {
    return static_cast<T>(world->Load(at, sizeof(T), order));
  }
  template <typename T>
  static void Store(T* at, T value, const Order& order) {
    world->Store(at, static_cast<uint64_t>(value), sizeof(T), order,
                 deaths || (&order != &kLength && &order != &kKind));
    if (&order == &kFree && delayed_bytes != 0) {
      const size_t bytes = delayed_bytes;
      delayed_bytes = 0;
      std::memset(delayed_at, 0, bytes);
      world->PlainWritten(delayed_at, bytes);
    }
  }
  template <typename T>
  static bool CompareExchange(T* at, T* expected, T desired, const Order& order) {
    if (!protocol.exchanges_at_once) {
      const T was = Load(at, order);
      if (was != *expected) {
        *expected = was;
        return false;
      }
      Store(at, desired, order);
      return true;
    }
    uint64_t was = static_cast<uint64_t>(*expected);
    const bool done = world->CompareExchange(at, &was, static_cast<uint64_t>(desired), sizeof(T), order);
    *expected = static_cast<T>(was);
    return done;
  }
  template <typename T>
  static void Add(T* at, T value, const Order& order) {
    if (&order == &kWake && !protocol.wakes) return;
    world->Add(at, static_cast<uint64_t>(value), sizeof(T), order);
  }

  template <typename T>
  static T Read(const T* at) {
    world->PlainRead(at, sizeof(T));
    return *at;
  }
  template <typename T>
  static void Write(T* at, T value) {
    *at = value;
    world->PlainWritten(at, sizeof(T));
  }
  static void WriteBytes(void* at, const void* from, size_t bytes) {
    std::memcpy(at, from, bytes);
    world->PlainWritten(at, bytes);
  }
  static void Zero(void* at, size_t bytes) {
    if (!protocol.zeroes) return;
    if (!protocol.zeroes_before_free) {
      delayed_at = at;
      delayed_bytes = bytes;
      return;
    }
    std::memset(at, 0, bytes);
    world->PlainWritten(at, bytes);
  }

  static inline uint64_t looked = 0;
  static inline void* delayed_at = nullptr;
  static inline size_t delayed_bytes = 0;
};

}  // namespace streamgate::model
