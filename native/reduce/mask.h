// What two records have in common when their numbers are left out: hashes a text with every number, hex number, UUID
// and timestamp as one mark, in a single pass and without a copy. Twin of mask.ts; docs/reducing.md tells users.
//
// A word is a run of ASCII letters and digits. A word of hex digits with a decimal digit among them is one mark, and so
// are 0x… and a UUID; in other words each run of decimal digits is one (`thread7`, `12ms`). Where a mark is followed by
// one of `.:,-/+` and a decimal digit, the number goes on: 12.5, 10.0.0.1:8080 and 2026-11-23 are one mark each, so
// that 9.5 and 10 are alike.
#pragma once

#include <string_view>

#include "reduce/record_hash.h"

namespace streamgate {

void HashMasked(std::string_view text, RecordHash* hash);

}  // namespace streamgate
