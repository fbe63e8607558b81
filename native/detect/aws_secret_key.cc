// Secret access keys of Amazon Web Services: 40 characters of base64 without a form of their own, known by the name
// that they are set to: `aws_secret_access_key`, `SecretAccessKey`, `AWS_SECRET`.
#include "detect/assignment.h"
#include "detect/bytes.h"
#include "detect/keyword.h"
#include "detect/scanners.h"
#include "validators/entropy.h"

namespace streamgate::detect {
namespace {

constexpr std::string_view kWord = "secret";
constexpr size_t kKeyBytes = 40;
// A random one has the diversity of about 25.
constexpr unsigned kDifferentMin = 12;

// Where `word` at `at` ends, in any case, a separator before it being part of it; 0: it is not there.
size_t WordEnd(std::string_view text, size_t at, std::string_view word) {
  const char c = ByteAt(text, at);
  if (c == '_' || c == '-' || c == '.' || c == ' ') ++at;
  for (const char wanted : word)
    if (Lower(ByteAt(text, at++)) != wanted) return 0;
  return at;
}

// Where the name of which `secret` ends at `at` does; 0: it is not one of a key of AWS.
size_t NameEnd(std::string_view text, size_t at) {
  const size_t access = WordEnd(text, at, "access");
  const size_t key = WordEnd(text, access > 0 ? access : at, "key");
  if (key > 0) return key;
  return HasKeywordBefore(text, at, 20, {"aws"}) ? at : 0;
}

bool IsKey(std::string_view value) {
  bool upper = false;
  bool lower = false;
  bool digit = false;
  for (const char c : value) {
    if (!IsAlnum(c) && c != '/' && c != '+') return false;
    upper = upper || IsUpper(c);
    lower = lower || IsLower(c);
    digit = digit || IsDigit(c);
  }
  return value.size() == kKeyBytes && upper && lower && digit && validators::IsAsDiverseAs(value, kDifferentMin);
}

}  // namespace

void ScanAwsSecretKey(std::string_view text, size_t first, size_t last, Finds* finds) {
  for (size_t at = ScanStart(first); at <= last && at + kKeyBytes < text.size();) {
    size_t word = at;
    while (word < at + kWord.size() && Lower(ByteAt(text, word)) == kWord[word - at]) ++word;
    if (word < at + kWord.size()) {
      ++at;
      continue;
    }
    at = word;
    const size_t name = NameEnd(text, word);
    if (name == 0) continue;
    const Find value = AssignedValue(text, name);
    if (!IsKey(text.substr(value.begin, value.end - value.begin))) continue;
    finds->push_back(value);
    at = value.end;
  }
}

}  // namespace streamgate::detect
