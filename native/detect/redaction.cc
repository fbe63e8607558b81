// See redaction.h.
#include "detect/redaction.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "detect/alternatives.h"
#include "detect/bytes.h"
#include "encode/json_string.h"
#include "match/pattern.h"

namespace streamgate {
namespace {

using detect::ByteAt;
using detect::Find;

// The layout of the operation's arguments is drawn in src/plan/redact_arguments.ts.
enum SelectorKind : uint8_t { kScanner, kPattern, kKey, kPath, kScopeKey, kScopePath, kBytesPattern };

// An argument's pieces: bytes, and texts with their length before them.
class ArgumentReader {
 public:
  explicit ArgumentReader(std::string_view bytes) : bytes_(bytes) {}
  bool Byte(uint8_t* byte) {
    if (bytes_.empty()) return false;
    *byte = static_cast<uint8_t>(bytes_[0]);
    bytes_.remove_prefix(1);
    return true;
  }
  bool Text(std::string* text) {
    uint32_t size = 0;
    if (bytes_.size() < 4) return false;
    std::memcpy(&size, bytes_.data(), 4);
    if (bytes_.size() - 4 < size) return false;
    text->assign(bytes_.data() + 4, size);
    bytes_.remove_prefix(4 + size_t{size});
    return true;
  }
  bool AtEnd() const { return bytes_.empty(); }

 private:
  std::string_view bytes_;
};

ByteSet SetOf(std::string_view bytes) {
  ByteSet set;
  for (const char c : bytes) set.Add(static_cast<uint8_t>(c));
  return set;
}

ByteSet AnyCase(char c) {
  ByteSet set = ByteSet::Of(static_cast<uint8_t>(c));
  if (detect::IsLetter(c)) set.Add(static_cast<uint8_t>(c ^ 0x20));
  return set;
}

// The longest stretch of a glob that says its bytes.
std::string_view LiteralOf(std::string_view glob) {
  std::string_view longest;
  for (size_t at = 0; at <= glob.size();) {
    const size_t star = std::min(glob.find('*', at), glob.size());
    if (star - at > longest.size()) longest = glob.substr(at, star - at);
    at = star + 1;
  }
  return longest;
}

void AppendJson(std::string_view text, Scratch* out) {
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      const char escaped[2] = {'\\', c};
      out->Append(escaped, 2);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      constexpr char kHex[] = "0123456789abcdef";
      const char escaped[6] = {'\\', 'u', '0', '0', kHex[c >> 4], kHex[c & 15]};
      out->Append(escaped, 6);
    } else {
      out->Append(&c, 1);
    }
  }
}

std::string JsonContent(std::string_view text) {
  Scratch out;
  AppendJson(text, &out);
  return std::string(out.data(), out.size());
}

// Could it stand between the quotes of a JSON string as it is?
bool IsJsonContent(std::string_view text) {
  for (size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '"' || static_cast<unsigned char>(c) < 0x20) return false;
    if (c != '\\') continue;
    const char escaped = ByteAt(text, ++at);
    if (escaped == '\0' || std::strchr("\"\\/bfnrtu", escaped) == nullptr) return false;
    if (escaped != 'u') continue;
    for (int digits = 0; digits < 4; ++digits)
      if (!detect::IsHex(ByteAt(text, ++at))) return false;
  }
  return true;
}

bool ContinuesCharacter(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// Bytes of a JSON string's content at `at`: an escape, or one.
size_t UnitBytes(std::string_view text, size_t at) {
  if (text[at] != '\\') return 1;
  return std::min<size_t>(ByteAt(text, at + 1) == 'u' ? 6 : 2, text.size() - at);
}

}  // namespace

