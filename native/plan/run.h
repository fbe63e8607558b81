// The loop: runs a prepared plan over records, appends the survivors to a batch and counts what became of each.
//
// A record is counted when its fate is settled: one that finds no room in the batch leaves no trace and is run again
// later.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "frame/framer.h"
#include "match/prefilter.h"
#include "match/replace.h"
#include "plan/batch.h"
#include "plan/prepare.h"

namespace streamgate {

class Runner {
 public:
  // Puts a plan to work. `counts`: cells as src/data/engine/layout.ts numbers them, borrowed until the next Use.
  void Use(std::shared_ptr<PreparedPlan> plan, double* counts);
  bool ready() const { return plan_ != nullptr && batch_.attached(); }
  BatchWriter& batch() { return batch_; }

  // Runs one record. False: it finds no room, and need_bytes() says how much it needs; nothing was counted or written.
  // Between the first Run and Flush the batch is this Runner's alone.
  bool Run(const Record& record);
  // Until Flush, records that lie in [region_begin, region_end) come in ascending order, and that memory stays as it
  // is.
  void Begin(const char* region_begin, const char* region_end);
  // Publishes records and counts.
  void Flush();
  uint32_t need_bytes() const { return need_bytes_; }

 private:
  bool MayMatch(size_t step, std::string_view text, bool in_region);

  struct Change {
    uint32_t rule;
    uint64_t replacements;
  };

  double& RuleCount(uint32_t rule, RuleCell cell);
  double& Count(CountCell cell) { return counts_[static_cast<uint32_t>(cell)]; }
  void Received(const Record& record);
  void Drop(const Record& record, uint32_t rule);
  void Quarantine(const Record& record, uint32_t rule, QuarantineCause cause);

  std::shared_ptr<PreparedPlan> plan_;
  double* counts_ = nullptr;
  BatchWriter batch_;
  uint32_t need_bytes_ = 0;
  Scratch scratch_[2];
  // One a step. They look over the region once, whatever the number of records.
  std::vector<PrefilterCursor> cursors_;
  const char* region_begin_ = nullptr;
  const char* region_end_ = nullptr;
  // What rules did to the record at hand; counted only once it is settled. At most one entry a step.
  std::vector<Change> changes_;
};

}  // namespace streamgate
