// See json_string.h.
#include "encode/json_string.h"

#include <algorithm>

#include "encode/repair.h"
#include "scan/dispatch.h"

namespace streamgate {
namespace {

// Escaped at once: a piece takes six times its bytes of room, so that a whole record of megabytes would take too many.
constexpr size_t kPieceBytes = 16384;

// Without asking whether it is UTF-8. `ascii` becomes false where there is more than ASCII.
bool AppendEscaped(const uint8_t* from, const uint8_t* end, const uint8_t* readable_end, size_t size_max, Body* body,
                   bool* ascii) {
  while (from < end) {
    const size_t size = std::min(static_cast<size_t>(end - from), kPieceBytes);
    uint8_t* const to = body->Room(size * kJsonEscapeBytesMax + kJsonEscapeSlackBytes);
    const EscapedJson written = EscapeJson(from, from + size, readable_end, to);
    body->EndAt(written.end);
    if (!written.ascii) *ascii = false;
    if (body->size() > size_max) return false;
    from += size;
  }
  return true;
}

}  // namespace

bool AppendJsonString(const uint8_t* from, const uint8_t* end, const uint8_t* readable_end, uint64_t bytes_max,
                      Body* body) {
  const size_t before = body->size();
  const size_t size_max = bytes_max > SIZE_MAX - before ? SIZE_MAX : before + static_cast<size_t>(bytes_max);
  bool ascii = true;
  // Most records are UTF-8: it is asked after, and then of few. A repaired text is never shorter.
  if (!AppendEscaped(from, end, readable_end, size_max, body, &ascii)) return false;
  if (ascii || IsUtf8(from, end)) return true;
  body->Truncate(before);
  while (from < end) {
    size_t error_bytes;
    const uint8_t* const run_end = Utf8RunEnd(from, end, &error_bytes);
    if (!AppendEscaped(from, run_end, readable_end, size_max, body, &ascii)) return false;
    if (run_end < end) body->Append(kReplacement);
    if (body->size() > size_max) return false;
    from = run_end + error_bytes;
  }
  return true;
}

}  // namespace streamgate
