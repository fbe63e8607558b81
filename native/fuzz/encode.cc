// Encoding: every body is valid JSON of the records that it should have, no byte beyond its limits, and means what they
// say: strings with U+FFFD for what is no UTF-8, objects as they are or with the members that they lack.
//
//     u8 object mode, time and fields · u8 most records · u16 most bytes · u16 most record bytes · records, LF between
#include <algorithm>
#include <string>
#include <vector>

#include "encode/encoder.h"
#include "fuzz/input.h"
#include "fuzz/json_reference.h"
#include "ring/push_records.h"

namespace streamgate::fuzz {
namespace {

// A batch of exactly these records, and nothing readable behind the last one's LF.
class ExactBatch {
 public:
  explicit ExactBatch(const std::vector<std::string>& records) {
    size_t bytes = 0;
    for (const std::string& record : records) bytes += record.size() + 1;
    const size_t size = sizeof(BatchHeader) + records.size() * sizeof(BatchEntry) + bytes;
    memory_ = static_cast<char*>(std::malloc(size));
    auto* const header = new (memory_) BatchHeader();
    header->records_max = header->records = static_cast<uint32_t>(records.size());
    header->bytes_max = header->bytes = static_cast<uint32_t>(bytes);
    auto* const entries = reinterpret_cast<BatchEntry*>(header + 1);
    char* const data = reinterpret_cast<char*>(entries + records.size());
    uint32_t at = 0;
    for (size_t i = 0; i < records.size(); ++i) {
      const auto length = static_cast<uint32_t>(records[i].size());
      entries[i] = {at, length, 1, 0};
      std::memcpy(data + at, records[i].data(), length);
      data[at + length] = '\n';
      at += length + 1;
    }
    REQUIRE(CheckBatch(memory_, size, 0, header->records), "no batch");
  }
  ~ExactBatch() { std::free(memory_); }
  ExactBatch(const ExactBatch&) = delete;
  ExactBatch& operator=(const ExactBatch&) = delete;
  const void* memory() const { return memory_; }

