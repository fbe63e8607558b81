// A record that is one whole JSON object, as it stands in a body: as a value, or merged with members that it lacks.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "attribute/json_text.h"
#include "encode/body.h"
#include "encode/envelope.h"

namespace streamgate {

class JsonObject {
 public:
  // `members`: what AppendMerged adds.
  explicit JsonObject(const std::vector<EnvelopeMember>& members);

  // Is the record one whole JSON object (RFC 8259, white space around it allowed), nested kJsonDepthMax deep at most?
  // Borrowed until the next call. Keeps its buffers.
  bool Read(const char* data, size_t size);

  // What Read found, without the white space around it: CR and LF between its tokens as spaces, U+FFFD for what is no
  // UTF-8.
  void AppendValue(Body* body) const { AppendText(begin_, end_, body); }
  // The members whose names it lacks, then its own, as one object.
  void AppendMerged(Body* body) const;

 private:
  struct Member {
    std::string name;
    std::string text;  // `"name":value`
    bool lacking;
  };

  bool ReadMembers();
  void Meet(const JsonScalar& key);
  void AppendText(const char* from, const char* end, Body* body) const;

  JsonText text_;
  std::vector<Member> members_;
  // What lies from the opening brace to behind the closing one.
  const char* begin_ = nullptr;
  const char* end_ = nullptr;
  bool well_formed_ = true;
  std::string decoded_;
  std::string repaired_;
};

}  // namespace streamgate
