// Writes text as the inside of a JSON string (RFC 8259, section 7): `"`, `\` and U+0000 to U+001F escaped, the short
// forms where there are any, everything else as it is. Copies 64 bytes and marks what needs an escape among them in one
// step, then mends the few that do.
//
// Bytes of 0x80 and above are copied, and that there were some is told: whether they are well-formed is another
// question (utf8.h), asked only then.
#pragma once

#include <cstddef>
#include <cstdint>

namespace streamgate {

// `\u001f`.
constexpr size_t kJsonEscapeBytesMax = 6;
// What a step may write beyond the text, and read beyond it where that is allowed.
constexpr size_t kJsonEscapeSlackBytes = 64;

struct EscapedJson {
  uint8_t* end;  // behind what was written
  bool ascii;    // no byte of 0x80 or above
};

// `to`: room for kJsonEscapeBytesMax times the text and kJsonEscapeSlackBytes more. `readable_end`: up to there bytes
// may be read, whatever they are; `end` at least.
using EscapeJsonFunction = EscapedJson (*)(const uint8_t* from, const uint8_t* end, const uint8_t* readable_end,
                                           uint8_t* to);

EscapedJson EscapeJsonScalar(const uint8_t* from, const uint8_t* end, const uint8_t* readable_end, uint8_t* to);
EscapedJson EscapeJsonV128(const uint8_t* from, const uint8_t* end, const uint8_t* readable_end, uint8_t* to);
EscapedJson EscapeJsonAvx2(const uint8_t* from, const uint8_t* end, const uint8_t* readable_end, uint8_t* to);

}  // namespace streamgate
