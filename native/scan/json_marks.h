// Where the bytes of a JSON text are that end a run of plain string characters: quotes, backslashes and control
// characters (below 0x20), one bit a byte, 64 bytes at a time. A reader of strings goes from one mark to the next and
// never looks at the characters between.
//
// The idea is the first stage of Langdale and Lemire, "Parsing Gigabytes of JSON per Second", 2019; the second is not
// needed where a few values are looked at and no tree is built.
#pragma once

#include <cstddef>
#include <cstdint>

namespace streamgate {

// One word more than hold the marks, so that who reads two neighbouring words need not ask whether there is a second.
constexpr size_t JsonMarkWords(size_t bytes) { return bytes / 64 + 2; }

// Writes JsonMarkWords(size) words: bit i % 64 of word i / 64 is byte i's. Bits from `size` on are set: there is always
// a next mark, at `size` at the latest.
using MarkJsonFunction = void (*)(const uint8_t* from, size_t size, uint64_t* marks);

void MarkJsonScalar(const uint8_t* from, size_t size, uint64_t* marks);
void MarkJsonV128(const uint8_t* from, size_t size, uint64_t* marks);
void MarkJsonAvx2(const uint8_t* from, size_t size, uint64_t* marks);

}  // namespace streamgate