std::unique_ptr<Redaction> Redaction::Prepare(const Operation& operation, bool prefilters, std::string* error) {
  auto redaction = std::make_unique<Redaction>();
  ArgumentReader head(operation.args[0]);
  uint8_t mode = 0;
  uint8_t decode = 0;
  uint8_t keep_last = 0;
  uint8_t key_version = 0;
  if (!head.Byte(&mode) || !head.Byte(&decode) || !head.Byte(&keep_last) || !head.Byte(&key_version) || !head.AtEnd() ||
      mode > 3 || decode > 7) {
    *error = "the head of a redact operation is not four bytes that say what it does";
    return nullptr;
  }
  redaction->mode_ = static_cast<Mode>(mode);
  redaction->decode_ = decode;
  redaction->keep_last_ = keep_last;
  redaction->hash_mark_ = ":h" + std::to_string(key_version) + ":";
  if (redaction->mode_ == Mode::kHash) redaction->hmac_ = std::make_unique<detect::HmacSha256>(operation.args[1]);
  for (size_t i = 2; i < operation.args.size(); ++i)
    if (!redaction->AddSelector(operation.args[i], prefilters, error)) return nullptr;
  if (prefilters) redaction->MakePrefilter();
  std::vector<CandidateIndex::Requirement> requirements;
  for (uint32_t i = 0; i < redaction->selectors_.size(); ++i) {
    const Selector& selector = redaction->selectors_[i];
    if (selector.bytes != nullptr) redaction->byte_patterns_.push_back(i);
    // A pattern for bytes looks for itself, and a field is none of the scan's.
    const bool detects = selector.scan != nullptr || selector.pattern != nullptr;
    requirements.push_back({detects ? selector.prefilter.get() : nullptr, false});
    if (!detects) continue;
    redaction->detects_ = true;
    if (selector.prefilter == nullptr) redaction->always_.push_back(i);
  }
  redaction->index_ = std::make_unique<CandidateIndex>(requirements);
  redaction->scan_.Use(redaction->index_.get());
  return redaction;
}

bool Redaction::AddSelector(std::string_view argument, bool prefilters, std::string* error) {
  ArgumentReader reader(argument);
  uint8_t kind = 0;
  uint8_t normal = 0;
  Selector selector;
  std::string first;
  std::string second;
  *error = "a selector of a redact operation is cut short or has an unknown kind";
  if (!reader.Byte(&kind) || !reader.Byte(&normal) || kind > kBytesPattern || normal > 2 ||
      !reader.Text(&selector.token) || !reader.Text(&selector.label) || !reader.Text(&first))
    return false;
  selector.token_json = JsonContent(selector.token);
  selector.label_json = JsonContent(selector.label);
  selector.normal = static_cast<Normal>(normal);
  const auto index = static_cast<uint32_t>(selectors_.size());
  detect::Fields& fields = kind < kScopeKey ? fields_ : scope_;
  switch (kind) {
    case kScanner:
    case kPattern: {
      if (!reader.Text(&second) || !reader.AtEnd()) return false;
      std::unique_ptr<re2::RE2> pattern = CompilePattern(first, error);
      if (pattern == nullptr) return false;
      if (kind == kScanner) {
        if (prefilters) selector.prefilter = detect::PrefilterOfAlternatives(first, error);
        selector.scan = detect::ScannerOf(second);
      } else {
        if (prefilters) selector.prefilter = Prefilter::Of(*pattern);
        selector.pattern = std::move(pattern);
        selector.check = detect::CheckOf(second);
      }
      if (selector.scan == nullptr && (kind == kScanner || (selector.check == nullptr && !second.empty()))) {
        *error = "no scanner or check has the name " + second;
        return false;
      }
      break;
    }
    case kBytesPattern: {
      if (!reader.Text(&second) || !reader.AtEnd()) return false;
      selector.bytes = Replacement::Prepare(first, second, error);
      if (selector.bytes == nullptr) return false;
      if (prefilters) selector.prefilter = Prefilter::Of(selector.bytes->pattern());
      break;
    }
    case kKey:
    case kScopeKey: {
      if (!reader.AtEnd()) return false;
      fields.AddKey(first, index);
      break;
    }
    default: {
      std::vector<std::string> globs{first};
      while (!reader.AtEnd()) {
        globs.emplace_back();
        if (!reader.Text(&globs.back())) return false;
      }
      if (fields.paths() == detect::Fields::kPathsMax) {
        *error = "a redact operation has more than 64 paths";
        return false;
      }
      first = globs.back();
      fields.AddPath(std::move(globs), index);
    }
  }
  if (prefilters && (kind == kKey || kind == kPath)) {
    const std::string_view literal = LiteralOf(first).substr(0, Window::kBytesMax);
    std::vector<ByteSet> sets;
    for (const char c : literal) sets.push_back(AnyCase(c));
    if (sets.size() >= 3)
      selector.prefilter =
          std::make_unique<Prefilter>(std::vector<Prefilter::Factor>{{Window(std::move(sets)), Prefilter::kAnywhere}});
  }
  error->clear();
  selectors_.push_back(std::move(selector));
  return true;
}

