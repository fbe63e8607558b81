// attribute_filter: the table that both engines run lies in
// src/data/engine/portable/attribute/attribute_filter.test.ts. Here: what only C++ can get wrong, under the sanitizers:
// reads beyond the record, deep nesting, arguments of any bytes.
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "attribute/attribute_filter.h"
#include "attribute/json_text.h"
#include "test/check.h"

namespace streamgate {
namespace {

std::string Path(const std::vector<std::string>& keys) {
  std::string bytes;
  for (const std::string& key : keys) {
    for (int shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<char>(key.size() >> shift & 0xFF));
    bytes += key;
  }
  return bytes;
}

Operation Make(AttributeOperator op, const std::string& value, const std::vector<std::vector<std::string>>& paths) {
  Operation operation{OperationCode::kDropAttribute, 0, 0, {std::string(1, static_cast<char>(op)), value}};
  for (const auto& path : paths) operation.args.push_back(Path(path));
  return operation;
}

std::unique_ptr<AttributeFilter> Filter(AttributeOperator op, const std::string& value,
                                        const std::vector<std::vector<std::string>>& paths) {
  std::string error;
  auto filter = AttributeFilter::Prepare(Make(op, value, paths), &error);
  CHECK_EQUAL(error, "");
  return filter;
}

// Runs on a copy of exactly the record's bytes, so that the address sanitizer sees a read beyond them.
bool Drops(AttributeFilter& filter, const std::string& record) {
  const std::unique_ptr<char[]> exact(new char[record.size()]);
  std::memcpy(exact.get(), record.data(), record.size());
  return filter.Matches(exact.get(), record.size());
}

const char kOtlp[] =
    R"({"attributes":[{"key":"a","value":{"kvlistValue":{"values":[{"value":{"intValue":"7"},"key":"b\u0021"}]}}},)"
    R"({"key":"x"}],"n":-1.5e+3,"s":"\ud83d\ude00\n","t":[true,false,null,{}]})";

TEST("an attribute filter reads no byte beyond a record that ends anywhere", {
  const auto filter = Filter(AttributeOperator::kContains, "", {{"attributes", "a", "b!"}, {"s"}});
  const std::string record = kOtlp;
  CHECK(Drops(*filter, record));
  for (size_t size = 0; size < record.size(); ++size) CHECK(!Drops(*filter, record.substr(0, size)));
});

TEST("an attribute filter takes any byte anywhere", {
  const auto filter = Filter(AttributeOperator::kContains, "", {{"attributes", "a", "b!"}, {"s"}});
  const std::string record = kOtlp;
  int dropped = 0;
  for (size_t at = 0; at < record.size(); ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string damaged = record;
      damaged[at] = static_cast<char>(byte);
      dropped += Drops(*filter, damaged) ? 1 : 0;
    }
  }
  // Most bytes within strings may be any but a few; most outside may not.
  CHECK(dropped > 256 && dropped < static_cast<int>(record.size()) * 256);
});

TEST("a record nested a million deep needs no deep stack", {
  const auto filter = Filter(AttributeOperator::kEquals, "x", {{"k"}, {"j", "a", "a"}});
  const size_t depth = 1000000;
  std::string open;
  std::string close;
  for (size_t i = 0; i < depth; ++i) {
    open += i % 2 == 0 ? "{\"a\":" : "[";
    close += (depth - i) % 2 == 0 ? "]" : "}";
  }
  CHECK(Drops(*filter, "{\"j\":" + open + "0" + close + ",\"k\":\"x\"}"));
  CHECK(!Drops(*filter, "{\"j\":" + open + "0" + close + "],\"k\":\"x\"}"));
});

TEST("an attribute filter keeps nothing from one record to the next", {
  const auto filter = Filter(AttributeOperator::kEquals, "x", {{"k"}});
  CHECK(Drops(*filter, R"({"k":"x"})"));
  CHECK(!Drops(*filter, R"({"j":"x"})"));
  CHECK(!Drops(*filter, R"({"k":"x")"));
  CHECK(!Drops(*filter, R"({"j":{"k":"x"}})"));
});

TEST("an attribute filter refuses arguments that are none of its own", {
  const auto refused = [](std::vector<std::string> args) {
    std::string error;
    const bool null =
        AttributeFilter::Prepare({OperationCode::kDropAttribute, 0, 0, std::move(args)}, &error) == nullptr;
    return null && !error.empty();
  };
  CHECK(refused({}));
  CHECK(refused({std::string(1, '\0')}));
  CHECK(refused({"\x03", ""}));
  CHECK(refused({std::string(2, '\0'), ""}));
  CHECK(refused({std::string(1, '\0'), "", std::string(3, '\0')}));
  CHECK(refused({std::string(1, '\0'), "", std::string("\xFF\xFF\xFF\xFF", 4)}));
  CHECK(refused({std::string(1, '\0'), "", std::string(101 * 4, '\0')}));
  CHECK(!refused({std::string(1, '\0'), "", std::string(100 * 4, '\0')}));
  CHECK(refused({"\x02", "("}));
});

// A value that may be written with escapes.
std::string Spelled(const std::string& text, std::mt19937* random) {
  std::string spelled;
  for (const char c : text) {
    const unsigned how = (*random)() % 8;
    const char* const named = std::strchr("\"\\/", c);
    if (how == 0) {
      const char* const digits = "0123456789abcdef";
      spelled += "\\u00";
      spelled += digits[c >> 4 & 15];
      spelled += digits[c & 15];
    } else if (named != nullptr && (c != '/' || how < 4)) {
      spelled += {'\\', c};
    } else {
      spelled += c;
    }
  }
  return spelled;
}

TEST("a prefilter hides no record that an attribute filter drops", {
  std::mt19937 random(20261123);
  const auto one = [&](std::vector<std::string> choices) { return choices[random() % choices.size()]; };
  const auto key = [&] { return one({"level", "log.level", "a/b", "k", "", "a\"b", "service"}); };
  const auto value = [&] { return one({"debug", "DEBUG", "a/b", "/", "1", "x\"y\\z", "", "de"}); };
  int dropped = 0;
  int hidden = 0;
  for (int round = 0; round < 20000; ++round) {
    std::vector<std::vector<std::string>> paths;
    for (unsigned i = 0; i <= random() % 3; ++i) paths.push_back({key()});
    for (unsigned i = 0; i < random() % 2; ++i) paths.push_back({key(), key()});
    const auto op = static_cast<AttributeOperator>(random() % 3);
    const std::string wanted =
        op == AttributeOperator::kRegex
            ? one({"debug|x.y", "(?i)^debug$", "^[a-z]/[a-z]$", "\\d", "^$", "[^a]e", "a/b", "x\"y"})
            : value();
    std::string error;
    const auto with = AttributeFilter::Prepare(Make(op, wanted, paths), &error, true);
    const auto without = AttributeFilter::Prepare(Make(op, wanted, paths), &error, false);
    CHECK(without->TakePrefilter() == nullptr);
    const auto prefilter = with->TakePrefilter();
    const auto quoted = [&](const std::string& text) { return "\"" + Spelled(text, &random) + "\""; };
    std::string record = "{\"padding\":\"" + std::string(random() % 130, '.') + "\"";
    for (unsigned i = 0; i < 1 + random() % 6; ++i) {
      record += "," + quoted(key()) + ":";
      record += random() % 3 == 0 ? "{" + quoted(key()) + ":" + quoted(value()) + "}" : quoted(value());
    }
    record += random() % 8 == 0 ? "," : "}";
    const bool drops = Drops(*without, record);
    const bool may = prefilter == nullptr || prefilter->SearchFrom(record, 0) != std::string_view::npos;
    CHECK_EQUAL(record + (may && Drops(*with, record) ? " drops" : " passes"), record + (drops ? " drops" : " passes"));
    dropped += drops ? 1 : 0;
    hidden += may ? 0 : 1;
  }
  // A test in which nothing is dropped, or nothing hidden, proves nothing.
  CHECK(dropped > 1000 && dropped < 10000);
  CHECK(hidden > 1000);
});

TEST("decoding resolves escapes and leaves other bytes as they are", {
  const auto decoded = [](const std::string& raw) {
    std::string out;
    JsonText::Decode(raw, &out);
    return out;
  };
  CHECK_EQUAL(decoded(R"(a\"\\\/\b\f\n\r\t\u0041)"), "a\"\\/\b\f\n\r\tA");
  CHECK_EQUAL(decoded(R"(\u00e9\u20AC\ud83d\uDE00)"), "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
  CHECK_EQUAL(decoded(R"(\ud83d)"), "\xEF\xBF\xBD");
  CHECK_EQUAL(decoded(R"(\ud83d\n\ude00)"), "\xEF\xBF\xBD\n\xEF\xBF\xBD");
  CHECK_EQUAL(decoded("\xFF\\n\xC3"), "\xFF\n\xC3");
});

}  // namespace
}  // namespace streamgate
