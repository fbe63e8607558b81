// Plans: what the decoder refuses, what replacing means, and how records run into a batch.
#include <cstdio>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "match/replace.h"
#include "plan/batch.h"
#include "plan/decode.h"
#include "plan/run.h"
#include "test/check.h"

namespace streamgate {
namespace {

struct Spec {
  OperationCode code;
  uint16_t flags;
  uint32_t rule;
  std::vector<std::string> args;
};

void Put(std::string* out, uint32_t value, size_t bytes) { out->append(reinterpret_cast<const char*>(&value), bytes); }

void PutTexts(std::string* out, const std::vector<std::string>& texts) {
  for (const std::string& text : texts) {
    Put(out, static_cast<uint32_t>(text.size()), 4);
    *out += text;
  }
}

void PutCondition(std::string* out, const ConditionSpec& condition) {
  Put(out, static_cast<uint32_t>(condition.code), 2);
  Put(out, condition.detail, 2);
  Put(out, static_cast<uint32_t>(condition.values.size()), 4);
  Put(out, static_cast<uint32_t>(condition.paths.size()), 4);
  Put(out, static_cast<uint32_t>(condition.parts.size()), 4);
  PutTexts(out, condition.values);
  PutTexts(out, condition.paths);
  for (const ConditionSpec& part : condition.parts) PutCondition(out, part);
}

std::string Encode(uint32_t rules, const std::vector<Spec>& specs, const std::vector<RouteSpec>& routes = {},
                   uint32_t outputs = 0) {
  std::string out;
  Put(&out, kPlanMagic, 4);
  Put(&out, rules, 4);
  Put(&out, static_cast<uint32_t>(specs.size()), 4);
  Put(&out, static_cast<uint32_t>(routes.size()), 4);
  Put(&out, outputs, 4);
  for (const Spec& spec : specs) {
    Put(&out, static_cast<uint32_t>(spec.code), 2);
    Put(&out, spec.flags, 2);
    Put(&out, spec.rule, 4);
    Put(&out, static_cast<uint32_t>(spec.args.size()), 4);
    PutTexts(&out, spec.args);
  }
  for (const RouteSpec& route : routes) {
    Put(&out, route.output, 4);
    PutCondition(&out, route.condition);
  }
  return out;
}

bool Decodes(const std::string& bytes) {
  // A copy of the exact size on the heap, so that a sanitizer sees a read behind its end.
  const std::unique_ptr<uint8_t[]> copy(new uint8_t[bytes.size()]);
  std::memcpy(copy.get(), bytes.data(), bytes.size());
  DecodedPlan plan;
  std::string error;
  const bool decodes = DecodePlan(copy.get(), bytes.size(), &plan, &error);
  CHECK(decodes == error.empty());
  return decodes;
}

const std::vector<Spec> kTwo = {{OperationCode::kDropLiteral, 0, 0, {"DEBUG"}},
                                {OperationCode::kReplacePattern, 3, 1, {"a+", "b"}}};

TEST("a plan decodes whole, and every shorter or longer one is refused", {
  const std::string bytes = Encode(2, kTwo);
  CHECK(Decodes(bytes));
  for (size_t size = 0; size < bytes.size(); ++size) CHECK(!Decodes(bytes.substr(0, size)));
  CHECK(!Decodes(bytes + "x"));
});

TEST("a plan with unknown codes, flags, rules or arguments is refused", {
  CHECK(!Decodes(Encode(1, kTwo)));
  CHECK(!Decodes(Encode(1, {{static_cast<OperationCode>(99), 0, 0, {"x"}}})));
  CHECK(!Decodes(Encode(1, {{OperationCode::kDropLiteral, 4, 0, {"x"}}})));
  CHECK(!Decodes(Encode(1, {{OperationCode::kDropLiteral, 0, 0, {}}})));
  CHECK(!Decodes(Encode(1, {{OperationCode::kReplacePattern, 0, 0, {"x"}}})));
  std::string huge = Encode(1, {});
  huge[8] = huge[9] = huge[10] = huge[11] = '\xff';
  CHECK(!Decodes(huge));
});

TEST("every byte of a plan flipped: decoded or refused, never read out of bounds", {
  const std::string bytes = Encode(2, kTwo);
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = bytes;
      flipped[at] = static_cast<char>(flipped[at] ^ 1 << bit);
      Decodes(flipped);
    }
  }
});

