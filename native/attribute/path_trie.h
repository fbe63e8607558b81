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
  // Bit min(n, 63): some child's key is n bytes long. Most keys of a record are refused by this alone.
  uint64_t child_lengths = 0;
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
  // Can some child of `number` have a key of this many bytes?
  bool MayHave(uint32_t number, size_t key_bytes) const {
    return (nodes_[number].child_lengths >> (key_bytes < 63 ? key_bytes : 63) & 1) != 0;
  }

 private:
  std::vector<PathNode> nodes_;
};

}  // namespace streamgate
