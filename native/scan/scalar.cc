// The kernel without vectors: one byte at a time.
#include "scan/window.h"

namespace streamgate {

const uint8_t* FindWindowScalar(const Window& window, const uint8_t* from, const uint8_t* end) {
  const size_t size = window.size();
  if (static_cast<size_t>(end - from) < size) return end;
  const size_t rarest = window.probes()[0].offset;
  const ByteSet& set = window.sets()[rarest];
  for (const uint8_t *p = from, *last = end - size; p <= last; ++p)
    if (set.Has(p[rarest]) && window.FitsAt(p)) return p;
  return end;
}

}  // namespace streamgate
