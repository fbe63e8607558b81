// See fixed.h.
#include "match/fixed.h"

#include <utility>

#include "re2/re2.h"
#include "re2/regexp.h"

namespace streamgate {
namespace {

using Alternative = FixedPattern::Alternative;
// In the order of preference. None: no list, or one too long.
using Alternatives = std::vector<Alternative>;

static_assert(FixedPattern::kBytesMax < 64, "boundaries are bits of a word, one more than bytes");

bool IsWord(std::string_view text, size_t at) {
  if (at >= text.size()) return false;
  const auto c = static_cast<unsigned char>(text[at]);
  return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_';
}

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
  return all.empty() ? nullptr : std::unique_ptr<FixedPattern>(new FixedPattern(std::move(all)));
}

size_t FixedPattern::MatchAt(std::string_view text, size_t at) const {
  for (const Alternative& alternative : alternatives_) {
    const size_t size = alternative.sets.size();
    if (text.size() - at < size) continue;
    size_t i = 0;
    while (i < size && alternative.sets[i].Has(static_cast<uint8_t>(text[at + i]))) ++i;
    if (i < size) continue;
    bool fits = true;
    for (uint64_t left = alternative.boundaries; left != 0 && fits; left &= left - 1) {
      const size_t here = at + static_cast<size_t>(__builtin_ctzll(left));
      fits = (here > 0 && IsWord(text, here - 1)) != IsWord(text, here);
    }
    if (fits) return size;
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
