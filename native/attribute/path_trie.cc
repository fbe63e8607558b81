#include "attribute/path_trie.h"

#include <algorithm>

namespace streamgate {
namespace {

// While the trie grows: nodes in the order in which paths name them.
struct Draft {
  std::string key;
  uint32_t path = PathTrie::kNoPath;
  std::vector<uint32_t> children;
};

uint32_t Number(const std::vector<Draft>& drafts, uint32_t draft, std::vector<PathNode>* nodes) {
  const uint32_t number = static_cast<uint32_t>(nodes->size());
  nodes->push_back({drafts[draft].key, {}, 0, drafts[draft].path, 0});
  for (const uint32_t child : drafts[draft].children) {
    const uint32_t numbered = Number(drafts, child, nodes);
    (*nodes)[number].children.push_back(numbered);
    (*nodes)[number].child_bits |= uint64_t{1} << PathTrie::KeyBit(drafts[child].key);
  }
  (*nodes)[number].end = static_cast<uint32_t>(nodes->size());
  return number;
}

}  // namespace

PathTrie::PathTrie(const std::vector<std::vector<std::string>>& paths) {
  std::vector<Draft> drafts(1);
  for (uint32_t rank = 0; rank < paths.size(); ++rank) {
    uint32_t at = 0;
    for (const std::string& key : paths[rank]) {
      const std::vector<uint32_t>& children = drafts[at].children;
      const auto found =
          std::find_if(children.begin(), children.end(), [&](uint32_t child) { return drafts[child].key == key; });
      if (found != children.end()) {
        at = *found;
        continue;
      }
      const uint32_t made = static_cast<uint32_t>(drafts.size());
      drafts[at].children.push_back(made);
      drafts.push_back({key, kNoPath, {}});
      at = made;
    }
    drafts[at].path = std::min(drafts[at].path, rank);
  }
  Number(drafts, 0, &nodes_);
}

}  // namespace streamgate