void Redaction::MakePrefilter() {
  std::vector<Prefilter::Factor> factors;
  for (size_t i = 0; i < selectors_.size(); ++i) {
    const Selector& selector = selectors_[i];
    if (selector.prefilter == nullptr && selector.token.empty() && selector.label.empty()) continue;  // a scope
    if (selector.prefilter == nullptr) return;
    for (const Prefilter::Factor& factor : selector.prefilter->factors()) factors.push_back(factor);
  }
  std::vector<Prefilter::Factor> escapes;
  const auto add = [&escapes](std::vector<ByteSet> sets) {
    escapes.push_back({Window(std::move(sets)), Prefilter::kAnywhere});
  };
  bool decodes = !fields_.empty();
  for (const Selector& selector : selectors_) decodes |= selector.scan != nullptr || selector.pattern != nullptr;
  const unsigned decode = decodes ? decode_ : 0;
  // Fields are looked for in strings that hold JSON, and a record nested too deeply for that is withheld, found or not.
  const bool looks_for_fields = !fields_.empty() || !scope_.empty();
  if ((decode & detect::kDecodeJson) != 0 || looks_for_fields) add({SetOf("\\"), SetOf("\"\\/bfnrtu")});
  const ByteSet hex = SetOf("0123456789ABCDEFabcdef");
  if ((decode & detect::kDecodeUrl) != 0) add({SetOf("%"), hex, hex});
  if ((decode & detect::kDecodeBase64) != 0) {
    ByteSet base64 = SetOf("+/-_");
    base64.AddRange('0', '9');
    base64.AddRange('A', 'Z');
    base64.AddRange('a', 'z');
    add(std::vector<ByteSet>(16, base64));
  }
  factors.insert(factors.end(), escapes.begin(), escapes.end());
  if (!factors.empty()) prefilter_ = std::make_unique<Prefilter>(std::move(factors));
  if (!escapes.empty()) escapes_ = std::make_unique<Prefilter>(std::move(escapes));
}

std::vector<Redaction::Part> Redaction::Parts() const {
  std::vector<Part> parts;
  if (escapes_ != nullptr) parts.push_back({escapes_.get(), kNoSelector});
  for (uint32_t i = 0; i < selectors_.size(); ++i)
    if (selectors_[i].prefilter != nullptr) parts.push_back({selectors_[i].prefilter.get(), i});
  return parts;
}

void Redaction::SearchPattern(const Selector& selector, std::string_view text, size_t first, size_t last) {
  size_t at = detect::ScanStart(first);
  std::string_view match;
  while (at <= text.size() && selector.pattern->Match(text, at, text.size(), re2::RE2::UNANCHORED, &match, 1)) {
    const auto begin = static_cast<size_t>(match.data() - text.data());
    const Find find = {begin, begin + match.size()};
    if (begin > last) return;
    if (match.empty() || (selector.check != nullptr && !selector.check(text, find))) {
      at = begin + 1;
      continue;
    }
    finds_.push_back(find);
    at = find.end;
  }
}

void Redaction::SearchIn(uint32_t index, std::string_view text, size_t first, size_t last) {
  const Selector& selector = selectors_[index];
  finds_.clear();
  if (selector.scan != nullptr) {
    selector.scan(text, first, last, &finds_);
  } else if (selector.pattern != nullptr) {
    SearchPattern(selector, text, first, last);
  }
}

void Redaction::SearchLayer(std::string_view text, uint32_t layer) {
  candidates_.clear();
  scan_.Reset(text.data(), text.data() + text.size());
  scan_.Collect(text, &candidates_);
  for (const uint32_t index : candidates_) SearchSpan(index, text, layer, scan_.SpanOf(index));
  SearchAlways(text, layer);
}