constexpr Limits kNoLimits{UINT64_MAX, UINT64_MAX};

std::string Replaced(const std::string& pattern, const std::string& rewrite, const std::string& text,
                     const Limits& limits = kNoLimits) {
  std::string error;
  const auto replacement = Replacement::Prepare(pattern, rewrite, &error);
  if (replacement == nullptr) return "refused: " + error;
  Scratch out;
  uint64_t matches = 0;
  switch (replacement->Run(text, nullptr, limits, &out, &matches)) {
    case QuarantineCause::kMatchLimit:
      return "match limit";
    case QuarantineCause::kOutputLimit:
      return "output limit";
    case QuarantineCause::kNone:
      break;
  }
  return matches == 0 ? text : std::string(out.data(), out.size());
}

// What RE2 itself answers: the meaning to keep.
std::string ByRe2(const std::string& pattern, const std::string& rewrite, std::string text) {
  RE2::GlobalReplace(&text, pattern, rewrite);
  return text;
}

TEST("replacing means what RE2::GlobalReplace means", {
  const std::vector<std::string> patterns = {"a",    "a*", "",      "b*",   "^",     "$",      "\\b",      "(a)(b)?",
                                             "x*|b", "^a", "(?i)A", ".",    "\\pL*", "\\d{2}", "ab?",      "(?:)",
                                             "^.*$", ".*", "\\B",   "a|b|", "[^a]*", "(a*)+",  "\xc3\xa9*"};
  const std::vector<std::string> texts = {"",
                                          "a",
                                          "abab",
                                          "aaab 12 ba",
                                          "h\xc3\xa9llo \xf0\x9f\x98\x80 x",
                                          "\xff\xfe"
                                          "a\x80",
                                          "\xed\xa0\x80"
                                          "b\xed\xbf\xbf",
                                          "\xc0\x80"
                                          "a\xe0\x80\x80\xf4\x90\x80\x80\xf8\x88\x80\x80\x80",
                                          "a\xe2\x82",
                                          "a\xf0\x9f\x98",
                                          "\xef\xbf\xbd\xf4\x8f\xbf\xbf",
                                          "line\nline b\n"};
  for (const std::string& pattern : patterns)
    for (const std::string& text : texts)
      for (const std::string rewrite : {"", "<\\0>", "$1\\\\"})
        CHECK_EQUAL(Replaced(pattern, rewrite, text), ByRe2(pattern, rewrite, text));
  CHECK_EQUAL(Replaced("(a)(b)?", "[\\2\\1]", "ab a"), "[ba] [a]");
});

TEST("a rewrite that RE2 refuses is refused in its words", {
  CHECK(Replaced("(a)", "\\2", "a").find("refused: ") == 0);
  CHECK(Replaced("a", "\\x", "a").find("refused: ") == 0);
  CHECK(Replaced("a", "x\\", "a").find("refused: ") == 0);
  CHECK_EQUAL(Replaced("a[0-9", "", "a"), "refused: missing ]: [0-9");
});

TEST("the limits hold exactly", {
  CHECK_EQUAL(Replaced("a", "b", "aaa", {3, UINT64_MAX}), "bbb");
  CHECK_EQUAL(Replaced("a", "b", "aaaa", {3, UINT64_MAX}), "match limit");
  CHECK_EQUAL(Replaced("a", "bb", "aac", {UINT64_MAX, 5}), "bbbbc");
  CHECK_EQUAL(Replaced("a", "bb", "aac", {UINT64_MAX, 4}), "output limit");
  CHECK_EQUAL(Replaced("a", "bbb", "aa", {1, 3}), "match limit");
});

