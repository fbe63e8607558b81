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

struct Envelope {
  std::string before;
  std::string between;
  std::string after;
  EnvelopeFrame string;
  ObjectMode object_mode = ObjectMode::kString;
  EnvelopeFrame object;                 // kValue
  std::vector<EnvelopeMember> members;  // kMerge
  std::optional<uint32_t> counted_beside_text;
};

}  // namespace streamgate
