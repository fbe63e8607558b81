// See scanners.h.
#include "detect/scanners.h"

namespace streamgate::detect {

ScanFunction ScannerOf(std::string_view name) {
  static constexpr struct {
    std::string_view name;
    ScanFunction scan;
  } kScanners[] = {
      {"us_ssn", ScanUsSsn},
      {"credit_card", ScanCreditCard},
      {"iban", ScanIban},
      {"email", ScanEmail},
      {"us_phone", ScanUsPhone},
      {"ipv4", ScanIpv4},
      {"ipv6", ScanIpv6},
      {"jwt", ScanJwt},
      {"github_token", ScanGithubToken},
      {"private_key", ScanPrivateKey},
      {"url_credentials", ScanUrlCredentials},
      {"bearer_token", ScanBearerToken},
  };
  for (const auto& scanner : kScanners)
    if (scanner.name == name) return scanner.scan;
  return nullptr;
}

}  // namespace streamgate::detect
