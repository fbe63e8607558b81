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
  enum class Kind : uint8_t { kDedupe, kThrottle };

  virtual ~RuleMemory() = default;
  Kind kind() const { return kind_; }

  // Whether one more record can be settled.
  bool HasRoom() const { return table_.HasRoom(); }
  // What must be told when there is no room. KeyTable::kNone: nothing.
  uint32_t Crowded() const { return table_.OldestHeld(); }
  // What must be told because its window has ended. Forgets what has nothing to tell.
  uint32_t Due(double now_ms);
  // What is left to be told when the rule ends, one after the other.
  uint32_t Last() const { return table_.OldestHeld(); }

  // Another plan runs from now on.
  void NextPlan() { ++plan_; }
  // The text is from a record that ran under a plan before: rules that protect and have come since have not seen it.
  bool IsOlderThanPlan(uint32_t index) { return table_[index].plan != plan_; }
  // The text of an entry that one of these named: of the first record that was cut, or what stands for one that was too
  // long to keep.
  void ReadText(uint32_t index, Scratch* out) const;
  // Makes the entry's summary of its text, as rules have left it.
  void Write(uint32_t index, std::string_view text, Scratch* out);
  // The summary is on its way.
  virtual void Told(uint32_t index) = 0;

  // The record that was asked about last is settled. `cut`: it was dropped here; false in shadow. Its text is looked at
  // only then.
  virtual void Settle(std::string_view text, double now_ms, bool cut) = 0;

  // Of the hashes that it is asked about. It stays when the plan's changes, or all would look new.
  uint64_t seed() const { return seed_; }
  const KeyTable& table() const { return table_; }

 protected:
  RuleMemory(Kind kind, std::string_view label, double window_ms, uint64_t memory_bytes, uint64_t seed)
      : kind_(kind),
        seed_(seed),
        window_ms_(window_ms),
        table_(memory_bytes),
        writer_(kind == Kind::kDedupe ? "dedupe" : "throttle", label) {}

  // A record was cut.
  void Cut(uint32_t index, std::string_view text, double now_ms);

  const Kind kind_;
  const uint64_t seed_;
  const double window_ms_;
  KeyTable table_;

 private:
  SummaryWriter writer_;
  uint16_t plan_ = 0;
};

}  // namespace streamgate