 private:
  char* memory_;
};

constexpr uint8_t kTimed = 4;
constexpr uint8_t kFilled = 8;
constexpr uint8_t kCounted = 16;
constexpr char kMerged[] = "added";

// A record as its body's item should be, where it is an object that the mode takes for one.
void CheckObject(ObjectMode mode, JsonValue expected, const JsonValue& item) {
  const auto has = [&expected](std::string_view name) {
    return std::any_of(expected.members.begin(), expected.members.end(),
                       [name](const auto& member) { return member.first == name; });
  };
  if (mode == ObjectMode::kMerge && !has(kMerged)) {
    JsonValue one;
    one.kind = JsonValue::Kind::kNumber;
    one.text = "1";
    expected.members.insert(expected.members.begin(), {kMerged, one});
  }
  REQUIRE(item == expected, "an object that is not the record");
}

void CheckItem(const Envelope& envelope, const std::string& record, const JsonValue& item) {
  const auto object = JsonReference::Parse(record);
  if (envelope.object_mode != ObjectMode::kString && object.has_value() && object->kind == JsonValue::Kind::kObject &&
      object->depth <= kJsonDepthMax) {
    // What is no UTF-8 stands in strings only, where it is repaired.
    CheckObject(envelope.object_mode, *JsonReference::Parse(Repaired(record)), item);
    return;
  }
  const JsonValue* text = &item;
  if (!envelope.string.before.empty()) {
    REQUIRE(item.kind == JsonValue::Kind::kObject, "no object around the record");
    const size_t at = envelope.string.time == FrameTime::kNone ? 0 : 1;
    REQUIRE(item.members.size() > at && item.members[at].first == "message", "no message");
    text = &item.members[at].second;
  }
  REQUIRE(text->kind == JsonValue::Kind::kString && text->text == Repaired(record), "a string that is not the record");
}

std::vector<EnvelopeFilled> Filled() {
  const auto field = [](SyslogField code) { return std::string(1, static_cast<char>(code)); };
  return {{",\"host\":", field(SyslogField::kHost), ""},
          {",\"severity\":", field(SyslogField::kSeverity), ",\"severity\":null"},
          {",\"param\":", field(SyslogField::kParam) + "s.p", ",\"param\":0"},
          {",\"text\":", field(SyslogField::kMessage), ""}};
}

}  // namespace
}  // namespace streamgate::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace streamgate;
  using namespace streamgate::fuzz;
  Input input(data, size);
  const uint8_t what = input.Byte();
  Envelope envelope;
  envelope.before = "[";
  envelope.between = ",";
  envelope.after = "]";
  envelope.object_mode = static_cast<ObjectMode>(what % 4 % 3);
  if (envelope.object_mode == ObjectMode::kMerge) envelope.members = {{kMerged, "1"}};
  if ((what & (kTimed | kFilled)) != 0) {
    envelope.string.before = "{\"message\":";
    envelope.string.after = "}";
  }
  if ((what & kTimed) != 0) {
    envelope.string.time = (what & 32) != 0 ? FrameTime::kS : FrameTime::kMs;
    envelope.string.before = "{\"time\":";
    envelope.string.then = ",\"message\":";
  }
  if ((what & kFilled) != 0) envelope.filled = Filled();
  const bool counted_beside = (what & kCounted) != 0;
  if (counted_beside) envelope.counted_beside_text = 26;
  Encoder::Limits limits;
  limits.records_max = 1 + input.Byte();
  limits.bytes_max = input.Number(2);
  limits.record_bytes_max = input.Number(2);

  std::vector<std::string> records(1);
  for (const char c : input.Rest()) {
    if (c == '\n')
      records.emplace_back();
    else
      records.back() += c;
  }
  const ExactBatch batch(records);
  const char* fault = nullptr;
  Encoder encoder(envelope, &fault);
  REQUIRE(fault == nullptr, "%s", fault);

  const auto count = static_cast<uint32_t>(records.size());
  std::vector<uint32_t> inside;
  const auto finish = [&] {
    const uint64_t counted = encoder.counted();
    const uint64_t encoded = encoder.records();
    size_t bytes = 0;
    uint8_t* const body = encoder.Finish(&bytes);
    const std::string text(reinterpret_cast<const char*>(body), bytes);
    std::free(body);
    REQUIRE(encoded == inside.size() && encoded <= limits.records_max, "%zu records", inside.size());
    if (!counted_beside) {
      REQUIRE(counted == bytes, "%zu bytes and not as many counted", bytes);
      REQUIRE(encoded == 0 || bytes <= limits.bytes_max, "%zu bytes", bytes);
    }
    const auto json = JsonReference::Parse(text);
    REQUIRE(json.has_value() && json->kind == JsonValue::Kind::kArray, "no JSON: %s", text.c_str());
    REQUIRE(Repaired(text) == text, "no UTF-8");
    REQUIRE(json->items.size() == inside.size(), "%zu items", json->items.size());
    for (size_t i = 0; i < inside.size(); ++i) CheckItem(envelope, records[inside[i]], json->items[i]);
    inside.clear();
  };
  encoder.Begin(limits);
  for (uint32_t from = 0; from < count;) {
    const uint32_t stopped = encoder.Append(batch.memory(), from, count, 1'700'000'000'123 + from);
    REQUIRE(stopped >= from && stopped <= count, "%u", stopped);
    for (; from < stopped; ++from) inside.push_back(from);
    switch (encoder.stopped_by()) {
      case EncodeStop::kNone:
        REQUIRE(from == count, "stopped by nothing");
        break;
      case EncodeStop::kFull:
        REQUIRE(!inside.empty(), "an empty body is full");
        finish();
        encoder.Begin(limits);
        break;
      case EncodeStop::kRecordTooLarge:
        ++from;
        break;
    }
  }
  finish();
  return 0;
}