void Redaction::SearchAlways(std::string_view text, uint32_t layer) {
  for (const uint32_t index : always_) {
    SearchIn(index, text, 0, text.size());
    AddFinds(index, layer);
  }
}

void Redaction::SearchHinted(std::string_view text, const std::vector<Hint>& hints) {
  for (const Hint& hint : hints) SearchSpan(hint.selector, text, 0, hint.span);
  SearchAlways(text, 0);
}

void Redaction::SearchSpan(uint32_t selector, std::string_view text, uint32_t layer,
                           const PrefilterSearch::Span& span) {
  const auto* const begin = reinterpret_cast<const uint8_t*>(text.data());
  SearchIn(selector, text, static_cast<size_t>(span.first - begin), static_cast<size_t>(span.last - begin));
  AddFinds(selector, layer);
}

void Redaction::AddFinds(uint32_t selector, uint32_t layer) {
  for (const Find& find : finds_) {
    Find origin = find;
    for (uint32_t i = layer; i > 0; --i) origin = layers_[i - 1].Origin(origin.begin, origin.end);
    spans_.push_back({origin.begin, origin.end, selector, layer, find.begin, find.end, false});
  }
}

void Redaction::AddField(const detect::FieldFind& find) {
  const Find& place = find.place;
  spans_.push_back({place.begin, place.end, find.selector, kNoLayer, place.begin, place.end, find.bare});
}

void Redaction::SearchBase64(std::string_view text) {
  constexpr size_t kRunBytesMin = 16;
  const auto value_of = [](char c) -> int {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
  };
  base64_.Clear();
  lines_.clear();
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    while (at < text.size() && value_of(text[at]) >= 0) ++at;
    const size_t run = at - begin;
    if (run < kRunBytesMin || run % 4 == 1) {
      if (run == 0) ++at;
      continue;
    }
    uint32_t bits = 0;
    bool is_text = true;
    for (size_t i = 0; i < run && is_text; ++i) {
      bits = bits << 6 | static_cast<uint32_t>(value_of(text[begin + i]));
      if (i % 4 == 0) continue;
      const char byte = static_cast<char>(bits >> (6 - 2 * (i % 4)));
      is_text =
          (static_cast<unsigned char>(byte) >= ' ' && byte != '\x7f') || byte == '\n' || byte == '\r' || byte == '\t';
      base64_.Append(&byte, 1);
    }
    // Other bytes were decoded from something else: the line is read as far as it went, and finds nothing there.
    base64_.Append("\n", 1);
    size_t end = at;
    while (end < text.size() && text[end] == '=' && end < at + 2) ++end;
    if (is_text) {
      lines_.push_back({base64_.size(), {begin, end}});
    } else {
      lines_.push_back({base64_.size(), {0, 0}});
    }
  }
  if (lines_.empty()) return;
  const std::string_view decoded(base64_.data(), base64_.size());
  candidates_.clear();
  scan_.Reset(decoded.data(), decoded.data() + decoded.size());
  scan_.Collect(decoded, &candidates_);
  candidates_.insert(candidates_.end(), always_.begin(), always_.end());
  for (const uint32_t index : candidates_) {
    SearchIn(index, decoded, 0, decoded.size());
    for (const Find& find : finds_) {
      const auto line = std::upper_bound(lines_.begin(), lines_.end(), find.begin,
                                         [](size_t at, const Line& one) { return at < one.end; });
      if (line == lines_.end() || find.end > line->end || line->origin.end == 0) continue;
      spans_.push_back({line->origin.begin, line->origin.end, index, kNoLayer, 0, 0, false});
    }
  }
}

QuarantineCause Redaction::SearchBytesIn(std::string_view text, size_t begin, size_t end, bool bare,
                                         const Limits& limits, uint64_t* count) {
  const std::string_view piece = text.substr(begin, end - begin);
  for (const uint32_t index : byte_patterns_) {
    const Selector& selector = selectors_[index];
    std::optional<PrefilterSearch> search;
    if (selector.prefilter != nullptr) search.emplace(*selector.prefilter, piece);
    matches_.clear();
    const QuarantineCause cause = selector.bytes->Find(piece, search.has_value() ? &*search : nullptr, limits,
                                                       mode_ == Mode::kDrop, count, &rewrites_, &matches_);
    if (cause != QuarantineCause::kNone) return cause;
    for (const Replacement::Match& match : matches_) {
      const auto at = static_cast<size_t>(match.text.data() - text.data());
      spans_.push_back({at, at + match.text.size(), index, mode_ == Mode::kReplace ? kRewritten : kNoLayer, match.begin,
                        match.end, bare});
    }
  }
  return QuarantineCause::kNone;
}

