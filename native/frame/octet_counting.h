// The count before a frame, RFC 6587 section 3.4.1: MSG-LEN in ASCII digits without leading zero, one space. At most 7
// digits here (10 MB), so that a number that merely begins a line is seldom taken for a count. Keeps no state.
#pragma once

#include <cstdint>

namespace streamgate {

constexpr int kCountDigitsMax = 7;

// What the bytes at a record's start are. `body_at` counts from the first digit.
struct CountHeader {
  enum class Kind { kNeedMore, kNone, kCount } kind;
  uint32_t length = 0;
  uint32_t body_at = 0;
};

// `byte_at(index)` is the byte `index` from the record's start, or -1 where nothing has come yet. `syslog_only`: a `<`
// must follow (framing auto: what follows a real count is a syslog priority).
template <typename ByteAt>
CountHeader ReadCount(const ByteAt& byte_at, bool syslog_only) {
  uint32_t length = 0;
  int index = 0;
  for (;; ++index) {
    const int byte = byte_at(index);
    if (byte == -1) return {CountHeader::Kind::kNeedMore};
    if (byte == ' ' && index > 0) break;
    if (byte < '0' || byte > '9' || (index == 0 && byte == '0') || index == kCountDigitsMax)
      return {CountHeader::Kind::kNone};
    length = length * 10 + static_cast<uint32_t>(byte - '0');
  }
  const int body_at = index + 1;
  if (syslog_only) {
    const int next = byte_at(body_at);
    if (next == -1) return {CountHeader::Kind::kNeedMore};
    if (next != '<') return {CountHeader::Kind::kNone};
  }
  return {CountHeader::Kind::kCount, length, static_cast<uint32_t>(body_at)};
}

}  // namespace streamgate
