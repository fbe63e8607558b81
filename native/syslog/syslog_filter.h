// Does a syslog record hold, in one of its fields, a value such as a rule or a condition asks for? Twin of
// src/data/engine/portable/syslog/syslog_filter.ts.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "attribute/comparison.h"
#include "match/prefilter.h"
#include "syslog/field.h"
#include "syslog/message.h"

namespace streamgate {

class SyslogFilter {
 public:
  // `field`: as encodeSyslogField of src/plan/syslog_field.ts writes it; `values`: as many as the operator takes. Null:
  // refused, and `error` says why. `prefilters` off gives the same answers, slower.
  static std::unique_ptr<SyslogFilter> Prepare(AttributeOperator op, const std::vector<std::string>& values,
                                               std::string_view field, std::string* error, bool prefilters = true);

  // A record that holds none of its factors does not match. Null: nothing can be said, or it was taken.
  std::unique_ptr<Prefilter> TakePrefilter() { return std::move(prefilter_); }

  // The field's text, whatever the operator and value. False: the record has no such field. As SyslogFieldReader::Text.
  bool Find(const SyslogMessage& message, std::string_view* text) { return reader_.Text(message, text); }

  // Not const: a buffer is kept from one record to the next, so one thread at a time.
  bool Matches(const SyslogMessage& message);

 private:
  SyslogFilter() = default;
  void Derive();

  std::unique_ptr<Comparison> comparison_;
  SyslogFieldReader reader_;
  std::unique_ptr<Prefilter> prefilter_;
};

}  // namespace streamgate
