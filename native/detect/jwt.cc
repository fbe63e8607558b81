// JSON Web Tokens (RFC 7519) in compact form: two to four parts behind a header that decodes to JSON with an algorithm.
#include "detect/bytes.h"
#include "detect/scanners.h"
#include "validators/jwt_header.h"

namespace streamgate::detect {
namespace {

// A header holds a few names and at most a key (`jwk`, `x5c`).
constexpr size_t kHeaderBytesMax = 8192;

size_t PartEnd(std::string_view text, size_t at) {
  while (at < text.size() && IsBase64Url(text[at])) ++at;
  return at;
}

// The beginnings of a header in base64: `{"`, and `{` with a space, a line end or a tab behind it.
constexpr std::string_view kBegins[] = {"eyJ", "eyA", "ewo", "ew0", "ewk"};

bool BeginsHeader(std::string_view text, size_t at) {
  for (const std::string_view begin : kBegins)
    if (text.substr(at, begin.size()) == begin) return true;
  return false;
}

// The next place from `at` on where a header may begin.
size_t NextBegin(std::string_view text, size_t at) {
  for (at = text.find('e', at); at != std::string_view::npos; at = text.find('e', at + 1))
    if (BeginsHeader(text, at)) return at;
  return at;
}

}  // namespace

void ScanJwt(std::string_view text, size_t first, size_t last, Finds* finds) {
  size_t at = ScanStart(first);
  for (;;) {
    at = NextBegin(text, at);
    if (at == std::string_view::npos || at > last) return;
    const size_t begin = at;
    at = PartEnd(text, begin);
    // Glued to a word a header may be, since it is decoded: `token_eyJ…`.
    if (IsAlnum(ByteBefore(text, begin)) || ByteAt(text, at) != '.' || at - begin > kHeaderBytesMax) continue;
    const size_t claims = at + 1;
    size_t end = PartEnd(text, claims);
    // Three parts when signed, five when encrypted; the key of the latter and the signature of `none` are empty.
    if (ByteAt(text, end) != '.' || !validators::IsJwtHeader(text.substr(begin, at - begin))) continue;
    const bool encrypted = end == claims || ByteAt(text, PartEnd(text, end + 1)) == '.';
    if (end - claims < 2 && !encrypted) continue;
    end = PartEnd(text, end + 1);
    if (encrypted) {
      for (int part = 0; part < 2 && ByteAt(text, end) == '.' && IsBase64Url(ByteAt(text, end + 1)); ++part)
        end = PartEnd(text, end + 1);
    }
    finds->push_back({begin, end});
    at = end;
  }
}

}  // namespace streamgate::detect
