// How each national number is written, which words say what it is, and what its digits must fulfil. The sources stand
// in src/detectors/, a file a number; the twin of this table is src/data/engine/portable/detect/national_numbers.ts.
#include "detect/bytes.h"
#include "detect/national_number.h"
#include "detect/scanners.h"
#include "validators/fiscal_code.h"
#include "validators/iso7064.h"
#include "validators/luhn.h"
#include "validators/verhoeff.h"
#include "validators/weights.h"

namespace streamgate::detect {
namespace {

using validators::WeightedSum;

unsigned ValueOf(std::string_view digits) {
  unsigned value = 0;
  for (const char c : digits) value = value * 10 + static_cast<unsigned>(c - '0');
  return value;
}

bool IsOneDigit(std::string_view digits) { return digits.find_first_not_of(digits[0]) == std::string_view::npos; }

bool IsUsRouting(std::string_view number, bool) {
  constexpr uint8_t kWeights[] = {3, 7, 1, 3, 7, 1, 3, 7, 1};
  // A Federal Reserve district as it is, of thrifts, electronic, or a traveler's check.
  const unsigned district = ValueOf(number.substr(0, 2));
  const bool issued =
      district <= 12 || (district >= 21 && district <= 32) || (district >= 61 && district <= 72) || district == 80;
  return issued && !IsOneDigit(number) && WeightedSum(number, kWeights) % 10 == 0;
}

bool IsUkNino(std::string_view number, bool) {
  constexpr std::string_view kNeverFirst = "DFIQUV";
  constexpr std::string_view kNeverSecond = "DFIOQUV";
  constexpr std::string_view kNever[] = {"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"};
  for (const std::string_view prefix : kNever)
    if (number.substr(0, 2) == prefix) return false;
  return kNeverFirst.find(number[0]) == std::string_view::npos &&
         kNeverSecond.find(number[1]) == std::string_view::npos && number[8] <= 'D';
}

bool IsUkNhs(std::string_view number, bool) {
  constexpr uint8_t kWeights[] = {10, 9, 8, 7, 6, 5, 4, 3, 2, 1};
  return !IsOneDigit(number) && WeightedSum(number, kWeights) % 11 == 0;
}

bool IsDeTaxId(std::string_view number, bool) {
  // Of the first ten digits one stands there twice or three times, the others once.
  int counts[10] = {};
  for (const char c : number.substr(0, 10)) ++counts[c - '0'];
  int repeated = 0;
  for (const int count : counts) {
    if (count > 3) return false;
    if (count > 1) ++repeated;
  }
  return number[0] != '0' && repeated == 1 && validators::PassesMod11And10(number);
}

bool IsFrNir(std::string_view number, bool) {
  // Sex, year, month, department, commune, order, key; 2A and 2B are Corsica's departments.
  const bool corsica = !IsDigit(number[6]);
  if (corsica && (number[5] != '2' || (number[6] != 'A' && number[6] != 'B'))) return false;
  const unsigned month = ValueOf(number.substr(3, 2));
  // 20 and 30 to 42 and from 50 on: the month is not known.
  const bool known = (month >= 1 && month <= 12) || month == 20 || (month >= 30 && month <= 42) || month >= 50;
  if (!known || number[0] == '0' || number[0] == '5' || number[0] == '6' || number[0] == '9') return false;
  unsigned rest = 0;
  for (size_t i = 0; i < 13; ++i) {
    const unsigned digit = i == 6 && corsica ? (number[6] == 'A' ? 9 : 8) : static_cast<unsigned>(number[i] - '0');
    // The key is reckoned as if 2A were 19 and 2B were 18.
    rest = (rest * 10 + (i == 5 && corsica ? 1 : digit)) % 97;
  }
  return 97 - rest == ValueOf(number.substr(13, 2));
}

bool IsDate(std::string_view digits) {
  const unsigned year = ValueOf(digits.substr(0, 4));
  const unsigned month = ValueOf(digits.substr(4, 2));
  const unsigned day = ValueOf(digits.substr(6, 2));
  return year >= 1900 && year < 2100 && month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

bool IsEsDni(std::string_view number, bool keyword) {
  constexpr std::string_view kLetters = "TRWAGMYFPDXBNJZSQVHLCKE";
  unsigned value = ValueOf(number.substr(1, 7));
  if (IsDigit(number[0])) {
    // 20261123Z is a day in UTC.
    if (!keyword && IsDate(number)) return false;
    value += static_cast<unsigned>(number[0] - '0') * 10'000'000;
  } else {
    // Foreigners' numbers begin with X, Y or Z for 0, 1 or 2.
    if (number[0] < 'X') return false;
    value += static_cast<unsigned>(number[0] - 'X') * 10'000'000;
  }
  return value > 0 && kLetters[value % 23] == number[8];
}

bool IsItFiscalCode(std::string_view number, bool) { return validators::IsFiscalCode(number); }

bool IsNlBsn(std::string_view number, bool) {
  constexpr uint8_t kWeights[] = {9, 8, 7, 6, 5, 4, 3, 2};
  const unsigned sum = WeightedSum(number.substr(0, 8), kWeights);
  return !IsOneDigit(number) && sum % 11 == static_cast<unsigned>(number[8] - '0');
}

bool IsPlPesel(std::string_view number, bool) {
  constexpr uint8_t kWeights[] = {1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1};
  // The month says the century: 1800 and later 80 more, 2000 and later 20, 40, 60 more.
  const unsigned month = ValueOf(number.substr(2, 2)) % 20;
  const unsigned day = ValueOf(number.substr(4, 2));
  return month >= 1 && month <= 12 && day >= 1 && day <= 31 && WeightedSum(number, kWeights) % 10 == 0;
}

bool IsBrCpf(std::string_view number, bool) {
  constexpr uint8_t kWeights[] = {11, 10, 9, 8, 7, 6, 5, 4, 3, 2};
  const auto digit = [&](size_t count) {
    const unsigned rest = WeightedSum(number.substr(0, count), kWeights + 10 - count) % 11;
    return static_cast<char>(rest < 2 ? '0' : '0' + 11 - rest);
  };
  return !IsOneDigit(number) && digit(9) == number[9] && digit(10) == number[10];
}

bool IsInAadhaar(std::string_view number, bool keyword) {
  if (number[0] < '2' || IsOneDigit(number)) return false;
  const auto is_year = [&](size_t at) { return number.substr(at, 2) == "19" || number.substr(at, 2) == "20"; };
  if (!keyword && is_year(0) && is_year(4) && is_year(8)) return false;
  return validators::PassesVerhoeff(number);
}

bool IsCaSin(std::string_view number, bool) {
  return number[0] != '0' && number[0] != '8' && !IsOneDigit(number) && validators::PassesLuhn(number);
}

bool IsAuTfn(std::string_view number, bool) {
  constexpr uint8_t kWeights[] = {1, 4, 3, 7, 5, 8, 6, 9, 10};
  return !IsOneDigit(number) && WeightedSum(number, kWeights) % 11 == 0;
}

constexpr NationalNumber kUsRouting = {
    {"?999999999", "?9999-9999-9"}, {"routing", " aba ", " rtn ", "\xE2\x91\x86"}, IsUsRouting};
constexpr NationalNumber kUkNino = {{"AA999999A", "AA 99 99 99 A", "AA-99-99-99-A", "AA 999999 A"},
                                    {"national insurance", "nationalinsurance", " nino "},
                                    IsUkNino};
constexpr NationalNumber kUkNhs = {
    {"?9999999999", "999 999 9999", "?999-999-9999"}, {" nhs ", "national health"}, IsUkNhs};
constexpr NationalNumber kDeTaxId = {
    {"?99999999999", "99 999 999 999"}, {"steuer", "idnr", " tax ", "identifikationsnummer"}, IsDeTaxId};
constexpr NationalNumber kFrNir = {
    {"?999999#99999999", "?999999#999999 99", "9 99 99 9# 999 999 99", "9-99-99-9#-999-999-99"},
    {" nir ", " insee ", "sociale", " secu "},
    IsFrNir};
constexpr NationalNumber kEsDni = {
    {"#9999999A", "#9999999-A", "99.999.999-A", "99.999.999A", "A-9999999-A"}, {" dni ", " nie ", " nif "}, IsEsDni};
constexpr NationalNumber kItFiscalCode = {{"AAAAAA##A##A###A", "AAA AAA ##A## A###A"}, {"fiscal"}, IsItFiscalCode};
constexpr NationalNumber kNlBsn = {{"?999999999", "?999.999.999", "?9999.99.999", "?999 999 999"},
                                   {" bsn ", "burgerservice", "sofinummer", "citizen service"},
                                   IsNlBsn};
constexpr NationalNumber kPlPesel = {{"?99999999999"}, {"pesel"}, IsPlPesel};
constexpr NationalNumber kBrCpf = {{"?99999999999", "999.999.999-99"}, {" cpf "}, IsBrCpf};
constexpr NationalNumber kInAadhaar = {
    {"?999999999999", "9999 9999 9999", "9999-9999-9999"}, {"aadhaar", "aadhar", "uidai"}, IsInAadhaar};
constexpr NationalNumber kCaSin = {{"?999999999", "999-999-999", "?999 999 999"},
                                   {" sin ", " nas ", "social insurance", "assurance sociale"},
                                   IsCaSin};
constexpr NationalNumber kAuTfn = {
    {"?999999999", "?999 999 999", "?999-999-999"}, {" tfn ", "tax file", "taxfile"}, IsAuTfn};

}  // namespace

void ScanUsRouting(std::string_view text, size_t first, size_t last, Finds* finds) {
  ScanNationalNumber(kUsRouting, text, first, last, finds);
}
void ScanUkNino(std::string_view text, size_t first, size_t last, Finds* finds) {
  ScanNationalNumber(kUkNino, text, first, last, finds);
}
void ScanUkNhs(std::string_view text, size_t first, size_t last, Finds* finds) {
  ScanNationalNumber(kUkNhs, text, first, last, finds);
}
void ScanDeTaxId(std::string_view text, size_t first, size_t last, Finds* finds) {
  ScanNationalNumber(kDeTaxId, text, first, last, finds);
}
void ScanFrNir(std::string_view text, size_t first, size_t last, Finds* finds) {
  ScanNationalNumber(kFrNir, text, first, last, finds);
}
void ScanEsDni(std::string_view text, size_t first, size_t last, Finds* finds) {
  ScanNationalNumber(kEsDni, text, first, last, finds);
}
void ScanItFiscalCode(std::string_view text, size_t first, size_t last, Finds* finds) {
  ScanNationalNumber(kItFiscalCode, text, first, last, finds);
}
void ScanNlBsn(std::string_view text, size_t first, size_t last, Finds* finds) {
  ScanNationalNumber(kNlBsn, text, first, last, finds);
}
void ScanPlPesel(std::string_view text, size_t first, size_t last, Finds* finds) {
  ScanNationalNumber(kPlPesel, text, first, last, finds);
}
void ScanBrCpf(std::string_view text, size_t first, size_t last, Finds* finds) {
  ScanNationalNumber(kBrCpf, text, first, last, finds);
}
void ScanInAadhaar(std::string_view text, size_t first, size_t last, Finds* finds) {
  ScanNationalNumber(kInAadhaar, text, first, last, finds);
}
void ScanCaSin(std::string_view text, size_t first, size_t last, Finds* finds) {
  ScanNationalNumber(kCaSin, text, first, last, finds);
}
void ScanAuTfn(std::string_view text, size_t first, size_t last, Finds* finds) {
  ScanNationalNumber(kAuTfn, text, first, last, finds);
}

}  // namespace streamgate::detect
