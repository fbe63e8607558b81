// Rules that thin records: the fixed hash, masks, weights, and a table that stays within its memory whatever comes,
// held to a model. What rules do with them is tested on both engines in test/conformance/reduce.test.ts.
#include <algorithm>
#include <cstring>
#include <list>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "plan/batch_memory.h"
#include "plan/prepare.h"
#include "plan/run.h"
#include "reduce/dedupe.h"
#include "reduce/mask.h"
#include "reduce/sampling.h"
#include "reduce/throttle.h"
#include "reduce/weight.h"
#include "test/check.h"

namespace streamgate {
namespace {

uint64_t HashOf(std::string_view text) {
  RecordHash hash(7);
  hash.Bytes(text.data(), text.size());
  return hash.Finish();
}

uint64_t Masked(const std::string& text) {
  // A copy of the exact size on the heap, so that a sanitizer sees a read behind its end.
  const std::unique_ptr<char[]> exact(new char[text.size()]);
  std::memcpy(exact.get(), text.data(), text.size());
  RecordHash hash(7);
  HashMasked({exact.get(), text.size()}, &hash);
  return hash.Finish();
}

std::string Weighed(const std::string& record, double weight) {
  const std::unique_ptr<char[]> exact(new char[record.size()]);
  std::memcpy(exact.get(), record.data(), record.size());
  WeightWriter writer;
  Scratch out;
  return writer.Write({exact.get(), record.size()}, weight, &out) ? std::string(out.data(), out.size()) : "";
}

TEST("a record's hash is the twin's, and the same however its bytes come", {
  CHECK_EQUAL(HashOf(""), 0x065e87ca3e19e1c0u);
  CHECK_EQUAL(HashOf("checkout"), 0x75b6cee42a6fcfd7u);
  CHECK_EQUAL(HashOf("a longer text of 27 bytes.."), 0x0c3e6dbd4fc29ea4u);
  const std::string text = "a longer text of 27 bytes..";
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    RecordHash hash(7);
    hash.Bytes(text.data(), cut);
    if (cut < text.size()) hash.Byte(static_cast<uint8_t>(text[cut]));
    if (cut < text.size()) hash.Bytes(text.data() + cut + 1, text.size() - cut - 1);
    CHECK_EQUAL(hash.Finish(), HashOf(text));
  }
});

TEST("masks make numbers, hex, UUIDs and times alike, and keep words apart", {
  const std::vector<std::vector<std::string>> alike = {
      {"took 12ms", "took 9ms", "took 1,204ms", "took 12.5ms"},
      {"at 2026-11-23T12:31:08.120Z x", "at 2026-01-02T00:00:00Z x"},
      {"id 7c9e6679-7425-40de-944b-e07fc1f90ae7.", "id aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee."},
      {"ptr 0xdeadbeef", "ptr 0x1"},
      {"trace=9f8e21c4 end", "trace=12345678 end"},
      {"from 10.0.0.1:8080", "from 192.168.2.44:1"},
      {"thread7", "thread12"}};
  for (const auto& group : alike)
    for (const std::string& text : group) CHECK_EQUAL(Masked(text), Masked(group[0]));
  const std::vector<std::string> apart = {"a",  "b",  "1",   "1 a", "feed", "decade",
                                          "1-", "-1", "1 1", "0x",  "0xg",  "thread1"};
  for (const std::string& a : apart)
    for (const std::string& b : apart) CHECK_EQUAL(Masked(a) == Masked(b), a == b);
  // A UUID that is cut anywhere, or goes on, is read within its bounds.
  const std::string uuid = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
  for (size_t size = 0; size <= uuid.size(); ++size) Masked(uuid.substr(0, size));
  CHECK(Masked(uuid + "x") != Masked(uuid));
});

TEST("a weight stands where its form has a place, and is multiplied where one stands", {
  CHECK_EQUAL(Weighed("{\"a\":1}", 10), "{\"a\":1,\"sample_rate\":10}");
  CHECK_EQUAL(Weighed("{\"sample_rate\":2.5}", 1 / 0.3), "{\"sample_rate\":8.333333}");
  CHECK_EQUAL(Weighed("{\"s\\u0061mple_rate\":2,\"b\":{\"sample_rate\":3}} ", 4),
              "{\"s\\u0061mple_rate\":8,\"b\":{\"sample_rate\":3}} ");
  CHECK_EQUAL(Weighed("[1]", 3), "");
  CHECK_EQUAL(Weighed("<134>1 - h a p m - text", 10), "<134>1 - h a p m [sample@32473 rate=\"10\"] text");
  CHECK_EQUAL(Weighed("<134>1 - h a p m [x a=\"]\\\"\"][sample@32473 rate=\"4\"] t", 10),
              "<134>1 - h a p m [x a=\"]\\\"\"][sample@32473 rate=\"40\"] t");
  CHECK_EQUAL(Weighed("text", 1e10), "text sample_rate=10000000000");
  CHECK_EQUAL(Weighed("t sample_rate=3", 7), "t sample_rate=21");
  for (const std::string& record : {std::string("<134>1 - h a p m [x a=\"]\\\"\"][sample@32473 rate=\"4\"] t"),
                                    std::string("{\"a\\\\\":[1,{\"b\":2}],\"sample_rate\":1e0}")})
    for (size_t size = 1; size <= record.size(); ++size) {
      Weighed(record.substr(0, size), 2);
      Weighed(record.substr(record.size() - size), 2);
    }
});

TEST("by key a higher rate keeps whatever a lower one keeps, and about its share", {
  const auto at = [](double rate) {
    Sampling sampling = {};
    for (auto& threshold : sampling.thresholds) threshold = static_cast<uint64_t>(rate * 18446744073709551616.0);
    sampling.keep = static_cast<uint8_t>(Severity::kWarn);
    return sampling;
  };
  size_t kept[2] = {};
  for (uint64_t i = 0; i < 100'000; ++i) {
    const uint64_t hash = RandomHash(42, i);
    const bool low = at(0.1).FateOfKey(Severity::kInfo, hash) == Sampling::Fate::kSampled;
    const bool high = at(0.3).FateOfKey(Severity::kInfo, hash) == Sampling::Fate::kSampled;
    CHECK(high || !low);
    kept[0] += low ? 1 : 0;
    kept[1] += high ? 1 : 0;
    CHECK(at(0).FateOfKey(Severity::kUnknown, hash) == Sampling::Fate::kDropped);
  }
  CHECK(at(0).Exempts(Severity::kError));
  CHECK(!at(0).Exempts(Severity::kUnknown));
  // Six standard deviations.
  CHECK(kept[0] > 9430 && kept[0] < 10570);
  CHECK(kept[1] > 29130 && kept[1] < 30870);
});

TEST("by chance one of each n records is kept, at any place alike", {
  Sampling sampling = {};
  for (auto& weight : sampling.weights) weight = 10;
  for (auto& threshold : sampling.thresholds) threshold = UINT64_MAX / 10;
  size_t places[10] = {};
  for (uint64_t row = 0; row < 10'000; ++row) {
    size_t kept = 0;
    for (uint64_t i = 0; i < 10; ++i) {
      if (sampling.FateOf(Severity::kInfo, 42, 10 * row + i) != Sampling::Fate::kSampled) continue;
      ++kept;
      ++places[i];
    }
    CHECK_EQUAL(kept, 1u);
  }
  for (const size_t count : places) CHECK(count > 820 && count < 1180);
});

// What KeyTable does, with standard containers: lists by use and by age.
struct Model {
  struct Item {
    uint64_t hash;
    std::string text;
    uint64_t cut = 0;
    bool due = false;
  };
  std::list<Item> seen;  // most recent first
  std::list<Item> held;
  std::list<uint64_t> due;
};

TEST("a table remembers what its model does, within its memory", {
  std::mt19937_64 random(20261126);
  KeyTable table(kReduceMemoryBytesMin);
  Model model;
  const auto find = [](std::list<Model::Item>& list, uint64_t hash) {
    return std::find_if(list.begin(), list.end(), [hash](const auto& item) { return item.hash == hash; });
  };
  for (int turn = 0; turn < 60'000; ++turn) {
    while (!table.HasRoom()) {
      const uint32_t oldest = table.OldestHeld();
      CHECK(oldest != KeyTable::kNone);
      CHECK_EQUAL(table[oldest].hash, model.held.back().hash);
      Scratch text;
      table.ReadText(oldest, &text);
      CHECK(std::string_view(text.data(), text.size()) == model.held.back().text);
      const uint64_t hash = table[oldest].hash;
      if (random() % 2 == 0) {
        table.Remove(oldest);
        if (model.held.back().due) model.due.remove(hash);
      } else {
        table.Release(oldest);
        model.seen.push_front({hash, "", 0, false});
        if (model.held.back().due) model.due.remove(hash);
      }
      model.held.pop_back();
    }
    const uint64_t hash = random() % 900 * 0x9e3779b97f4a7c15;
    const uint32_t found = table.Find(hash);
    const auto seen = find(model.seen, hash);
    const auto held = find(model.held, hash);
    CHECK_EQUAL(found != KeyTable::kNone, seen != model.seen.end() || held != model.held.end());
    if (held != model.held.end()) {
      table.Touch(found);
      ++table[found].records;
      model.held.splice(model.held.begin(), model.held, held);
    } else if (seen != model.seen.end()) {
      const std::string text(random() % 4 == 0 ? random() % (kReduceTextBytesMax + 2) : random() % 300, 'x');
      table.Hold(found, text);
      ++table[found].records;
      model.held.push_front({hash, text.size() > kReduceTextBytesMax ? "" : text, 1, seen->due});
      model.seen.erase(seen);
    } else {
      if (model.seen.size() + model.held.size() == table.entries()) {
        model.due.remove(model.seen.back().hash);
        model.seen.pop_back();
      }
      const uint32_t index = table.Insert(hash);
      const bool due = random() % 2 == 0;
      if (due) table.AddDue(index);
      if (due) model.due.push_back(hash);
      model.seen.push_front({hash, "", 0, due});
    }
    const uint32_t oldest_due = table.OldestDue();
    CHECK_EQUAL(oldest_due == KeyTable::kNone, model.due.empty());
    if (oldest_due != KeyTable::kNone) CHECK_EQUAL(table[oldest_due].hash, model.due.front());
  }
});

TEST("dedupe passes the first of a window, tells the rest once, and forgets", {
  Dedupe rule("r", 1000, kReduceMemoryBytesMin, 7);
  const auto take = [&rule](uint64_t hash, double now_ms) {
    const bool cut = rule.Repeats(hash);
    rule.Settle("text", now_ms, cut);
    return cut;
  };
  CHECK(!take(1, 0));
  CHECK(!take(2, 0));
  CHECK(take(1, 500));
  CHECK(take(1, 999));
  CHECK_EQUAL(rule.Due(999), KeyTable::kNone);
  const uint32_t due = rule.Due(1000);
  CHECK(due != KeyTable::kNone);
  Scratch out;
  rule.Write(due, "text", &out);
  CHECK_EQUAL(std::string(out.data(), out.size()),
              "text (repeated 2 times from 1970-01-01T00:00:00.000Z to 1970-01-01T00:00:00.999Z, 8 bytes, rule r)");
  rule.Told(due);
  // The record that came once has gone without a word.
  CHECK_EQUAL(rule.Due(1000), KeyTable::kNone);
  CHECK(!take(1, 1000));
  CHECK(!take(2, 1000));
});

TEST("throttle passes a burst, then its rate, and large records on credit", {
  Throttle rule("r", 1000, kReduceMemoryBytesMin, 7, 10 * Throttle::kToken / 1000, 5 * Throttle::kToken);
  const auto take = [&rule](uint64_t hash, uint64_t cost, double now_ms) {
    const bool cut = rule.Cuts(hash, cost, now_ms);
    rule.Settle("text", now_ms, cut);
    return cut;
  };
  for (int i = 0; i < 5; ++i) CHECK(!take(1, 1, 0));
  CHECK(take(1, 1, 0));
  CHECK(take(1, 1, 99));
  CHECK(!take(1, 1, 100));
  CHECK(take(1, 1, 100));
  CHECK(!take(2, 1, 100));
  // 20 tokens of a bucket of 5: the bucket must be full, and then it owes 15.
  CHECK(!take(3, 20, 0));
  CHECK(take(3, 1, 1500));
  CHECK(!take(3, 1, 1600));
  // A clock that goes back gives nothing.
  CHECK(take(1, 1, 50));
  const uint32_t due = rule.Due(1000);
  CHECK(due != KeyTable::kNone);
  Scratch out;
  rule.Write(due, "text", &out);
  CHECK_EQUAL(std::string(out.data(), out.size()),
              "text (throttled 4 times from 1970-01-01T00:00:00.000Z to 1970-01-01T00:00:00.050Z, 16 bytes, rule r)");
});

template <typename... T>
std::string Packed(T... values) {
  std::string bytes;
  (bytes.append(reinterpret_cast<const char*>(&values), sizeof values), ...);
  return bytes;
}

std::string Path(const std::string& key) { return Packed(static_cast<uint32_t>(key.size())) + key; }

std::string Repeated(const std::string& bytes) {
  std::string all;
  for (size_t i = 0; i < kSeverities; ++i) all += bytes;
  return all;
}

const ConditionSpec kHasA = {ConditionCode::kLiteral, 0, {"a"}, {}, {}};

// One of each, and what sees summaries behind them.
DecodedPlan Thinning() {
  const double memory = kReduceMemoryBytesMin;
  const std::string dedupe = Packed(1000.0, memory, uint8_t{1});
  const std::string throttle =
      Packed(500.0, memory, 5000.0, 5.0 * Throttle::kToken, uint8_t{2}, uint8_t{0}, uint8_t{5});
  DecodedPlan plan;
  plan.rules = 5;
  plan.seed = 99;
  plan.states = {1, 2, 3, 0, 0};
  plan.operations = {
      {OperationCode::kSample,
       0,
       0,
       {Packed(uint8_t{4}, uint8_t{1}), Repeated(Packed(uint64_t{1} << 63)), Repeated(Packed(2.0)), Path("k")},
       {kHasA}},
      {OperationCode::kDedupe, 0, 1, {dedupe, "d"}},
      {OperationCode::kThrottle, 0, 2, {throttle, "t", Path("k")}},
      {OperationCode::kReplacePattern, 1, 3, {"repeated|b+", "<x>"}},
      {OperationCode::kDropLiteral, 0, 4, {"zz"}}};
  return plan;
}

std::shared_ptr<PreparedPlan> PreparedThinning(bool prefilters) {
  uint32_t rule;
  std::string error;
  std::shared_ptr<PreparedPlan> plan = Prepare(Thinning(), prefilters, &rule, &error);
  CHECK(plan != nullptr);
  return plan;
}

// Chunks of random records at random times, then whatever is owed; batches of `records_max` records.
std::string Thinned(uint32_t seed, bool prefilters, uint32_t records_max, uint32_t bytes_max) {
  std::mt19937 random(seed);
  const auto one_of = [&random](size_t count) { return random() % count; };
  const std::shared_ptr<PreparedPlan> plan = PreparedThinning(prefilters);
  std::vector<double> counts(CountCellsOf(*plan));
  Runner runner;
  runner.Use(plan, counts.data());
  BatchMemory* batch = BatchMemory::Create(records_max, bytes_max);
  runner.batch().Attach(batch->data());
  std::string out;
  const auto take = [&](uint32_t need) {
    out.append(batch->records(), batch->header()->bytes);
    batch->Release();
    batch = BatchMemory::Create(records_max, std::max(bytes_max, need));
    runner.batch().Attach(batch->data());
  };
  RecordContext context;
  for (int chunk = 0; chunk < 40; ++chunk) {
    context.received_at_ms += static_cast<double>(one_of(4) * one_of(400));
    std::string region;
    std::vector<uint32_t> sizes;
    for (size_t i = one_of(60); i > 0; --i) {
      std::string record;
      switch (one_of(4)) {
        case 0:
          record = "{\"k\":" + std::to_string(one_of(9)) + ",\"level\":\"info\",\"t\":\"a\"}";
          break;
        case 1:
          record = std::string(one_of(20) == 0 ? 8180 + one_of(30) : one_of(300), 'a' + static_cast<char>(one_of(26)));
          break;
        case 2:
          record = one_of(2) == 0 ? "ERROR zz" : "WARN bb a";
          break;
        default:
          record = std::string(1 + one_of(40), 'w') + " " + std::to_string(one_of(99));
      }
      region += record + "\n";
      sizes.push_back(static_cast<uint32_t>(record.size()));
    }
    runner.Begin(region.data(), region.data() + region.size(), &context);
    size_t at = 0;
    for (const uint32_t size : sizes) {
      while (!runner.Run({region.data() + at, size, true})) {
        runner.Flush();
        take(runner.need_bytes());
        runner.Begin(region.data() + at, region.data() + region.size(), &context);
      }
      at += size + 1;
    }
    runner.Flush();
  }
  while (!runner.TellLast(nullptr, context.received_at_ms)) take(runner.need_bytes());
  take(0);
  batch->Release();
  for (const double cell : counts) out += " " + std::to_string(cell);
  const auto count = [&counts](CountCell cell) { return counts[static_cast<size_t>(cell)]; };
  const auto rule = [&counts](uint32_t index, RuleCell cell) {
    return counts[kCountCellsFixed + index * kCountCellsPerRule + static_cast<uint32_t>(cell)];
  };
  double dropped = 0;
  for (uint32_t index = 0; index < 5; ++index) dropped += rule(index, RuleCell::kDroppedBytes);
  CHECK_EQUAL(count(CountCell::kReceivedBytes) + count(CountCell::kCreatedBytes),
              count(CountCell::kPassedBytes) + dropped);
  CHECK(rule(1, RuleCell::kSummaryRecords) > 0 && rule(2, RuleCell::kSummaryRecords) > 0);
  return out;
}

TEST("rules that remember come to the same with prefilters and without, in batches of any size", {
  for (uint32_t seed = 0; seed < 20; ++seed) {
    const std::string expected = Thinned(seed, true, 100'000, 1 << 24);
    CHECK(Thinned(seed, false, 100'000, 1 << 24) == expected);
    CHECK(Thinned(seed, true, 1, 100) == expected);
    CHECK(Thinned(seed, false, 7, 3000) == expected);
  }
});

TEST("arguments of rules that thin out are refused or harmless, whatever byte of them is wrong", {
  const DecodedPlan good = Thinning();
  size_t refused = 0;
  for (size_t operation = 0; operation < 3; ++operation) {
    for (size_t arg = 0; arg < good.operations[operation].args.size(); ++arg) {
      const std::string& bytes = good.operations[operation].args[arg];
      for (size_t at = 0; at <= bytes.size(); ++at) {
        for (int bit = 0; bit < 8; ++bit) {
          DecodedPlan plan = good;
          std::string& wrong = plan.operations[operation].args[arg];
          if (at == bytes.size()) {
            wrong.resize(static_cast<size_t>(bit));
          } else {
            wrong[at] = static_cast<char>(wrong[at] ^ 1 << bit);
          }
          uint32_t rule;
          std::string error;
          if (Prepare(std::move(plan), true, &rule, &error) == nullptr) ++refused;
        }
      }
    }
  }
  CHECK(refused > 100);
  DecodedPlan twice = Thinning();
  twice.operations[2].rule = 1;
  uint32_t rule;
  std::string error;
  CHECK(Prepare(std::move(twice), true, &rule, &error) == nullptr);
});

TEST("times are written as in RFC 3339", {
  const auto time = [](double ms) {
    Scratch out;
    AppendTime(ms, &out);
    return std::string(out.data(), out.size());
  };
  CHECK_EQUAL(time(1795702649120), "2026-11-26T14:17:29.120Z");
  CHECK_EQUAL(time(951782399999), "2000-02-28T23:59:59.999Z");
  CHECK_EQUAL(time(951782400000), "2000-02-29T00:00:00.000Z");
  CHECK_EQUAL(time(4107542399000), "2100-02-28T23:59:59.000Z");
  CHECK_EQUAL(time(4107542400000), "2100-03-01T00:00:00.000Z");
  CHECK_EQUAL(time(-5), "1970-01-01T00:00:00.000Z");
  CHECK_EQUAL(time(1e300), "9999-12-31T23:59:59.999Z");
});

}  // namespace
}  // namespace streamgate
