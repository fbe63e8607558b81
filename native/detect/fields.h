// Values in JSON by the names of their keys: `password`, `*_token`, or a path such as `user/address/street`.
//
// Read leniently: a string with a colon behind it is a key, wherever it stands, so that a JSON object within a line and
// one that was cut off are served too. A string that holds JSON itself is decoded and read the same way, to the depth
// that decoding has anyway.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "detect/escapes.h"
#include "detect/finds.h"
#include "generated/layout.h"

namespace streamgate::detect {

// Does `name` fit a pattern in which `*` stands for any bytes? Upper and lower ASCII letters are the same.
bool FitsGlob(std::string_view glob, std::string_view name);

struct FieldFind {
  Find place;
  // Of the selectors the first that names it.
  uint32_t selector;
  // A number or a word: not between quotes. Only told of values that do not lie within a string.
  bool bare;
};

class Fields {
 public:
  // Paths are told by the bits of a word.
  static constexpr size_t kPathsMax = 64;

  // A key anywhere whose name fits.
  void AddKey(std::string glob, uint32_t selector);
  // Keys one in another from the outermost object on; lists between them do not count.
  void AddPath(std::vector<std::string> globs, uint32_t selector);
  bool empty() const { return selectors_.empty(); }
  size_t paths() const { return paths_; }

  // Appends the values, in order; those of nested JSON at the place in `text` that they come from. False: there is JSON
  // deeper than kDecodeDepthMax.
  bool Search(std::string_view text, unsigned decode, std::vector<FieldFind>* finds);

 private:
  struct Selector {
    // One: a key anywhere; more, or `path`: from the outermost object on.
    std::vector<std::string> globs;
    bool path;
    uint32_t selector;
    // Its bit among the paths.
    uint64_t bit;
  };
  struct Container {
    // Paths whose keys so far lead here, and how many keys those are.
    uint64_t paths;
    uint32_t level;
  };
  // Deeper containers are read, but no path leads into them.
  static constexpr size_t kContainersMax = 128;

  // JSON within the string from `begin` to `end`.
  bool SearchString(std::string_view text, size_t begin, size_t end, unsigned decode, int depth,
                    std::vector<FieldFind>* finds);
  bool SearchIn(std::string_view text, unsigned decode, int depth, std::vector<FieldFind>* finds);
  // The selector that takes the value of this key, or UINT32_MAX; and what paths lead on from it.
  uint32_t Selected(std::string_view key, unsigned decode, const Container& in, uint64_t* paths);

  std::vector<Selector> selectors_;
  size_t paths_ = 0;
  // One for each level of decoding.
  Unescaped decoded_[kDecodeDepthMax];
  std::vector<FieldFind> nested_[kDecodeDepthMax];
  Unescaped key_;
};

}  // namespace streamgate::detect
