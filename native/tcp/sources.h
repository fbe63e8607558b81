// Who is connected, and how much each source sends. Twin of src/data/inputs/sources.ts, which has the layout and the
// reasons; both work on the same memory. For one thread, the worker's.
#pragma once

#if defined(__linux__)

#include <cstddef>
#include <cstdint>

#include "frame/source.h"

namespace streamgate {

class Sources {
 public:
  // Where a source's numbers lie: its slot in each row.
  struct Place {
    uint32_t first = 0;
    uint32_t second = 0;
  };
  enum class Admission { kAdmitted, kTooMany, kTooManyOfSource };

  // No limits.
  Sources() = default;
  // `memory`: createSources', borrowed. False: it is not, and there are no limits.
  bool Open(char* memory, size_t bytes, uint32_t worker);

  Place PlaceOf(const BlockSource& source) const;
  // Counts a connection if there are not too many.
  Admission Admit(Place place);
  void Closed(Place place) { Count(place, -1); }
  bool limits_rate() const { return bytes_per_second_ > 0; }
  double bytes_per_second() const { return bytes_per_second_; }
  // So many bytes came from there; the milliseconds until it may send again. 0: it may.
  double Took(Place place, size_t bytes, double now_ms);
  // The same without any.
  double ToWait(Place place, double now_ms) const;

 private:
  char* WorkerAt(uint32_t worker) const;
  void Count(Place place, int by);

  char* memory_ = nullptr;
  uint32_t worker_ = 0;
  uint32_t slots_ = 0;
  uint32_t workers_ = 0;
  uint32_t seeds_[2] = {};
  uint32_t connections_max_ = 0;
  uint32_t connections_of_source_max_ = 0;
  double bytes_per_second_ = 0;
};

}  // namespace streamgate

#endif
