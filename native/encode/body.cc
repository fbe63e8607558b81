// See body.h.
#include "encode/body.h"

#include <algorithm>
#include <new>

namespace streamgate {
namespace {

constexpr size_t kFirstBytes = 4096;

}  // namespace

void Body::Grow(size_t bytes) {
  size_t capacity = std::max({kFirstBytes, first_capacity_, capacity_ + capacity_ / 2});
  if (capacity - size_ < bytes) capacity = size_ + bytes;
  void* const grown = std::realloc(data_, capacity);
  if (grown == nullptr) throw std::bad_alloc();
  data_ = static_cast<uint8_t*>(grown);
  capacity_ = capacity;
}

uint8_t* Body::Release() {
  uint8_t* released = data_;
  if (size_ == 0) {
    std::free(data_);
    released = nullptr;
  } else if (void* const shrunk = std::realloc(data_, size_)) {
    released = static_cast<uint8_t*>(shrunk);
  }
  first_capacity_ = size_ + size_ / 8;
  data_ = nullptr;
  size_ = capacity_ = 0;
  return released;
}

}  // namespace streamgate
