// See run.h.
#include "plan/run.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "match/literal.h"
#include "match/pattern.h"

namespace streamgate {
namespace {

bool Contains(const DropPattern& drop, std::string_view text, PrefilterSearch* search) {
  if (drop.fixed == nullptr) return ContainsPattern(*drop.pattern, text);
  return !drop.fixed->Find(text, 0, search).empty();
}

// `limited`: matches have no upper length.
Limits LimitsOf(bool limited, std::string_view text, uint32_t received_bytes) {
  const uint64_t matches_max = kMatchBudgetBytes / std::max<uint64_t>(1, text.size());
  return {limited ? std::max<uint64_t>(1, matches_max) : UINT64_MAX,
          uint64_t{kOutputGrowthFactor} * received_bytes + kOutputGrowthBytes};
}

}  // namespace

void Runner::Use(std::shared_ptr<PreparedPlan> plan, double* counts) {
  nobody_.source.transport = Transport::kUnknown;
  plan_ = std::move(plan);
  Remember();
  counts_ = counts;
  watched_.Watch({});
  acted_.clear();
  changes_.clear();
  // Only a plan with routes names outputs, and no record of such a plan passes without a look at its steps.
  named_ = UINT64_MAX;
  const CandidateIndex* const index = plan_ == nullptr ? nullptr : plan_->index.get();
  scan_.Use(index);
  scan_apart_.Use(index);
  all_filtered_ = plan_ != nullptr && plan_->unfiltered.empty();
  routed_ = plan_ != nullptr && !plan_->routes.empty();
  const CandidateIndex* const route_index = routed_ ? plan_->route_index.get() : nullptr;
  route_scan_.Use(route_index);
  route_scan_apart_.Use(route_index);
  view_.Use(routed_ ? route_index->steps() : 0);
  if (plan_ == nullptr) return;
  changes_.reserve(plan_->steps.size());
  hits_.reserve(plan_->steps.size());
  sampled_.reserve(plan_->steps.size());
  met_.reserve(plan_->steps.size());
  acted_.reserve(plan_->steps.size());
  effects_.Use(plan_->states, plan_->shadows);
  candidates_.reserve(plan_->steps.size());
  found_.reserve(plan_->indexed.size());
  hints_.reserve(plan_->indexed.size());
  set_matches_.reserve(static_cast<size_t>(plan_->set_members));
  set_seen_.assign(static_cast<size_t>(plan_->set_members), 0);
  set_question_ = 0;
}

void Runner::Begin(const char* region_begin, const char* region_end, const RecordContext* context) {
  batch_.Begin();
  context_ = context;
  owes_ = !remembered_.empty();
  due_asked_ = false;
  Place(context);
  region_begin_ = region_begin;
  region_end_ = region_end;
  scan_.Reset(region_begin, region_end);
  if (routed_) route_scan_.Reset(region_begin, region_end);
}

void Runner::Collect(CandidateScan* scan, std::string_view text) {
  found_.clear();
  candidates_.clear();
  scan->Collect(text, &found_);
  for (const uint32_t found : found_) {
    const uint32_t step = plan_->indexed[found].step;
    // Of a step that looks at every record, some selectors may be in the index, too.
    if (plan_->steps[step].prefilter == nullptr) continue;
    if (candidates_.empty() || candidates_.back() != step) candidates_.push_back(step);
  }
}

void Runner::CollectApart(std::string_view text) {
  scan_apart_.Reset(text.data(), text.data() + text.size());
  Collect(&scan_apart_, text);
}

const std::vector<Redaction::Hint>* Runner::HintsOf(uint32_t step, const CandidateScan& scan) {
  hints_.clear();
  for (const uint32_t found : found_) {
    const PreparedPlan::Indexed& indexed = plan_->indexed[found];
    if (indexed.step == step && indexed.selector != Redaction::kNoSelector)
      hints_.push_back({indexed.selector, scan.SpanOf(found)});
  }
  return &hints_;
}

bool Runner::AskSet(int member, std::string_view text, bool* certain) {
  if (set_answer_ == SetAnswer::kNotAsked) {
    ++set_question_;
    re2::RE2::Set::ErrorInfo error = {};
    const bool any = plan_->set->Match(text, &set_matches_, &error);
    set_answer_ = any || error.kind == re2::RE2::Set::kNoError ? SetAnswer::kTold : SetAnswer::kFailed;
    if (any)
      for (const int match : set_matches_) set_seen_[static_cast<size_t>(match)] = set_question_;
  }
  // A set that ran out of memory has told nothing: each pattern looks for itself.
  if (set_answer_ == SetAnswer::kFailed) return true;
  return *certain = set_seen_[static_cast<size_t>(member)] == set_question_;
}

size_t Runner::RunAll(const Record* records, size_t count) {
  size_t i = 0;
  for (; i < count; ++i) {
    const Record& record = records[i];
    const std::string_view text(record.data, record.size);
    if (all_filtered_ && !owes_ && scan_.QuietUpTo(record.data + record.size)) {
      if (!Pass(record, text, false)) break;
      continue;
    }
    const uint32_t decided = owes_ ? CandidateScan::kUndecided : scan_.Decided(text);
    if (decided != CandidateScan::kUndecided) {
      changes_.clear();
      hits_.clear();
      sampled_.clear();
      met_.clear();
      const uint32_t rule = plan_->steps[plan_->indexed[decided].step].rule;
      acted_.clear();
      if (watched_.any()) acted_.push_back(rule);
      Drop(record, rule);
    } else if (!RunSteps(record, true)) {
      break;
    }
  }
  return i;
}

Runner::Outcome Runner::Try(const Step& step, std::string_view text, uint32_t received_bytes, PrefilterSearch* search,
                            const std::vector<Redaction::Hint>* hints, bool certain) {
  Outcome outcome;
  const auto drop_if = [&outcome](bool matches) {
    if (matches) outcome.verdict = Verdict::kDrop;
  };
  if (const auto* literal = std::get_if<DropLiteral>(&step.what)) {
    const bool found = step.prefilter != nullptr && literal->window_is_all;
    drop_if(found || ContainsLiteral(text, literal->literal));
  } else if (const auto* pattern = std::get_if<DropPattern>(&step.what)) {
    drop_if(certain || Contains(*pattern, text, search));
  } else if (const auto* attribute = std::get_if<DropAttribute>(&step.what)) {
    drop_if(attribute->filter->Matches(text.data(), text.size()));
  } else if (const auto* replace = std::get_if<ReplacePattern>(&step.what)) {
    const Limits limits = LimitsOf(replace->limited, text, received_bytes);
    outcome.cause = replace->replacement->Run(text, search, limits, &scratch_[spare_], &outcome.replacements);
    if (outcome.cause != QuarantineCause::kNone) {
      outcome.verdict = Verdict::kWithhold;
    } else if (outcome.replacements > 0) {
      outcome.verdict = Verdict::kChange;
    }
  } else if (const auto* sample = std::get_if<SampleStep>(&step.what)) {
    outcome = TrySample(step, *sample, text);
  } else if (const auto* redact = std::get_if<Redact>(&step.what)) {
    const Limits limits = LimitsOf(redact->limited, text, received_bytes);
    switch (redact->redaction->Run(text, hints, limits, &scratch_[spare_], &outcome.replacements, &outcome.cause)) {
      case Redaction::Verdict::kKeep:
        break;
      case Redaction::Verdict::kChange:
        outcome.verdict = Verdict::kChange;
        break;
      case Redaction::Verdict::kDrop:
        outcome.verdict = Verdict::kDrop;
        break;
      case Redaction::Verdict::kWithhold:
        outcome.verdict = Verdict::kWithhold;
    }
  } else if (const auto* route = std::get_if<SetRoute>(&step.what)) {
    outcome.verdict = Verdict::kRoute;
    outcome.routes = route->routes;
  } else {
    // Drop: its condition has been asked.
    drop_if(true);
  }
  return outcome;
}

Runner::Outcome Runner::TrySample(const Step& step, const SampleStep& sample, std::string_view text) {
  Outcome outcome;
  const Severity severity = ViewOf(text).severity();
  const Sampling::Fate fate = sample.FateOf(text, severity, plan_->seed ^ plan_->states[step.rule], Sequence());
  if (sample.keys != nullptr) RuleCount(step.rule, RuleCell::kKeyBuckets) = static_cast<double>(sample.keys->buckets());
  switch (fate) {
    case Sampling::Fate::kExempt:
      break;
    case Sampling::Fate::kDropped:
      outcome.verdict = Verdict::kDrop;
      break;
    case Sampling::Fate::kSampled: {
      const double weight = sample.sampling.WeightOf(severity);
      WeightWriter* const writer = sample.weighs ? sample.writer.get() : nullptr;
      if (!step.shadow) {
        sampled_.push_back({step.rule, weight, writer});
      } else if (writer != nullptr && writer->Write(text, weight, &scratch_[spare_])) {
        outcome.verdict = Verdict::kChange;
      }
      break;
    }
  }
  return outcome;
}

Runner::Outcome Runner::TryRemembering(const Step& step, RuleMemory* memory, std::string_view text) {
  Outcome outcome;
  bool cut = false;
  if (const auto* dedupe = std::get_if<DedupeStep>(&step.what)) {
    uint64_t hash = 0;
    if (!dedupe->HashOf(text, memory->seed(), &hash)) return outcome;
    cut = static_cast<Dedupe*>(memory)->Repeats(hash);
  } else {
    const auto& throttle = std::get<ThrottleStep>(step.what);
    if (throttle.exempt <= static_cast<uint8_t>(Severity::kFatal) &&
        static_cast<uint8_t>(ViewOf(text).severity()) >= throttle.exempt)
      return outcome;
    const uint64_t hash = throttle.HashOf(text, step_view_.context().source, memory->seed());
    cut = static_cast<Throttle*>(memory)->Cuts(hash, throttle.bytes ? text.size() : 1, NowMs());
  }
  if (cut) outcome.verdict = Verdict::kDrop;
  if (cut && !step.shadow) {
    // Nothing that comes can keep the record from being dropped.
    memory->Settle(text, NowMs(), true);
    owes_ |= !memory->HasRoom();
  } else {
    met_.push_back(memory);
  }
  return outcome;
}

bool Runner::Concerns(const Step& step, std::string_view text) {
  return step.when == nullptr || step.when->Holds(ViewOf(text), step.protect);
}

void Runner::Foresee(const Step& step, std::string_view text, const Outcome& outcome, uint32_t received_bytes) {
  int64_t saved = 0;
  if (outcome.verdict == Verdict::kDrop || outcome.verdict == Verdict::kWithhold) {
    saved = received_bytes;
  } else if (outcome.verdict == Verdict::kChange) {
    saved = static_cast<int64_t>(text.size()) - static_cast<int64_t>(scratch_[spare_].size());
  }
  const bool weighs = outcome.verdict == Verdict::kChange && std::holds_alternative<SampleStep>(step.what);
  hits_.push_back({step.rule, ViewOf(text).severity(), saved, !weighs});
}

void Runner::BookHits(const Record& record) {
  const std::string_view text(record.data, record.size);
  for (const uint32_t rule : acted_) watched_.Note(rule, text);
  for (const EffectHit& hit : hits_) effects_.Book(hit, text, plan_->service.get());
}

bool Runner::RunFrom(const Record& record, bool in_region, const SummaryWay* way) {
  std::string_view text(record.data, record.size);
  bool changed = false;
  changes_.clear();
  hits_.clear();
  acted_.clear();
  sampled_.clear();
  met_.clear();
  viewed_ = false;
  named_ = UINT64_MAX;
  if (in_region) {
    Collect(&scan_, text);
  } else {
    CollectApart(text);
  }
  set_answer_ = SetAnswer::kNotAsked;
  const CandidateScan* scan = in_region ? &scan_ : &scan_apart_;
  auto candidate = candidates_.cbegin();
  auto unfiltered = plan_->unfiltered.cbegin();
  for (;;) {
    uint32_t i;
    if (candidate != candidates_.cend() && (unfiltered == plan_->unfiltered.cend() || *candidate < *unfiltered)) {
      i = *candidate++;
    } else if (unfiltered != plan_->unfiltered.cend()) {
      i = *unfiltered++;
    } else {
      break;
    }
    const Step& step = plan_->steps[i];
    bool certain;
    if (way != nullptr && !Meets(*way, i)) continue;
    // A rule with several steps would have ended with the first that hits.
    if (step.shadow && !hits_.empty() && hits_.back().rule == step.rule) continue;
    if (!MayMatchInSet(step, text, &certain) || !Concerns(step, text)) continue;
    std::optional<PrefilterSearch> search;
    const std::vector<Redaction::Hint>* hints = nullptr;
    if (std::holds_alternative<Redact>(step.what)) {
      hints = HintsOf(i, *scan);
    } else if (step.prefilter != nullptr) {
      search.emplace(*step.prefilter, text, scan->SpanOf(plan_->places[i]));
    }
    const Outcome outcome = memory_of_step_[i] != nullptr
                                ? TryRemembering(step, memory_of_step_[i], text)
                                : Try(step, text, record.size, search.has_value() ? &*search : nullptr, hints, certain);
    if (outcome.verdict == Verdict::kKeep) continue;
    if (watched_.any() && (acted_.empty() || acted_.back() != step.rule)) acted_.push_back(step.rule);
    if (step.shadow) {
      Foresee(step, text, outcome, record.size);
      continue;
    }
    switch (outcome.verdict) {
      case Verdict::kKeep:
        break;
      case Verdict::kDrop:
        Drop(record, step.rule);
        return true;
      case Verdict::kWithhold:
        return Quarantine(record, step.rule, outcome.cause);
      case Verdict::kRoute:
        named_ = outcome.routes;
        break;
      case Verdict::kChange:
        // The next rule reads this buffer and writes the other.
        text = std::string_view(scratch_[spare_].data(), scratch_[spare_].size());
        spare_ = 1 - spare_;
        changed = true;
        viewed_ = false;
        if (outcome.replacements > 0)
          changes_.push_back({step.rule, outcome.replacements, std::get_if<Redact>(&step.what)});
        set_answer_ = SetAnswer::kNotAsked;
        if (i + 1 < plan_->steps.size()) CollectApart(text);
        scan = &scan_apart_;
        candidate = std::upper_bound(candidates_.cbegin(), candidates_.cend(), i);
        break;
    }
  }
  if (way != nullptr) {
    Scratch& summary = scratch_[spare_];
    way->maker->memory->Write(way->entry, text, &summary);
    text = std::string_view(summary.data(), summary.size());
    spare_ = 1 - spare_;
    changed = true;
  }
  // Weights come last, as a summary's note does: a pattern that ends in `$` sees the end of what was sent.
  for (const Sampled& sampled : sampled_) {
    if (sampled.writer == nullptr || !sampled.writer->Write(text, sampled.weight, &scratch_[spare_])) continue;
    text = std::string_view(scratch_[spare_].data(), scratch_[spare_].size());
    spare_ = 1 - spare_;
    changed = true;
  }
  if (!Pass(record, text, changed)) return false;
  CountChanges();
  BookHits(record);
  SettleMet();
  return true;
}

bool Runner::PassRouted(const Record& record, std::string_view text, bool changed) {
  const bool in_region = !changed && record.data >= region_begin_ && record.data + record.size <= region_end_;
  const bool quiet = in_region && plan_->routes_indexed && route_scan_.QuietUpTo(record.data + record.size);
  const uint64_t routes = (quiet ? plan_->quiet_routes : RoutesOf(text, in_region)) & named_;
  if ((routes & plan_->outputs) != 0) {
    if (!batch_.Fits(text.size())) {
      need_bytes_ = static_cast<uint32_t>(text.size() + 1);
      return false;
    }
    batch_.Append(text.data(), static_cast<uint32_t>(text.size()), !changed && record.lf_follows, routes);
  }
  CountPassed(record, text);
  for (size_t i = 0; i < plan_->routes.size(); ++i) {
    if ((routes & plan_->routes[i].bit) != 0) continue;
    double* const cells = RouteCounts(i);
    cells[static_cast<uint32_t>(RouteCell::kFilteredRecords)] += 1;
    cells[static_cast<uint32_t>(RouteCell::kFilteredBytes)] += static_cast<double>(text.size());
  }
  return true;
}

uint64_t Runner::RoutesOf(std::string_view text, bool in_region) {
  // RE2 takes a null text for one that is not there.
  if (text.data() == nullptr) text = std::string_view("", 0);
  CandidateScan& scan = in_region ? route_scan_ : route_scan_apart_;
  if (!in_region) scan.Reset(text.data(), text.data() + text.size());
  route_candidates_.clear();
  scan.Collect(text, &route_candidates_);
  view_.Reset(text, &scan, route_candidates_);
  uint64_t routes = UINT64_MAX;
  for (const Route& route : plan_->routes)
    if (!route.condition->Holds(view_)) routes &= ~route.bit;
  return routes;
}

double* Runner::RouteCounts(size_t route) {
  return counts_ + kCountCellsFixed + size_t{plan_->rules} * kCountCellsPerRule + route * kCountCellsPerRoute;
}

double* Runner::SelectorCounts(const Redact& redact) { return RouteCounts(plan_->routes.size()) + redact.cells; }

void Runner::Flush() {
  batch_.Flush();
  if (counts_ == nullptr) return;
  const auto add = [this](CountCell cell, uint64_t amount) { Count(cell) += static_cast<double>(amount); };
  const uint64_t received_records = tally_.passed_records + tally_.kept_back_records - tally_.created_records;
  const uint64_t received_bytes = tally_.passed_bytes + tally_.kept_back_bytes - tally_.created_bytes;
  add(CountCell::kReceivedRecords, received_records);
  add(CountCell::kReceivedBytes, received_bytes);
  if (received_records > 0) {
    const auto transport = static_cast<uint32_t>(context_->source.transport);
    const uint32_t by = transport < kTransportsCounted ? transport : static_cast<uint32_t>(Transport::kUnknown);
    double* const cells = counts_ + static_cast<uint32_t>(CountCell::kReceivedByTransport) + 2 * by;
    cells[0] += static_cast<double>(received_records);
    cells[1] += static_cast<double>(received_bytes);
  }
  add(CountCell::kCreatedRecords, tally_.created_records);
  add(CountCell::kCreatedBytes, tally_.created_bytes);
  add(CountCell::kPassedRecords, tally_.passed_records);
  add(CountCell::kPassedBytes, tally_.passed_bytes);
  add(CountCell::kWrittenBytes, tally_.written_bytes);
  settled_ += tally_.passed_records + tally_.kept_back_records;
  tally_ = Tally();
}

double& Runner::RuleCount(uint32_t rule, RuleCell cell) {
  return counts_[kCountCellsFixed + size_t{rule} * kCountCellsPerRule + static_cast<uint32_t>(cell)];
}

void Runner::CountChanges() {
  for (const Change& change : changes_) {
    RuleCount(change.rule, RuleCell::kChangedRecords) += 1;
    RuleCount(change.rule, RuleCell::kReplacements) += static_cast<double>(change.replacements);
    if (change.redact != nullptr) change.redact->redaction->Count(SelectorCounts(*change.redact));
  }
  for (const Sampled& sampled : sampled_) RuleCount(sampled.rule, RuleCell::kSampledWeight) += sampled.weight;
}

// What a record adds that does not pass, whatever the reason.
void Runner::KeepBack(const Record& record) {
  CountChanges();
  BookHits(record);
  SettleMet();
  ++tally_.kept_back_records;
  tally_.kept_back_bytes += record.size;
}

void Runner::Drop(const Record& record, uint32_t rule) {
  KeepBack(record);
  RuleCount(rule, RuleCell::kDroppedRecords) += 1;
  RuleCount(rule, RuleCell::kDroppedBytes) += record.size;
}

bool Runner::Quarantine(const Record& record, uint32_t rule, QuarantineCause cause) {
  if (!withheld_.Append(record, rule, cause, view_.context())) {
    need_bytes_ = 0;
    return false;
  }
  KeepBack(record);
  const bool matches = cause == QuarantineCause::kMatchLimit;
  Count(matches ? CountCell::kQuarantinedMatchLimitRecords : CountCell::kQuarantinedOutputLimitRecords) += 1;
  Count(matches ? CountCell::kQuarantinedMatchLimitBytes : CountCell::kQuarantinedOutputLimitBytes) += record.size;
  RuleCount(rule, RuleCell::kQuarantinedRecords) += 1;
  RuleCount(rule, RuleCell::kQuarantinedBytes) += record.size;
  return true;
}

}  // namespace streamgate
