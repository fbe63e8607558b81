// UTF-8 (RFC 3629): is a text well-formed, and where it is not, how much of it is one error?
//
// An error is a maximal subpart, as WHATWG's decoder and Unicode (section 3.9, "U+FFFD Substitution of Maximal
// Subparts") have it: the longest beginning of a well-formed sequence, or a single byte. So `F0 9F 98` is one error,
// `E0 80` two.
#pragma once

#include <cstddef>
#include <cstdint>

namespace streamgate {

// Is all of [from, end) well-formed?
using IsUtf8Function = bool (*)(const uint8_t* from, const uint8_t* end);

bool IsUtf8Scalar(const uint8_t* from, const uint8_t* end);
bool IsUtf8V128(const uint8_t* from, const uint8_t* end);
bool IsUtf8Avx2(const uint8_t* from, const uint8_t* end);

// The end of the well-formed text that begins at `p`: the place of the first error, whose bytes are in `error_bytes`,
// or `end`.
const uint8_t* Utf8RunEnd(const uint8_t* p, const uint8_t* end, size_t* error_bytes);

}  // namespace streamgate
