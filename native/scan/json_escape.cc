// See json_escape.h.
#include "scan/json_escape.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "scan/bytes64.h"

namespace streamgate {
namespace {

constexpr size_t kStepBytes = 64;
// Text between two escapes is copied in pieces of so many bytes: most is shorter than one.
constexpr size_t kPieceBytes = 16;
static_assert(kStepBytes <= kJsonEscapeSlackBytes && kPieceBytes <= kJsonEscapeSlackBytes);

// Eight bytes, so that one store writes any of them.
struct Escape {
  uint8_t text[7];
  uint8_t size;
};

constexpr std::array<Escape, '\\' + 1> Escapes() {
  std::array<Escape, '\\' + 1> escapes = {};
  constexpr char kHex[] = "0123456789abcdef";
  for (unsigned c = 0; c < 0x20; ++c) {
    const char digits[2] = {kHex[c >> 4], kHex[c & 15]};
    escapes[c] = {{'\\', 'u', '0', '0', static_cast<uint8_t>(digits[0]), static_cast<uint8_t>(digits[1]), 0}, 6};
  }
  constexpr char kShort[][2] = {{'\b', 'b'}, {'\t', 't'}, {'\n', 'n'}, {'\f', 'f'},
                                {'\r', 'r'}, {'"', '"'},  {'\\', '\\'}};
  for (const auto& pair : kShort)
    escapes[static_cast<size_t>(pair[0])] = {{'\\', static_cast<uint8_t>(pair[1]), 0, 0, 0, 0, 0}, 2};
  return escapes;
}
constexpr std::array<Escape, '\\' + 1> kEscapes = Escapes();

// Inlined into each kernel, so that it is compiled for that kernel's instructions.
template <typename Vector>
[[gnu::always_inline]] inline EscapedJson EscapeJsonWith(const uint8_t* from, const uint8_t* end,
                                                         const uint8_t* readable_end, uint8_t* to) {
  uint64_t tops = 0;
  for (const uint8_t* p = from; p < end;) {
    const size_t left = static_cast<size_t>(end - p);
    const size_t size = std::min(left, kStepBytes);
    const uint8_t* in = p;
    uint8_t apart[kStepBytes + kPieceBytes];
    if (static_cast<size_t>(readable_end - p) < sizeof apart) {
      std::memset(apart, 0, sizeof apart);
      std::memcpy(apart, p, size);
      in = apart;
    }
    const Vector bytes = Vector::Load(in);
    const uint64_t ours = ~uint64_t{0} >> (kStepBytes - size);
    uint64_t marks = bytes.JsonMarks() & ours;
    tops |= bytes.TopBits() & ours;
    bytes.Store(to);
    p += size;
    if (marks == 0) {
      to += size;
      continue;
    }
    size_t at = static_cast<size_t>(__builtin_ctzll(marks));
    to += at;
    do {
      const Escape& escape = kEscapes[in[at]];
      std::memcpy(to, &escape, sizeof escape);
      to += escape.size;
      ++at;
      marks &= marks - 1;
      const size_t next = marks == 0 ? size : static_cast<size_t>(__builtin_ctzll(marks));
      for (size_t i = at; i < next; i += kPieceBytes) std::memcpy(to + (i - at), in + i, kPieceBytes);
      to += next - at;
      at = next;
    } while (marks != 0);
  }
  return {to, tops == 0};
}

}  // namespace

EscapedJson EscapeJsonScalar(const uint8_t* from, const uint8_t* end, const uint8_t* readable_end, uint8_t* to) {
  return EscapeJsonWith<Bytes64Scalar>(from, end, readable_end, to);
}

#if defined(__x86_64__) || defined(__aarch64__)
EscapedJson EscapeJsonV128(const uint8_t* from, const uint8_t* end, const uint8_t* readable_end, uint8_t* to) {
  return EscapeJsonWith<Bytes64V128>(from, end, readable_end, to);
}
#endif

#if defined(__x86_64__)
STREAMGATE_AVX2 EscapedJson EscapeJsonAvx2(const uint8_t* from, const uint8_t* end, const uint8_t* readable_end,
                                           uint8_t* to) {
  return EscapeJsonWith<Bytes64Avx2>(from, end, readable_end, to);
}
#endif

}  // namespace streamgate
