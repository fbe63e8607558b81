// What a rule that remembers has in memory, and the summaries that it owes. It outlives plans: an engine keeps it as
// long as the rule and what its memory depends on stay the same (docs/reducing.md).
//
// The engine asks before every record whether there is room, and tells a summary first where there is none; so a
// decision about a record changes nothing, and settling it always succeeds.
#pragma once

#include <cstdint>
#include <string_view>

#include "match/replace.h"
#include "reduce/key_table.h"
#include "reduce/summary.h"

namespace streamgate {

class RuleMemory {
 public:
  virtual ~RuleMemory() = default;

  // Whether one more record can be settled.
  bool HasRoom() const { return table_.HasRoom(); }
  // What must be told when there is no room. KeyTable::kNone: nothing.
  uint32_t Crowded() const { return table_.OldestHeld(); }
  // What must be told because its window has ended. Forgets what has nothing to tell.
  uint32_t Due(double now_ms);
  // What is left to be told when the rule ends, one after the other.
  uint32_t Last() const { return table_.OldestHeld(); }

  // Writes the summary of an entry that one of these named.
  void Write(uint32_t index, Scratch* out);
  // The summary is on its way.
  virtual void Told(uint32_t index) = 0;

  const KeyTable& table() const { return table_; }

 protected:
  RuleMemory(std::string_view type, std::string_view label, double window_ms, uint64_t memory_bytes)
      : window_ms_(window_ms), table_(memory_bytes), writer_(type, label) {}

  // A record was cut.
  void Cut(uint32_t index, std::string_view text, double now_ms);

  const double window_ms_;
  KeyTable table_;

 private:
  SummaryWriter writer_;
  Scratch text_;
};

}  // namespace streamgate
