// Appends surviving records to a batch's memory (drawn in src/data/engine/layout.ts).
//
// Survivors that lie next to each other in their source are copied as one run, when the run ends: at a record that is
// dropped or changed, or at Flush. Until then their source must stay as it is.
#pragma once

#include <cstdint>

#include "generated/layout.h"

namespace streamgate {

class BatchWriter {
 public:
  // Null when `size` bytes at `memory` are a batch, else what is wrong with them.
  static const char* Check(const void* memory, size_t size);

  // `memory` must have passed Check; borrowed until the next Attach.
  void Attach(void* memory);
  bool attached() const { return header_ != nullptr; }
  // Reads how full the batch is: its owner may have emptied it since the last call.
  void Begin();

  // Whether a record of this many bytes, its LF not counted, finds room.
  bool Fits(uint64_t size) const { return records_ < records_max_ && bytes_ + size + 1 <= bytes_max_; }
  // `lf_follows`: the byte behind `data` is an LF and stays readable until Flush; else the bytes are copied at once.
  // `routes`: bit n: goes to output n.
  void Append(const char* data, uint32_t size, bool lf_follows, uint64_t routes = UINT64_MAX) {
    const BatchEntry entry = {static_cast<uint32_t>(bytes_), size, static_cast<uint32_t>(routes),
                              static_cast<uint32_t>(routes >> 32)};
    entries_[records_++] = entry;
    if (!lf_follows || run_ + run_bytes_ != data) BeginRun(data, size, lf_follows);
    run_bytes_ += lf_follows ? size_t{size} + 1 : 0;
    bytes_ += uint64_t{size} + 1;
  }
  // Copies the run at hand and publishes how full the batch is.
  void Flush();

 private:
  void CopyRun();
  // Copies the run at hand; the next begins at `data`, unless that is copied at once.
  void BeginRun(const char* data, uint32_t size, bool lf_follows);

  BatchHeader* header_ = nullptr;
  BatchEntry* entries_ = nullptr;
  char* data_ = nullptr;
  // Copies: what a caller writes into the header later can not make us write beyond the memory that was checked.
  uint32_t records_max_ = 0;
  uint32_t bytes_max_ = 0;
  uint32_t records_ = 0;
  uint64_t bytes_ = 0;
  const char* run_ = nullptr;  // LF of its last record included
  size_t run_bytes_ = 0;
};

}  // namespace streamgate
