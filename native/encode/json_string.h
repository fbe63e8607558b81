// A record as the inside of a JSON string: escaped (scan/json_escape.h), and U+FFFD for what is no UTF-8 (repair.h).
#pragma once

#include <cstdint>

#include "encode/body.h"

namespace streamgate {

// Appends the text between [from, end), of which bytes up to `readable_end` may be read. False: it would take more than
// `bytes_max`, and the body has a part of it behind what it had.
bool AppendJsonString(const uint8_t* from, const uint8_t* end, const uint8_t* readable_end, uint64_t bytes_max,
                      Body* body);

}  // namespace streamgate