class Batch {
 public:
  Batch(uint32_t records, uint32_t bytes) : size_(64 + 16 * records + bytes), words_(new uint64_t[size_ / 8 + 1]()) {
    header()->records_max = records;
    header()->bytes_max = bytes;
  }
  BatchHeader* header() { return reinterpret_cast<BatchHeader*>(words_.get()); }
  size_t size() const { return size_; }
  std::string text() {
    return std::string(reinterpret_cast<char*>(words_.get()) + 64 + 16 * header()->records_max, header()->bytes);
  }

 private:
  size_t size_;
  std::unique_ptr<uint64_t[]> words_;
};

std::shared_ptr<PreparedPlan> Plan(uint32_t rules, const std::vector<Spec>& specs, bool prefilters = true) {
  const std::string bytes = Encode(rules, specs);
  DecodedPlan decoded;
  std::string error;
  CHECK(DecodePlan(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), &decoded, &error));
  uint32_t rule = 0;
  return Prepare(std::move(decoded), prefilters, &rule, &error);
}

TEST("survivors, changed or not, lie in the batch in order, and every record is counted once", {
  double counts[kCountCellsFixed + 2 * kCountCellsPerRule] = {};
  Runner runner;
  runner.Use(Plan(2, kTwo), counts);
  const std::string source = "one\ntwo\nDEBUG a\nthree a\nfour\nfive\n";
  Batch small(2, 100);
  CHECK(BatchWriter::Check(small.header(), small.size()) == nullptr);
  CHECK(BatchWriter::Check(small.header(), small.size() + 1) != nullptr);
  std::string all;
  double losses[kFrameCells] = {};
  Framer framer(FramingKind::kNewline, "", 100, losses);
  for (size_t at = 0; at < source.size();) {
    small.header()->records = small.header()->bytes = 0;
    runner.batch().Attach(small.header());
    runner.Begin(nullptr, nullptr);
    framer.Begin(source.data(), source.size(), at);
    Record record;
    bool full = false;
    while (!full && framer.Next(&record)) {
      full = !runner.Run(record);
      if (!full) framer.Commit();
    }
    runner.Flush();
    if (full) framer.Rollback();
    if (!full) framer.Keep();
    at = framer.at();
    all += small.text();
  }
  CHECK_EQUAL(all, "one\ntwo\nthree b\nfour\nfive\n");
  const auto cell = [&counts](CountCell index) { return counts[static_cast<uint32_t>(index)]; };
  CHECK_EQUAL(cell(CountCell::kReceivedRecords), 6.0);
  CHECK_EQUAL(cell(CountCell::kPassedRecords), 5.0);
  CHECK_EQUAL(cell(CountCell::kReceivedBytes), static_cast<double>(source.size() - 6));
  CHECK_EQUAL(counts[kCountCellsFixed], 1.0);
  CHECK_EQUAL(counts[kCountCellsFixed + kCountCellsPerRule + static_cast<uint32_t>(RuleCell::kReplacements)], 1.0);
});

TEST("a record that finds no room leaves no trace and says how much it needs", {
  double counts[kCountCellsFixed + 2 * kCountCellsPerRule] = {};
  Runner runner;
  runner.Use(Plan(2, kTwo), counts);
  Batch tiny(5, 4);
  runner.batch().Attach(tiny.header());
  runner.Begin(nullptr, nullptr);
  CHECK(!runner.Run({"aaxyz", 5, false}));
  runner.Flush();
  CHECK_EQUAL(runner.need_bytes(), 5u);
  for (double count : counts) CHECK_EQUAL(count, 0.0);
  CHECK_EQUAL(tiny.header()->records, 0u);
});

