// See iban.h.
#include "validators/iban.h"

namespace streamgate::validators {
namespace {

// Mirrored by src/data/engine/portable/validators/iban.ts: country and length.
constexpr std::string_view kCountries =
    "AD24AE23AL28AO25AT20AZ28BA20BE16BF28BG22BH22BI27BJ28BR29BY28CF27CG27CH21CI28CM27CR22CV25CY28CZ24DE22DJ27DK18DO28"
    "DZ26EE20EG29ES24FI18FK18FO18FR27GA27GB22GE22GI23GL18GQ27GR27GT28GW25HN28HR21HU28IE22IL23IQ23IR26IS26IT27JO30KM27"
    "KW30KZ20LB28LC32LI21LT20LU20LV21LY25MA28MC27MD24ME22MG27MK19ML28MN20MR27MT31MU30MZ25NE28NI28NL18NO15OM23PK24PL28"
    "PS29PT25QA29RO24RS22RU33SA24SC31SD18SE24SI19SK24SM27SN28SO23ST25SV28TD27TG28TL23TN24TR26UA29VA22VG24XK20YE30";

}  // namespace

size_t IbanLength(char first, char second) {
  for (size_t i = 0; i < kCountries.size(); i += 4)
    if (kCountries[i] == first && kCountries[i + 1] == second)
      return static_cast<size_t>(kCountries[i + 2] - '0') * 10 + static_cast<size_t>(kCountries[i + 3] - '0');
  return 0;
}

bool PassesMod97(std::string_view iban) {
  unsigned rest = 0;
  for (size_t i = 0; i < iban.size(); ++i) {
    // The first four characters come last.
    const char c = iban[(i + 4) % iban.size()];
    rest = c <= '9' ? (rest * 10 + static_cast<unsigned>(c - '0')) % 97
                    : (rest * 100 + static_cast<unsigned>(c - 'A') + 10) % 97;
  }
  return rest == 1;
}

}  // namespace streamgate::validators
