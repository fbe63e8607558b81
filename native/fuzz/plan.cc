// Plans: any bytes are decoded or refused; what is decoded runs over any chunk within its bounds, and comes to the same
// with prefilters and without, in one piece and in many, with room and in batches of a few records.
//
//     u16 plan bytes · plan (src/plan/encode.ts draws it) · u8 framing · u8 where records came from · chunk
//
// Most mutations take a plan apart and put it together again with right lengths, or all of them would be refused.
#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fuzz/input.h"
#include "plan/batch.h"
#include "plan/chunk.h"
#include "plan/decode.h"
#include "plan/prepare.h"
#include "plan/run.h"
#include "plan/withheld.h"
#include "ring/push_records.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace streamgate::fuzz {
namespace {

template <typename T>
void Put(std::string* out, T value) {
  out->append(reinterpret_cast<const char*>(&value), sizeof value);
}

void PutTexts(std::string* out, const std::vector<std::string>& texts) {
  for (const std::string& text : texts) {
    Put(out, static_cast<uint32_t>(text.size()));
    *out += text;
  }
}

void PutCondition(std::string* out, const ConditionSpec& condition) {
  Put(out, static_cast<uint16_t>(condition.code));
  Put(out, condition.detail);
  Put(out, static_cast<uint32_t>(condition.values.size()));
  Put(out, static_cast<uint32_t>(condition.paths.size()));
  Put(out, static_cast<uint32_t>(condition.parts.size()));
  PutTexts(out, condition.values);
  PutTexts(out, condition.paths);
  for (const ConditionSpec& part : condition.parts) PutCondition(out, part);
}

std::string Encode(const DecodedPlan& plan) {
  std::string out;
  Put(&out, kPlanMagic);
  Put(&out, plan.rules);
  Put(&out, static_cast<uint32_t>(plan.operations.size()));
  Put(&out, static_cast<uint32_t>(plan.routes.size()));
  Put(&out, plan.outputs);
  Put(&out, static_cast<uint32_t>(plan.service.size()));
  Put(&out, plan.seed);
  PutTexts(&out, plan.service);
  for (const uint64_t state : plan.states) Put(&out, state);
  for (const Operation& operation : plan.operations) {
    Put(&out, static_cast<uint16_t>(operation.code));
    Put(&out, operation.flags);
    Put(&out, operation.rule);
    Put(&out, static_cast<uint32_t>(operation.args.size()));
    Put(&out, static_cast<uint32_t>(operation.when.size()));
    PutTexts(&out, operation.args);
    for (const ConditionSpec& when : operation.when) PutCondition(&out, when);
  }
  for (const RouteSpec& route : plan.routes) {
    Put(&out, route.output);
    PutCondition(&out, route.condition);
  }
  return out;
}

bool Decode(std::string_view bytes, DecodedPlan* plan) {
  const Exact exact(bytes);
  std::string error;
  const bool decodes = DecodePlan(reinterpret_cast<const uint8_t*>(exact.data()), exact.size(), plan, &error);
  REQUIRE(decodes == error.empty(), "%s", error.c_str());
  return decodes;
}

void MutateText(std::string* text, Chance* chance) {
  constexpr size_t kGrowthMax = 32;
  const size_t size = text->size();
  text->resize(size + 1 + chance->Below(kGrowthMax));
  text->resize(LLVMFuzzerMutate(reinterpret_cast<uint8_t*>(text->data()), size, text->size()));
}

void CollectTexts(ConditionSpec* condition, std::vector<std::string*>* texts) {
  for (std::string& value : condition->values) texts->push_back(&value);
  for (std::string& path : condition->paths) texts->push_back(&path);
  for (ConditionSpec& part : condition->parts) CollectTexts(&part, texts);
}

// One change to a plan that decodes.
void Mutate(DecodedPlan* plan, Chance* chance) {
  auto& operations = plan->operations;
  const auto any = [&]() -> Operation& { return operations[chance->Below(operations.size())]; };
  switch (operations.empty() ? 8 : chance->Below(10)) {
    case 0:
      any().flags = static_cast<uint16_t>(chance->Below(8));
      return;
    case 1:
      any().rule = static_cast<uint32_t>(chance->Below(plan->rules));
      return;
    case 2:
      operations.insert(operations.begin() + static_cast<ptrdiff_t>(chance->Below(operations.size())),
                        Operation(any()));
      return;
    case 3:
      operations.erase(operations.begin() + static_cast<ptrdiff_t>(chance->Below(operations.size())));
      return;
    case 4:
      std::swap(any(), any());
      return;
    case 5: {
      std::vector<ConditionSpec> when = any().when;
      any().when = std::move(when);
      return;
    }
    case 6: {
      std::vector<std::string>& args = any().args;
      if (!args.empty()) args.push_back(args[chance->Below(args.size())]);
      return;
    }
    default:
      break;
  }
  std::vector<std::string*> texts;
  for (Operation& operation : operations) {
    for (std::string& arg : operation.args) texts.push_back(&arg);
    for (ConditionSpec& when : operation.when) CollectTexts(&when, &texts);
  }
  for (RouteSpec& route : plan->routes) CollectTexts(&route.condition, &texts);
  for (std::string& path : plan->service) texts.push_back(&path);
  if (!texts.empty()) MutateText(texts[chance->Below(texts.size())], chance);
}

// 8-byte aligned memory of a batch or of withheld records.
class Memory {
 public:
  explicit Memory(size_t bytes) : bytes_(bytes), words_(new uint64_t[(bytes + 7) / 8]()) {}
  void* data() { return words_.get(); }
  size_t size() const { return bytes_; }

