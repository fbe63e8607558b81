// STRUCTURED-DATA of RFC 5424, section 6.3: `[ID PARAM="value" …][ID …]`. Read in place. Twin:
// src/data/engine/portable/syslog/structured_data.ts.
//
// Names are taken longer than the 32 characters that the RFC allows them, as senders write them. In a value `"`, `\`
// and `]` stand behind a backslash; before any other character a backslash is itself (section 6.3.3).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace streamgate {

// Where the structured data at the head of `text` end, at least one element; 0: there are none, or they are broken.
size_t StructuredDataEnd(std::string_view text);

// The value, as it is written, of the first parameter for which ID, a dot and its name are `name`. `data`: whole and
// well-formed. Null data(): there is none.
std::string_view FindSyslogParam(std::string_view data, std::string_view name);

// Appends what a value means to `out`.
void UnescapeSyslogParam(std::string_view value, std::string* out);

}  // namespace streamgate
