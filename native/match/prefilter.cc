// See prefilter.h.
#include "match/prefilter.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string>
#include <utility>

#include "re2/re2.h"
#include "re2/regexp.h"

namespace streamgate {
namespace {

using Sets = std::vector<ByteSet>;

// Bytes of a known start or end that are kept; a window takes fewer.
constexpr size_t kKnownMax = 64;
constexpr size_t kUnbounded = SIZE_MAX;

struct Piece {
  Sets sets;
  size_t offset = 0;
};

// Every match contains one of the pieces. No pieces: nothing is known.
struct Required {
  std::vector<Piece> pieces;
  double density = 1;
};

// What is known of all that a part of a pattern can match.
struct Facts {
  // Every match is these sets in order, and `start` and `end` are the same.
  bool exact = false;
  // The first and the last bytes of every match, as far as they are known.
  Sets start;
  Sets end;
  Required required;
  size_t least = 0;
  size_t most = kUnbounded;
  // Every byte of a match is one of these; not known where `any_byte`.
  ByteSet alphabet;
  bool any_byte = false;
};

// Share of places at which a window of these sets' shares fits, as its probes judge it.
double Density(const double* shares, size_t size, bool run) {
  // Neighbours in a run depend on one another: half as many independent ones is nearer to what logs hold.
  if (run) return std::pow(shares[0], static_cast<double>(size) / 2);
  double rarest[Window::kProbesMax] = {1, 1, 1};
  for (size_t i = 0; i < size; ++i) {
    double* const most = std::max_element(std::begin(rarest), std::end(rarest));
    *most = std::min(*most, shares[i]);
  }
  return rarest[0] * rarest[1] * rarest[2];
}

// The rarest stretch of at most Window::kBytesMax bytes.
Required RarestOf(const Sets& sets, size_t offset) {
  if (sets.empty()) return Required();
  const size_t size = std::min(sets.size(), Window::kBytesMax);
  const bool run = size > Window::kProbesMax &&
                   std::all_of(sets.begin(), sets.end(), [&](const ByteSet& set) { return set == sets.front(); });
  std::vector<double> shares;
  for (const ByteSet& set : sets) shares.push_back(set.Frequency());
  size_t best = 0;
  double density = 2;
  for (size_t from = 0; from + size <= sets.size(); ++from) {
    const double here = Density(shares.data() + from, size, run);
    if (here < density) {
      density = here;
      best = from;
    }
  }
  const auto first = sets.begin() + static_cast<long>(best);
  return {{{Sets(first, first + static_cast<long>(size)), offset == Prefilter::kAnywhere ? offset : offset + best}},
          density};
}

bool Contains(const Sets& sets, const Sets& part) {
  return std::search(sets.begin(), sets.end(), part.begin(), part.end()) != sets.end();
}

// Of two of which one has all that the other says, and of two that are as rare, the longer: a scan for many windows
// chooses among their bytes (candidate_index.cc).
bool IsBetter(const Required& required, const Required& than) {
  if (required.pieces.size() != 1 || than.pieces.size() != 1) return required.density < than.density;
  const Piece& piece = required.pieces.front();
  const Piece& other = than.pieces.front();
  if (piece.sets.size() != other.sets.size()) {
    if (Contains(piece.sets, other.sets)) return true;
    if (Contains(other.sets, piece.sets)) return false;
  }
  if (required.density != than.density) return required.density < than.density;
  return piece.sets.size() > other.sets.size() &&
         (piece.offset != Prefilter::kAnywhere || other.offset == Prefilter::kAnywhere);
}

void TakeRarer(Required* best, Required other) {
  if (!other.pieces.empty() && (best->pieces.empty() || IsBetter(other, *best))) *best = std::move(other);
}

Facts Unknown() {
  Facts facts;
  facts.any_byte = true;
  return facts;
}

Facts Exactly(Sets sets) {
  Facts facts;
  facts.exact = true;
  facts.least = facts.most = sets.size();
  for (const ByteSet& set : sets) facts.alphabet.AddAll(set);
  facts.start = facts.end = std::move(sets);
  return facts;
}

// The same without the claim that these are all its bytes.
Facts Loosened(Facts facts) {
  if (!facts.exact) return facts;
  facts.exact = false;
  TakeRarer(&facts.required, RarestOf(facts.start, 0));
  return facts;
}

Sets Joined(const Sets& a, const Sets& b) {
  Sets sets = a;
  sets.insert(sets.end(), b.begin(), b.end());
  return sets;
}

void KeepFirst(Sets* sets) {
  if (sets->size() > kKnownMax) sets->resize(kKnownMax);
}

void KeepLast(Sets* sets) {
  if (sets->size() > kKnownMax) sets->erase(sets->begin(), sets->end() - static_cast<long>(kKnownMax));
}

size_t Sum(size_t a, size_t b) { return a > kUnbounded - b ? kUnbounded : a + b; }

Facts Concatenated(Facts a, Facts b) {
  const bool exact = a.exact && b.exact && a.start.size() + b.start.size() <= kKnownMax;
  Facts joint;
  joint.exact = exact;
  joint.least = Sum(a.least, b.least);
  joint.most = Sum(a.most, b.most);
  joint.any_byte = a.any_byte || b.any_byte;
  joint.alphabet = a.alphabet;
  joint.alphabet.AddAll(b.alphabet);
  joint.start = a.exact ? Joined(a.start, b.start) : a.start;
  joint.end = b.exact ? Joined(a.end, b.end) : b.end;
  // Where b starts, and where the bytes around the seam do: known where all matches of a have one length.
  const bool fixed = a.least == a.most && a.most != kUnbounded;
  const size_t seam = fixed ? a.least - a.end.size() : Prefilter::kAnywhere;
  Required around = exact ? Required() : RarestOf(Joined(a.end, b.start), seam);
  if (!exact) {
    a = Loosened(std::move(a));
    b = Loosened(std::move(b));
  }
  for (Piece& piece : b.required.pieces)
    piece.offset =
        fixed && piece.offset != Prefilter::kAnywhere ? piece.offset + joint.least - b.least : Prefilter::kAnywhere;
  joint.required = std::move(a.required);
  TakeRarer(&joint.required, std::move(b.required));
  TakeRarer(&joint.required, std::move(around));
  KeepFirst(&joint.start);
  KeepLast(&joint.end);
  return joint;
}

// Of two lists the position-wise union, from the front or from the back.
Sets United(const Sets& a, const Sets& b, bool from_back) {
  const size_t size = std::min(a.size(), b.size());
  Sets sets(size);
  for (size_t i = 0; i < size; ++i) {
    sets[i] = from_back ? a[a.size() - size + i] : a[i];
    sets[i].AddAll(from_back ? b[b.size() - size + i] : b[i]);
  }
  return sets;
}

Facts Either(Facts a, Facts b) {
  Facts either;
  either.exact = a.exact && b.exact && a.start.size() == b.start.size();
  either.start = United(a.start, b.start, false);
  either.end = United(a.end, b.end, true);
  either.least = std::min(a.least, b.least);
  either.most = std::max(a.most, b.most);
  either.any_byte = a.any_byte || b.any_byte;
  either.alphabet = a.alphabet;
  either.alphabet.AddAll(b.alphabet);
  a = Loosened(std::move(a));
  b = Loosened(std::move(b));
  if (!a.required.pieces.empty() && !b.required.pieces.empty() &&
      a.required.pieces.size() + b.required.pieces.size() <= Prefilter::kFactorsMax) {
    either.required.density = a.required.density + b.required.density;
    either.required.pieces = std::move(a.required.pieces);
    for (Piece& piece : b.required.pieces) either.required.pieces.push_back(std::move(piece));
  }
  if (!either.exact) TakeRarer(&either.required, RarestOf(either.start, 0));
  return either;
}

Facts Repeated(Facts facts, int least, int most) {
  Facts repeated;
  repeated.any_byte = facts.any_byte;
  repeated.alphabet = facts.alphabet;
  repeated.least = least == 0 || facts.least <= kUnbounded / static_cast<size_t>(least)
                       ? facts.least * static_cast<size_t>(least)
                       : kUnbounded;
  repeated.most = most < 0 || facts.most == kUnbounded || facts.most > kUnbounded / static_cast<size_t>(most + 1)
                      ? kUnbounded
                      : facts.most * static_cast<size_t>(most);
  if (least == 0) return repeated;
  if (!facts.exact) {
    repeated.start = facts.start;
    repeated.end = facts.end;
    // Of the first repetition.
    repeated.required = std::move(facts.required);
    return repeated;
  }
  Sets sets;
  int copies = 0;
  for (; copies < least && sets.size() + facts.start.size() <= kKnownMax; ++copies) sets = Joined(sets, facts.start);
  if (copies == least && most == least) {
    Facts exactly = Exactly(std::move(sets));
    TakeRarer(&exactly.required, std::move(facts.required));
    return exactly;
  }
  repeated.required = std::move(facts.required);
  TakeRarer(&repeated.required, RarestOf(sets, 0));
  repeated.start = repeated.end = std::move(sets);
  return repeated;
}

Facts OfRune(re2::Rune rune, bool fold) {
  if (rune < 0x80) {
    ByteSet set = ByteSet::Of(static_cast<uint8_t>(rune));
    // A literal that folds is what RE2 makes of `[Ss]`; `(?i)s` and `(?i)k`, to which U+017F and U+212A fold, too, are
    // classes to it.
    if (fold && ((rune >= 'a' && rune <= 'z') || (rune >= 'A' && rune <= 'Z')))
      set.Add(static_cast<uint8_t>(rune ^ 0x20));
    return Exactly({set});
  }
  if (fold) return Unknown();
  Sets sets;
  const auto add = [&sets](int byte) { sets.push_back(ByteSet::Of(static_cast<uint8_t>(byte))); };
  if (rune < 0x800) {
    add(0xc0 | rune >> 6);
  } else {
    if (rune < 0x10000) {
      add(0xe0 | rune >> 12);
    } else {
      add(0xf0 | rune >> 18);
      add(0x80 | (rune >> 12 & 0x3f));
    }
    add(0x80 | (rune >> 6 & 0x3f));
  }
  add(0x80 | (rune & 0x3f));
  return Exactly(std::move(sets));
}

Facts OfClass(re2::CharClass* chars) {
  ByteSet set;
  for (const re2::RuneRange& range : *chars) {
    if (range.hi >= 0x80) {
      // One to four bytes each.
      Facts facts = Unknown();
      facts.least = 1;
      return facts;
    }
    set.AddRange(static_cast<uint8_t>(range.lo), static_cast<uint8_t>(range.hi));
  }
  return chars->empty() ? Unknown() : Exactly({set});
}

// Recursion as deep as the pattern is nested, which RE2 bounds at 1,000.
Facts FactsOf(re2::Regexp* regexp) {
  const bool fold = (regexp->parse_flags() & re2::Regexp::FoldCase) != 0;
  switch (regexp->op()) {
    case re2::kRegexpEmptyMatch:
    case re2::kRegexpBeginLine:
    case re2::kRegexpEndLine:
    case re2::kRegexpWordBoundary:
    case re2::kRegexpNoWordBoundary:
    case re2::kRegexpBeginText:
    case re2::kRegexpEndText:
      return Exactly({});
    case re2::kRegexpLiteral:
      return OfRune(regexp->rune(), fold);
    case re2::kRegexpLiteralString: {
      Facts facts = Exactly({});
      for (int i = 0; i < regexp->nrunes(); ++i)
        facts = Concatenated(std::move(facts), OfRune(regexp->runes()[i], fold));
      return facts;
    }
    case re2::kRegexpCharClass:
      return OfClass(regexp->cc());
    case re2::kRegexpConcat: {
      Facts facts = Exactly({});
      for (int i = 0; i < regexp->nsub(); ++i) facts = Concatenated(std::move(facts), FactsOf(regexp->sub()[i]));
      return facts;
    }
    case re2::kRegexpAlternate: {
      Facts facts = FactsOf(regexp->sub()[0]);
      for (int i = 1; i < regexp->nsub(); ++i) facts = Either(std::move(facts), FactsOf(regexp->sub()[i]));
      return facts;
    }
    case re2::kRegexpStar:
      return Repeated(FactsOf(regexp->sub()[0]), 0, -1);
    case re2::kRegexpPlus:
      return Repeated(FactsOf(regexp->sub()[0]), 1, -1);
    case re2::kRegexpQuest:
      return Repeated(FactsOf(regexp->sub()[0]), 0, 1);
    case re2::kRegexpRepeat:
      return Repeated(FactsOf(regexp->sub()[0]), regexp->min(), regexp->max());
    case re2::kRegexpCapture:
      return FactsOf(regexp->sub()[0]);
    case re2::kRegexpAnyChar:
    case re2::kRegexpAnyByte: {
      Facts facts = Unknown();
      facts.least = 1;
      return facts;
    }
    default:  // kRegexpNoMatch, kRegexpHaveMatch
      return Unknown();
  }
}

}  // namespace

std::unique_ptr<Prefilter> Prefilter::Of(const re2::RE2& pattern, double density_max) {
  Facts facts = FactsOf(pattern.Regexp());
  const size_t run = std::min(facts.least, Window::kBytesMax);
  // Where every byte is known, a run of any of them says less.
  const bool known = !facts.any_byte && !facts.exact && run > Window::kProbesMax;
  Required required = Loosened(facts).required;
  if (known) TakeRarer(&required, RarestOf(Sets(run, facts.alphabet), 0));
  if (required.pieces.empty() || required.density > density_max) return nullptr;
  std::vector<Factor> factors;
  for (Piece& piece : required.pieces) factors.push_back({Window(std::move(piece.sets)), piece.offset});
  return std::make_unique<Prefilter>(std::move(factors));
}

std::unique_ptr<Prefilter> Prefilter::OfLiteral(std::string_view literal) {
  Sets sets;
  for (const char c : literal) sets.push_back(ByteSet::Of(static_cast<uint8_t>(c)));
  Required required = RarestOf(sets, 0);
  std::vector<Factor> factors;
  for (Piece& piece : required.pieces) factors.push_back({Window(std::move(piece.sets)), piece.offset});
  return std::make_unique<Prefilter>(std::move(factors));
}

Prefilter::Factor Prefilter::FactorOfLiteral(std::string_view literal) {
  Sets sets;
  for (const char c : literal.substr(0, Window::kBytesMax)) sets.push_back(ByteSet::Of(static_cast<uint8_t>(c)));
  return {Window(std::move(sets)), kAnywhere};
}

Prefilter::Prefilter(std::vector<Factor> factors) : factors_(std::move(factors)) {}

size_t Prefilter::SearchFrom(std::string_view text, size_t from) const {
  return PrefilterSearch(*this, text).From(from);
}

PrefilterSearch::PrefilterSearch(const Prefilter& prefilter, std::string_view text)
    : prefilter_(prefilter), text_(text) {}

PrefilterSearch::PrefilterSearch(const Prefilter& prefilter, std::string_view text, const Span& span)
    : prefilter_(prefilter), text_(text), last_(span.last) {
  // Which of several windows it is that starts there is not known.
  if (prefilter.factors().size() == 1) next_[0] = span.first;
}

size_t PrefilterSearch::From(size_t from) {
  const auto* const begin = reinterpret_cast<const uint8_t*>(text_.data());
  const uint8_t* const end = begin + text_.size();
  size_t first = std::string_view::npos;
  for (size_t i = 0; i < prefilter_.factors().size(); ++i) {
    const Prefilter::Factor& factor = prefilter_.factors()[i];
    if (next_[i] == nullptr || next_[i] < begin + from) {
      if (last_ != nullptr && last_ < begin + from) return std::string_view::npos;
      next_[i] = FindWindow(factor.window, begin + from, end);
      looked_over_bytes_ += static_cast<size_t>(next_[i] - begin) - from;
    }
    if (next_[i] == end) continue;
    const size_t place = static_cast<size_t>(next_[i] - begin);
    const bool anywhere = factor.offset == Prefilter::kAnywhere || place - from < factor.offset;
    first = std::min(first, anywhere ? from : place - factor.offset);
    if (first == from) break;
  }
  return first;
}

}  // namespace streamgate