TEST("a rule after one that emptied the record still sees a text", {
  double counts[kCountCellsFixed + 2 * kCountCellsPerRule] = {};
  Runner runner;
  runner.Use(
      Plan(2, {{OperationCode::kReplacePattern, 0, 0, {".+", ""}}, {OperationCode::kReplacePattern, 0, 1, {"^", "x"}}}),
      counts);
  Batch batch(5, 100);
  runner.batch().Attach(batch.header());
  runner.Begin(nullptr, nullptr);
  CHECK(runner.Run({"abc", 3, false}));
  runner.Flush();
  CHECK_EQUAL(batch.text(), "x\n");
});

// Texts that come out of a plan, and what it has counted.
struct Outcome {
  std::vector<std::string> texts;
  std::vector<double> counts;
  bool operator==(const Outcome& other) const { return texts == other.texts && counts == other.counts; }
};

// Runs records that lie one behind the other, with an LF between them; `in_region`: the runner is told so.
Outcome RunAll(const std::vector<Spec>& specs, bool prefilters, const std::vector<std::string>& records,
               bool in_region) {
  Outcome outcome;
  outcome.counts.assign(kCountCellsFixed + specs.size() * kCountCellsPerRule, 0);
  Runner runner;
  const auto plan = Plan(static_cast<uint32_t>(specs.size()), specs, prefilters);
  CHECK(plan != nullptr);
  if (plan == nullptr) return outcome;
  runner.Use(plan, outcome.counts.data());
  std::string region;
  for (const std::string& record : records) region += record + "\n";
  Batch batch(1000, 1 << 20);
  runner.batch().Attach(batch.header());
  runner.Begin(in_region ? region.data() : nullptr, in_region ? region.data() + region.size() : nullptr);
  std::vector<Record> list;
  size_t at = 0;
  for (const std::string& record : records) {
    list.push_back({region.data() + at, static_cast<uint32_t>(record.size()), true});
    at += record.size() + 1;
  }
  if (in_region) {
    CHECK_EQUAL(runner.RunAll(list.data(), list.size()), list.size());
  } else {
    for (const Record& record : list) CHECK(runner.Run(record));
  }
  runner.Flush();
  const auto* entries = reinterpret_cast<const BatchEntry*>(batch.header() + 1);
  const std::string text = batch.text();
  for (uint32_t i = 0; i < batch.header()->records; ++i)
    outcome.texts.push_back(text.substr(entries[i].offset, entries[i].length));
  return outcome;
}

// Rules of every kind that a plan treats apart: literals short and long, windows, runs, exact windows, alternatives,
// and patterns from which nothing can be derived.
Spec RandomSpec(std::mt19937* random, uint32_t rule) {
  static const char* const patterns[] = {"\\b\\d{3}-\\d{2}-\\d{4}\\b",
                                         "\\d{4}[ -]?\\d{4}",
                                         "[0-9 -]{8,}",
                                         "user=\\d+ failed",
                                         "(?i)error|fatal|panic|crit|emerg",
                                         "\\w+@\\w+\\.[a-z]+",
                                         "\\d",
                                         "a*b",
                                         ".",
                                         "[^a]x?",
                                         "(a)(b)?",
                                         "^$",
                                         "\\bfoo\\b",
                                         "x|y|z",
                                         "(?:ab|cd){2}",
                                         "12+",
                                         "(?i)k1",
                                         "[a-f0-9]{12}",
                                         "b??a-",
                                         "\\B-",
                                         "XXX",
                                         "\\[CARD\\]"};
  static const char* const literals[] = {
      "DEBUG", "a", "", "user=", "foo bar", "12-3", "no such words are in the texts at all"};
  static const char* const rewrites[] = {"", "XXX", "<\\0>", "[CARD]", "12-34-5678", "user=1 failed", "k1 foo"};
  const auto any = [random](const auto& list) { return std::string(list[(*random)() % (sizeof list / sizeof *list)]); };
  switch ((*random)() % 8) {
    case 0:
    case 1:
      return {OperationCode::kDropLiteral, 0, rule, {any(literals) + ((*random)() % 2 == 0 ? any(literals) : "")}};
    case 2:
    case 3:
      return {OperationCode::kDropPattern, 0, rule, {any(patterns) + ((*random)() % 2 == 0 ? any(patterns) : "")}};
    default:
      return {OperationCode::kReplacePattern,
              static_cast<uint16_t>((*random)() % 2 * 2),
              rule,
              {any(patterns), any(rewrites)}};
  }
}

