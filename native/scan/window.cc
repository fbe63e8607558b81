// See window.h.
#include "scan/window.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace streamgate {

ShuffleTables::ShuffleTables(const ByteSet& set) {
  for (unsigned byte = 0; byte < 256; ++byte) {
    if (!set.Has(static_cast<uint8_t>(byte))) continue;
    const uint8_t bit = static_cast<uint8_t>(1u << (byte >> 4 & 7));
    if (byte < 0x80) {
      low_ascii[byte & 15] |= bit;
    } else {
      low_other[byte & 15] |= bit;
      has_other = true;
    }
  }
}

Window::Window(std::vector<ByteSet> sets) : sets_(std::move(sets)) {
  std::vector<double> shares;
  for (const ByteSet& set : sets_) shares.push_back(set.Frequency());
  std::vector<size_t> order(sets_.size());
  std::iota(order.begin(), order.end(), size_t{0});
  // The rarest first.
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return shares[a] < shares[b]; });
  is_run_ = order.size() > kProbesMax &&
            std::all_of(sets_.begin(), sets_.end(), [&](const ByteSet& set) { return set == sets_.front(); });
  for (size_t i = 0; i < std::min(kProbesMax, order.size()); ++i)
    probes_.push_back({order[i], ShuffleTables(sets_[order[i]])});
  // As if neighbours were independent; in a run they are not, and each byte more makes it rarer by less.
  for (const Probe& probe : probes_) density_ *= shares[probe.offset];
}

}  // namespace streamgate
