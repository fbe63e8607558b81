// Encoding below the binding: the kernels against a loop over the bytes, memory of exactly the bytes so that a
// sanitizer sees a read or a write beyond them, and batches that end where their memory does. What bodies look like is
// tested on both engines in test/conformance/encode.test.ts.
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "encode/encoder.h"
#include "encode/json_object.h"
#include "encode/repair.h"
#include "plan/gather.h"
#include "ring/push_records.h"
#include "scan/dispatch.h"
#include "test/check.h"

namespace streamgate {
namespace {

const uint8_t* Bytes(const char* p) { return reinterpret_cast<const uint8_t*>(p); }

std::string Escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    const char* const found = byte == 0 ? nullptr : std::strchr("\"\"\\\\\bb\tt\nn\ff\rr", c);
    if (byte == '"' || byte == '\\' || (byte < 0x20 && found != nullptr)) {
      out += '\\';
      out += byte < 0x20 ? found[1] : c;
    } else if (byte < 0x20) {
      char hex[8];
      std::snprintf(hex, sizeof hex, "\\u%04x", byte);
      out += hex;
    } else {
      out += c;
    }
  }
  return out;
}

TEST("every escaping kernel writes what a loop over the bytes writes, and stays in its room", {
  std::mt19937 random(20261126);
  const Kernels kernels = AvailableKernels();
  for (size_t size = 0; size < 300; ++size) {
    for (int kind = 0; kind < 4; ++kind) {
      // Alone in its memory, or with bytes behind it that may be read and are not to be written.
      const size_t behind = kind % 2 == 0 ? 0 : random() % 100;
      const std::unique_ptr<uint8_t[]> text(new uint8_t[size + behind]);
      for (size_t i = 0; i < size + behind; ++i)
        text[i] = static_cast<uint8_t>(kind < 2 ? random() % 256 : "\"\\\x01\n az{~\x7f"[random() % 9]);
      const std::string_view view(reinterpret_cast<const char*>(text.get()), size);
      const std::string expected = Escaped(view);
      bool ascii = true;
      for (const char c : view) ascii = ascii && static_cast<uint8_t>(c) < 0x80;
      for (int i = 0; i < kernels.count; ++i) {
        const std::unique_ptr<uint8_t[]> room(new uint8_t[size * kJsonEscapeBytesMax + kJsonEscapeSlackBytes]);
        const EscapedJson written =
            kernels.list[i].escape_json(text.get(), text.get() + size, text.get() + size + behind, room.get());
        CHECK(std::string(room.get(), written.end) == expected);
        CHECK_EQUAL(written.ascii, ascii);
      }
    }
  }
  const std::string worst(200, '\x1f');
  for (int i = 0; i < kernels.count; ++i) {
    const std::unique_ptr<uint8_t[]> room(new uint8_t[200 * kJsonEscapeBytesMax + kJsonEscapeSlackBytes]);
    const uint8_t* const end = Bytes(worst.data() + worst.size());
    const EscapedJson written = kernels.list[i].escape_json(Bytes(worst.data()), end, end, room.get());
    CHECK_EQUAL(std::string(room.get(), written.end), Escaped(worst));
  }
});

// All bytes at which a table of well-formed sequences changes its mind.
constexpr std::string_view kEdges =
    "\x7f\x80\x8f\x90\x9f\xa0\xbf\xc0\xc1\xc2\xdf\xe0\xe1\xec\xed\xee\xef\xf0\xf1\xf3\xf4\xf5\xff";

TEST("every UTF-8 kernel refuses and takes what the table of well-formed sequences does, at every place of a vector", {
  const Kernels kernels = AvailableKernels();
  uint64_t taken = 0;
  uint64_t refused = 0;
  // Every four of the edges, behind and before text of other lengths each time.
  size_t turn = 0;
  for (const char a : kEdges)
    for (const char b : kEdges)
      for (const char c : kEdges)
        for (const char d : kEdges) {
          const size_t before = turn++ % 71;
          const size_t after = turn / 71 % 3 == 0 ? 0 : turn % 67;
          const std::string text = std::string(before, 'x') + a + b + c + d + std::string(after, 'y');
          const uint8_t* const from = Bytes(text.data());
          const uint8_t* const end = from + text.size();
          const bool expected = IsUtf8Scalar(from, end);
          ++(expected ? taken : refused);
          for (int i = 0; i < kernels.count; ++i)
            if (kernels.list[i].is_utf8(from, end) != expected) CHECK_EQUAL(kernels.list[i].name, "agreeing");
        }
  CHECK(taken > 50 && refused > 100000);
});

