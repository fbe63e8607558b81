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

const RecordContext kNowhere = {};

struct Spec {
  OperationCode code;
  uint16_t flags;
  uint32_t rule;
  std::vector<std::string> args;
  // One, or none.
  std::vector<ConditionSpec> when = {};
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
  // No service paths, seed and states 0.
  out.append(4 + 8 + size_t{8} * rules, '\0');
  for (const Spec& spec : specs) {
    Put(&out, static_cast<uint32_t>(spec.code), 2);
    Put(&out, spec.flags, 2);
    Put(&out, spec.rule, 4);
    Put(&out, static_cast<uint32_t>(spec.args.size()), 4);
    Put(&out, static_cast<uint32_t>(spec.when.size()), 4);
    PutTexts(&out, spec.args);
    for (const ConditionSpec& when : spec.when) PutCondition(&out, when);
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
const std::vector<Spec> kConditional = {{OperationCode::kDrop, 4, 0, {}, {{ConditionCode::kLiteral, 0, {"x"}, {}, {}}}},
                                        {OperationCode::kReplacePattern, 3, 1, {"a+", "b"}}};

TEST("a plan decodes whole, and every shorter or longer one is refused", {
  const std::string bytes = Encode(2, kConditional);
  CHECK(Decodes(bytes));
  for (size_t size = 0; size < bytes.size(); ++size) CHECK(!Decodes(bytes.substr(0, size)));
  CHECK(!Decodes(bytes + "x"));
});

TEST("a plan with unknown codes, flags, rules or arguments is refused", {
  CHECK(!Decodes(Encode(1, kTwo)));
  CHECK(!Decodes(Encode(1, {{static_cast<OperationCode>(99), 0, 0, {"x"}}})));
  CHECK(!Decodes(Encode(1, {{OperationCode::kDropLiteral, 8, 0, {"x"}}})));
  CHECK(!Decodes(Encode(1, {{OperationCode::kDropLiteral, 0, 0, {}}})));
  CHECK(!Decodes(Encode(1, {{OperationCode::kReplacePattern, 0, 0, {"x"}}})));
  std::string huge = Encode(1, {});
  huge[8] = huge[9] = huge[10] = huge[11] = '\xff';
  CHECK(!Decodes(huge));
});

TEST("every byte of a plan flipped: decoded or refused, never read out of bounds", {
  const std::string bytes = Encode(2, kConditional);
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = bytes;
      flipped[at] = static_cast<char>(flipped[at] ^ 1 << bit);
      Decodes(flipped);
    }
  }
});

ConditionSpec Literal(const std::string& text) { return {ConditionCode::kLiteral, 0, {text}, {}, {}}; }
ConditionSpec Pattern(const std::string& pattern) { return {ConditionCode::kPattern, 0, {pattern}, {}, {}}; }
ConditionSpec Of(ConditionCode code, std::vector<ConditionSpec> parts) { return {code, 0, {}, {}, std::move(parts)}; }
ConditionSpec AtLeast(Severity severity) {
  return {ConditionCode::kSeverity, static_cast<uint16_t>(severity), {}, {}, {}};
}
ConditionSpec Syslog(AttributeOperator op, SyslogField field, std::vector<std::string> values,
                     const std::string& param = "") {
  return {ConditionCode::kSyslog, static_cast<uint16_t>(op), std::move(values), {static_cast<char>(field) + param}, {}};
}
ConditionSpec Attribute(AttributeOperator op, const std::string& key, std::vector<std::string> values) {
  std::string path;
  Put(&path, static_cast<uint32_t>(key.size()), 4);
  return {ConditionCode::kAttribute, static_cast<uint16_t>(op), std::move(values), {path + key}, {}};
}

