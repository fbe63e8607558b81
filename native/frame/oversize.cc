// See oversize.h.
#include "frame/oversize.h"

#include "scan/ascii.h"

namespace streamgate {
namespace {

bool IsWord(char c) { return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsGroupSeparator(char c) { return c == ' ' || c == '-' || c == '.'; }

// Start of the run of word characters that ends before `end`; `end` when there is none.
size_t RunStart(const char* data, size_t end) {
  while (end > 0 && IsWord(data[end - 1])) --end;
  return end;
}

}  // namespace

size_t TrimAtCut(const char* data, size_t cut) {
  size_t end = RunStart(data, cut);
  if (end == cut) {
    // `4111 1111 1111 |1111`: the cut fell behind a separator, and the groups before it are half of a number.
    if (cut < 2 || !IsGroupSeparator(data[cut - 1]) || !IsDigit(data[cut - 2])) return end;
    end = RunStart(data, cut - 1);
  }
  while (IsDigit(data[end]) && end >= 2 && IsGroupSeparator(data[end - 1]) && IsDigit(data[end - 2]))
    end = RunStart(data, end - 1);
  return end;
}

}  // namespace streamgate
