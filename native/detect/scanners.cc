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
      {"us_routing", ScanUsRouting},
      {"uk_nino", ScanUkNino},
      {"uk_nhs", ScanUkNhs},
      {"de_tax_id", ScanDeTaxId},
      {"fr_nir", ScanFrNir},
      {"es_dni", ScanEsDni},
      {"it_fiscal_code", ScanItFiscalCode},
      {"nl_bsn", ScanNlBsn},
      {"pl_pesel", ScanPlPesel},
      {"br_cpf", ScanBrCpf},
      {"in_aadhaar", ScanInAadhaar},
      {"ca_sin", ScanCaSin},
      {"au_tfn", ScanAuTfn},
      {"basic_auth", ScanBasicAuth},
      {"aws_secret_key", ScanAwsSecretKey},
      {"generic_secret", ScanGenericSecret},
  };
  for (const auto& scanner : kScanners)
    if (scanner.name == name) return scanner.scan;
  return nullptr;
}

}  // namespace streamgate::detect
