// Plans: what the decoder refuses, what replacing means, and how records run into a batch.
#include <cstring>
#include <memory>
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

std::string Encode(uint32_t rules, const std::vector<Spec>& specs) {
  std::string out;
  Put(&out, kPlanMagic, 4);
  Put(&out, rules, 4);
  Put(&out, static_cast<uint32_t>(specs.size()), 4);
  for (const Spec& spec : specs) {
    Put(&out, static_cast<uint32_t>(spec.code), 2);
    Put(&out, spec.flags, 2);
    Put(&out, spec.rule, 4);
    Put(&out, static_cast<uint32_t>(spec.args.size()), 4);
    for (const std::string& arg : spec.args) {
      Put(&out, static_cast<uint32_t>(arg.size()), 4);
      out += arg;
    }
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

std::shared_ptr<PreparedPlan> Plan(uint32_t rules, const std::vector<Spec>& specs) {
  const std::string bytes = Encode(rules, specs);
  DecodedPlan decoded;
  std::string error;
  CHECK(DecodePlan(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), &decoded, &error));
  uint32_t rule = 0;
  return Prepare(std::move(decoded), true, &rule, &error);
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

}  // namespace
}  // namespace streamgate
