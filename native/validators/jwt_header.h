// The first part of a JSON Web Token (RFC 7519), decoded: a JSON object that names its algorithm (RFC 7515
// section 4.1.1).
#pragma once

#include <string_view>

namespace streamgate::validators {

// `part`: base64url without padding (RFC 7515 section 2).
bool IsJwtHeader(std::string_view part);

}  // namespace streamgate::validators
