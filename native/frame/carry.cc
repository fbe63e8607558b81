// See carry.h.
#include "frame/carry.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace streamgate {
namespace {

// Of the first reservation: most lines that a chunk cuts are shorter.
constexpr size_t kBytesMin = 256;

#if defined(__linux__)
constexpr bool kMaps = true;

// Null: there is none.
char* Map(size_t bytes) {
  void* const mapped = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  // Neighbours become one mapping for the kernel, and a huge page over several of them would be resident at once.
  madvise(mapped, bytes, MADV_NOHUGEPAGE);
  return static_cast<char*>(mapped);
}
char* Remap(char* data, size_t from, size_t to) {
  void* const mapped = mremap(data, from, to, MREMAP_MAYMOVE);
  return mapped == MAP_FAILED ? nullptr : static_cast<char*>(mapped);
}
void Unmap(char* data, size_t bytes) { munmap(data, bytes); }
#else
constexpr bool kMaps = false;
char* Map(size_t) { return nullptr; }
char* Remap(char*, size_t, size_t) { return nullptr; }
void Unmap(char*, size_t) {}
#endif

}  // namespace

void Carry::Reserve(size_t bytes, size_t most) {
  if (bytes <= capacity_) return;
  // Doubled, so that a record is not moved with every chunk.
  const size_t capacity = std::min(std::max({bytes, 2 * capacity_, kBytesMin}), std::max(bytes, most));
  char* grown = nullptr;
  if (mapped_) {
    grown = Remap(data_, capacity_, capacity);
  } else if (kMaps && capacity > kMappedBytesMin) {
    grown = Map(capacity);
    if (grown != nullptr) {
      if (capacity_ > 0) std::memcpy(grown, data_, capacity_);
      std::free(data_);
      mapped_ = true;
    }
  } else {
    grown = static_cast<char*>(std::realloc(data_, capacity));
  }
  if (grown == nullptr) throw std::bad_alloc();
  data_ = grown;
  capacity_ = capacity;
}

void Carry::Free() {
  if (mapped_) {
    Unmap(data_, capacity_);
  } else {
    std::free(data_);
  }
  data_ = nullptr;
  capacity_ = 0;
  mapped_ = false;
}

}  // namespace streamgate
