// A summary: the record that a rule makes in place of those that it cut. Twin of summary.ts; docs/reducing.md tells
// users.
//
//     {"level":"info","msg":"x","streamgate":{"rule":"r","type":"dedupe","count":41,"bytes":820,"first":"…","last":"…"}}
//     x (repeated 41 times from 2026-11-26T14:17:29.000Z to 2026-11-26T14:18:29.000Z, 820 bytes, rule r)
//
// A JSON object keeps its members, so that a vendor files the summary under the same service, host and status.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "match/replace.h"
#include "reduce/json_member.h"

namespace streamgate {

struct Summary {
  // Of the first record that was cut; null: it was too long to keep.
  const char* text;
  size_t text_bytes;
  // Where the text was not kept: it began like a JSON object.
  bool is_object;
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
  void Write(const Summary& summary, Scratch* out);

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
