#include "attribute/attribute_filter.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "re2/re2.h"

namespace streamgate {
namespace {

constexpr std::string_view kKvlistValue = "kvlistValue";
constexpr std::string_view kAnyValueNames[] = {"stringValue", "intValue", "doubleValue", "boolValue", kKvlistValue};

bool Contains(std::string_view text, std::string_view part) {
#if defined(__linux__) || defined(__APPLE__)
  // Two-way search in glibc and musl: linear where string_view::find is quadratic ("aaab" in "aaaa...").
  return part.empty() || memmem(text.data(), text.size(), part.data(), part.size()) != nullptr;
#else
  return text.find(part) != std::string_view::npos;
#endif
}

// Reads a path: its keys, each as u32 length (little-endian) and bytes. False: the lengths do not fit.
bool ReadPath(std::string_view bytes, std::vector<std::string>* keys) {
  while (!bytes.empty()) {
    if (bytes.size() < 4) return false;
    uint32_t size = 0;
    for (int i = 3; i >= 0; --i) size = size << 8 | static_cast<uint8_t>(bytes[static_cast<size_t>(i)]);
    bytes.remove_prefix(4);
    if (size > bytes.size()) return false;
    keys->emplace_back(bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
  return true;
}

}  // namespace

std::unique_ptr<AttributeFilter> AttributeFilter::Prepare(const Operation& operation, std::string* error) {
  const std::vector<std::string>& args = operation.args;
  if (args.size() < 2 || args[0].size() != 1 || static_cast<uint8_t>(args[0][0]) > 2) {
    *error = "dropAttribute needs an operator, a value and paths";
    return nullptr;
  }
  const AttributeOperator op = static_cast<AttributeOperator>(args[0][0]);
  std::vector<std::vector<std::string>> paths(args.size() - 2);
  for (size_t i = 0; i < paths.size(); ++i) {
    if (!ReadPath(args[i + 2], &paths[i])) {
      *error = "dropAttribute: a path's key lengths do not fit its bytes";
      return nullptr;
    }
    if (paths[i].size() > kAttributeKeysMax) {
      *error = "dropAttribute: a path has more than " + std::to_string(kAttributeKeysMax) + " keys";
      return nullptr;
    }
  }
  std::unique_ptr<re2::RE2> pattern;
  if (op == AttributeOperator::kRegex) {
    re2::RE2::Options options;
    options.set_log_errors(false);
    pattern = std::make_unique<re2::RE2>(args[1], options);
    if (!pattern->ok()) {
      *error = pattern->error();
      return nullptr;
    }
  }
  return std::unique_ptr<AttributeFilter>(new AttributeFilter(op, args[1], std::move(pattern), PathTrie(paths)));
}

AttributeFilter::AttributeFilter(AttributeOperator op, std::string value, std::unique_ptr<re2::RE2> pattern,
                                 PathTrie trie)
    : op_(op), value_(std::move(value)), pattern_(std::move(pattern)), trie_(std::move(trie)), found_(trie_.size()) {
  for (uint32_t node = 0; node < trie_.size(); ++node)
    if (trie_.node(node).path != PathTrie::kNoPath) ends_.push_back(node);
  std::sort(ends_.begin(), ends_.end(),
            [this](uint32_t a, uint32_t b) { return trie_.node(a).path < trie_.node(b).path; });
}

AttributeFilter::~AttributeFilter() = default;

bool AttributeFilter::Drops(const char* data, size_t size) {
  text_.Reset(data, size);
  if (text_.Peek() != '{') return false;
  // A scalar whose text has no escapes holds the value only where the record does. This settles most records at the
  // speed of a literal search, without asking whether they are JSON.
  if (op_ != AttributeOperator::kRegex && std::memchr(data, '\\', size) == nullptr &&
      !Contains(std::string_view(data, size), value_))
    return false;
  Forget(0);
  if (!Value(0) || !text_.AtEnd()) return false;
  for (const uint32_t node : ends_) {
    const Found& found = found_[node];
    if (found.presence != Presence::kAbsent) return found.presence == Presence::kScalar && Accepts(found.scalar);
  }
  return false;
}

// Takes the value at `node`, whatever it is, and follows the paths that go on into it.
bool AttributeFilter::Value(uint32_t node) {
  const char c = text_.Peek();
  Found& found = found_[node];
  if (c != '{' && c != '[') {
    found.presence = Presence::kScalar;
    return text_.Scalar(&found.scalar);
  }
  found.presence = Presence::kContainer;
  if (trie_.node(node).children.empty()) return text_.SkipValue();
  return c == '{' ? Object(node) : List(node);
}

bool AttributeFilter::Object(uint32_t node) {
  text_.Take('{');
  if (text_.Take('}')) return true;
  do {
    JsonScalar key;
    if (text_.Peek() != '"' || !text_.String(&key) || !text_.Take(':')) return false;
    const uint32_t child = Follow(node, key);
    if (child == 0) {
      if (!text_.SkipValue()) return false;
    } else {
      Forget(child);
      if (!Value(child)) return false;
    }
  } while (text_.Take(','));
  return text_.Take('}');
}

// An array in which the keys below `node` are looked for as OTLP attributes. Other elements are passed over.
bool AttributeFilter::List(uint32_t node) {
  text_.Take('[');
  if (text_.Take(']')) return true;
  do {
    if (!(text_.Peek() == '{' ? Element(node) : text_.SkipValue())) return false;
  } while (text_.Take(','));
  return text_.Take(']');
}

// An OTLP KeyValue. `key` may come after `value`, and a later duplicate of either counts, so the value is checked first
// and read again only when the whole element has been seen: once a key of the plan, so the work stays linear.
bool AttributeFilter::Element(uint32_t node) {
  JsonScalar name;
  const char* value = nullptr;
  text_.Take('{');
  if (!text_.Take('}')) {
    do {
      JsonScalar key;
      if (text_.Peek() != '"' || !text_.String(&key) || !text_.Take(':')) return false;
      const char c = text_.Peek();
      if (KeyIs(key, "key")) {
        name = JsonScalar();
        if (!(c == '"' ? text_.String(&name) : text_.SkipValue())) return false;
      } else {
        if (KeyIs(key, "value")) value = text_.at();
        if (!text_.SkipValue()) return false;
      }
    } while (text_.Take(','));
    if (!text_.Take('}')) return false;
  }
  const uint32_t child = name.is_string ? Follow(node, name) : 0;
  if (child == 0) return true;
  Forget(child);
  if (value == nullptr) return true;
  const char* const after = text_.at();
  text_.Seek(value);
  AnyValue(child);
  text_.Seek(after);
  return true;
}

// An OTLP AnyValue, or a value without that wrapping. The text has been checked, so nothing here can fail.
bool AttributeFilter::AnyValue(uint32_t node) {
  if (text_.Peek() != '{') return Value(node);
  const char* const start = text_.at();
  // The name of the only key, where it is one of AnyValue's.
  std::string_view wrapping;
  bool wrapped = true;
  const char* inner = nullptr;
  text_.Take('{');
  if (!text_.Take('}')) {
    do {
      JsonScalar key;
      text_.Peek();
      text_.String(&key);
      text_.Take(':');
      text_.Peek();
      inner = text_.at();
      text_.SkipValue();
      if (wrapping.empty()) {
        for (const std::string_view name : kAnyValueNames)
          if (KeyIs(key, name)) wrapping = name;
      }
      wrapped = wrapped && !wrapping.empty() && KeyIs(key, wrapping);
    } while (text_.Take(','));
  }
  if (!wrapped || wrapping.empty()) {
    text_.Seek(start);
    return Value(node);
  }
  text_.Seek(inner);
  const char c = text_.Peek();
  const bool list = wrapping == kKvlistValue;
  if (!list && c != '{' && c != '[') return Value(node);
  found_[node].presence = Presence::kContainer;
  if (!list || c != '{' || trie_.node(node).children.empty()) return true;
  const char* values = nullptr;
  text_.Take('{');
  if (!text_.Take('}')) {
    do {
      JsonScalar key;
      text_.Peek();
      text_.String(&key);
      text_.Take(':');
      text_.Peek();
      if (KeyIs(key, "values")) values = text_.at();
      text_.SkipValue();
    } while (text_.Take(','));
  }
  if (values == nullptr) return true;
  text_.Seek(values);
  return text_.Peek() != '[' || List(node);
}

// The node under `node` that this key leads to; 0: none.
uint32_t AttributeFilter::Follow(uint32_t node, const JsonScalar& key) {
  if (!key.escaped && !trie_.MayHave(node, key.size)) return 0;
  return trie_.Find(node, Meaning(key));
}

bool AttributeFilter::KeyIs(const JsonScalar& key, std::string_view name) {
  return key.escaped ? Meaning(key) == name : std::string_view(key.data, key.size) == name;
}

// Takes back what an earlier duplicate of this key has led to.
void AttributeFilter::Forget(uint32_t node) {
  for (uint32_t i = node; i < trie_.node(node).end; ++i) found_[i].presence = Presence::kAbsent;
}

// A scalar's text, strings decoded. Valid until the next call.
std::string_view AttributeFilter::Meaning(const JsonScalar& scalar) {
  if (!scalar.escaped) return {scalar.data, scalar.size};
  decoded_.clear();
  JsonText::Decode({scalar.data, scalar.size}, &decoded_);
  return decoded_;
}

bool AttributeFilter::Accepts(const JsonScalar& scalar) {
  const std::string_view text = Meaning(scalar);
  switch (op_) {
    case AttributeOperator::kEquals:
      return text == value_;
    case AttributeOperator::kContains:
      return Contains(text, value_);
    case AttributeOperator::kRegex:
      return pattern_->Match(text, 0, text.size(), re2::RE2::UNANCHORED, nullptr, 0);
  }
  return false;
}

}  // namespace streamgate
