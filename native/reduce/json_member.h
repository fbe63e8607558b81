// A member of a record's JSON object, so that one can be put there: where its value is, or where it goes. Twin of
// json_member.ts.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "attribute/json_text.h"

namespace streamgate {

struct JsonMember {
  // The record is a JSON object, all of it checked.
  bool object = false;
  // It has no members.
  bool empty = false;
  // Of its closing brace.
  size_t close = 0;
  // The value of the last member with the name: that is the one which counts. Both 0: there is none.
  size_t from = 0;
  size_t to = 0;
};

class JsonMemberFinder {
 public:
  // Not const: buffers are kept from one record to the next.
  JsonMember Find(std::string_view record, std::string_view name);
  // Is the record JSON of any kind?
  bool IsJson(std::string_view record);

 private:
  JsonText text_;
  std::string decoded_;
};

}  // namespace streamgate