QuarantineCause Redaction::SearchBytes(std::string_view text, const Limits& limits) {
  rewrites_.Clear();
  uint64_t count = 0;
  if (scope_.empty()) return SearchBytesIn(text, 0, text.size(), false, limits, &count);
  for (const detect::FieldFind& find : field_finds_) {
    const QuarantineCause cause = SearchBytesIn(text, find.place.begin, find.place.end, find.bare, limits, &count);
    if (cause != QuarantineCause::kNone) return cause;
  }
  return QuarantineCause::kNone;
}

void Redaction::Count(double* cells) {
  counted_.resize(selectors_.size());
  ++count_;
  for (const Span& span : spans_) {
    double* const own = cells + size_t{span.selector} * kCountCellsPerSelector;
    own[static_cast<uint32_t>(SelectorCell::kValues)] += 1;
    if (counted_[span.selector] == count_) continue;
    counted_[span.selector] = count_;
    own[static_cast<uint32_t>(SelectorCell::kRecords)] += 1;
  }
}

void Redaction::Merge() {
  std::sort(spans_.begin(), spans_.end(), [](const Span& a, const Span& b) {
    if (a.begin != b.begin) return a.begin < b.begin;
    if (a.end != b.end) return a.end > b.end;
    if (a.selector != b.selector) return a.selector < b.selector;
    // What is decoded further is nearer to the value; kNoLayer counts as not decoded.
    return a.layer + 1 > b.layer + 1;
  });
  size_t kept = 0;
  for (const Span& span : spans_) {
    if (kept > 0 && span.begin < spans_[kept - 1].end) {
      Span& before = spans_[kept - 1];
      if (span.end > before.end) {
        before.end = span.end;
        before.layer = kNoLayer;
      }
      continue;
    }
    spans_[kept++] = span;
  }
  spans_.resize(kept);
}

void Redaction::KeepInScope(std::string_view text) {
  in_scope_.clear();
  size_t range = 0;
  // Where in field_finds_[walked] the next escape or byte begins that no piece has yet.
  size_t walked = SIZE_MAX;
  size_t unit = 0;
  for (const Span& span : spans_) {
    while (range < field_finds_.size() && field_finds_[range].place.end <= span.begin) ++range;
    for (size_t i = range; i < field_finds_.size() && field_finds_[i].place.begin < span.end; ++i) {
      const Find& place = field_finds_[i].place;
      const auto next = [&] { return std::min(unit + UnitBytes(text, unit), place.end); };
      if (walked != i) unit = place.begin;
      walked = i;
      Span piece = span;
      piece.bare = field_finds_[i].bare;
      if (piece.bare) {
        piece.begin = unit;
        if (span.end > span.begin) unit = place.end;
      } else {
        while (unit < place.end && next() <= span.begin) unit = next();
        piece.begin = unit;
        while (unit < place.end && unit < span.end) unit = next();
      }
      piece.end = unit;
      if (piece.end == piece.begin) continue;
      if (piece.layer != kRewritten && (piece.begin != span.begin || piece.end != span.end)) piece.layer = kNoLayer;
      in_scope_.push_back(piece);
    }
  }
  spans_.swap(in_scope_);
}

