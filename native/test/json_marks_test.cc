// The JSON mark kernels: all give the bits that a loop over the bytes gives, and the marks behind the end.
#include "scan/json_marks.h"

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

TEST("every JSON mark kernel gives the bits that a loop over the bytes gives", {
  std::mt19937 random(20261123);
  const Kernels kernels = AvailableKernels();
  for (size_t size = 0; size < 400; ++size) {
    // Exactly the bytes, so that the address sanitizer sees a read beyond them.
    const std::unique_ptr<uint8_t[]> text(new uint8_t[size]);
    for (size_t i = 0; i < size; ++i)
      text[i] =
          static_cast<uint8_t>(size % 2 == 0 ? random() % 256 : "\"\\\x1f\x20\x21\x5b\x5d\xa2\xdc\x9f"[random() % 10]);
    std::vector<uint64_t> expected(JsonMarkWords(size), 0);
    for (size_t i = 0; i < 64 * expected.size(); ++i) {
      const bool mark = i >= size || text[i] == '"' || text[i] == '\\' || text[i] < 0x20;
      expected[i / 64] |= uint64_t{mark} << (i % 64);
    }
    for (int i = 0; i < kernels.count; ++i) {
      std::vector<uint64_t> marks(JsonMarkWords(size));
      kernels.list[i].mark_json(text.get(), size, marks.data());
      CHECK_EQUAL(std::string(kernels.list[i].name) + (marks == expected ? " agrees" : " differs"),
                  std::string(kernels.list[i].name) + " agrees");
    }
  }
});

}  // namespace
}  // namespace streamgate
