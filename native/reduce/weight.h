// Writes on a sampled record how many records it stands for, so that counts can be put right. Twin of weight.ts;
// docs/reducing.md tells users.
//
//     {"level":"info"}                     {"level":"info","sample_rate":10}
//     <134>1 … - - text                    <134>1 … - [sample@32473 rate="10"] text
//     text                                 text sample_rate=10
//
// A weight that stands there already, from a rule or a program before us, is multiplied. 32473 is the enterprise number
// that RFC 5612 sets aside for examples; StreamGate has none of its own.
#pragma once

#include <string_view>

#include "match/replace.h"
#include "reduce/json_member.h"

namespace streamgate {

class WeightWriter {
 public:
  // `weight`: at least 1. Writes the record with its weight to `out`. False: the record is a JSON array or string, in
  // which there is no place for one, and `out` is not to be read.
  bool Write(std::string_view record, double weight, Scratch* out);

 private:
  JsonMemberFinder finder_;
};

// A weight as text: decimal, at most six digits behind the point, at most 2^53 - 1.
void AppendWeight(double weight, Scratch* out);

}  // namespace streamgate
