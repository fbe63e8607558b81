// A summary: the record that a rule makes in place of those that it cut. Twin of summary.ts; docs/reducing.md tells
// users.
//
//     {"level":"info","msg":"x","streamgate":{"rule":"r","type":"dedupe","count":41,"bytes":820,"first":"…","last":"…"}}
//     x (repeated 41 times from 2026-11-26T14:17:29.000Z to 2026-11-26T14:18:29.000Z, 820 bytes, rule r)
//
// A JSON object keeps its members, so that a vendor files the summary under the same service, host and status. What a
// summary adds comes last, behind all rules: they see a text as it was cut, or `secret$` would not hold of it any more.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "match/replace.h"
#include "reduce/json_member.h"

namespace streamgate {

struct Summary {
  uint64_t records;
  uint64_t bytes;
  // Milliseconds since 1970.
  double first_ms;
  double last_ms;
};

class SummaryWriter {
 public:
  // `type`: of the rule. `label`: its id as the inside of a JSON string.
  SummaryWriter(std::string_view type, std::string_view label) : type_(type), label_(label) {}
  // `text`: of the first record that was cut, or what stands for it.
  void Write(std::string_view text, const Summary& summary, Scratch* out);
  // What stands for a text that was too long to keep. `is_object`: it began like a JSON object.
  static void WriteLongText(bool is_object, Scratch* out);

 private:
  void WriteObject(const Summary& summary, Scratch* out) const;

  const std::string type_;
  const std::string label_;
  JsonMemberFinder finder_;
};

// RFC 3339, UTC, milliseconds: 2026-11-26T14:17:29.000Z. A time outside the years 1970 to 9999 is written as the next
// within.
void AppendTime(double ms, Scratch* out);

}  // namespace streamgate
