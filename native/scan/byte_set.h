// A set of byte values, and how often log text holds one of them.
#pragma once

#include <array>
#include <cstdint>

namespace streamgate {

class ByteSet {
 public:
  static ByteSet Of(uint8_t byte) {
    ByteSet set;
    set.Add(byte);
    return set;
  }

  void Add(uint8_t byte) { words_[byte >> 6] |= uint64_t{1} << (byte & 63); }
  void AddRange(uint8_t low, uint8_t high) {
    for (unsigned byte = low; byte <= high; ++byte) Add(static_cast<uint8_t>(byte));
  }
  void AddAll(const ByteSet& other) {
    for (int i = 0; i < 4; ++i) words_[i] |= other.words_[i];
  }
  bool Has(uint8_t byte) const { return (words_[byte >> 6] >> (byte & 63) & 1) != 0; }
  bool operator==(const ByteSet& other) const { return words_ == other.words_; }

  // Share of the bytes of typical log text that are in the set, 0 to 1. A rough model (see byte_set.cc): it decides
  // where to look first, never what is found.
  double Frequency() const;

 private:
  std::array<uint64_t, 4> words_ = {};
};

}  // namespace streamgate
