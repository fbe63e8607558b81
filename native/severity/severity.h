// How bad a record says it is, read from its own text: fields of JSON, a syslog priority, `level=` of key=value, or a
// level's name in the head of plain text. Twin of src/data/engine/portable/severity/severity.ts; docs/conditions.md
// says what users see.
//
// One look: a record that begins like JSON is walked once; another, or one whose JSON tells nothing, is read word by
// word in its first 256 bytes, and the first word that tells decides: "ERROR failed to leave DEBUG mode" is an error.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "attribute/json_text.h"
#include "generated/layout.h"

namespace streamgate {

class SeverityReader {
 public:
  // kUnknown: nothing tells. Not const: walking buffers are kept from one record to the next, so one thread at a time.
  Severity Of(std::string_view record);

 private:
  // What the fields of a JSON record tell, in the order in which they are asked.
  enum Field : size_t { kLevel, kSeverity, kSeverityText, kLogLevel, kStatus, kSeverityNumber, kFields };

  Severity OfJson(std::string_view record);
  // Each takes a value, and notes what it tells. False: malformed.
  bool TakeValue(Field field);
  bool TakeLogObject();
  std::string_view Meaning(const JsonScalar& scalar);

  JsonText text_;
  Severity told_[kFields] = {};
  std::string decoded_;
};

// A level's name in any case; kUnknown: it is none.
Severity SeverityOfWord(std::string_view word);

}  // namespace streamgate
