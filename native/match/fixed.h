// Patterns whose matches are a short list of windows: `\b\d{3}-\d{2}-\d{4}\b` is one, a card number in groups with
// optional separators is eight. Where a prefilter has found a place, comparing those bytes is the whole search, and RE2
// is not needed.
//
// The windows stand in the order in which a backtracking search would try them, so the first that fits at the leftmost
// place is the match that RE2 finds. native/test/prefilter_test.cc holds both against each other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "match/prefilter.h"
#include "scan/byte_set.h"

namespace streamgate {

class FixedPattern {
 public:
  // Most windows, and most bytes of one: beyond them RE2's automaton is the better search.
  static constexpr size_t kWindowsMax = 16;
  static constexpr size_t kBytesMax = 48;

  // Null: the pattern is of another kind.
  static std::unique_ptr<FixedPattern> Of(const re2::RE2& pattern);

  // The leftmost match that starts at or behind `from`; empty when there is none. `search`: over the same text with a
  // prefilter of the same pattern, asked in ascending order.
  std::string_view Find(std::string_view text, size_t from, PrefilterSearch* search) const;

  struct Alternative {
    std::vector<ByteSet> sets;
    // Bit k: a word boundary (\b) before byte k, or behind the last.
    uint64_t boundaries = 0;
  };

 private:
  // Most different sets in all windows.
  static constexpr size_t kSetsMax = 4;
  // In classes_, beside one bit for each set: the byte is part of a word.
  static constexpr uint8_t kWord = 0x80;

  // An alternative, told by bits: windows are compared without a branch for each byte, since which of them fits, and
  // where another fails, is not to be guessed.
  struct Window {
    size_t size = 0;
    uint64_t boundaries = 0;
    // Of each set the bytes that must belong to it.
    uint64_t members[kSetsMax] = {};
  };

  // Leaves sets_ 0 where there are more than kSetsMax.
  explicit FixedPattern(const std::vector<Alternative>& alternatives);
  // Bytes of the match at `at`; 0: none.
  size_t MatchAt(std::string_view text, size_t at) const;

  std::vector<Window> windows_;
  size_t longest_ = 0;
  size_t sets_ = 0;
  uint8_t classes_[256] = {};
};

}  // namespace streamgate