// A condition of every kind.
std::vector<RouteSpec> EveryKind() {
  std::vector<RouteSpec> routes;
  routes.push_back({0, Of(ConditionCode::kAny, {Literal("FATAL"), Of(ConditionCode::kNot, {Pattern("a+b")})})});
  routes.push_back({3, Of(ConditionCode::kAll,
                          {AtLeast(Severity::kError), Attribute(AttributeOperator::kEquals, "k", {"x", "y"})})});
  return routes;
}

TEST("routes decode whole, and every shorter or longer plan is refused", {
  const std::string bytes = Encode(2, kTwo, EveryKind(), 4);
  CHECK(Decodes(bytes));
  for (size_t size = 0; size < bytes.size(); ++size) CHECK(!Decodes(bytes.substr(0, size)));
  CHECK(!Decodes(bytes + "x"));
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = bytes;
      flipped[at] = static_cast<char>(flipped[at] ^ 1 << bit);
      Decodes(flipped);
    }
  }
});

TEST("routes that no output has, out of order, too deep or malformed are refused", {
  const auto routed = [](std::vector<RouteSpec> routes, uint32_t outputs) {
    return Decodes(Encode(0, {}, std::move(routes), outputs));
  };
  CHECK(routed({{63, Literal("a")}}, 64));
  CHECK(!routed({{64, Literal("a")}}, 64));
  CHECK(!routed({{0, Literal("a")}}, 65));
  CHECK(!routed({{1, Literal("a")}}, 1));
  CHECK(!routed({{1, Literal("a")}, {0, Literal("b")}}, 2));
  CHECK(!routed({{1, Literal("a")}, {1, Literal("b")}}, 2));
  CHECK(!routed({{0, {ConditionCode::kLiteral, 0, {}, {}, {}}}}, 1));
  CHECK(!routed({{0, {ConditionCode::kLiteral, 1, {"a"}, {}, {}}}}, 1));
  CHECK(!routed({{0, {static_cast<ConditionCode>(12), 0, {}, {}, {}}}}, 1));
  CHECK(!routed({{0, {ConditionCode::kSeverity, 7, {}, {}, {}}}}, 1));
  CHECK(!routed({{0, {ConditionCode::kAttribute, 9, {"a"}, {}, {}}}}, 1));
  CHECK(!routed({{0, Syslog(static_cast<AttributeOperator>(9), SyslogField::kHost, {"a"})}}, 1));
  CHECK(!routed({{0, {ConditionCode::kSyslog, 0, {"a"}, {}, {}}}}, 1));
  CHECK(!routed({{0, Of(ConditionCode::kNot, {})}}, 1));
  const auto nested = [&routed](size_t depth) {
    ConditionSpec condition = Literal("a");
    for (; depth > 1; --depth) {
      std::vector<ConditionSpec> parts;
      parts.push_back(std::move(condition));
      condition = Of(ConditionCode::kNot, std::move(parts));
    }
    return routed({{0, std::move(condition)}}, 1);
  };
  CHECK(nested(kConditionDepthMax));
  CHECK(!nested(kConditionDepthMax + 1));
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

std::shared_ptr<PreparedPlan> Plan(uint32_t rules, const std::vector<Spec>& specs, bool prefilters = true,
                                   const std::vector<RouteSpec>& routes = {}, uint32_t outputs = 0) {
  const std::string bytes = Encode(rules, specs, routes, outputs);
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
    runner.Begin(nullptr, nullptr, &kNowhere);
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
  runner.Begin(nullptr, nullptr, &kNowhere);
  CHECK(!runner.Run({"aaxyz", 5, false}));
  runner.Flush();
  CHECK_EQUAL(runner.need_bytes(), 5u);
  for (double count : counts) CHECK_EQUAL(count, 0.0);
  CHECK_EQUAL(tiny.header()->records, 0u);
});

TEST("what a rule can not finish is kept as received behind its entry, in memory of the exact size, or leaves no trace",
     {
       double counts[kCountCellsFixed + 2 * kCountCellsPerRule] = {};
       Runner runner;
       // Four times the record and 64 KiB is less than this.
       runner.Use(Plan(2, {{OperationCode::kDropLiteral, 0, 0, {"DEBUG"}},
                           {OperationCode::kReplacePattern, 0, 1, {"^a", std::string(70'000, 'b')}}}),
                  counts);
       Batch batch(5, 100);
       runner.batch().Attach(batch.header());
       RecordContext context;
       context.received_at_ms = 1234.5;
       context.source.family = 4;
       context.source.address[3] = 7;
       // "abc" takes one word behind its entry, "a and more" two; a sanitizer sees a write behind the last.
       const uint32_t first = sizeof(WithheldEntry) + 8;
       const uint32_t second = sizeof(WithheldEntry) + 16;
       const auto memory = std::make_unique<uint64_t[]>((sizeof(WithheldHeader) + first + second) / 8);
       auto* const header = reinterpret_cast<WithheldHeader*>(memory.get());
       header->bytes_max = first + second;
       const size_t size = sizeof(WithheldHeader) + first + second;
       CHECK(WithheldWriter::Check(header, size) == nullptr);
       CHECK(WithheldWriter::Check(header, size + 8) != nullptr);
       header->bytes = first + second + 8;
       CHECK(WithheldWriter::Check(header, size) != nullptr);
       header->bytes = 4;
       CHECK(WithheldWriter::Check(header, size) != nullptr);
       header->bytes = 0;
       runner.withheld().Attach(header);
       runner.Begin(nullptr, nullptr, &context);
       CHECK(runner.Run({"abc", 3, false}));
       CHECK(runner.Run({"a and more", 10, false}));
       runner.Flush();
       CHECK_EQUAL(header->records, 2u);
       CHECK_EQUAL(header->bytes, first + second);
       const auto* entry = reinterpret_cast<const WithheldEntry*>(header + 1);
       CHECK_EQUAL(entry->length, 3u);
       CHECK_EQUAL(entry->rule, 1u);
       CHECK_EQUAL(uint32_t{entry->cause}, static_cast<uint32_t>(QuarantineCause::kOutputLimit));
       CHECK_EQUAL(entry->received_at_ms, 1234.5);
       CHECK_EQUAL(uint32_t{entry->address[3]}, 7u);
       CHECK(std::memcmp(entry + 1, "abc\0\0\0\0\0", 8) == 0);
       CHECK_EQUAL(counts[kCountCellsFixed + kCountCellsPerRule + static_cast<uint32_t>(RuleCell::kQuarantinedRecords)],
                   2.0);
       // No room: nothing is counted, and the next one that passes still does.
       runner.Begin(nullptr, nullptr, &context);
       CHECK(!runner.Run({"abc", 3, false}));
       CHECK_EQUAL(runner.need_bytes(), 0u);
       CHECK_EQUAL(header->need_bytes, first);
       CHECK(runner.Run({"x", 1, false}));
       runner.Flush();
       CHECK_EQUAL(header->records, 2u);
       CHECK_EQUAL(counts[static_cast<uint32_t>(CountCell::kReceivedRecords)], 3.0);
       CHECK_EQUAL(batch.text(), "x\n");
     });

TEST("a rule after one that emptied the record still sees a text", {
  double counts[kCountCellsFixed + 2 * kCountCellsPerRule] = {};
  Runner runner;
  runner.Use(
      Plan(2, {{OperationCode::kReplacePattern, 0, 0, {".+", ""}}, {OperationCode::kReplacePattern, 0, 1, {"^", "x"}}}),
      counts);
  Batch batch(5, 100);
  runner.batch().Attach(batch.header());
  runner.Begin(nullptr, nullptr, &kNowhere);
  CHECK(runner.Run({"abc", 3, false}));
  runner.Flush();
  CHECK_EQUAL(batch.text(), "x\n");
});

// What a plan without rules makes of records: each one that is kept as its routes of the first eight outputs, a colon
// and its text; then the cells of each route.
std::string Routed(const std::vector<RouteSpec>& routes, uint32_t outputs, const std::vector<std::string>& records,
                   bool in_region, bool prefilters = true, const std::vector<Spec>& specs = {}) {
  const auto rules = static_cast<uint32_t>(specs.size());
  const auto plan = Plan(rules, specs, prefilters, routes, outputs);
  CHECK(plan != nullptr);
  if (plan == nullptr) return "refused";
  std::vector<double> counts(CountCellsOf(*plan));
  Runner runner;
  runner.Use(plan, counts.data());
  std::string region;
  for (const std::string& record : records) region += record + "\n";
  Batch batch(1000, 1 << 20);
  runner.batch().Attach(batch.header());
  runner.Begin(in_region ? region.data() : nullptr, in_region ? region.data() + region.size() : nullptr, &kNowhere);
  size_t at = 0;
  std::vector<Record> list;
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
  std::string out;
  const auto* entries = reinterpret_cast<const BatchEntry*>(batch.header() + 1);
  const std::string text = batch.text();
  for (uint32_t i = 0; i < batch.header()->records; ++i)
    out += std::to_string(entries[i].routes_low & 255) + ":" + text.substr(entries[i].offset, entries[i].length) + " ";
  for (size_t cell = kCountCellsFixed + rules * kCountCellsPerRule; cell < counts.size(); ++cell)
    out += "," + std::to_string(static_cast<int>(counts[cell]));
  const auto count = [&counts](CountCell cell) { return counts[static_cast<size_t>(cell)]; };
  CHECK_EQUAL(count(CountCell::kPassedRecords), static_cast<double>(records.size()));
  CHECK_EQUAL(count(CountCell::kReceivedRecords), static_cast<double>(records.size()));
  // For each output in bytes as written: passed = filtered + routed.
  for (size_t route = 0; route < routes.size(); ++route) {
    double bytes = counts[kCountCellsFixed + rules * kCountCellsPerRule + route * kCountCellsPerRoute + 1];
    for (uint32_t i = 0; i < batch.header()->records; ++i)
      if ((entries[i].routes_low >> routes[route].output & 1) != 0) bytes += entries[i].length;
    CHECK_EQUAL(bytes, count(CountCell::kWrittenBytes));
  }
  return out;
}

TEST("a record's routes have no bit of an output whose filter it does not pass", {
  const std::vector<std::string> records = {"a", "b", "ab", "c", "", "a"};
  for (const bool in_region : {true, false}) {
    CHECK_EQUAL(Routed({{1, Literal("a")}}, 2, records, in_region), "255:a 253:b 255:ab 253:c 253: 255:a ,3,2");
    // No output takes c, nor the empty one: both are counted and not kept.
    CHECK_EQUAL(Routed({{0, Literal("a")}, {1, Literal("b")}}, 2, records, in_region),
                "253:a 254:b 255:ab 253:a ,3,2,4,3");
    CHECK_EQUAL(Routed({{0, Of(ConditionCode::kNot, {Pattern("^$")})}}, 1, {""}, in_region), ",1,0");
    CHECK_EQUAL(Routed({{0, Pattern("^$")}}, 1, {""}, in_region), "255: ,0,0");
    CHECK_EQUAL(Routed({{0, AtLeast(Severity::kError)}}, 1, {"ERROR x", "DEBUG no ERROR", "<11>x"}, in_region),
                "255:ERROR x 255:<11>x ,1,14");
  }
});

TEST("the filter of output 63 has its bit in the high word", {
  double counts[kCountCellsFixed + kCountCellsPerRoute] = {};
  Runner runner;
  runner.Use(Plan(0, {}, true, {{63, Literal("a")}}, 64), counts);
  Batch batch(2, 100);
  runner.batch().Attach(batch.header());
  runner.Begin(nullptr, nullptr, &kNowhere);
  CHECK(runner.Run({"b", 1, false}));
  CHECK(runner.Run({"a", 1, false}));
  runner.Flush();
  const auto* entries = reinterpret_cast<const BatchEntry*>(batch.header() + 1);
  CHECK_EQUAL(entries[0].routes_low, UINT32_MAX);
  CHECK_EQUAL(entries[0].routes_high, UINT32_MAX >> 1);
  CHECK_EQUAL(entries[1].routes_high, UINT32_MAX);
});

TEST("a record that some output gets needs room, one that none gets does not, and neither is counted twice", {
  double counts[kCountCellsFixed + kCountCellsPerRoute] = {};
  Runner runner;
  runner.Use(Plan(0, {}, true, {{0, Literal("a")}}, 1), counts);
  Batch tiny(5, 4);
  runner.batch().Attach(tiny.header());
  runner.Begin(nullptr, nullptr, &kNowhere);
  CHECK(runner.Run({"bbbbbbbb", 8, false}));
  CHECK(!runner.Run({"aaaaa", 5, false}));
  CHECK_EQUAL(runner.need_bytes(), 6u);
  CHECK(!runner.Run({"aaaaa", 5, false}));
  CHECK(runner.Run({"aaa", 3, false}));
  CHECK(runner.Run({"bbbb", 4, false}));
  runner.Flush();
  CHECK_EQUAL(tiny.text(), "aaa\n");
  CHECK_EQUAL(counts[static_cast<size_t>(CountCell::kPassedRecords)], 3.0);
  CHECK_EQUAL(counts[static_cast<size_t>(CountCell::kWrittenBytes)], 15.0);
  CHECK_EQUAL(counts[kCountCellsFixed], 2.0);
  CHECK_EQUAL(counts[kCountCellsFixed + 1], 12.0);
});

TEST("filters look at what the rules have made of a record", {
  const std::vector<Spec> mask = {{OperationCode::kReplacePattern, 0, 0, {"secret", "***"}}};
  for (const bool in_region : {true, false}) {
    CHECK_EQUAL(Routed({{0, Literal("secret")}}, 2, {"a secret", "b"}, in_region, true, mask), "254:a *** 254:b ,2,6");
    CHECK_EQUAL(Routed({{0, Literal("***")}}, 1, {"a secret", "b"}, in_region, true, mask), "255:a *** ,1,1");
  }
});

TEST("a refused filter is told by its output", {
  const std::string bytes = Encode(2, kTwo, {{0, Literal("a")}, {2, Pattern("[a")}}, 3);
  DecodedPlan decoded;
  std::string error;
  CHECK(DecodePlan(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), &decoded, &error));
  uint32_t rule = 0;
  CHECK(Prepare(std::move(decoded), true, &rule, &error) == nullptr);
  CHECK_EQUAL(rule, 4u);
  CHECK_EQUAL(error, "missing ]: [a");
});

ConditionSpec RandomCondition(std::mt19937* random, int depth) {
  static const char* const texts[] = {"DEBUG", "a", "", "user=", "12-3", "k", "no such words are in the texts at all"};
  static const char* const patterns[] = {
      "\\b\\d{3}-\\d{2}-\\d{4}\\b", "a*b", ".", "^$", "(?i)error|fatal", "[0-9 -]{8,}", "x|y", "\\w+@", "\\B-"};
  static const char* const values[] = {"a", "", "x\ny", "1", "2.5", "e\xc3\xa9"};
  const auto any = [random](const auto& list) { return std::string(list[(*random)() % (sizeof list / sizeof *list)]); };
  const auto parts = [&](size_t count) {
    std::vector<ConditionSpec> list;
    for (; count > 0; --count) list.push_back(RandomCondition(random, depth - 1));
    return list;
  };
  switch ((*random)() % (depth > 0 ? 10 : 7)) {
    case 0: {
      const auto op = static_cast<AttributeOperator>((*random)() % 9);
      const auto field = static_cast<SyslogField>((*random)() % 11);
      const std::string param = field == SyslogField::kParam ? "a.k" : "";
      if (op == AttributeOperator::kGreater || op == AttributeOperator::kLess) return Syslog(op, field, {"3"}, param);
      if (op == AttributeOperator::kExists) return Syslog(op, field, {}, param);
      return Syslog(op, field, {any(values)}, param);
    }
    case 1:
      return Literal(any(texts));
    case 2:
    case 3:
    case 4:
      return Pattern(any(patterns));
    case 6:
      return AtLeast(static_cast<Severity>(1 + (*random)() % 6));
    case 5: {
      const auto op = static_cast<AttributeOperator>((*random)() % 9);
      if (op == AttributeOperator::kGreater || op == AttributeOperator::kLess) return Attribute(op, "k", {"1.5"});
      if (op == AttributeOperator::kExists) return Attribute(op, "k", {});
      return Attribute(op, "k", {any(values)});
    }
    case 7:
      return Of(ConditionCode::kNot, parts(1));
    case 8:
      return Of(ConditionCode::kAll, parts((*random)() % 4));
    default:
      return Of(ConditionCode::kAny, parts((*random)() % 4));
  }
}

TEST("filters answer the same with prefilters and without, wherever the records lie", {
  std::mt19937 random(20'261'126);
  static const char* const pieces[] = {"DEBUG",
                                       "a",
                                       "b",
                                       "user=",
                                       "7",
                                       "123-45-6789",
                                       "4111 1111",
                                       " ",
                                       "-",
                                       "ERROR ",
                                       "k",
                                       "x",
                                       "a@b.c",
                                       "\xc3\xa9",
                                       "\xff",
                                       "{\"k\":",
                                       "1",
                                       "2.5}",
                                       "\"a\"}",
                                       "\"e\\u00e9\"}",
                                       "{\"level\":50}",
                                       "<3>",
                                       "level=warn",
                                       "[error]",
                                       "{}",
                                       "<34>1 - a 1 - - ",
                                       "[a k=\"\\\"a\"] ",
                                       "<3>Oct 11 22:14:15 a k[1]: "};
  size_t filtered = 0;
  size_t kept = 0;
  for (int round = 0; round < 3000; ++round) {
    std::vector<RouteSpec> routes;
    std::vector<Spec> specs;
    const uint32_t outputs = 1 + random() % 5;
    for (uint32_t output = 0; output < outputs; ++output)
      if (random() % 3 != 0) routes.push_back({output, RandomCondition(&random, 3)});
    if (random() % 3 == 0) specs.push_back({OperationCode::kReplacePattern, 0, 0, {"[ab7]", "k"}});
    std::vector<std::string> records(random() % 20);
    for (std::string& record : records)
      for (uint32_t count = random() % 6; count > 0; --count)
        record += pieces[random() % (sizeof pieces / sizeof *pieces)];
    const std::string fused = Routed(routes, outputs, records, true, true, specs);
    CHECK_EQUAL(fused, Routed(routes, outputs, records, false, true, specs));
    CHECK_EQUAL(fused, Routed(routes, outputs, records, true, false, specs));
    filtered += fused.find(",0,0") == std::string::npos ? 1 : 0;
    kept += fused.find(':') == std::string::npos ? 0 : 1;
  }
  CHECK(filtered > 500 && kept > 500);
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
  runner.Begin(in_region ? region.data() : nullptr, in_region ? region.data() + region.size() : nullptr, &kNowhere);
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
    case 4:
      return {OperationCode::kDrop, 0, rule, {}, {RandomCondition(random, 2)}};
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
      if (random() % 4 == 0) spec.when = {RandomCondition(&random, 2)};
      if (random() % 6 == 0) spec.flags |= static_cast<uint16_t>(OperationFlag::kShadow);
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
