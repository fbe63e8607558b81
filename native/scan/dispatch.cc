// See dispatch.h.
#include "scan/dispatch.h"

#include <cstdlib>
#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace streamgate {

const uint8_t* FindWindowScalar(const Window& window, const uint8_t* from, const uint8_t* end);
const uint8_t* FindWindowV128(const Window& window, const uint8_t* from, const uint8_t* end);
const uint8_t* FindWindowAvx2(const Window& window, const uint8_t* from, const uint8_t* end);

namespace {

#if defined(__x86_64__)
// Not __builtin_cpu_supports: some toolchains' runtimes answer no to everything. Intel SDM volume 2A, CPUID: leaf 1 ECX
// bits 9 SSSE3, 27 OSXSAVE, 28 AVX; XCR0 bits 1 and 2: the system saves the registers; leaf 7 EBX bit 5 AVX2.
bool HasSsse3() {
  unsigned a, b, c, d;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c >> 9 & 1) != 0;
}

bool HasAvx2() {
  unsigned a, b, c, d;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c >> 27 & 1) == 0 || (c >> 28 & 1) == 0) return false;
  unsigned low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  if ((low & 6) != 6) return false;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b >> 5 & 1) != 0;
}
#endif

Kernel Choose() {
  const Kernels kernels = AvailableKernels();
  const char* const wanted = std::getenv("STREAMGATE_SIMD");
  for (int i = 0; wanted != nullptr && i < kernels.count; ++i)
    if (std::strcmp(kernels.list[i].name, wanted) == 0) return kernels.list[i];
  return kernels.list[kernels.count - 1];
}

}  // namespace

Kernels AvailableKernels() {
  Kernels kernels = {};
  kernels.list[kernels.count++] = {"scalar",          FindWindowScalar, FindLineEndsScalar, MarkJsonScalar,
                                   FindBucketsScalar, FindGramsScalar,  EscapeJsonScalar,   IsUtf8Scalar};
#if defined(__x86_64__)
  if (HasSsse3())
    kernels.list[kernels.count++] = {"v128",          FindWindowV128, FindLineEndsV128, MarkJsonV128,
                                     FindBucketsV128, FindGramsV128,  EscapeJsonV128,   IsUtf8V128};
  if (HasAvx2())
    kernels.list[kernels.count++] = {"avx2",          FindWindowAvx2, FindLineEndsAvx2, MarkJsonAvx2,
                                     FindBucketsAvx2, FindGramsAvx2,  EscapeJsonAvx2,   IsUtf8Avx2};
#elif defined(__aarch64__)
  kernels.list[kernels.count++] = {"v128",          FindWindowV128, FindLineEndsV128, MarkJsonV128,
                                   FindBucketsV128, FindGramsV128,  EscapeJsonV128,   IsUtf8V128};
#endif
  return kernels;
}

const Kernel& ActiveKernel() {
  static const Kernel kernel = Choose();
  return kernel;
}

}  // namespace streamgate
