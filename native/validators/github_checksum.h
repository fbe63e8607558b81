// The checksum in GitHub's tokens: the last six characters are the CRC-32 (ISO-HDLC, as zlib's) of what lies between
// the prefix and them, in base 62 with digits, upper and lower case in this order, padded with zeros (github.blog,
// "Behind GitHub's new authentication token formats", 2021).
#pragma once

#include <string_view>

namespace streamgate::validators {

// `body`: what follows the prefix `ghp_`; 36 letters and digits.
bool PassesGithubChecksum(std::string_view body);

}  // namespace streamgate::validators
