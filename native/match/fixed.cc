// See fixed.h.
#include "match/fixed.h"

#include <algorithm>
#include <utility>

#include "re2/re2.h"
#include "re2/regexp.h"

namespace streamgate {
namespace {

using Alternative = FixedPattern::Alternative;
// In the order of preference. None: no list, or one too long.
using Alternatives = std::vector<Alternative>;

static_assert(FixedPattern::kBytesMax < 64, "boundaries are bits of a word, one more than bytes");

bool IsWord(uint8_t c) { return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_'; }

Alternatives Sequence(const Alternatives& first, const Alternatives& then) {
  if (first.size() * then.size() > FixedPattern::kWindowsMax) return {};
  Alternatives all;
  for (const Alternative& a : first) {
    for (const Alternative& b : then) {
      if (a.sets.size() + b.sets.size() > FixedPattern::kBytesMax) return {};
      all.push_back(a);
      all.back().boundaries |= b.boundaries << a.sets.size();
      all.back().sets.insert(all.back().sets.end(), b.sets.begin(), b.sets.end());
    }
  }
  return all;
}

Alternatives OneByte(const ByteSet& set) { return {{{set}, 0}}; }
Alternatives Empty() { return {{{}, 0}}; }

Alternatives OfRune(int rune, bool fold) {
  if (rune >= 0x80) return {};
  ByteSet set = ByteSet::Of(static_cast<uint8_t>(rune));
  const int lower = rune | 0x20;
  if (fold && lower >= 'a' && lower <= 'z') {
    // Their folds beyond ASCII have more bytes.
    if (lower == 'k' || lower == 's') return {};
    set.Add(static_cast<uint8_t>(rune ^ 0x20));
  }
  return OneByte(set);
}

Alternatives OfClass(re2::CharClass* chars) {
  ByteSet set;
  for (const re2::RuneRange& range : *chars) {
    if (range.hi >= 0x80) return {};
    set.AddRange(static_cast<uint8_t>(range.lo), static_cast<uint8_t>(range.hi));
  }
  return chars->empty() ? Alternatives() : OneByte(set);
}

Alternatives Repeated(const Alternatives& part, int least, int most, bool greedy) {
  // A part that may be empty repeats in ways of its own.
  for (const Alternative& alternative : part)
    if (alternative.sets.empty()) return {};
  if (most < 0 || static_cast<size_t>(most) > FixedPattern::kBytesMax) return {};
  Alternatives all = Empty();
  // From the last, most optional repetition to the first.
  for (int i = most; i > 0 && !all.empty(); --i) {
    all = Sequence(part, all);
    if (i > least && !all.empty()) all.insert(greedy ? all.end() : all.begin(), Alternative());
  }
  return all.size() > FixedPattern::kWindowsMax ? Alternatives() : all;
}

// Recursion as deep as the pattern is nested, which RE2 bounds at 1,000.
Alternatives Of(re2::Regexp* regexp) {
  const bool fold = (regexp->parse_flags() & re2::Regexp::FoldCase) != 0;
  const bool greedy = (regexp->parse_flags() & re2::Regexp::NonGreedy) == 0;
  switch (regexp->op()) {
    case re2::kRegexpEmptyMatch:
      return Empty();
    case re2::kRegexpWordBoundary:
      return {{{}, 1}};
    case re2::kRegexpLiteral:
      return OfRune(regexp->rune(), fold);
    case re2::kRegexpLiteralString: {
      Alternatives all = Empty();
      for (int i = 0; i < regexp->nrunes() && !all.empty(); ++i) all = Sequence(all, OfRune(regexp->runes()[i], fold));
      return all;
    }
    case re2::kRegexpCharClass:
      return OfClass(regexp->cc());
    case re2::kRegexpConcat: {
      Alternatives all = Empty();
      for (int i = 0; i < regexp->nsub() && !all.empty(); ++i) all = Sequence(all, Of(regexp->sub()[i]));
      return all;
    }
    case re2::kRegexpAlternate: {
      Alternatives all;
      for (int i = 0; i < regexp->nsub(); ++i) {
        const Alternatives part = Of(regexp->sub()[i]);
        if (part.empty() || all.size() + part.size() > FixedPattern::kWindowsMax) return {};
        all.insert(all.end(), part.begin(), part.end());
      }
      return all;
    }
    case re2::kRegexpQuest:
      return Repeated(Of(regexp->sub()[0]), 0, 1, greedy);
    case re2::kRegexpRepeat:
      return Repeated(Of(regexp->sub()[0]), regexp->min(), regexp->max(), greedy);
    case re2::kRegexpCapture:
      return Of(regexp->sub()[0]);
    default:
      return {};
  }
}

}  // namespace

std::unique_ptr<FixedPattern> FixedPattern::Of(const re2::RE2& pattern) {
  Alternatives all = streamgate::Of(pattern.Regexp());
  for (const Alternative& alternative : all)
    if (alternative.sets.empty()) return nullptr;
  if (all.empty()) return nullptr;
  std::unique_ptr<FixedPattern> fixed(new FixedPattern(all));
  return fixed->sets_ == 0 ? nullptr : std::move(fixed);
}

FixedPattern::FixedPattern(const std::vector<Alternative>& alternatives) {
  std::vector<ByteSet> sets;
  for (const Alternative& alternative : alternatives) {
    Window& window = windows_.emplace_back();
    window.size = alternative.sets.size();
    window.boundaries = alternative.boundaries;
    longest_ = std::max(longest_, window.size);
    for (size_t i = 0; i < window.size; ++i) {
      const ByteSet& set = alternative.sets[i];
      const size_t found = static_cast<size_t>(std::find(sets.begin(), sets.end(), set) - sets.begin());
      if (found == sets.size()) sets.push_back(set);
      if (found == kSetsMax) return;
      window.members[found] |= uint64_t{1} << i;
    }
  }
  sets_ = sets.size();
  for (unsigned byte = 0; byte < 256; ++byte) {
    for (size_t i = 0; i < sets_; ++i)
      if (sets[i].Has(static_cast<uint8_t>(byte))) classes_[byte] |= static_cast<uint8_t>(1u << i);
    if (IsWord(static_cast<uint8_t>(byte))) classes_[byte] |= kWord;
  }
}

size_t FixedPattern::MatchAt(std::string_view text, size_t at) const {
  // Bit i: byte `at` + i is a member of the set, or part of a word.
  uint64_t members[kSetsMax] = {};
  uint64_t word = 0;
  // One more than the longest match, for a boundary behind it.
  const size_t seen = std::min(longest_ + 1, text.size() - at);
  for (size_t i = 0; i < seen; ++i) {
    const uint64_t of = classes_[static_cast<uint8_t>(text[at + i])];
    word |= of / kWord << i;
    for (size_t k = 0; k < sets_; ++k) members[k] |= (of >> k & 1) << i;
  }
  const bool word_before = at > 0 && (classes_[static_cast<uint8_t>(text[at - 1])] & kWord) != 0;
  const uint64_t boundaries = word ^ (word << 1 | (word_before ? 1 : 0));
  for (const Window& window : windows_) {
    uint64_t missing = window.boundaries & ~boundaries;
    for (size_t k = 0; k < sets_; ++k) missing |= window.members[k] & ~members[k];
    if (missing == 0) return window.size;
  }
  return 0;
}

std::string_view FixedPattern::Find(std::string_view text, size_t from, PrefilterSearch* search) const {
  for (;;) {
    from = search->From(from);
    if (from >= text.size()) return {};
    const size_t size = MatchAt(text, from);
    if (size > 0) return text.substr(from, size);
    ++from;
  }
}

}  // namespace streamgate
