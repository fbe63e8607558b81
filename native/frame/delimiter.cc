// See delimiter.h.
#include "frame/delimiter.h"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace streamgate {

ptrdiff_t DelimiterEnd(const std::string& delimiter, const char* tail, size_t tail_bytes, const char* chunk,
                       size_t chunk_bytes) {
  const size_t overlap = std::min(tail_bytes, delimiter.size() - 1);
  if (overlap > 0) {
    // Only matches that begin in the tail: one that begins in the chunk is found below, and lies behind all of these.
    char seam[2 * kDelimiterBytesMax];
    const size_t ahead = std::min(chunk_bytes, delimiter.size() - 1);
    std::memcpy(seam, tail + tail_bytes - overlap, overlap);
    std::memcpy(seam + overlap, chunk, ahead);
    const size_t found = std::string_view(seam, overlap + ahead).find(delimiter);
    if (found != std::string_view::npos) return static_cast<ptrdiff_t>(found + delimiter.size() - overlap);
  }
  const size_t found = std::string_view(chunk, chunk_bytes).find(delimiter);
  return found == std::string_view::npos ? -1 : static_cast<ptrdiff_t>(found + delimiter.size());
}

}  // namespace streamgate
