// Due times in lines, and the histogram of how late they came.
//
// A stamped line begins with `~`, sixteen letters a to p (CLOCK_MONOTONIC in nanoseconds, base 16, most significant
// first) and a space. Letters, because digits could be taken for a card number by the rules that are measured. The time
// is when the line was *due*, not when it was written: a sender that was held up does not hide the delay (no
// coordinated omission).
//
// Buckets are logarithmic with 32 steps an octave, so a quantile is at most 3 % too high.
#ifndef BENCH_LATENCY_H
#define BENCH_LATENCY_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define STAMP_BYTES 18  // ~, sixteen letters, space

#define STEPS_BITS 5
#define STEPS (1 << STEPS_BITS)
#define BUCKETS (64 * STEPS)

static inline uint64_t nowNs(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline void writeStamp(char* at, uint64_t ns) {
  at[0] = '~';
  for (int i = 0; i < 16; i++) at[1 + i] = (char)('a' + ((ns >> (60 - 4 * i)) & 15));
  at[17] = ' ';
}

// Returns whether the 17 bytes at `at` are a stamp.
static inline int readStamp(const char* at, uint64_t* ns) {
  if (at[0] != '~') return 0;
  uint64_t value = 0;
  for (int i = 1; i <= 16; i++) {
    unsigned letter = (unsigned)(at[i] - 'a');
    if (letter > 15) return 0;
    value = value << 4 | letter;
  }
  *ns = value;
  return 1;
}

static inline unsigned bucketOf(uint64_t ns) {
  if (ns < STEPS) return (unsigned)ns;
  int top = 63 - __builtin_clzll(ns);
  return (unsigned)((top - STEPS_BITS + 1) * STEPS + (int)((ns >> (top - STEPS_BITS)) & (STEPS - 1)));
}

static inline uint64_t bucketLower(unsigned bucket) {
  if (bucket < STEPS) return bucket;
  return (uint64_t)(STEPS + bucket % STEPS) << (bucket / STEPS - 1);
}

// Books every stamp in `bytes` bytes at `text`.
static inline void bookStamps(uint64_t* histogram, const char* text, size_t bytes, uint64_t arrived) {
  const char* end = text + bytes;
  uint64_t due;
  for (const char* at = text; end - at >= STAMP_BYTES && (at = memchr(at, '~', (size_t)(end - at))) != NULL; at++) {
    if (end - at < STAMP_BYTES - 1) break;
    if (readStamp(at, &due)) histogram[bucketOf(arrived > due ? arrived - due : 0)]++;
  }
}

// As JSON: [[lower bound in ns, count], …] of the buckets that are not empty.
static inline int printHistogram(char* out, size_t room, const uint64_t* histogram) {
  int used = snprintf(out, room, "[");
  for (unsigned i = 0; i < BUCKETS; i++)
    if (histogram[i] != 0)
      used += snprintf(out + used, room - (size_t)used, "%s[%llu,%llu]", used > 1 ? "," : "",
                       (unsigned long long)bucketLower(i), (unsigned long long)histogram[i]);
  return used + snprintf(out + used, room - (size_t)used, "]");
}

#endif
