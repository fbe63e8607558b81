// The line end kernels: all list the same places as a loop over the bytes, for every length, density and alignment.
#include "scan/newline.h"

#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "scan/dispatch.h"
#include "test/check.h"

namespace streamgate {
namespace {

// All line ends of `text` by one kernel, call after call as the framer makes them. The text is copied to memory of
// exactly its size, so that the address sanitizer sees a read beyond it.
std::vector<size_t> ListAll(const Kernel& kernel, const std::string& text) {
  const std::unique_ptr<uint8_t[]> exact(new uint8_t[text.size()]);
  std::memcpy(exact.get(), text.data(), text.size());
  std::vector<size_t> places;
  size_t at = 0;
  while (at < text.size()) {
    const std::unique_ptr<uint16_t[]> offsets(new uint16_t[kLineEndsMax]);
    const LineEnds found = kernel.find_line_ends(exact.get() + at, exact.get() + text.size(), offsets.get());
    CHECK(found.bytes > 0 && found.bytes <= kLineEndsSpanBytes && found.count <= kLineEndsMax);
    if (found.bytes == 0) break;
    for (uint32_t i = 0; i < found.count; ++i) places.push_back(at + offsets[i]);
    at += found.bytes;
  }
  CHECK_EQUAL(at, text.size());
  return places;
}

void CheckAll(const std::string& text) {
  std::vector<size_t> expected;
  for (size_t i = 0; i < text.size(); ++i)
    if (text[i] == '\n') expected.push_back(i);
  const Kernels kernels = AvailableKernels();
  for (int i = 0; i < kernels.count; ++i) {
    const bool same = ListAll(kernels.list[i], text) == expected;
    CHECK_EQUAL(std::string(kernels.list[i].name) + (same ? " agrees" : " differs"),
                std::string(kernels.list[i].name) + " agrees");
  }
}

TEST("every line end kernel lists what a loop over the bytes finds", {
  std::mt19937 random(20261123);
  for (const unsigned one_in : {1u, 2u, 10u, 100u, 1000u}) {
    for (size_t size = 0; size < 300; ++size) {
      std::string text(size, '\0');
      // Also the bytes whose bits are near an LF's: 0x0b, 0x8a, 0x00, 0xff.
      for (char& c : text) c = random() % one_in == 0 ? '\n' : "\x0b\x8a\x00\xff\x09x"[random() % 6];
      CheckAll(text);
    }
  }
});

TEST("every line end kernel goes on where its list or its span ends", {
  CheckAll(std::string(1000, '\n'));
  CheckAll(std::string(3 * kLineEndsSpanBytes + 7, 'x') + "\n");
  std::string lines;
  for (size_t i = 0; lines.size() < 5 * kLineEndsSpanBytes; ++i) lines += std::string(i * 37 % 400, 'x') + "\n";
  CheckAll(lines);
});

}  // namespace
}  // namespace streamgate
