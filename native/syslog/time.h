// When a syslog record says it was written. Twin: src/data/engine/portable/syslog/time.ts.
#pragma once

#include <cstdint>
#include <string_view>

namespace streamgate {

// Milliseconds since 1970 of a time as RFC 3339 has it (RFC 5424 section 6.2.3), digits behind the third cut off.
// False: it can't be known, since the year or the offset from UTC is missing ("Oct 11 22:14:15"), or since no calendar
// has it.
bool SyslogTimeMs(std::string_view time, int64_t* ms);

}  // namespace streamgate
