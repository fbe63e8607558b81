// The memory for a record that its chunk left unfinished: grows as the record does, and goes back to the system when
// the record is done.
//
// A thousand connections may each hold a mebibyte, so what lies here has to be what is resident. Up to kMappedBytesMin
// it is the allocator's. From there on it is pages of its own (Linux), which are resident only once they are written,
// grow without a copy (mremap), and go back at once and whole; glibc raises its threshold for mappings to the size of
// the largest one freed (mallopt(3), M_MMAP_THRESHOLD), after which a mebibyte comes from an arena and stays in it.
#pragma once

#include <cstddef>

namespace streamgate {

class Carry {
 public:
  Carry() = default;
  ~Carry() { Free(); }
  Carry(const Carry&) = delete;
  Carry& operator=(const Carry&) = delete;

  char* data() { return data_; }
  size_t capacity() const { return capacity_; }
  // Room for `bytes`, of which no record needs more than `most`; what lies there stays. Throws std::bad_alloc.
  void Reserve(size_t bytes, size_t most);
  void Free();

 private:
  static constexpr size_t kMappedBytesMin = 64 * 1024;

  char* data_ = nullptr;
  size_t capacity_ = 0;
  bool mapped_ = false;
};

}  // namespace streamgate