 private:
  size_t bytes_;
  std::unique_ptr<uint64_t[]> words_;
};

struct Outcome {
  // Every record that came out, with its routes in front.
  std::vector<std::string> records;
  std::vector<std::string> withheld;
  std::vector<double> counts;
};

// One way to run: which room there is, where the chunk is cut.
struct Way {
  uint32_t records_max = 4096;
  uint32_t bytes_max = 1 << 17;
  size_t piece_bytes = SIZE_MAX;
};

class Gate {
 public:
  Gate(std::shared_ptr<PreparedPlan> plan, const Way& way) : plan_(std::move(plan)), way_(way) {
    outcome_.counts.assign(CountCellsOf(*plan_), 0);
    auto* const header = new (withheld_.data()) WithheldHeader();
    header->bytes_max = static_cast<uint32_t>(withheld_.size() - sizeof(WithheldHeader));
    REQUIRE(WithheldWriter::Check(withheld_.data(), withheld_.size()) == nullptr, "no memory for withheld records");
    runner_.Use(plan_, outcome_.counts.data());
    runner_.withheld().Attach(withheld_.data());
    Attach(way_.records_max, way_.bytes_max);
  }

  Outcome Run(Framer* framer, std::string_view bytes, const RecordContext& context) {
    while (!bytes.empty()) {
      const Exact piece(bytes.substr(0, way_.piece_bytes));
      bytes.remove_prefix(piece.size());
      for (size_t at = 0; at < piece.size();) {
        const ChunkRun run = RunChunk(runner_, *framer, context, piece.data(), piece.size(), at);
        REQUIRE(run.at >= at && run.at <= piece.size(), "%zu", run.at);
        at = run.at;
        if (at < piece.size()) MakeRoom();
      }
    }
    while (!RunEnd(runner_, *framer, context)) MakeRoom();
    while (!runner_.Tick(context.received_at_ms + 1e9)) MakeRoom();
    while (!runner_.TellLast(nullptr, context.received_at_ms + 1e9)) MakeRoom();
    Take();
    TakeWithheld();
    return std::move(outcome_);
  }

 private:
  void Attach(uint32_t records, uint32_t bytes) {
    const size_t size = sizeof(BatchHeader) + size_t{records} * sizeof(BatchEntry) + bytes;
    if (size == roomy_.size()) {
      batch_ = &roomy_;
    } else {
      own_ = std::make_unique<Memory>(size);
      batch_ = own_.get();
    }
    auto* const header = new (batch_->data()) BatchHeader();
    header->records_max = records;
    header->bytes_max = bytes;
    REQUIRE(BatchWriter::Check(batch_->data(), batch_->size()) == nullptr, "no batch");
    runner_.batch().Attach(batch_->data());
  }

