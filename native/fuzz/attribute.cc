// Attributes: a filter answers alike with and without prefilters, reads nothing beyond the record, finds nothing in
// what is no JSON, and a member of the record's own as a plain reader does.
//
//     u8 operator · u8 1: the path is bytes as a plan has them · u8 value bytes · value · u8 path bytes
//     path (keys with `/` between them, paths with `|`) · record
#include <memory>
#include <string>
#include <vector>

#include "attribute/attribute_filter.h"
#include "fuzz/input.h"
#include "fuzz/json_reference.h"

namespace streamgate::fuzz {
namespace {

std::vector<std::string> Split(std::string_view text, char at) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == at)
      parts.emplace_back();
    else
      parts.back() += c;
  }
  return parts;
}

std::string PathOf(const std::vector<std::string>& keys) {
  std::string bytes;
  for (const std::string& key : keys) {
    const auto size = static_cast<uint32_t>(key.size());
    bytes.append(reinterpret_cast<const char*>(&size), 4).append(key);
  }
  return bytes;
}

// Of a record that is plainly an object: the text of its last member of this name.
void CheckFound(const JsonValue& record, const std::string& key, bool found, std::string_view text) {
  const JsonValue* last = nullptr;
  for (const auto& [name, value] : record.members)
    if (name == key) last = &value;
  // OTLP's lists have keys of their own, and the path ends here: what lies in a container is no text.
  const bool scalar =
      last != nullptr && last->kind != JsonValue::Kind::kArray && last->kind != JsonValue::Kind::kObject;
  REQUIRE(found == scalar, "a member of the record: found %d", found);
  if (found)
    REQUIRE(text == last->text, "found %.*s, and it is %s", static_cast<int>(text.size()), text.data(),
            last->text.c_str());
}

}  // namespace
}  // namespace streamgate::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace streamgate;
  using namespace streamgate::fuzz;
  Input input(data, size);
  const auto op = static_cast<AttributeOperator>(input.Byte() % 9);
  const bool raw = input.Byte() == 1;
  const std::string_view value = input.Take(input.Byte());
  const std::string_view path = input.Take(input.Byte());
  std::vector<std::string> values;
  if (op == AttributeOperator::kEquals || op == AttributeOperator::kDiffers)
    values = Split(value, '|');
  else if (op != AttributeOperator::kExists)
    values = {std::string(value)};
  std::vector<std::string> paths;
  std::string only_key;
  if (raw) {
    paths = {std::string(path)};
  } else {
    for (const std::string& one : Split(path, '|')) paths.push_back(PathOf(Split(one, '/')));
    if (paths.size() == 1 && path.find('/') == std::string_view::npos) only_key = path;
  }
  std::string error;
  const auto filter = AttributeFilter::Prepare(op, values, paths, &error, true);
  std::string error_without;
  const auto without = AttributeFilter::Prepare(op, values, paths, &error_without, false);
  REQUIRE((filter == nullptr) == (without == nullptr), "prefilters refuse");
  if (filter == nullptr) {
    REQUIRE(!error.empty(), "refused without a word");
    return 0;
  }
  const Exact record(input.Rest());
  const bool matches = filter->Matches(record.data(), record.size());
  REQUIRE(matches == without->Matches(record.data(), record.size()), "prefilters hide a match, or make one");
  REQUIRE(matches == filter->Matches(record.data(), record.size()), "another answer the second time");
  std::string_view text;
  const bool found = filter->Find(record.data(), record.size(), &text);
  REQUIRE(!found || text.size() <= record.size(), "a text longer than its record");
  if (found && op == AttributeOperator::kExists) REQUIRE(matches, "found and not there");
  // A syslog record's message is looked at instead, and a path in the bytes of a plan may be anything.
  if (raw || (record.size() > 0 && record.data()[0] == '<')) return 0;
  const std::optional<JsonValue> json = JsonReference::Parse(record.text());
  if (!json.has_value() || json->kind != JsonValue::Kind::kObject) {
    REQUIRE(!matches && !found, "what is no JSON object matches");
  } else if (path.find('|') == std::string_view::npos && !only_key.empty()) {
    CheckFound(*json, only_key, found, text);
  }
  return 0;
}
