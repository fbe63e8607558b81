// Records that single rules have acted on, for people who look on while they run (`GET /tail?rule=`). Twin of
// src/data/engine/portable/plan/watched.ts.
//
// Bounded: of each rule kWatchedRecordsMax records of at most kWatchedRecordBytesMax bytes between two looks. The first
// ones are kept, since looks come several times a second; a longer record is counted and not kept, for a piece of one
// could hide what rules look for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "generated/layout.h"

namespace streamgate {

struct WatchedRule {
  uint32_t rule = 0;
  // Records that it acted on, or in shadow would have, since the last look.
  uint64_t records = 0;
  // Some of them, as received.
  std::vector<std::string> examples;
};

class WatchedRules {
 public:
  // From now on these rules, by their numbers in the plan, and no others. None: nothing is looked at.
  void Watch(const std::vector<uint32_t>& rules) {
    watched_.clear();
    for (const uint32_t rule : rules) watched_.push_back({rule, 0, {}});
  }
  bool any() const { return !watched_.empty(); }
  // `text`: the record as received, settled.
  void Note(uint32_t rule, std::string_view text) {
    for (WatchedRule& watched : watched_) {
      if (watched.rule != rule) continue;
      ++watched.records;
      if (watched.examples.size() < kWatchedRecordsMax && text.size() <= kWatchedRecordBytesMax)
        watched.examples.emplace_back(text);
    }
  }
  // What was noted since the last call, an entry a rule that is watched.
  std::vector<WatchedRule> Take() {
    std::vector<WatchedRule> taken;
    for (WatchedRule& watched : watched_) taken.push_back(std::exchange(watched, {watched.rule, 0, {}}));
    return taken;
  }

 private:
  std::vector<WatchedRule> watched_;
};

}  // namespace streamgate
