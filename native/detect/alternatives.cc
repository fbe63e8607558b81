// See alternatives.h.
#include "detect/alternatives.h"

#include <utility>
#include <vector>

#include "match/pattern.h"

namespace streamgate::detect {
namespace {

// Where the alternative that begins at `at` ends: at a `|` outside parentheses and classes, or at the pattern's end.
size_t AlternativeEnd(std::string_view pattern, size_t at) {
  int depth = 0;
  bool in_class = false;
  for (; at < pattern.size(); ++at) {
    const char c = pattern[at];
    if (c == '\\') {
      ++at;
    } else if (in_class) {
      in_class = c != ']';
    } else if (c == '[') {
      in_class = true;
    } else if (c == '(') {
      ++depth;
    } else if (c == ')') {
      --depth;
    } else if (c == '|' && depth == 0) {
      return at;
    }
  }
  return pattern.size();
}

}  // namespace

std::unique_ptr<Prefilter> PrefilterOfAlternatives(std::string_view pattern, std::string* error) {
  // Anything is: the index compares a window where its rarest bytes fit, and a scanner looks only there.
  constexpr double kDensityMax = 1;
  std::vector<Prefilter::Factor> factors;
  for (size_t at = 0; at <= pattern.size();) {
    const size_t end = AlternativeEnd(pattern, at);
    const std::unique_ptr<re2::RE2> one = CompilePattern(pattern.substr(at, end - at), error);
    if (one == nullptr) return nullptr;
    const std::unique_ptr<Prefilter> required = Prefilter::Of(*one, kDensityMax);
    if (required == nullptr) return nullptr;
    factors.insert(factors.end(), required->factors().begin(), required->factors().end());
    at = end + 1;
  }
  return std::make_unique<Prefilter>(std::move(factors));
}

}  // namespace streamgate::detect
