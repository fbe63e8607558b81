// Where a record that is longer than MAX_RECORD_BYTES is cut.
//
// A cut through a card number or a word would leave a half that no detector knows. So the run of word characters that
// touches the cut goes too, and, when that run begins with a digit, the groups before it that belong to the same
// number: `4111 1111 1111 11|11` loses all of it.
#pragma once

#include <cstddef>

namespace streamgate {

// `data` holds the record's first `cut` bytes. @returns how many of them are kept; 0 when nothing is left
size_t TrimAtCut(const char* data, size_t cut);

}  // namespace streamgate
