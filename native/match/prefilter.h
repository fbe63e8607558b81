// What every match of a pattern must contain, and where in a text that is.
//
// Derived from the pattern's parsed form: required literals (`user=`), fixed windows of byte classes (`ddd-dd-dddd`),
// least runs (at least 16 of [0-9 -]). A text, or the rest of one, that holds none of them holds no match, and RE2 need
// not look; where it holds one, RE2 may begin at the first place at which the match around it can start. A prefilter
// never decides that there is a match, and never hides one: native/test/prefilter_test.cc holds both against random
// patterns.
//
// The idea is old: Google Code Search's trigrams (Cox, "Regular Expression Matching with a Trigram Index", 2012),
// Hyperscan's literal factors (Wang et al., NSDI 2019); windows of classes instead of literals because personal data
// has no literals.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "scan/dispatch.h"

namespace re2 {
class RE2;
}

namespace streamgate {

class Prefilter {
 public:
  // A match contains at least one of these.
  struct Factor {
    Window window;
    // Bytes between the match's start and the window's, where they are the same in every match; else kAnywhere.
    size_t offset;
  };
  static constexpr size_t kAnywhere = SIZE_MAX;
  // More alternatives cost more passes over a record that holds one of them than they save.
  static constexpr size_t kFactorsMax = 16;

  // A factor that fits more often than once in so many bytes is not worth a pass: most records would be candidates.
  static constexpr double kDensityMax = 1.0 / 100;

  // Null: nothing is required that is as rare as that.
  static std::unique_ptr<Prefilter> Of(const re2::RE2& pattern, double density_max = kDensityMax);
  // For a byte string itself. Not null; `literal` is not empty.
  static std::unique_ptr<Prefilter> OfLiteral(std::string_view literal);

  // Of a text that a match contains anywhere: its first bytes. `literal` is not empty.
  static Factor FactorOfLiteral(std::string_view literal);

  // `factors`: 1 to kFactorsMax.
  explicit Prefilter(std::vector<Factor> factors);
  const std::vector<Factor>& factors() const { return factors_; }

  // Where a search of `text` from `from` may begin; npos when no match starts at or behind `from`. For one question:
  // who asks the same text again and again takes a PrefilterSearch.
  size_t SearchFrom(std::string_view text, size_t from) const;

 private:
  std::vector<Factor> factors_;
};

// Answers the same for one text from several places, in ascending order, and looks over the text once for each factor:
// a record with a million matches of one alternative is not searched a million times for another that is not there.
class PrefilterSearch {
 public:
  // `text` stays as it is for the search's life.
  PrefilterSearch(const Prefilter& prefilter, std::string_view text);
  // The first and the last place in a text at which one of a prefilter's windows starts to fit.
  struct Span {
    const uint8_t* first;
    const uint8_t* last;
  };
  // With what a scan has found in `text` already.
  PrefilterSearch(const Prefilter& prefilter, std::string_view text, const Span& span);
  size_t From(size_t from);
  // Bytes looked over so far: at most text.size() for each factor.
  size_t looked_over_bytes() const { return looked_over_bytes_; }

 private:
  const Prefilter& prefilter_;
  const std::string_view text_;
  // Of each factor the first place, from the last question on, where it fits; null: not looked for yet.
  const uint8_t* next_[Prefilter::kFactorsMax] = {};
  size_t looked_over_bytes_ = 0;
  // Behind it no window starts to fit. Null: not known.
  const uint8_t* last_ = nullptr;
};

}  // namespace streamgate
