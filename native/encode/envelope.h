// How records become a body, as src/outputs/envelope.ts has it and a caller proved it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "generated/layout.h"

namespace streamgate {

struct EnvelopeFrame {
  std::string before;
  FrameTime time = FrameTime::kNone;
  std::string then;  // only with a time
  std::string after;
};

struct EnvelopeMember {
  std::string name;   // UTF-8, not escaped
  std::string value;  // JSON text
};

struct EnvelopeFilled {
  std::string before;     // JSON text
  std::string field;      // as SyslogFieldReader::Use takes it
  std::string otherwise;  // JSON text
};

struct Envelope {
  std::string before;
  std::string between;
  std::string after;
  EnvelopeFrame string;
  std::vector<EnvelopeFilled> filled;
  ObjectMode object_mode = ObjectMode::kString;
  EnvelopeFrame object;                 // kValue
  std::vector<EnvelopeMember> members;  // kMerge
  std::optional<uint32_t> counted_beside_text;
};

}  // namespace streamgate