TEST("rules behave as one after the other, with prefilters and without, wherever the records lie", {
  std::mt19937 random(20'261'125);
  static const char* const pieces[] = {
      "DEBUG", "a",  "b",  "ab", "user=", "7",     " failed",      "123-45-6789", "4111 1111", "foo", " ", "-",
      "bar",   "k1", "K1", "x",  "ERROR", "a@b.c", "0123456789ab", "\xc3\xa9",    "\xff",      "12",  "."};
  size_t passed = 0;
  size_t dropped = 0;
  double replaced = 0;
  for (int round = 0; round < 1500; ++round) {
    std::vector<Spec> specs;
    // Now and then as many as go to the scan for many words.
    // Few that replace, because every one may make texts many times as long.
    size_t replacing = 0;
    for (uint32_t count = random() % 8 == 0 ? random() % 60 : random() % 6; count > 0; --count) {
      Spec spec = RandomSpec(&random, static_cast<uint32_t>(specs.size()));
      if (spec.code == OperationCode::kReplacePattern && ++replacing > 2) continue;
      specs.push_back(std::move(spec));
    }
    std::vector<std::string> records(random() % 40);
    for (std::string& record : records)
      for (uint32_t count = random() % 12; count > 0; --count)
        record += pieces[random() % (sizeof pieces / sizeof *pieces)];

    const Outcome fused = RunAll(specs, true, records, true);
    CHECK(fused == RunAll(specs, true, records, false));
    CHECK(fused == RunAll(specs, false, records, true));
    Outcome alone;
    alone.texts = records;
    for (size_t rule = 0; rule < specs.size(); ++rule) {
      Spec spec = specs[rule];
      spec.rule = 0;
      const Outcome one = RunAll({spec}, random() % 2 == 0, alone.texts, true);
      alone.texts = one.texts;
      alone.counts.insert(alone.counts.end(), one.counts.begin() + kCountCellsFixed, one.counts.end());
      dropped += one.counts[kCountCellsFixed + static_cast<uint32_t>(RuleCell::kDroppedRecords)] > 0 ? 1 : 0;
      replaced += one.counts[kCountCellsFixed + static_cast<uint32_t>(RuleCell::kReplacements)];
    }
    CHECK(fused.texts == alone.texts);
    // Cells of bytes are of bytes as received, which the rules alone do not know.
    for (size_t rule = 0; rule < specs.size(); ++rule) {
      for (const RuleCell cell : {RuleCell::kDroppedRecords, RuleCell::kChangedRecords, RuleCell::kReplacements}) {
        const size_t at = rule * kCountCellsPerRule + static_cast<uint32_t>(cell);
        CHECK_EQUAL(fused.counts[kCountCellsFixed + at], alone.counts[at]);
      }
    }
    passed += fused.texts.size();
  }
  std::printf("  %zu records passed, %zu rules dropped some, %.0f matches replaced\n", passed, dropped, replaced);
  CHECK(passed > 1000 && dropped > 500 && replaced > 10'000);
});

TEST("patterns from which nothing can be derived are asked together, and answer as each would", {
  const auto plan = Plan(3, {{OperationCode::kDropPattern, 0, 0, {"\\d[^a]\\d"}},
                             {OperationCode::kReplacePattern, 0, 1, {".$", "!"}},
                             {OperationCode::kDropPattern, 0, 2, {"^\\d"}}});
  CHECK(plan != nullptr && plan->set != nullptr && plan->set_members == 3);
  CHECK(Plan(1, {{OperationCode::kDropPattern, 0, 0, {"\\d[^a]\\d"}}})->set == nullptr);
});

}  // namespace
}  // namespace streamgate
