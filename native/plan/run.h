// The loop: runs a prepared plan over records, appends the survivors to a batch and counts what became of each.
//
// One scan over the region of memory in which records lie tells which steps may match which of them
// (match/candidate_index.h), and only those steps run, in the order of the plan. What it told counts until a record's
// first change; the changed text is scanned by itself. Filters of outputs are asked last, about what has become of a
// record that passes.
//
// A record is counted when its fate is settled: one that finds no room in the batch leaves no trace and is run again
// later. So is it with what rules remember (reduce/rule_memory.h): before a record they tell what they owe, and they
// learn of it when it is settled.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "frame/framer.h"
#include "match/candidate_index.h"
#include "match/replace.h"
#include "plan/batch.h"
#include "plan/effect.h"
#include "plan/prepare.h"
#include "plan/record_context.h"
#include "plan/remembered.h"
#include "plan/watched.h"
#include "plan/withheld.h"

namespace streamgate {

class Runner {
 public:
  // Puts a plan to work. `counts`: cells as src/data/engine/layout.ts numbers them, borrowed until the next Use.
  void Use(std::shared_ptr<PreparedPlan> plan, double* counts);
  bool ready() const { return plan_ != nullptr && batch_.attached(); }
  BatchWriter& batch() { return batch_; }
  // Where records go that a rule can not finish; while nothing is attached they are counted and kept nowhere.
  WithheldWriter& withheld() { return withheld_; }

  // Runs one record. False: it finds no room, and need_bytes() says how much it needs, in the batch; 0: among what is
  // withheld, whose header says how much. Nothing was counted or written.
  // Between the first Run and Flush the batch is this Runner's alone.
  bool Run(const Record& record) {
    const bool in_region = record.data >= region_begin_ && record.data + record.size <= region_end_;
    // The common case: the scan has been here already, and found nothing up to far behind this record.
    if (in_region && all_filtered_ && !owes_ && scan_.QuietUpTo(record.data + record.size))
      return Pass(record, {record.data, record.size}, false);
    return RunSteps(record, in_region);
  }
  // Runs records that lie in the region, in its order, as far as they find room. Returns how many were settled; fewer
  // than all: as Run's false.
  size_t RunAll(const Record* records, size_t count);
  // Until Flush, records that lie in [region_begin, region_end) come in ascending order, and that memory and `context`
  // stay as they are; the records came as `context` says.
  void Begin(const char* region_begin, const char* region_end, const RecordContext* context);
  // Publishes records and counts.
  void Flush();
  uint32_t need_bytes() const { return need_bytes_; }
  // Tells the summaries whose windows have ended, or all that rules owe which `next` (null: none) does not go on
  // remembering. Begins and flushes. False: one finds no room, as Run's false; call again.
  bool Tick(double now_ms);
  bool TellLast(const PreparedPlan* next, double now_ms);
  // Of rules in shadow, by rule.
  const EffectBook& effects() const { return effects_; }
  // Rules that somebody watches, until the next Use.
  WatchedRules& watched() { return watched_; }

 private:
  enum class Verdict : uint8_t { kKeep, kDrop, kChange, kRoute, kWithhold };
  // What a step makes of a record.
  struct Outcome {
    Verdict verdict = Verdict::kKeep;
    // kChange: what it replaced, and the new text is in the spare scratch.
    uint64_t replacements = 0;
    // kWithhold.
    QuarantineCause cause = QuarantineCause::kNone;
    // kRoute.
    uint64_t routes = 0;
  };
  struct Change {
    uint32_t rule;
    uint64_t replacements;
    // Null: a pattern's.
    const Redact* redact;
  };
  // A record that a rule kept by chance.
  struct Sampled {
    uint32_t rule;
    double weight;
    // Null: the rule writes none.
    WeightWriter* writer;
  };
  // What became of records since the last Flush; added to the cells there, not record by record.
  struct Tally {
    uint64_t passed_records = 0;
    uint64_t passed_bytes = 0;
    uint64_t written_bytes = 0;
    uint64_t kept_back_records = 0;
    uint64_t kept_back_bytes = 0;
    // Among both: summaries, which nobody sent.
    uint64_t created_records = 0;
    uint64_t created_bytes = 0;
  };

