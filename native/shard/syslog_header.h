// Host and app-name of a syslog record, by RFC 5424 section 6.2 or RFC 3164 section 4.1 as senders write it. What is
// looked at: docs/sharding.md; the twin is src/data/shard/syslog_header.ts.
#pragma once

#include <string_view>

namespace streamgate {

struct SyslogHeader {
  // Each empty where the record has none ("-" in RFC 5424 is none).
  std::string_view host;
  std::string_view app;
};

// Views into `record`; both empty when it begins with no syslog header.
SyslogHeader ReadSyslogHeader(std::string_view record);

}  // namespace streamgate
