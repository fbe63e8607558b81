// Records ended by a byte string of the user's, 1 to 16 bytes, which may straddle chunks.
#pragma once

#include <cstddef>
#include <string>

namespace streamgate {

constexpr size_t kDelimiterBytesMax = 16;

// The first delimiter that ends in `chunk`. `tail` are the record's last bytes from earlier chunks (it needs no more
// than the delimiter's length less one). @returns the offset in `chunk` behind the delimiter, or -1
ptrdiff_t DelimiterEnd(const std::string& delimiter, const char* tail, size_t tail_bytes, const char* chunk,
                       size_t chunk_bytes);

}  // namespace streamgate
