// See verhoeff.h.
#include "validators/verhoeff.h"

namespace streamgate::validators {
namespace {

// The dihedral group of order ten: 0 to 4 turn a pentagon, 5 to 9 turn it and turn it over.
unsigned Product(unsigned a, unsigned b) {
  if (a < 5) return b < 5 ? (a + b) % 5 : 5 + (a + b - 5) % 5;
  return b < 5 ? 5 + (a - 5 + 5 - b) % 5 : (a - 5 + 5 - (b - 5)) % 5;
}

// Applied once more for each place to the left.
constexpr unsigned kPermutation[10] = {1, 5, 7, 6, 2, 8, 3, 0, 9, 4};

}  // namespace

bool PassesVerhoeff(std::string_view digits) {
  unsigned check = 0;
  for (size_t place = 0; place < digits.size(); ++place) {
    auto digit = static_cast<unsigned>(digits[digits.size() - 1 - place] - '0');
    // The permutation's eighth power changes nothing.
    for (size_t i = 0; i < place % 8; ++i) digit = kPermutation[digit];
    check = Product(check, digit);
  }
  return !digits.empty() && check == 0;
}

}  // namespace streamgate::validators