Redaction::Verdict Redaction::Run(std::string_view text, const std::vector<Hint>* hints, const Limits& limits,
                                  Scratch* out, uint64_t* matches, QuarantineCause* cause) {
  *cause = QuarantineCause::kNone;
  *matches = 0;
  spans_.clear();
  bool finished = true;
  if (!fields_.empty()) {
    field_finds_.clear();
    finished = fields_.Search(text, decode_, &field_finds_);
    for (const detect::FieldFind& find : field_finds_) AddField(find);
  }
  if (detects_) {
    texts_[0] = text;
    if (hints != nullptr) {
      SearchHinted(text, *hints);
    } else {
      SearchLayer(text, 0);
    }
    if ((decode_ & detect::kDecodeBase64) != 0) SearchBase64(text);
    uint32_t layer = 0;
    const unsigned decode = decode_ == 0 ? 0 : decode_ | detect::kDecodeColour;
    while (layer < kDecodeDepthMax && layers_[layer].Decode(texts_[layer], decode)) {
      ++layer;
      texts_[layer] = layers_[layer - 1].text();
      SearchLayer(texts_[layer], layer);
    }
    if (layer == kDecodeDepthMax && detect::HidesCharacters(texts_[layer], decode)) finished = false;
  }
  if (!scope_.empty() && (!spans_.empty() || !byte_patterns_.empty())) {
    field_finds_.clear();
    finished = scope_.Search(text, decode_, &field_finds_) && finished;
  }
  if (!finished) {
    *cause = QuarantineCause::kMatchLimit;
    return Verdict::kWithhold;
  }
  if (!byte_patterns_.empty()) *cause = SearchBytes(text, limits);
  if (*cause != QuarantineCause::kNone) return Verdict::kWithhold;
  if (spans_.empty()) return Verdict::kKeep;
  Merge();
  if (!scope_.empty()) KeepInScope(text);
  if (spans_.empty()) return Verdict::kKeep;
  if (mode_ == Mode::kDrop) {
    *matches = spans_.size();
    return Verdict::kDrop;
  }
  out->Clear();
  if (IsJson(text)) {
    RewriteJson(text, limits.output_bytes_max, out, matches);
  } else {
    RewritePlain(text, limits.output_bytes_max, out, matches);
  }
  if (out->size() > limits.output_bytes_max) {
    *cause = QuarantineCause::kOutputLimit;
    return Verdict::kWithhold;
  }
  return *matches == 0 ? Verdict::kKeep : Verdict::kChange;
}

bool Redaction::IsJson(std::string_view text) {
  const char first = JsonText::First(text.data(), text.size());
  if (first != '{' && first != '[') return false;
  json_.Reset(text.data(), text.size());
  return json_.SkipValue() && json_.AtEnd();
}

void Redaction::RewritePlain(std::string_view text, uint64_t bytes_max, Scratch* out, uint64_t* matches) {
  size_t copied = 0;
  const bool in_string = !scope_.empty();
  for (const Span& span : spans_) {
    size_t begin = span.begin;
    // A find that begins within `\n` or `\u0041` takes the backslash, too: a stray one would spoil JSON within a line.
    if ((decode_ & detect::kDecodeJson) != 0 && begin > copied && text[begin - 1] == '\\') {
      size_t backslashes = 1;
      while (backslashes < begin - copied && text[begin - 1 - backslashes] == '\\') ++backslashes;
      const char c = text[begin];
      if (backslashes % 2 == 1 && (c == 'b' || c == 'f' || c == 'n' || c == 'r' || c == 't' || c == 'u')) --begin;
    }
    out->Append(text.data() + copied, begin - copied);
    if (span.bare) out->Append("\"", 1);
    AppendReplacement(text, span, begin, span.end, span.bare || in_string, out);
    if (span.bare) out->Append("\"", 1);
    copied = span.end;
    if (out->size() > bytes_max) return;
  }
  *matches = spans_.size();
  out->Append(text.data() + copied, text.size() - copied);
}