  void MakeRoom() {
    const uint32_t need = runner_.need_bytes();
    REQUIRE(need > 0, "withheld records find no room");
    Take();
    // One that is empty has too little: it gets as much as it asks for.
    if (need > way_.bytes_max) Attach(way_.records_max, need);
  }

  void Take() {
    auto* const header = static_cast<BatchHeader*>(batch_->data());
    REQUIRE(CheckBatch(batch_->data(), batch_->size(), 0, header->records), "a batch that is none");
    const auto* const entries = reinterpret_cast<const BatchEntry*>(header + 1);
    const char* const data = reinterpret_cast<const char*>(entries + header->records_max);
    for (uint32_t i = 0; i < header->records; ++i) {
      REQUIRE(data[entries[i].offset + entries[i].length] == '\n', "no LF behind a record");
      std::string record;
      Put(&record, entries[i].routes_low);
      Put(&record, entries[i].routes_high);
      outcome_.records.push_back(record.append(data + entries[i].offset, entries[i].length));
    }
    header->records = header->bytes = 0;
  }

  void TakeWithheld() {
    const auto* const header = static_cast<const WithheldHeader*>(withheld_.data());
    const char* at = reinterpret_cast<const char*>(header + 1);
    const char* const end = at + header->bytes;
    for (uint32_t i = 0; i < header->records; ++i) {
      REQUIRE(static_cast<size_t>(end - at) >= sizeof(WithheldEntry), "an entry behind the end");
      WithheldEntry entry;
      std::memcpy(&entry, at, sizeof entry);
      at += sizeof entry;
      REQUIRE(entry.length <= static_cast<size_t>(end - at), "a record behind the end");
      REQUIRE(entry.rule < plan_->rules, "rule %u", entry.rule);
      outcome_.withheld.emplace_back(at, entry.length);
      at += (size_t{entry.length} + 7) & ~size_t{7};
    }
    REQUIRE(at == end, "bytes that are nobody's");
  }

