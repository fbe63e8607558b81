// Hand-written searches for values whose shape is no regular expression's business: check digits decide where they end,
// what stands around them whether they are what they look like.
//
// One file each. All of them take every byte of a text for what it is (no UTF-8 is decoded), look at each place a
// bounded number of times (promise P6), and have a twin of the same name in src/data/engine/portable/detect/. What each
// takes and leaves is said in docs/detectors.md.
#pragma once

#include <cstddef>
#include <string_view>

#include "detect/finds.h"

namespace streamgate::detect {

// Appends the values in `text`, ascending, none overlapping another. `first` and `last`: the first and the last place
// at which what the detector's pattern requires begins; 0 and the text's size where that is not known. Both only save
// work.
using ScanFunction = void (*)(std::string_view text, size_t first, size_t last, Finds* finds);

// No value begins more than so many bytes before what its pattern requires.
constexpr size_t kLeadBytesMax = 16;

inline size_t ScanStart(size_t first) { return first > kLeadBytesMax ? first - kLeadBytesMax : 0; }

void ScanUsSsn(std::string_view text, size_t first, size_t last, Finds* finds);
void ScanCreditCard(std::string_view text, size_t first, size_t last, Finds* finds);
void ScanIban(std::string_view text, size_t first, size_t last, Finds* finds);
void ScanEmail(std::string_view text, size_t first, size_t last, Finds* finds);
void ScanUsPhone(std::string_view text, size_t first, size_t last, Finds* finds);
void ScanIpv4(std::string_view text, size_t first, size_t last, Finds* finds);
void ScanIpv6(std::string_view text, size_t first, size_t last, Finds* finds);
void ScanJwt(std::string_view text, size_t first, size_t last, Finds* finds);
void ScanGithubToken(std::string_view text, size_t first, size_t last, Finds* finds);
void ScanPrivateKey(std::string_view text, size_t first, size_t last, Finds* finds);
void ScanUrlCredentials(std::string_view text, size_t first, size_t last, Finds* finds);
void ScanBearerToken(std::string_view text, size_t first, size_t last, Finds* finds);
void ScanUsRouting(std::string_view text, size_t first, size_t last, Finds* finds);
void ScanUkNino(std::string_view text, size_t first, size_t last, Finds* finds);
void ScanUkNhs(std::string_view text, size_t first, size_t last, Finds* finds);
void ScanDeTaxId(std::string_view text, size_t first, size_t last, Finds* finds);
void ScanFrNir(std::string_view text, size_t first, size_t last, Finds* finds);
void ScanEsDni(std::string_view text, size_t first, size_t last, Finds* finds);
void ScanItFiscalCode(std::string_view text, size_t first, size_t last, Finds* finds);
void ScanNlBsn(std::string_view text, size_t first, size_t last, Finds* finds);
void ScanPlPesel(std::string_view text, size_t first, size_t last, Finds* finds);
void ScanBrCpf(std::string_view text, size_t first, size_t last, Finds* finds);
void ScanInAadhaar(std::string_view text, size_t first, size_t last, Finds* finds);
void ScanCaSin(std::string_view text, size_t first, size_t last, Finds* finds);
void ScanAuTfn(std::string_view text, size_t first, size_t last, Finds* finds);
void ScanBasicAuth(std::string_view text, size_t first, size_t last, Finds* finds);
void ScanAwsSecretKey(std::string_view text, size_t first, size_t last, Finds* finds);
void ScanGenericSecret(std::string_view text, size_t first, size_t last, Finds* finds);

// Null: there is no scanner of this name.
ScanFunction ScannerOf(std::string_view name);

}  // namespace streamgate::detect
