#include "spool/crc32c.h"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#include <nmmintrin.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace streamgate {
namespace {

// 0x1EDC6F41 with its bits reversed.
constexpr uint32_t kPolynomial = 0x82f63b78;

using Tables = std::array<std::array<uint32_t, 256>, 8>;

// Table 0 moves the checksum over one byte, table n over that byte and n zero bytes behind it.
constexpr Tables MakeTables() {
  Tables tables = {};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) == 0 ? crc >> 1 : (crc >> 1) ^ kPolynomial;
    tables[0][byte] = crc;
  }
  for (size_t n = 1; n < tables.size(); ++n)
    for (size_t byte = 0; byte < 256; ++byte) {
      const uint32_t crc = tables[n - 1][byte];
      tables[n][byte] = (crc >> 8) ^ tables[0][crc & 0xff];
    }
  return tables;
}

constexpr Tables kTables = MakeTables();

#if defined(__x86_64__)

// Intel SDM volume 2A, CPUID: leaf 1 ECX bit 20 SSE4.2. Not __builtin_cpu_supports, as in scan/dispatch.cc.
bool Detect() {
  unsigned a, b, c, d;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c >> 20 & 1) != 0;
}

// clang has CRC32 as a feature of its own; GCC knows no such name in an attribute and takes it with SSE4.2.
#if defined(__clang__)
#define STREAMGATE_CRC_TARGET __attribute__((target("sse4.2,crc32")))
#else
#define STREAMGATE_CRC_TARGET __attribute__((target("sse4.2")))
#endif

STREAMGATE_CRC_TARGET uint32_t ByInstruction(const uint8_t* at, size_t size, uint32_t before) {
  uint64_t crc = ~before;
  for (; size >= 8; at += 8, size -= 8) {
    uint64_t word;
    std::memcpy(&word, at, 8);
    crc = _mm_crc32_u64(crc, word);
  }
  auto narrow = static_cast<uint32_t>(crc);
  for (; size > 0; ++at, --size) narrow = _mm_crc32_u8(narrow, *at);
  return ~narrow;
}

#elif defined(__aarch64__) && (defined(__linux__) || defined(__APPLE__))

bool Detect() {
#if defined(__APPLE__)
  return true;  // every one of theirs is ARMv8.1 or later, where it is mandatory
#else
  return (getauxval(AT_HWCAP) & (1 << 7)) != 0;  // HWCAP_CRC32
#endif
}

// The builtins, not arm_acle.h: clang's declares nothing unless the whole file is compiled for CRC.
#if defined(__clang__)
#define STREAMGATE_CRC_TARGET __attribute__((target("crc")))
#define STREAMGATE_CRC_WORD __builtin_arm_crc32cd
#define STREAMGATE_CRC_BYTE __builtin_arm_crc32cb
#else
#define STREAMGATE_CRC_TARGET __attribute__((target("+crc")))
#define STREAMGATE_CRC_WORD __builtin_aarch64_crc32cx
#define STREAMGATE_CRC_BYTE __builtin_aarch64_crc32cb
#endif

STREAMGATE_CRC_TARGET uint32_t ByInstruction(const uint8_t* at, size_t size, uint32_t before) {
  uint32_t crc = ~before;
  for (; size >= 8; at += 8, size -= 8) {
    uint64_t word;
    std::memcpy(&word, at, 8);
    crc = STREAMGATE_CRC_WORD(crc, word);
  }
  for (; size > 0; ++at, --size) crc = STREAMGATE_CRC_BYTE(crc, *at);
  return ~crc;
}

#else

bool Detect() { return false; }
uint32_t ByInstruction(const uint8_t* at, size_t size, uint32_t before) { return Crc32cByTables(at, size, before); }

#endif

}  // namespace

bool HasCrc32cInstruction() {
  static const bool has = Detect();
  return has;
}

uint32_t Crc32cByTables(const void* data, size_t size, uint32_t before) {
  const auto* at = static_cast<const uint8_t*>(data);
  uint32_t crc = ~before;
  for (; size >= 8; at += 8, size -= 8) {
    crc ^= static_cast<uint32_t>(at[0]) | static_cast<uint32_t>(at[1]) << 8 | static_cast<uint32_t>(at[2]) << 16 |
           static_cast<uint32_t>(at[3]) << 24;
    crc = kTables[7][crc & 0xff] ^ kTables[6][crc >> 8 & 0xff] ^ kTables[5][crc >> 16 & 0xff] ^ kTables[4][crc >> 24] ^
          kTables[3][at[4]] ^ kTables[2][at[5]] ^ kTables[1][at[6]] ^ kTables[0][at[7]];
  }
  for (; size > 0; ++at, --size) crc = (crc >> 8) ^ kTables[0][(crc ^ *at) & 0xff];
  return ~crc;
}

uint32_t Crc32c(const void* data, size_t size, uint32_t before) {
  return HasCrc32cInstruction() ? ByInstruction(static_cast<const uint8_t*>(data), size, before)
                                : Crc32cByTables(data, size, before);
}

}  // namespace streamgate
