// A field of a syslog record as conditions, shard keys and envelopes ask for it. Twin of
// src/data/engine/portable/syslog/field.ts; names and codes are in src/plan/syslog_field.ts.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "generated/layout.h"
#include "syslog/message.h"

namespace streamgate {

class SyslogFieldReader {
 public:
  // Reads what encodeSyslogField wrote. False: it is no field.
  bool Use(std::string_view bytes);
  SyslogField field() const { return field_; }

  // The field's text: a severity's and a facility's name, a parameter's value unescaped. False: the record has no such
  // field. Valid until the next call, and no longer than the record or a name.
  bool Text(const SyslogMessage& message, std::string_view* text);
  // What is compared as a number: the code of a severity or a facility, a time's milliseconds since 1970, else the text
  // where that is a number. False: there is none.
  bool Number(const SyslogMessage& message, double* number);

 private:
  SyslogField field_ = SyslogField::kSeverity;
  // ID.PARAM
  std::string param_;
  // Where a value is unescaped.
  std::string unescaped_;
};

}  // namespace streamgate
