// What fuzz targets share: an input is read from its first bytes on, and REQUIRE is a finding where it does not hold.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

namespace streamgate::fuzz {

// The bytes of an input, taken one after the other; an input that has ended gives zeros.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}
  uint8_t Byte() {
    if (rest_.empty()) return 0;
    const char byte = rest_[0];
    rest_.remove_prefix(1);
    return static_cast<uint8_t>(byte);
  }
  // Little-endian.
  uint32_t Number(int bytes) {
    uint32_t number = 0;
    for (int i = 0; i < bytes; ++i) number |= uint32_t{Byte()} << (8 * i);
    return number;
  }
  // At most `size` bytes.
  std::string_view Take(size_t size) {
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(taken.size());
    return taken;
  }
  std::string_view Rest() { return Take(rest_.size()); }

 private:
  std::string_view rest_;
};

// A copy of exactly these bytes, so that the sanitizer sees a read before or behind them.
class Exact {
 public:
  explicit Exact(std::string_view text) : size_(text.size()), bytes_(new char[text.size()]) {
    if (size_ > 0) std::memcpy(bytes_.get(), text.data(), size_);
  }
  const char* data() const { return bytes_.get(); }
  size_t size() const { return size_; }
  std::string_view text() const { return {bytes_.get(), size_}; }

 private:
  size_t size_;
  std::unique_ptr<char[]> bytes_;
};

// The same numbers for the same seed: where an input's own bytes would make its seeds unreadable.
class Chance {
 public:
  explicit Chance(uint64_t seed) : state_(seed * 6364136223846793005u + 1442695040888963407u) {}
  size_t Below(size_t limit) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<size_t>(state_ >> 33) % limit;
  }

 private:
  uint64_t state_;
};

}  // namespace streamgate::fuzz

#define REQUIRE(condition, ...)                                                    \
  do {                                                                             \
    if (!(condition)) {                                                            \
      std::fprintf(stderr, "%s:%d: not so: %s: ", __FILE__, __LINE__, #condition); \
      std::fprintf(stderr, "" __VA_ARGS__);                                        \
      std::fprintf(stderr, "\n");                                                  \
      std::abort();                                                                \
    }                                                                              \
  } while (false)
