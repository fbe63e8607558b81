// How the ring's protocol (ring/protocol.h) touches memory: every access to what threads share goes through one of
// these functions, and every order has a name, so that native/test/model/ can run the same source over a memory that
// behaves as C11 allows, with any of the orders weakened. Compiles to the bare builtins.
#pragma once

#include <cstddef>
#include <cstring>

namespace streamgate {

template <int kBuiltin>
struct MemoryOrder {
  static constexpr int value = kBuiltin;
};

struct SharedMemory {
  // The argument for each stands in protocol.h where it is used.
  static constexpr MemoryOrder<__ATOMIC_RELAXED> kRelaxed{};
  static constexpr MemoryOrder<__ATOMIC_ACQUIRE> kRoom{};     // a producer loads head
  static constexpr MemoryOrder<__ATOMIC_RELAXED> kClaim{};    // a producer exchanges tail
  static constexpr MemoryOrder<__ATOMIC_RELEASE> kPadding{};  // padding is written and committed
  static constexpr MemoryOrder<__ATOMIC_RELAXED> kLength{};   // a claim's length, of a kind yet unknown
  static constexpr MemoryOrder<__ATOMIC_RELEASE> kKind{};     // the claim's kind: its epoch is written
  static constexpr MemoryOrder<__ATOMIC_RELEASE> kCommit{};   // a block is complete
  static constexpr MemoryOrder<__ATOMIC_SEQ_CST> kWake{};     // something was committed: against a consumer's `waiting`
  static constexpr MemoryOrder<__ATOMIC_ACQUIRE> kLook{};     // the consumer loads a block's first word
  static constexpr MemoryOrder<__ATOMIC_ACQUIRE> kLookAgain{};  // and once more when its producer turns out to be dead
  static constexpr MemoryOrder<__ATOMIC_RELEASE> kTaken{};      // the consumer counts what it has taken
  static constexpr MemoryOrder<__ATOMIC_RELEASE> kFree{};       // the consumer stores head
  static constexpr MemoryOrder<__ATOMIC_ACQUIRE> kEpoch{};      // the consumer loads a producer's epoch

  template <typename T, typename Order>
  static T Load(const T* at, Order) {
    return __atomic_load_n(at, Order::value);
  }
  template <typename T, typename Order>
  static void Store(T* at, T value, Order) {
    __atomic_store_n(at, value, Order::value);
  }
  // May fail though `*expected` is there; then, as on every failure, `*expected` is what was.
  template <typename T, typename Order>
  static bool CompareExchange(T* at, T* expected, T desired, Order) {
    return __atomic_compare_exchange_n(at, expected, desired, true, Order::value, __ATOMIC_RELAXED);
  }
  template <typename T, typename Order>
  static void Add(T* at, T value, Order) {
    __atomic_fetch_add(at, value, Order::value);
  }

  // Plain accesses: to bytes that no other thread touches at the same time.
  template <typename T>
  static T Read(const T* at) {
    return *at;
  }
  template <typename T>
  static void Write(T* at, T value) {
    *at = value;
  }
  static void WriteBytes(void* at, const void* from, size_t bytes) { std::memcpy(at, from, bytes); }
  static void Zero(void* at, size_t bytes) { std::memset(at, 0, bytes); }
};

}  // namespace streamgate
