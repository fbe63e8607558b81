// GitHub's tokens: ghp_, gho_, ghu_, ghs_, ghr_ and github_pat_ (docs.github.com, "GitHub credential types").
//
// The checksum alone does not decide: a token cut or issued by another server of the same form is as secret, so one
// with a wrong checksum is taken too unless it is a placeholder of few different characters.
#include "detect/bytes.h"
#include "detect/scanners.h"
#include "validators/github_checksum.h"

namespace streamgate::detect {
namespace {

constexpr size_t kBodyBytes = 36;
constexpr size_t kFineBodyBytes = 82;
// ghs_ tokens may be longer.
constexpr size_t kBodyBytesMax = 512;
constexpr int kDifferentMin = 8;

size_t WordEnd(std::string_view text, size_t at) {
  while (at < text.size() && IsAlnum(text[at])) ++at;
  return at;
}

bool LooksRandom(std::string_view body) {
  bool seen[128] = {};
  int different = 0;
  for (const char c : body) {
    bool& one = seen[static_cast<unsigned char>(c) & 127];
    if (!one) ++different;
    one = true;
  }
  return different >= kDifferentMin;
}

// Where the token that begins with the `g` at `begin` ends; 0: it is none.
size_t TokenEnd(std::string_view text, size_t begin) {
  constexpr std::string_view kFine = "github_pat_";
  if (text.substr(begin, kFine.size()) == kFine) {
    // 22 and 59 with an underscore between are what GitHub makes now; it promises the prefix alone.
    size_t end = begin + kFine.size();
    while (end < text.size() && (IsAlnum(text[end]) || text[end] == '_')) ++end;
    const std::string_view body = text.substr(begin + kFine.size(), end - begin - kFine.size());
    return body.size() == kFineBodyBytes && LooksRandom(body) ? end : 0;
  }
  const char kind = ByteAt(text, begin + 2);
  if (ByteAt(text, begin + 1) != 'h' || ByteAt(text, begin + 3) != '_' ||
      (kind != 'p' && kind != 'o' && kind != 'u' && kind != 's' && kind != 'r'))
    return 0;
  const size_t body = begin + 4;
  const size_t end = WordEnd(text, body);
  if (end - body < kBodyBytes || end - body > kBodyBytesMax || ByteAt(text, end) == '_') return 0;
  const std::string_view characters = text.substr(body, end - body);
  return (end - body == kBodyBytes && validators::PassesGithubChecksum(characters)) || LooksRandom(characters) ? end
                                                                                                               : 0;
}

}  // namespace

void ScanGithubToken(std::string_view text, size_t first, size_t last, Finds* finds) {
  size_t at = ScanStart(first);
  for (;;) {
    at = text.find('g', at);
    if (at == std::string_view::npos || at > last) return;
    const size_t end = IsAlnum(ByteBefore(text, at)) ? 0 : TokenEnd(text, at);
    if (end > 0) finds->push_back({at, end});
    at = end > 0 ? end : at + 1;
  }
}

}  // namespace streamgate::detect