void Redaction::RewriteJson(std::string_view text, uint64_t bytes_max, Scratch* out, uint64_t* matches) {
  size_t copied = 0;
  size_t at = 0;
  size_t next = 0;
  const auto replace = [&](size_t begin, size_t end, bool quoted) {
    out->Append(text.data() + copied, begin - copied);
    if (quoted) out->Append("\"", 1);
    AppendReplacement(text, spans_[next], begin, end, true, out);
    if (quoted) out->Append("\"", 1);
    copied = end;
    ++*matches;
  };
  while (next < spans_.size() && at < text.size()) {
    const char c = text[at];
    if (c == '"') {
      const size_t begin = at + 1;
      size_t end = begin;
      while (text[end] != '"') end += UnitBytes(text, end);
      size_t unit = begin;
      for (; next < spans_.size() && spans_[next].begin < end; ++next) {
        const Span& span = spans_[next];
        // Whole escapes.
        while (unit < end && unit + UnitBytes(text, unit) <= span.begin) unit += UnitBytes(text, unit);
        size_t to = unit;
        while (to < end && to < span.end) to += UnitBytes(text, to);
        if (to > unit) replace(unit, to, false);
        if (out->size() > bytes_max) return;
        unit = to;
        if (span.end > end) break;
      }
      at = end + 1;
    } else if (detect::IsAlnum(c) || c == '-') {
      size_t end = at + 1;
      while (end < text.size() &&
             (detect::IsAlnum(text[end]) || text[end] == '-' || text[end] == '+' || text[end] == '.'))
        ++end;
      if (spans_[next].begin < end && spans_[next].end > at) replace(at, end, true);
      if (out->size() > bytes_max) return;
      at = end;
    } else {
      ++at;
    }
    while (next < spans_.size() && spans_[next].end <= at) ++next;
  }
  out->Append(text.data() + copied, text.size() - copied);
}

std::string_view Redaction::ValueOf(std::string_view text, const Span& span, size_t begin, size_t end, bool in_string) {
  if (span.layer < kRewritten && span.layer > 0 && begin == span.begin && end == span.end)
    return texts_[span.layer].substr(span.value_begin, span.value_end - span.value_begin);
  const std::string_view raw = text.substr(begin, end - begin);
  return in_string && value_.Decode(raw, detect::kDecodeJson) ? value_.text() : raw;
}

void Redaction::AppendReplacement(std::string_view text, const Span& span, size_t begin, size_t end, bool in_string,
                                  Scratch* out) {
  const Selector& selector = selectors_[span.selector];
  const bool json = in_string || span.bare;
  if (span.layer == kRewritten) {
    const std::string_view rewritten(rewrites_.data() + span.value_begin, span.value_end - span.value_begin);
    // Groups are a string's content already; a rewrite that is none becomes some.
    if (json && !IsJsonContent(rewritten)) {
      AppendJson(rewritten, out);
    } else {
      out->Append(rewritten.data(), rewritten.size());
    }
    return;
  }
  if (mode_ == Mode::kReplace) {
    const std::string& token = json ? selector.token_json : selector.token;
    out->Append(token.data(), token.size());
    return;
  }
  std::string_view value = ValueOf(text, span, begin, end, in_string);
  if (mode_ == Mode::kMask) {
    size_t characters = 0;
    for (const char c : value) characters += ContinuesCharacter(c) ? 0 : 1;
    // Never more than half of it.
    size_t masked = characters - std::min(keep_last_, characters / 2);
    size_t at = 0;
    for (; at < value.size(); ++at) {
      if (ContinuesCharacter(value[at])) continue;
      if (masked == 0) break;
      --masked;
      out->Append("*", 1);
    }
    const std::string_view kept = value.substr(at);
    if (json) {
      AppendJson(kept, out);
    } else {
      out->Append(kept.data(), kept.size());
    }
    return;
  }
  if (selector.normal != Normal::kNone) {
    normal_.clear();
    for (const char c : value) {
      if (selector.normal == Normal::kLower) {
        normal_.push_back(detect::Lower(c));
      } else if (detect::IsAlnum(c)) {
        normal_.push_back(detect::IsLower(c) ? static_cast<char>(c & ~0x20) : c);
      }
    }
    value = normal_;
  }
  // 96 bits: two of a thousand million values meet with a chance of 1 in 10^11.
  constexpr size_t kHashBytes = 12;
  const auto hash = hmac_->Of(value);
  char hex[2 * kHashBytes];
  for (size_t i = 0; i < kHashBytes; ++i) {
    constexpr char kHex[] = "0123456789abcdef";
    hex[2 * i] = kHex[hash[i] >> 4];
    hex[2 * i + 1] = kHex[hash[i] & 15];
  }
  const std::string& label = json ? selector.label_json : selector.label;
  out->Append("[", 1);
  out->Append(label.data(), label.size());
  out->Append(hash_mark_.data(), hash_mark_.size());
  out->Append(hex, sizeof hex);
  out->Append("]", 1);
}

}  // namespace streamgate
