// Runs every test, or those whose name contains the first argument, and says which scan kernels they ran on. Exit
// status 1 when one fails.
#include <cstring>

#include "scan/dispatch.h"
#include "test/check.h"

int main(int argc, char** argv) {
  using namespace streamgate::test;
  const streamgate::Kernels kernels = streamgate::AvailableKernels();
  std::cout << "scan kernel: " << streamgate::ActiveKernel().name << " (this processor has";
  for (int i = 0; i < kernels.count; ++i) std::cout << " " << kernels.list[i].name;
  std::cout << ")" << std::endl;
  int passed = 0;
  int failed = 0;
  for (const Test& test : Tests()) {
    if (argc > 1 && test.name.find(argv[1]) == std::string::npos) continue;
    Failures() = 0;
    test.body();
    (Failures() == 0 ? passed : failed) += 1;
    if (Failures() != 0) std::cerr << "FAILED " << test.name << "\n";
  }
  std::cout << passed << " passed, " << failed << " failed" << std::endl;
  return failed == 0 ? 0 : 1;
}