  // Of the record at hand: how many were settled before it, whatever plan ran. A record that is run again has the same.
  uint64_t Sequence() const { return settled_ + tally_.passed_records + tally_.kept_back_records; }
  bool RunSteps(const Record& record, bool in_region) {
    if (owes_ && !TellOwed()) return false;
    return RunFrom(record, in_region, nullptr);
  }
  // What of a record's way a summary takes.
  struct SummaryWay {
    // The rules behind its maker are met, and those that say where records go.
    const Remembered* maker;
    // The maker's entry that it tells of.
    uint32_t entry;
    // Those that protect are met, wherever they stand.
    bool all_protect;
  };
  // `way`: the record is the text of a summary, which is made of it when all rules have been met.
  bool RunFrom(const Record& record, bool in_region, const SummaryWay* way);
  // Does a summary meet step `i`?
  bool Meets(const SummaryWay& way, uint32_t i) const;
  // False: no room for a summary.
  bool TellOwed();
  bool TellDue();
  bool Tell(Remembered* one, uint32_t index);
  double NowMs() const { return context_->received_at_ms; }
  void Place(const RecordContext* context) {
    step_view_.Place(context);
    view_.Place(context);
  }
  void Remember();
  // Rules learn that a record is settled which they let pass.
  void SettleMet();
  // `search`: where the step's windows lie in the text, or null. `certain`: its pattern is found.
  // `hints`: of a step that redacts.
  Outcome Try(const Step& step, std::string_view text, uint32_t received_bytes, PrefilterSearch* search,
              const std::vector<Redaction::Hint>* hints, bool certain);
  Outcome TrySample(const Step& step, const SampleStep& sample, std::string_view text);
  // Of a step that remembers. `memory`: the rule's.
  Outcome TryRemembering(const Step& step, RuleMemory* memory, std::string_view text);
  RecordView& ViewOf(std::string_view text) {
    if (!viewed_) step_view_.Reset(text);
    viewed_ = true;
    return step_view_;
  }
  // Does the step look at such a record?
  bool Concerns(const Step& step, std::string_view text);
  // Notes what a step in shadow would have done.
  void Foresee(const Step& step, std::string_view text, const Outcome& outcome, uint32_t received_bytes);
  void BookHits(const Record& record);
  // Finds the steps that may match a text, which lies outside the region.
  void CollectApart(std::string_view text);
  void Collect(CandidateScan* scan, std::string_view text);
  // Of a step that redacts: where `scan`, which was asked last, has seen what its selectors look for.
  const std::vector<Redaction::Hint>* HintsOf(uint32_t step, const CandidateScan& scan);
  // `certain`: it matches.
  bool MayMatchInSet(const Step& step, std::string_view text, bool* certain) {
    *certain = false;
    return step.set_member < 0 || AskSet(step.set_member, text, certain);
  }
  bool AskSet(int member, std::string_view text, bool* certain);
  bool Pass(const Record& record, std::string_view text, bool changed) {
    if (routed_) return PassRouted(record, text, changed);
    if (!batch_.Fits(text.size())) {
      need_bytes_ = static_cast<uint32_t>(text.size() + 1);
      return false;
    }
    batch_.Append(text.data(), static_cast<uint32_t>(text.size()), !changed && record.lf_follows);
    CountPassed(record, text);
    return true;
  }
  // Where outputs have filters: asks which of them the record, as it is now, goes to.
  bool PassRouted(const Record& record, std::string_view text, bool changed);
  uint64_t RoutesOf(std::string_view text, bool in_region);
  void CountPassed(const Record& record, std::string_view text) {
    ++tally_.passed_records;
    tally_.passed_bytes += record.size;
    tally_.written_bytes += text.size();
  }

  double& RuleCount(uint32_t rule, RuleCell cell);
  double* RouteCounts(size_t route);
  double* SelectorCounts(const Redact& redact);
  double& Count(CountCell cell) { return counts_[static_cast<uint32_t>(cell)]; }
  void CountChanges();
  void KeepBack(const Record& record);
  void Drop(const Record& record, uint32_t rule);
  // False: no room among what is withheld.
  bool Quarantine(const Record& record, uint32_t rule, QuarantineCause cause);

  std::shared_ptr<PreparedPlan> plan_;
  double* counts_ = nullptr;
  BatchWriter batch_;
  WithheldWriter withheld_;
  Tally tally_;
  // Up to the last Flush.
  uint64_t settled_ = 0;
  uint32_t need_bytes_ = 0;
  bool all_filtered_ = false;
  bool routed_ = false;
  // What routes look at, the scans that tell it beforehand, over the region and over other texts, and what those told.
  RecordView view_;
  CandidateScan route_scan_;
  CandidateScan route_scan_apart_;
  std::vector<uint32_t> route_candidates_;
  const char* region_begin_ = nullptr;
  const char* region_end_ = nullptr;
  // Over the region, and over single texts that lie elsewhere: what a rule has changed, what a framer has put together.
  CandidateScan scan_;
  CandidateScan scan_apart_;
  // Steps that may match the text at hand, and as what of the index they were found.
  std::vector<uint32_t> candidates_;
  std::vector<uint32_t> found_;
  std::vector<Redaction::Hint> hints_;
  Scratch scratch_[2];
  // What the plan's set says of the text at hand, once it was asked.
  enum class SetAnswer : uint8_t { kNotAsked, kTold, kFailed };
  SetAnswer set_answer_ = SetAnswer::kNotAsked;
  std::vector<int> set_matches_;
  // Of each member the question, by number, to which it last was an answer.
  std::vector<uint64_t> set_seen_;
  uint64_t set_question_ = 0;
  // What rules did to the record at hand; counted only once it is settled. At most one entry a step.
  std::vector<Change> changes_;
  std::vector<Sampled> sampled_;
  std::vector<RuleMemory*> met_;
  // In the order of their rules; of each step its rule's, or null.
  std::vector<Remembered> remembered_;
  std::vector<RuleMemory*> memory_of_step_;
  // Before the next record, whatever it is: windows may have ended, or a memory is full.
  bool owes_ = false;
  // Whether a window has ended is asked once after each Begin.
  bool due_asked_ = false;
  Scratch summary_;
  // A summary stands for records of several sources: whoever asks for one gets no answer.
  RecordContext nobody_;
  const RecordContext* context_ = nullptr;
  // What rules in shadow would have done to it. At most one entry a rule.
  std::vector<EffectHit> hits_;
  EffectBook effects_;
  WatchedRules watched_;
  // While rules are watched: those that acted on it.
  std::vector<uint32_t> acted_;
  // What the steps' conditions look at. `viewed_`: it is about the text at hand.
  RecordView step_view_;
  bool viewed_ = false;
  // Outputs that a route has named for the record at hand.
  uint64_t named_ = UINT64_MAX;
  int spare_ = 0;
};

}  // namespace streamgate
