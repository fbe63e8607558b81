// See iso7064.h.
#include "validators/iso7064.h"

namespace streamgate::validators {

bool PassesMod11And10(std::string_view digits) {
  if (digits.empty()) return false;
  unsigned product = 10;
  for (const char c : digits.substr(0, digits.size() - 1)) {
    const unsigned sum = (static_cast<unsigned>(c - '0') + product) % 10;
    product = 2 * (sum == 0 ? 10 : sum) % 11;
  }
  return (product + static_cast<unsigned>(digits.back() - '0')) % 10 == 1;
}

}  // namespace streamgate::validators
