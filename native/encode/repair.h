// Text with U+FFFD for what is no UTF-8, one for each maximal subpart (scan/utf8.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "encode/body.h"

namespace streamgate {

// U+FFFD in UTF-8.
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// Bytes that the text has when it is repaired.
uint64_t RepairedBytes(const uint8_t* from, const uint8_t* end);
// Appends the text, repaired.
void AppendRepaired(const uint8_t* from, const uint8_t* end, Body* body);
void AppendRepaired(std::string_view text, std::string* to);

}  // namespace streamgate