TEST("UTF-8 kernels agree on long mixed texts, cut anywhere", {
  std::mt19937 random(7);
  const Kernels kernels = AvailableKernels();
  const std::string_view pieces[] = {
      "a", "plain words ", "é", "☺", "😀", "日本語のテキスト", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"};
  for (int round = 0; round < 4000; ++round) {
    std::string text;
    const size_t size = random() % 300;
    while (text.size() < size) text += pieces[random() % 8];
    if (round % 2 == 0 && !text.empty()) text[random() % text.size()] = static_cast<char>(random());
    // Cut anywhere: of exactly the bytes.
    const size_t cut = text.empty() ? 0 : random() % text.size();
    const std::unique_ptr<uint8_t[]> bytes(new uint8_t[cut]);
    std::memcpy(bytes.get(), text.data(), cut);
    const bool expected = IsUtf8Scalar(bytes.get(), bytes.get() + cut);
    for (int i = 0; i < kernels.count; ++i)
      CHECK_EQUAL(kernels.list[i].is_utf8(bytes.get(), bytes.get() + cut), expected);
  }
});

TEST("what is broken becomes U+FFFD, one for each maximal subpart", {
  const auto repaired = [](std::string_view text) {
    std::string out;
    AppendRepaired(text, &out);
    Body body;
    AppendRepaired(Bytes(text.data()), Bytes(text.data() + text.size()), &body);
    CHECK(std::string_view(reinterpret_cast<const char*>(body.data()), body.size()) == out);
    CHECK_EQUAL(RepairedBytes(Bytes(text.data()), Bytes(text.data() + text.size())), out.size());
    return out;
  };
  // The Unicode Standard, section 3.9, tables 3-8 to 3-11.
  CHECK_EQUAL(repaired("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41"), "��������A");
  CHECK_EQUAL(repaired("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41"), "��������A");
  CHECK_EQUAL(repaired("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42"), "�����A��B");
  CHECK_EQUAL(repaired("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"), "����A");
});

// A batch of exactly these records, and nothing readable behind the last one's LF.
class ExactBatch {
 public:
  explicit ExactBatch(const std::vector<std::string>& records) {
    size_t bytes = 0;
    for (const std::string& record : records) bytes += record.size() + 1;
    size_ = sizeof(BatchHeader) + records.size() * sizeof(BatchEntry) + bytes;
    memory_ = static_cast<char*>(std::malloc(size_));
    auto* const header = new (memory_) BatchHeader();
    header->records_max = header->records = static_cast<uint32_t>(records.size());
    header->bytes_max = header->bytes = static_cast<uint32_t>(bytes);
    auto* const entries = reinterpret_cast<BatchEntry*>(header + 1);
    char* const data = reinterpret_cast<char*>(entries + records.size());
    uint32_t at = 0;
    for (size_t i = 0; i < records.size(); ++i) {
      const auto length = static_cast<uint32_t>(records[i].size());
      entries[i] = {at, length, i % 2 == 0 ? 1u : 0u, i % 3 == 0 ? 1u << 31 : 0u};
      std::memcpy(data + at, records[i].data(), length);
      data[at + length] = '\n';
      at += length + 1;
    }
    CHECK(CheckBatch(memory_, size_, 0, header->records));
  }
  ~ExactBatch() { std::free(memory_); }
  ExactBatch(const ExactBatch&) = delete;
  ExactBatch& operator=(const ExactBatch&) = delete;

  const void* memory() const { return memory_; }
  std::vector<std::string> Records() const {
    const auto* header = reinterpret_cast<const BatchHeader*>(memory_);
    const auto* entries = reinterpret_cast<const BatchEntry*>(header + 1);
    const char* const data = reinterpret_cast<const char*>(entries + header->records_max);
    std::vector<std::string> records;
    for (uint32_t i = 0; i < header->records; ++i) records.emplace_back(data + entries[i].offset, entries[i].length);
    return records;
  }
  BatchHeader* header() { return reinterpret_cast<BatchHeader*>(memory_); }

 private:
  size_t size_ = 0;
  char* memory_ = nullptr;
};

Envelope Array() {
  Envelope envelope;
  envelope.before = "[";
  envelope.between = ",";
  envelope.after = "]";
  return envelope;
}

std::vector<EnvelopeFilled> Filled() {
  const auto field = [](SyslogField code) { return std::string(1, static_cast<char>(code)); };
  return {{",h:", field(SyslogField::kHost), ""},
          {",s:", field(SyslogField::kSeverity), ",s:0"},
          {",p:", field(SyslogField::kParam) + "s.p", ",p:0"},
          {",m:", field(SyslogField::kMessage), ""}};
}

std::string Finish(Encoder* encoder) {
  size_t size = 0;
  uint8_t* const data = encoder->Finish(&size);
  std::string body(reinterpret_cast<const char*>(data), size);
  std::free(data);
  return body;
}

constexpr Encoder::Limits kUnlimited = {UINT64_MAX >> 11, UINT64_MAX >> 11, UINT64_MAX >> 11};

TEST("a batch is encoded to its last byte and not beyond, body after body", {
  const char* fault = nullptr;
  Encoder encoder(Array(), &fault);
  for (size_t size = 0; size < 200; ++size) {
    const std::string last(size, size % 2 == 0 ? '"' : 'x');
    const ExactBatch batch({"first", last});
    encoder.Begin(kUnlimited);
    CHECK_EQUAL(encoder.Append(batch.memory(), 0, 2, 0), 2u);
    CHECK_EQUAL(encoder.counted(), 2 + 7 + 1 + 2 + Escaped(last).size());
    CHECK_EQUAL(Finish(&encoder), "[\"first\",\"" + Escaped(last) + "\"]");
  }
});

TEST("fields of syslog are filled in to a record's last byte and not beyond", {
  const char* fault = nullptr;
  Envelope envelope = Array();
  envelope.string.after = ";";
  envelope.filled = Filled();
  Encoder encoder(std::move(envelope), &fault);
  CHECK(fault == nullptr);
  for (size_t size = 0; size < 200; ++size) {
    const std::string message(size, size % 2 == 0 ? '"' : 'x');
    const std::string record = "<34>1 - h a - - [s p=\"\\\"c\"] " + message;
    const ExactBatch batch({message, record});
    encoder.Begin(kUnlimited);
    CHECK_EQUAL(encoder.Append(batch.memory(), 0, 2, 0), 2u);
    CHECK_EQUAL(Finish(&encoder), "[\"" + Escaped(message) + "\",s:0,p:0;,\"" + Escaped(record) +
                                      "\",h:\"h\",s:\"crit\",p:\"\\\"c\",m:\"" + Escaped(message) + "\";]");
  }
  Envelope wrong = Array();
  wrong.filled = {{"", "", ""}};
  Encoder refused(std::move(wrong), &fault);
  CHECK(fault != nullptr);
});

TEST("random records in random limits: no body goes beyond them, and none of what fits is lost", {
  std::mt19937 random(11);
  for (int round = 0; round < 600; ++round) {
    std::vector<std::string> records(random() % 12);
    for (std::string& record : records) {
      record.resize(random() % 120);
      for (char& c : record) c = static_cast<char>(random() % 3 == 0 ? random() % 256 : 'a');
      if (random() % 4 == 0) record = "<34>1 - h\"\x01 a - - [s p=\"" + record.substr(0, 30) + "\\\"\"] " + record;
      if (random() % 3 == 0) record = "{\"k\":\"" + std::string(random() % 40, 'v') + "\" , \"n\":[1,{}]}";
    }
    const ExactBatch batch(records);
    Envelope envelope = Array();
    envelope.object_mode = static_cast<ObjectMode>(random() % 3);
    if (envelope.object_mode == ObjectMode::kMerge) envelope.members = {{"k", "1"}, {"m", "2"}};
    if (random() % 2 == 0) envelope.counted_beside_text = 26;
    if (random() % 2 == 0) envelope.filled = Filled();
    const char* fault = nullptr;
    Encoder encoder(std::move(envelope), &fault);
    CHECK(fault == nullptr);
    const Encoder::Limits limits = {1 + random() % 5, random() % 400, random() % 400};
    uint64_t encoded = 0;
    uint64_t too_large = 0;
    const auto count = static_cast<uint32_t>(records.size());
    encoder.Begin(limits);
    for (uint32_t from = 0; from < count;) {
      from = encoder.Append(batch.memory(), from, count, 0);
      CHECK(encoder.counted() <= limits.bytes_max || encoder.records() == 0);
      CHECK(encoder.records() <= limits.records_max);
      if (encoder.stopped_by() == EncodeStop::kRecordTooLarge) {
        ++from;
        ++too_large;
      } else if (encoder.stopped_by() == EncodeStop::kFull) {
        CHECK(encoder.records() > 0);
        encoded += encoder.records();
        Finish(&encoder);
        encoder.Begin(limits);
      }
    }
    encoded += encoder.records();
    Finish(&encoder);
    CHECK_EQUAL(encoded + too_large, uint64_t{count});
  }
});

TEST("objects are read again and again with the same buffers, deep ones too", {
  const std::vector<EnvelopeMember> members = {{"m", "1"}};
  JsonObject object(members);
  const auto merged = [&](const std::string& record) {
    if (!object.Read(record.data(), record.size())) return std::string("no object");
    Body body;
    object.AppendMerged(&body);
    return std::string(reinterpret_cast<const char*>(body.data()), body.size());
  };
  const std::string deepest = std::string(kJsonDepthMax - 1, '[') + std::string(kJsonDepthMax - 1, ']');
  for (int i = 0; i < 3; ++i) {
    CHECK_EQUAL(merged("{}"), "{\"m\":1}");
    CHECK_EQUAL(merged("{\"a\":" + deepest + "}"), "{\"m\":1,\"a\":" + deepest + "}");
    CHECK_EQUAL(merged("{\"a\":[" + deepest + "]}"), "no object");
    CHECK_EQUAL(merged("{\"\\u006d\":2}"), "{\"\\u006d\":2}");
    CHECK_EQUAL(merged(""), "no object");
    CHECK_EQUAL(merged("{\"a\":1"), "no object");
  }
});

TEST("what is routed to an output is gathered run by run until the target is full", {
  const ExactBatch source({"a", "bb", "ccc", "", "eeeee", "f"});
  // Output 0: every second; output 63: every third.
  const Gathered low = CountRouted(source.memory(), 0, 6, 0);
  CHECK_EQUAL(low.records, 3u);
  CHECK_EQUAL(low.bytes, 9u);
  const Gathered high = CountRouted(source.memory(), 1, 6, 63);
  CHECK_EQUAL(high.records, 1u);
  CHECK_EQUAL(high.bytes, 0u);
  for (uint32_t room = 0; room <= 12; ++room) {
    ExactBatch target({std::string(11, '.')});
    target.header()->records = 0;
    target.header()->bytes = 0;
    target.header()->bytes_max = room;
    const Gathered gathered = GatherRouted(source.memory(), 0, 6, 0, target.header());
    // One entry only.
    CHECK_EQUAL(gathered.records, room < 2 ? 0u : 1u);
    CHECK_EQUAL(gathered.need_bytes, room < 2 ? 2u : 4u);
    CHECK_EQUAL(gathered.stopped, room < 2 ? 0u : 2u);
    CHECK_EQUAL(target.header()->records, gathered.records);
  }
  ExactBatch target({std::string(20, '.'), "", "", ""});
  target.header()->records = 0;
  target.header()->bytes = 0;
  GatherRouted(source.memory(), 0, 6, 0, target.header());
  CHECK_EQUAL(GatherRouted(source.memory(), 3, 4, 63, target.header()).stopped, 4u);
  CHECK((target.Records() == std::vector<std::string>{"a", "ccc", "eeeee", ""}));
});

}  // namespace
}  // namespace streamgate
