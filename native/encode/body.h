// The bytes of a body that grows, and goes away whole: Release hands the memory over, nothing is copied and nothing was
// zeroed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace streamgate {

class Body {
 public:
  Body() = default;
  Body(const Body&) = delete;
  Body& operator=(const Body&) = delete;
  ~Body() { std::free(data_); }

  size_t size() const { return size_; }
  uint8_t* data() { return data_; }
  // Forgets what lies from `size` on.
  void Truncate(size_t size) { size_ = size; }

  // Where the next bytes go: room for `bytes` of them, until the next call. Throws std::bad_alloc.
  uint8_t* Room(size_t bytes) {
    if (capacity_ - size_ < bytes) Grow(bytes);
    return data_ + size_;
  }
  // What was written there ends at `end`.
  void EndAt(const uint8_t* end) { size_ = static_cast<size_t>(end - data_); }

  void Append(std::string_view text) {
    if (text.empty()) return;
    std::memcpy(Room(text.size()), text.data(), text.size());
    size_ += text.size();
  }
  void Append(char byte) {
    *Room(1) = static_cast<uint8_t>(byte);
    ++size_;
  }

  // The memory, of exactly size() bytes, the caller's to free(); null when there are none. The body is empty then, and
  // the next begins as large as this one was, since bodies of one output are alike.
  uint8_t* Release();

 private:
  void Grow(size_t bytes);

  uint8_t* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
  size_t first_capacity_ = 0;
};

}  // namespace streamgate
