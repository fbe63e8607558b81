// See attribute_filter.h.
#include "attribute/attribute_filter.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "re2/re2.h"
#include "scan/dispatch.h"
#include "syslog/message.h"

namespace streamgate {
namespace {

constexpr std::string_view kKvlistValue = "kvlistValue";
constexpr std::string_view kAnyValueNames[] = {"stringValue", "intValue", "doubleValue", "boolValue", kKvlistValue};

// Does it begin with kSyslogPathMark (u32, little-endian)?
bool IsSyslogPath(std::string_view path) {
  static_assert(kSyslogPathMark == UINT32_MAX);
  return path.substr(0, 4) == "\xFF\xFF\xFF\xFF";
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

// Could this byte of a string's meaning be written as a two-character escape? (RFC 8259 section 7.)
bool HasShortEscape(uint8_t byte) { return byte != 0 && std::strchr("\"\\/\b\f\n\r\t", byte) != nullptr; }

// The longest part of `text` in which no byte has a short escape: of those bytes, in this order, a string that means
// `text` is made unless it holds `\u`.
std::string_view PlainPart(std::string_view text) {
  std::string_view longest;
  for (size_t at = 0; at < text.size();) {
    size_t end = at;
    while (end < text.size() && !HasShortEscape(static_cast<uint8_t>(text[end]))) ++end;
    if (end - at > longest.size()) longest = text.substr(at, end - at);
    at = end + 1;
  }
  return longest;
}

// A record in which a string, or a scalar's source text, holds one of `texts` contains one of these. Empty: nothing can
// be said.
std::vector<Prefilter::Factor> LiteralFactors(const std::vector<std::string>& texts) {
  std::vector<Prefilter::Factor> factors;
  if (texts.empty() || texts.size() >= Prefilter::kFactorsMax) return factors;
  for (const std::string& text : texts) {
    const std::string_view plain = PlainPart(text);
    if (plain.empty()) return {};
    factors.push_back(Prefilter::FactorOfLiteral(plain));
  }
  factors.push_back(Prefilter::FactorOfLiteral("\\u"));
  return factors;
}

// The same for a pattern's matches.
std::vector<Prefilter::Factor> PatternFactors(const re2::RE2& pattern) {
  std::vector<Prefilter::Factor> factors;
  const std::unique_ptr<Prefilter> derived = Prefilter::Of(pattern);
  if (derived == nullptr || derived->factors().size() >= Prefilter::kFactorsMax) return factors;
  bool short_escapes = false;
  for (const Prefilter::Factor& factor : derived->factors()) {
    for (const ByteSet& set : factor.window.sets())
      for (unsigned byte = 0; byte < 256; ++byte)
        short_escapes |= set.Has(static_cast<uint8_t>(byte)) && HasShortEscape(static_cast<uint8_t>(byte));
    factors.push_back({factor.window, Prefilter::kAnywhere});
  }
  factors.push_back(Prefilter::FactorOfLiteral(short_escapes ? "\\" : "\\u"));
  return factors;
}

// Of each path the longest key, for all keys of a path must be there; without those that hold another.
std::vector<std::string> RarestKeys(const std::vector<std::vector<std::string>>& paths) {
  std::vector<std::string> keys;
  for (const std::vector<std::string>& path : paths) {
    // The record itself is an object, never a scalar.
    if (path.empty()) continue;
    keys.push_back(*std::max_element(path.begin(), path.end(), [](const std::string& a, const std::string& b) {
      return PlainPart(a).size() < PlainPart(b).size();
    }));
  }
  std::sort(keys.begin(), keys.end(), [](const std::string& a, const std::string& b) { return a.size() < b.size(); });
  std::vector<std::string> rarest;
  for (const std::string& key : keys) {
    const bool covered =
        std::any_of(rarest.begin(), rarest.end(), [&](const std::string& shorter) { return Contains(key, shorter); });
    if (!covered) rarest.push_back(key);
  }
  return rarest;
}

// What may be a JSON object: the record, or of a syslog record its message, also behind the cookie with which CEE
// announces JSON (https://cee.mitre.org/language/1.0-beta1/clt.html). Empty: nothing is.
std::string_view DocumentOf(const char* data, size_t size) {
  constexpr std::string_view kCookie = "@cee:";
  if (size > 0 && data[0] == '<') {
    std::string_view message = ReadSyslog({data, size}).message;
    const size_t from = message.find_first_not_of(' ');
    if (from != std::string_view::npos && message.substr(from, kCookie.size()) == kCookie)
      message.remove_prefix(from + kCookie.size());
    data = message.data();
    size = message.size();
  }
  return JsonText::First(data, size) == '{' ? std::string_view(data, size) : std::string_view();
}

bool HoldsAny(const std::vector<Prefilter::Factor>& factors, const char* data, size_t size) {
  const auto* const from = reinterpret_cast<const uint8_t*>(data);
  return std::any_of(factors.begin(), factors.end(), [&](const Prefilter::Factor& factor) {
    return FindWindow(factor.window, from, from + size) != from + size;
  });
}

bool HoldsUnicodeEscape(const char* data, size_t size) {
  const char* const end = data + size;
  for (const char* p = data; p < end; ++p) {
    p = static_cast<const char*>(std::memchr(p, '\\', static_cast<size_t>(end - p)));
    if (p == nullptr) return false;
    if (end - p >= 2 && p[1] == 'u') return true;
  }
  return false;
}

}  // namespace

std::unique_ptr<AttributeFilter> AttributeFilter::Prepare(const Operation& operation, std::string* error,
                                                          bool prefilters) {
  const std::vector<std::string>& args = operation.args;
  if (args.size() < 2 || args[0].size() != 1 ||
      static_cast<uint8_t>(args[0][0]) > static_cast<uint8_t>(AttributeOperator::kRegex)) {
    *error = "dropAttribute needs an operator, a value and paths";
    return nullptr;
  }
  return Prepare(static_cast<AttributeOperator>(args[0][0]), {args[1]}, {args.begin() + 2, args.end()}, error,
                 prefilters);
}

std::unique_ptr<AttributeFilter> AttributeFilter::Prepare(AttributeOperator op, const std::vector<std::string>& values,
                                                          const std::vector<std::string>& path_bytes,
                                                          std::string* error, bool prefilters) {
  if (path_bytes.size() == 1 && IsSyslogPath(path_bytes[0])) {
    std::unique_ptr<AttributeFilter> filter(new AttributeFilter(nullptr, PathTrie({})));
    filter->syslog_ = SyslogFilter::Prepare(op, values, std::string_view(path_bytes[0]).substr(4), error, prefilters);
    if (filter->syslog_ == nullptr) return nullptr;
    return filter;
  }
  std::unique_ptr<Comparison> comparison = Comparison::Prepare(op, values, error);
  if (comparison == nullptr) return nullptr;
  std::vector<std::vector<std::string>> paths(path_bytes.size());
  for (size_t i = 0; i < paths.size(); ++i) {
    if (!ReadPath(path_bytes[i], &paths[i])) {
      *error = "an attribute's path has key lengths that do not fit its bytes";
      return nullptr;
    }
    if (paths[i].size() > kAttributeKeysMax) {
      *error = "an attribute's path has more than " + std::to_string(kAttributeKeysMax) + " keys";
      return nullptr;
    }
  }
  std::unique_ptr<AttributeFilter> filter(new AttributeFilter(std::move(comparison), PathTrie(paths)));
  if (prefilters) filter->Derive(paths);
  return filter;
}

// What a record that matches must hold: see prefilter.
void AttributeFilter::Derive(const std::vector<std::vector<std::string>>& paths) {
  std::vector<Prefilter::Factor> values;
  switch (comparison_->op()) {
    case AttributeOperator::kEquals:
    case AttributeOperator::kContains:
    case AttributeOperator::kStartsWith:
    case AttributeOperator::kEndsWith:
      values = LiteralFactors(comparison_->values());
      break;
    case AttributeOperator::kRegex:
      values = PatternFactors(*comparison_->pattern());
      break;
    case AttributeOperator::kDiffers:
    case AttributeOperator::kExists:
    case AttributeOperator::kGreater:
    case AttributeOperator::kLess:
      break;  // the attribute must be there, with whatever value
  }
  std::vector<Prefilter::Factor> keys = LiteralFactors(RarestKeys(paths));
  if (values.empty()) std::swap(values, keys);
  if (!values.empty()) prefilter_ = std::make_unique<Prefilter>(std::move(values));
  if (keys.empty()) return;
  keys.pop_back();  // the escape, which Matches looks for itself: most records have not even a backslash
  keys_ = std::move(keys);
}

std::unique_ptr<Prefilter> AttributeFilter::TakePrefilter() {
  return syslog_ == nullptr ? std::move(prefilter_) : syslog_->TakePrefilter();
}

AttributeFilter::AttributeFilter(std::unique_ptr<Comparison> comparison, PathTrie trie)
    : comparison_(std::move(comparison)), trie_(std::move(trie)), found_(trie_.size()) {
  for (uint32_t node = 0; node < trie_.size(); ++node)
    if (trie_.node(node).path != PathTrie::kNoPath) ends_.push_back(node);
  std::sort(ends_.begin(), ends_.end(),
            [this](uint32_t a, uint32_t b) { return trie_.node(a).path < trie_.node(b).path; });
}

AttributeFilter::~AttributeFilter() = default;

bool AttributeFilter::Matches(const char* data, size_t size) {
  if (syslog_ != nullptr) return syslog_->Matches(ReadSyslog({data, size}));
  const std::string_view text = DocumentOf(data, size);
  if (text.empty()) return false;
  if (prefilter_ != nullptr && !HoldsAny(prefilter_->factors(), text.data(), text.size())) return false;
  // Where the prefilter asks for the value, records that lack the attribute are still not walked.
  if (!keys_.empty() && !HoldsAny(keys_, text.data(), text.size()) && !HoldsUnicodeEscape(text.data(), text.size()))
    return false;
  const Found* const found = Walk(text.data(), text.size());
  if (found == nullptr) return false;
  const AttributeOperator op = comparison_->op();
  if (op == AttributeOperator::kExists) return true;
  return found->presence == Presence::kScalar ? comparison_->Accepts(Meaning(found->scalar))
                                              : op == AttributeOperator::kDiffers;
}

bool AttributeFilter::Find(const char* data, size_t size, std::string_view* text) {
  if (syslog_ != nullptr) return syslog_->Find(ReadSyslog({data, size}), text);
  const std::string_view document = DocumentOf(data, size);
  if (document.empty()) return false;
  const Found* const found = Walk(document.data(), document.size());
  if (found == nullptr || found->presence != Presence::kScalar) return false;
  *text = Meaning(found->scalar);
  return true;
}

// What the first path that exists leads to. Null: the record is not JSON, or has none.
const AttributeFilter::Found* AttributeFilter::Walk(const char* data, size_t size) {
  text_.Reset(data, size);
  Forget(0);
  if (!Value(0) || !text_.AtEnd()) return nullptr;
  for (const uint32_t node : ends_)
    if (found_[node].presence != Presence::kAbsent) return &found_[node];
  return nullptr;
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

// Takes an object; `take` takes each member's value, behind its key and colon. False: malformed.
template <typename Take>
bool AttributeFilter::Members(const Take& take) {
  text_.Take('{');
  if (text_.Take('}')) return true;
  do {
    JsonScalar key;
    if (!text_.Key(&key) || !take(key)) return false;
  } while (text_.Take(','));
  return text_.Take('}');
}

bool AttributeFilter::Object(uint32_t node) {
  return Members([&](const JsonScalar& key) {
    const uint32_t child = Follow(node, key);
    if (child == 0) return text_.SkipValue();
    Forget(child);
    return Value(child);
  });
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
  const bool whole = Members([&](const JsonScalar& key) {
    const char c = text_.Peek();
    if (KeyIs(key, "key")) {
      name = JsonScalar();
      return c == '"' ? text_.String(&name) : text_.SkipValue();
    }
    if (KeyIs(key, "value")) value = text_.at();
    return text_.SkipValue();
  });
  if (!whole) return false;
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
void AttributeFilter::AnyValue(uint32_t node) {
  const char* const start = text_.at();
  // The name of the only key, where it is one of AnyValue's.
  std::string_view wrapping;
  bool wrapped = text_.Peek() == '{';
  const char* inner = nullptr;
  if (wrapped) {
    Members([&](const JsonScalar& key) {
      text_.Peek();
      inner = text_.at();
      if (wrapping.empty()) {
        for (const std::string_view name : kAnyValueNames)
          if (KeyIs(key, name)) wrapping = name;
      }
      wrapped = wrapped && !wrapping.empty() && KeyIs(key, wrapping);
      return text_.SkipValue();
    });
  }
  if (!wrapped || wrapping.empty()) {
    text_.Seek(start);
    Value(node);
    return;
  }
  text_.Seek(inner);
  const char c = text_.Peek();
  const bool list = wrapping == kKvlistValue;
  if (!list && c != '{' && c != '[') {
    Value(node);
    return;
  }
  found_[node].presence = Presence::kContainer;
  if (!list || c != '{' || trie_.node(node).children.empty()) return;
  const char* values = nullptr;
  Members([&](const JsonScalar& key) {
    text_.Peek();
    if (KeyIs(key, "values")) values = text_.at();
    return text_.SkipValue();
  });
  if (values == nullptr) return;
  text_.Seek(values);
  if (text_.Peek() == '[') List(node);
}

// The node under `node` that this key leads to; 0: none.
uint32_t AttributeFilter::Follow(uint32_t node, const JsonScalar& key) {
  if (!key.escaped && !trie_.MayHave(node, {key.data, key.size})) return 0;
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

}  // namespace streamgate
