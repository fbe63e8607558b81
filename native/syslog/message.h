// A syslog record in its parts, by RFC 5424 section 6 or RFC 3164 section 4.1 as senders write it. Views into the
// record: nothing is copied. docs/syslog.md has the grammar that is taken; the twin is
// src/data/engine/portable/syslog/message.ts.
#pragma once

#include <cstdint>
#include <string_view>

namespace streamgate {

struct SyslogMessage {
  static constexpr uint8_t kNoPriority = 0xFF;

  // 8 × facility + severity, 0 to 191. kNoPriority: the record is no syslog, and has none of the others.
  uint8_t priority = kNoPriority;
  // Each with a null data() where the record has none; RFC 5424's "-" is none. Only `message` may be there and empty.
  std::string_view version;  // RFC 5424 alone
  std::string_view time;
  std::string_view host;
  std::string_view app;
  std::string_view procid;
  std::string_view msgid;            // RFC 5424 alone
  std::string_view structured_data;  // RFC 5424 alone; whole and well-formed
  std::string_view message;
};

// Reads all of the header. A record that breaks off, or breaks the grammar, has the fields before that place.
SyslogMessage ReadSyslog(std::string_view record);

}  // namespace streamgate