  std::shared_ptr<PreparedPlan> plan_;
  const Way way_;
  // Room for every record of a chunk. Not made anew each time: that takes longer than a run.
  static inline Memory withheld_{1 << 19};
  static inline Memory roomy_{sizeof(BatchHeader) + size_t{Way().records_max} * sizeof(BatchEntry) + Way().bytes_max};
  std::unique_ptr<Memory> own_;
  Memory* batch_ = nullptr;
  Outcome outcome_;
  Runner runner_;
};

// The plan made ready, as long as the same bytes come again: most inputs differ in their chunk alone. Null: refused.
std::shared_ptr<PreparedPlan> Prepared(const DecodedPlan& decoded, std::string_view bytes, bool prefilters) {
  struct Entry {
    std::string bytes;
    bool prefilters;
    std::shared_ptr<PreparedPlan> plan;
  };
  constexpr size_t kEntriesMax = 64;
  static std::vector<Entry> entries;
  for (const Entry& entry : entries)
    if (entry.prefilters == prefilters && entry.bytes == bytes) return entry.plan;
  DecodedPlan copy = decoded;
  uint32_t rule = UINT32_MAX;
  std::string error;
  std::shared_ptr<PreparedPlan> plan = Prepare(std::move(copy), prefilters, &rule, &error);
  REQUIRE(plan != nullptr || (!error.empty() && rule < decoded.rules + kOutputsMax), "refused without a word");
  if (entries.size() == kEntriesMax) entries.erase(entries.begin());
  entries.push_back({std::string(bytes), prefilters, plan});
  return plan;
}

Outcome Run(const std::shared_ptr<PreparedPlan>& plan, const Way& way, FramingKind framing,
            const RecordContext& context, std::string_view chunk) {
  double losses[kFrameCells] = {};
  Framer framer(framing, "|", 1024, losses);
  Outcome outcome = Gate(plan, way).Run(&framer, chunk, context);
  // Promise P2: received + created = dropped + quarantined + passed.
  const auto cell = [&outcome](CountCell index) { return outcome.counts[static_cast<uint32_t>(index)]; };
  double left = cell(CountCell::kPassedRecords) + cell(CountCell::kQuarantinedMatchLimitRecords) +
                cell(CountCell::kQuarantinedOutputLimitRecords);
  for (uint32_t i = 0; i < plan->rules; ++i)
    left +=
        outcome.counts[kCountCellsFixed + i * kCountCellsPerRule + static_cast<uint32_t>(RuleCell::kDroppedRecords)];
  REQUIRE(cell(CountCell::kReceivedRecords) + cell(CountCell::kCreatedRecords) == left, "%f received, %f accounted for",
          cell(CountCell::kReceivedRecords), left);
  return outcome;
}

void Same(const Outcome& one, const Outcome& other, const char* way) {
  REQUIRE(one.records == other.records, "%s: other records: %zu and %zu", way, one.records.size(),
          other.records.size());
  REQUIRE(one.withheld == other.withheld, "%s: others are withheld", way);
  for (size_t i = 0; i < one.counts.size(); ++i)
    REQUIRE(one.counts[i] == other.counts[i], "%s: cell %zu: %f and %f", way, i, one.counts[i], other.counts[i]);
}

}  // namespace
}  // namespace streamgate::fuzz

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  using namespace streamgate;
  using namespace streamgate::fuzz;
  Chance chance(seed);
  Input input(data, size);
  const std::string_view bytes = input.Take(input.Number(2));
  std::string rest(input.Rest());
  DecodedPlan plan;
  // Preparing a plan costs a thousand times what running it does, and one of many detectors most: it changes less
  // often.
  const size_t seldom = 1 + bytes.size() / 256;
  if (chance.Below(7 + seldom) == 0 || !Decode(bytes, &plan)) return LLVMFuzzerMutate(data, size, max_size);
  std::string encoded(bytes);
  if (chance.Below(2 + seldom) != 0) {
    MutateText(&rest, &chance);
  } else {
    for (size_t changes = 1 + chance.Below(3); changes > 0; --changes) Mutate(&plan, &chance);
    encoded = Encode(plan);
  }
  if (encoded.size() > UINT16_MAX || 2 + encoded.size() + rest.size() > max_size)
    return LLVMFuzzerMutate(data, size, max_size);
  const auto length = static_cast<uint16_t>(encoded.size());
  std::memcpy(data, &length, 2);
  std::memcpy(data + 2, encoded.data(), encoded.size());
  std::memcpy(data + 2 + encoded.size(), rest.data(), rest.size());
  return 2 + encoded.size() + rest.size();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace streamgate;
  using namespace streamgate::fuzz;
  Input input(data, size);
  const std::string_view bytes = input.Take(input.Number(2));
  DecodedPlan plan;
  if (!Decode(bytes, &plan)) return 0;
  REQUIRE(Encode(plan) == bytes, "what was decoded is not what was encoded");
  const auto framing = static_cast<FramingKind>(input.Byte() % 6);
  const uint8_t place = input.Byte();
  RecordContext context;
  context.received_at_ms = 1'700'000'000'000.0;
  context.source.family = place % 3 == 0 ? 4 : place % 3 == 1 ? 6 : 0;
  context.source.transport = static_cast<Transport>(place / 3 % 4);
  context.source.address[0] = 10;
  context.source.address[3] = place;
  const std::string_view chunk = input.Rest();

  const auto prepared = Prepared(plan, bytes, true);
  const auto unfiltered = Prepared(plan, bytes, false);
  REQUIRE((prepared == nullptr) == (unfiltered == nullptr), "prefilters refuse a plan");
  if (prepared == nullptr) return 0;
  const Outcome whole = Run(prepared, {}, framing, context, chunk);
  Same(whole, Run(unfiltered, {}, framing, context, chunk), "without prefilters");
  Way small;
  small.records_max = 3;
  small.bytes_max = 200;
  small.piece_bytes = 1 + chunk.size() / 3;
  Same(whole, Run(prepared, small, framing, context, chunk), "in pieces and small batches");
  return 0;
}
