// A window: a fixed number of neighbouring bytes, each out of a set. `ddd-dd-dddd` is one of 11, a literal is one of
// single bytes, "at least 13 of [0-9 -]" is one of 13 equal sets. What a pattern's matches must contain is told in
// windows (match/prefilter.h), and finding the next place where a window fits is what the kernels do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "scan/byte_set.h"

namespace streamgate {

// The tables by which 16 or 32 bytes are looked up at once. A byte is split into its halves: `low[b & 15]` holds a bit
// for each high half that makes a member with it, `high[b >> 4]` that bit. ASCII and the rest have tables of their own,
// because eight bits hold eight high halves; a byte shuffle answers 0 for the bytes that are not its half's. After
// "Special-purpose classification with shuffles": Langdale and Lemire, "Parsing Gigabytes of JSON per Second", 2019,
// section 3.1.2.
struct ShuffleTables {
  explicit ShuffleTables(const ByteSet& set);

  alignas(16) uint8_t low_ascii[16] = {};
  alignas(16) uint8_t low_other[16] = {};
  bool has_other = false;
};

class Window {
 public:
  // Longer windows are cut: more bytes make a candidate no rarer worth their price.
  static constexpr size_t kBytesMax = 32;
  // Places of the window that a kernel looks at; the other bytes are compared only where these fit.
  static constexpr size_t kProbesMax = 3;

  struct Probe {
    size_t offset;
    ShuffleTables tables;
  };

  // `sets`: 1 to kBytesMax.
  explicit Window(std::vector<ByteSet> sets);

  size_t size() const { return sets_.size(); }
  const std::vector<ByteSet>& sets() const { return sets_; }
  const std::vector<Probe>& probes() const { return probes_; }
  // More than kProbesMax bytes, all out of the same set.
  bool is_run() const { return is_run_; }
  // Expected share of places in log text at which the probes fit.
  double density() const { return density_; }
  // Does it fit at `p`, behind which size() bytes are readable?
  bool FitsAt(const uint8_t* p) const {
    for (size_t i = 0; i < sets_.size(); ++i)
      if (!sets_[i].Has(p[i])) return false;
    return true;
  }

 private:
  std::vector<ByteSet> sets_;
  std::vector<Probe> probes_;
  double density_ = 1;
  bool is_run_ = false;
};

}  // namespace streamgate
