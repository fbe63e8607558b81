// Values that are set to a name which says secret: `password=`, `"api_key":`, `client_secret: `. What is a secret is
// told from what is a word, a path, a number or a variable by its characters.
#include "detect/assignment.h"
#include "detect/bytes.h"
#include "detect/scanners.h"
#include "validators/entropy.h"

namespace streamgate::detect {
namespace {

constexpr std::string_view kNames[] = {"password", "passwd",     "passphrase", "pwd",       "secret",
                                       "token",    "credential", "apikey",     "accesskey", "privatekey"};
constexpr size_t kBytesMin = 10;
constexpr unsigned kDifferentMin = 8;

// Where the name at `at` ends; 0: it is none. `api_key`, `api-key` and `api key` are `apikey`.
size_t NameEnd(std::string_view text, size_t at) {
  for (const std::string_view name : kNames) {
    size_t end = at;
    size_t i = 0;
    for (; i < name.size(); ++i, ++end) {
      const char c = ByteAt(text, end);
      if (name[i] == 'k' && i + 3 == name.size() && (c == '_' || c == '-' || c == ' ')) ++end;
      if (Lower(ByteAt(text, end)) != name[i]) break;
    }
    if (i == name.size()) return end;
  }
  return 0;
}

// What Java writes for an object without a text: the class, an @ and its hash, as in `android.os.BinderProxy@2bd79ce`.
bool IsJavaObject(std::string_view value) {
  const size_t at = value.rfind('@');
  if (at == std::string_view::npos || value.size() - at > 9 || value.substr(0, at).find('.') == std::string_view::npos)
    return false;
  for (const char c : value.substr(at + 1))
    if (!IsHex(c)) return false;
  return true;
}

bool IsSecret(std::string_view value) {
  constexpr std::string_view kNeverFirst = "/$%.~*@#";
  if (value.size() < kBytesMin || kNeverFirst.find(value[0]) != std::string_view::npos) return false;
  // An address in memory; a URL, whose own secrets other detectors know.
  if (value.substr(0, 2) == "0x" || value.find("://") != std::string_view::npos || IsJavaObject(value)) return false;
  bool letter = false;
  bool digit = false;
  for (const char c : value) {
    letter = letter || IsLetter(c);
    digit = digit || IsDigit(c);
  }
  return letter && digit && validators::IsAsDiverseAs(value, kDifferentMin);
}

}  // namespace

void ScanGenericSecret(std::string_view text, size_t first, size_t last, Finds* finds) {
  for (size_t at = ScanStart(first); at <= last && at + kBytesMin < text.size();) {
    const size_t name = IsLetter(text[at]) ? NameEnd(text, at) : 0;
    if (name == 0) {
      ++at;
      continue;
    }
    const Find value = AssignedValue(text, name);
    if (IsSecret(text.substr(value.begin, value.end - value.begin))) {
      finds->push_back(value);
      at = value.end;
    } else {
      at = name;
    }
  }
}

}  // namespace streamgate::detect
