// The paths of an attribute rule as a trie, so that one walk over a record follows all of them at once.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace streamgate {

struct PathNode {
  std::string key;
  // Keys that may follow.
  std::vector<uint32_t> children;
  // Bit KeyBit(key) of each child's key. Most keys of a record are refused by this alone.
  uint64_t child_bits = 0;
  // Rank of the first listed path that ends here; kNoPath: none does.
  uint32_t path;
  // Node numbers below `end` from this node's own on are the nodes under it: numbers are given depth first.
  uint32_t end = 0;
};

class PathTrie {
 public:
  static constexpr uint32_t kNoPath = UINT32_MAX;

  // Node 0 is the record itself.
  explicit PathTrie(const std::vector<std::vector<std::string>>& paths);
  const PathNode& node(uint32_t number) const { return nodes_[number]; }
  uint32_t size() const { return static_cast<uint32_t>(nodes_.size()); }
  // The child of `number` with this key; 0: none.
  uint32_t Find(uint32_t number, std::string_view key) const {
    const PathNode& parent = nodes_[number];
    for (const uint32_t child : parent.children)
      if (nodes_[child].key == key) return child;
    return 0;
  }
  // Can some child of `number` have this key?
  bool MayHave(uint32_t number, std::string_view key) const {
    return (nodes_[number].child_bits >> KeyBit(key) & 1) != 0;
  }
  // 0 to 63: of the length, the first and the last byte, in which the keys of a record differ most.
  static unsigned KeyBit(std::string_view key) {
    if (key.empty()) return 0;
    const unsigned ends = 5u * static_cast<unsigned char>(key.front()) + 11u * static_cast<unsigned char>(key.back());
    return (static_cast<unsigned>(key.size()) + ends) % 64;
  }

 private:
  std::vector<PathNode> nodes_;
};

}  // namespace streamgate
