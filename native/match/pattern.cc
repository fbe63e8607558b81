// See pattern.h.
#include "match/pattern.h"

namespace streamgate {

re2::RE2::Options PatternOptions() {
  re2::RE2::Options options;
  options.set_log_errors(false);
  return options;
}

std::unique_ptr<re2::RE2> CompilePattern(std::string_view pattern, std::string* error) {
  auto compiled = std::make_unique<re2::RE2>(pattern, PatternOptions());
  if (compiled->ok()) return compiled;
  *error = compiled->error();
  return nullptr;
}

bool ContainsPattern(const re2::RE2& pattern, std::string_view text) {
  return pattern.Match(text, 0, text.size(), re2::RE2::UNANCHORED, nullptr, 0);
}

}  // namespace streamgate
