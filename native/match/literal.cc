// See literal.h.
#include "match/literal.h"

#include <cstring>

namespace streamgate {

bool ContainsLiteral(std::string_view text, std::string_view literal) {
#if defined(__linux__) || defined(__APPLE__) || defined(__FreeBSD__)
  // memmem is linear in text and literal (two-way); string_view::find is not.
  return memmem(text.data(), text.size(), literal.data(), literal.size()) != nullptr;
#else
  return text.find(literal) != std::string_view::npos;
#endif
}

}  // namespace streamgate
