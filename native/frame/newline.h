// Lines: ended by LF, one CR before it taken off. And the syslog priority (RFC 5424 section 6.2.1: `<0>` to `<191>`) by
// which framing auto knows the lines that senders may end with NUL instead.
#pragma once

namespace streamgate {

enum class Priority { kNeedMore, kNone, kPresent };

// Does a record begin with a priority? `byte_at(index)` is -1 where nothing has come yet.
template <typename ByteAt>
Priority ReadPriority(const ByteAt& byte_at) {
  const int first = byte_at(0);
  if (first == -1) return Priority::kNeedMore;
  if (first != '<') return Priority::kNone;
  int value = 0;
  for (int index = 1;; ++index) {
    const int byte = byte_at(index);
    if (byte == -1) return Priority::kNeedMore;
    if (byte == '>') return index > 1 && value <= 191 ? Priority::kPresent : Priority::kNone;
    if (byte < '0' || byte > '9' || index > 3) return Priority::kNone;
    value = value * 10 + (byte - '0');
  }
}

}  // namespace streamgate
