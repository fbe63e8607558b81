// Does a record contain a byte string? Case-sensitive, byte for byte; an empty one is in every record.
#pragma once

#include <string_view>

namespace streamgate {

bool ContainsLiteral(std::string_view text, std::string_view literal);

}  // namespace streamgate
