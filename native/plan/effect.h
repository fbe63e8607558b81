// What rules in shadow would have done: counts by severity and by service, and a few of the records. Twin of
// src/data/engine/portable/plan/effect.ts.
//
// Bounded: kEffectServicesMax services a rule, the others together; kEffectExamplesMax records of at most
// kEffectExampleBytesMax bytes. Of
// all records that a rule hits each is as likely to be among the examples (reservoir sampling, Vitter 1985, algorithm
// R), chance being a hash of the rule's state and the number of the hit.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "attribute/attribute_filter.h"
#include "generated/layout.h"

namespace streamgate {

struct Effect {
  struct Service {
    std::string name;
    uint64_t records = 0;
    uint64_t bytes = 0;
  };

  // By Severity.
  uint64_t records[kSeverities] = {};
  // As received.
  uint64_t bytes[kSeverities] = {};
  // What enforcing it would take off what leaves; less than 0: it makes records longer.
  int64_t saved_bytes = 0;
  // In the order in which they were first met; records that name none have the name "".
  std::vector<Service> services;
  // Of services for which there was no room.
  Service others;
  uint64_t hits = 0;
  std::vector<std::string> examples;
};

// One hit, found while a record runs, and counted once the record is settled.
struct EffectHit {
  uint32_t rule;
  Severity severity;
  int64_t saved_bytes;
  // Not of a record that the rule would have let go on with its weight: that one only becomes longer.
  bool acts;
};

class EffectBook {
 public:
  // Makes room for rules in shadow, and keeps what others with the same state have counted. `states` and `shadows` have
  // an entry a rule.
  void Use(const std::vector<uint64_t>& states, const std::vector<bool>& shadows);
  // `text`: the record as received. `service`: finds a JSON record's; null: there is none.
  void Book(const EffectHit& hit, std::string_view text, AttributeFilter* service);
  // Null: it has never been in shadow.
  const Effect* Of(uint32_t rule) const { return effects_[rule].get(); }
  size_t rules() const { return effects_.size(); }

 private:
  std::vector<uint64_t> states_;
  std::vector<std::unique_ptr<Effect>> effects_;
};

}  // namespace streamgate
