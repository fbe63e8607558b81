// How random a text looks: its collision entropy (Rényi's of order two), of which Shannon's is never less.
#pragma once

#include <string_view>

namespace streamgate::validators {

// Is `text` at least as diverse as one of `different` characters that are all as frequent? That is a collision entropy
// of log2(different) bits a character. In integers, so that every engine decides the same. `text`: at most 1 KiB.
bool IsAsDiverseAs(std::string_view text, unsigned different);

}  // namespace streamgate::validators
