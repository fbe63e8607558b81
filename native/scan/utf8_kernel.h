// Is a text well-formed UTF-8? Written once over a vector of bytes; compiled like kernel.h.
//
// Each error but one shows in two neighbouring bytes, in their three upper-most half bytes: three look-ups tell which
// errors a half byte may be part of, and what all three allow is one. The one left, a third or fourth byte that is
// missing or too many, is the difference between "both bytes continue" and "the byte two or three before asks for it".
// After Keiser and Lemire, "Validating UTF-8 In Less Than One Instruction Per Byte", 2021; the neighbours are loaded
// from memory instead of shifted together, so that the same lines serve all vectors.
//
// V further has: Xor(a, b); Or(a, b); Zero(). Others: candidate_kernel.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "scan/utf8.h"

namespace streamgate {

struct Utf8Tables {
  // Errors, a bit each. The last two share theirs: no pair of bytes could be both.
  static constexpr uint8_t kTooShort = 1;         // a lead, or its continuation, before a byte that does not continue
  static constexpr uint8_t kTooLong = 2;          // ASCII before a continuation
  static constexpr uint8_t kOverlong3 = 4;        // E0 before 80 to 9F
  static constexpr uint8_t kTooLarge = 8;         // F4 before 90 to BF, F5 and above before the same
  static constexpr uint8_t kSurrogate = 16;       // ED before A0 to BF
  static constexpr uint8_t kOverlong2 = 32;       // C0, C1
  static constexpr uint8_t kTooLarge1000 = 64;    // F5 and above before 80 to 8F
  static constexpr uint8_t kOverlong4 = 64;       // F0 before 80 to 8F
  static constexpr uint8_t kContinuations = 128;  // two of them: no error where one is asked for
  // Of the first byte's lower half all are possible that do not look at it.
  static constexpr uint8_t kAnyLow = kTooShort | kTooLong | kContinuations;
  static constexpr uint8_t kLarge = kAnyLow | kTooLarge | kTooLarge1000;
  static constexpr uint8_t kContinues = kTooLong | kOverlong2 | kContinuations;

  alignas(16) static constexpr uint8_t kFirstHigh[16] = {kTooLong,
                                                         kTooLong,
                                                         kTooLong,
                                                         kTooLong,
                                                         kTooLong,
                                                         kTooLong,
                                                         kTooLong,
                                                         kTooLong,
                                                         kContinuations,
                                                         kContinuations,
                                                         kContinuations,
                                                         kContinuations,
                                                         kTooShort | kOverlong2,
                                                         kTooShort,
                                                         kTooShort | kOverlong3 | kSurrogate,
                                                         kTooShort | kTooLarge | kTooLarge1000 | kOverlong4};
  alignas(16) static constexpr uint8_t kFirstLow[16] = {kAnyLow | kOverlong2 | kOverlong3 | kOverlong4,
                                                        kAnyLow | kOverlong2,
                                                        kAnyLow,
                                                        kAnyLow,
                                                        kAnyLow | kTooLarge,
                                                        kLarge,
                                                        kLarge,
                                                        kLarge,
                                                        kLarge,
                                                        kLarge,
                                                        kLarge,
                                                        kLarge,
                                                        kLarge,
                                                        kLarge | kSurrogate,
                                                        kLarge,
                                                        kLarge};
  alignas(16) static constexpr uint8_t kSecondHigh[16] = {kTooShort,
                                                          kTooShort,
                                                          kTooShort,
                                                          kTooShort,
                                                          kTooShort,
                                                          kTooShort,
                                                          kTooShort,
                                                          kTooShort,
                                                          kContinues | kOverlong3 | kOverlong4 | kTooLarge1000,
                                                          kContinues | kOverlong3 | kTooLarge,
                                                          kContinues | kSurrogate | kTooLarge,
                                                          kContinues | kSurrogate | kTooLarge,
                                                          kTooShort,
                                                          kTooShort,
                                                          kTooShort,
                                                          kTooShort};
  // What asks for a third byte, and for a fourth: E0 and above, F0 and above.
  alignas(16) static constexpr uint8_t kAsksThird[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 128, 128};
  alignas(16) static constexpr uint8_t kAsksFourth[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 128};
  alignas(16) static constexpr uint8_t kAll[16] = {255, 255, 255, 255, 255, 255, 255, 255,
                                                   255, 255, 255, 255, 255, 255, 255, 255};
};

template <typename V>
class Utf8Check {
 public:
  STREAMGATE_TARGET Utf8Check()
      : first_high_(V::Broadcast(Utf8Tables::kFirstHigh)),
        first_low_(V::Broadcast(Utf8Tables::kFirstLow)),
        second_high_(V::Broadcast(Utf8Tables::kSecondHigh)),
        asks_third_(V::Broadcast(Utf8Tables::kAsksThird)),
        asks_fourth_(V::Broadcast(Utf8Tables::kAsksFourth)),
        all_(V::Broadcast(Utf8Tables::kAll)),
        errors_(V::Zero()) {}

  // Looks at kBytes from `p` on, and at the three before.
  STREAMGATE_TARGET inline void Look(const uint8_t* p) {
    const auto now = V::Load(p);
    const auto third_before = V::Load(p - 3);
    if (V::TopBits(V::Or(now, third_before), 0) == 0) return;
    const auto errors = V::And(V::Both(V::Load(p - 1), first_low_, first_high_), V::Both(now, all_, second_high_));
    const auto asked = V::Or(V::Both(V::Load(p - 2), all_, asks_third_), V::Both(third_before, all_, asks_fourth_));
    errors_ = V::Or(errors_, V::Xor(errors, asked));
  }
  STREAMGATE_TARGET inline bool Failed() const { return V::NonZero(errors_) != 0; }

 private:
  const typename V::Register first_high_, first_low_, second_high_, asks_third_, asks_fourth_, all_;
  typename V::Register errors_;
};

template <typename V>
STREAMGATE_TARGET inline bool IsUtf8With(const uint8_t* from, const uint8_t* end) {
  if (static_cast<size_t>(end - from) < V::kBytes + 3) return IsUtf8Scalar(from, end);
  Utf8Check<V> check;
  // Nothing stands before the first bytes: three of ASCII in their place.
  uint8_t first[3 + V::kBytes] = {};
  std::memcpy(first + 3, from, V::kBytes);
  check.Look(first + 3);
  const uint8_t* p = from + V::kBytes;
  for (; static_cast<size_t>(end - p) >= V::kBytes; p += V::kBytes) check.Look(p);
  // A step that ends where the bytes end; looking twice does no harm.
  if (p < end) check.Look(end - V::kBytes);
  // What is cut off at the end is an error that no byte behind it shows.
  return !check.Failed() && end[-1] < 0xC0 && end[-2] < 0xE0 && end[-3] < 0xF0;
}

}  // namespace streamgate
