// Replaces every match of a pattern, with the meaning of RE2::GlobalReplace (re2/re2.h) and the limits of promise P6.
//
// Matches do not overlap, leftmost first, and each search sees the whole text, so `^` and `\b` know what lies before
// it. Empty matches count, except directly behind the match before; there one character is stepped over: as many bytes
// as decode, or one where none do.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "generated/layout.h"
#include "match/fixed.h"
#include "match/prefilter.h"

namespace re2 {
class RE2;
}

namespace streamgate {

// Bytes that grow and are kept from one record to the next, so that a record allocates nothing.
class Scratch {
 public:
  void Clear() { size_ = 0; }
  void Append(const char* data, size_t size);
  // Never null: RE2 takes a null text for one that is not there.
  const char* data() const { return bytes_ == nullptr ? "" : bytes_.get(); }
  size_t size() const { return size_; }

 private:
  std::unique_ptr<char[]> bytes_;
  size_t capacity_ = 0;
  size_t size_ = 0;
};

struct Limits {
  // Most matches; UINT64_MAX: any number.
  uint64_t matches_max;
  // Most bytes of output.
  uint64_t output_bytes_max;
};

class Replacement {
 public:
  // Null: refused, and `error` has RE2's own words.
  static std::unique_ptr<Replacement> Prepare(std::string_view pattern, std::string_view rewrite, std::string* error);
  ~Replacement();

  // Writes `text` with its matches replaced to `out`, and their number to `matches`. With none `out` is not to be read:
  // the text stands. `search`: over the text with this pattern's prefilter, or null.
  QuarantineCause Run(std::string_view text, PrefilterSearch* search, const Limits& limits, Scratch* out,
                      uint64_t* matches) const;
  // A match, and what stands for it: bytes [begin, end) of a scratch.
  struct Match {
    std::string_view text;
    size_t begin;
    size_t end;
  };
  // Appends the matches that are not empty, and to `rewrites`, to no more than `limits.output_bytes_max`, what stands
  // for each. `*count` goes up by every match, the empty ones too, to no more than `limits.matches_max`. `first_only`:
  // one will do.
  QuarantineCause Find(std::string_view text, PrefilterSearch* search, const Limits& limits, bool first_only,
                       uint64_t* count, Scratch* rewrites, std::vector<Match>* matches) const;
  const re2::RE2& pattern() const { return *pattern_; }

 private:
  // A piece of the rewrite: literal bytes, or what a group matched.
  struct Piece {
    int group;  // -1: literal
    std::string literal;
  };

  Replacement(std::unique_ptr<re2::RE2> pattern, std::vector<Piece> pieces, int groups);

  // Counts matches, and calls visit(submatches, &cause) for each until it answers false.
  template <typename Visit>
  QuarantineCause EachMatch(std::string_view text, PrefilterSearch* search, uint64_t matches_max, uint64_t* count,
                            const Visit& visit) const;
  // Appends what stands for a match, up to `output_bytes_max`. False: there is more.
  bool Rewrite(const std::string_view* submatches, uint64_t output_bytes_max, Scratch* out) const;

  const std::unique_ptr<re2::RE2> pattern_;
  // Null: RE2 searches; also where the rewrite names groups.
  const std::unique_ptr<FixedPattern> fixed_;
  const std::vector<Piece> pieces_;
  const int submatches_;  // the whole match and the groups that the rewrite names
};

}  // namespace streamgate
