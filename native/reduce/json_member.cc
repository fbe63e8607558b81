// See json_member.h.
#include "reduce/json_member.h"

namespace streamgate {

JsonMember JsonMemberFinder::Find(std::string_view record, std::string_view name) {
  const JsonMember none;
  JsonMember member;
  text_.Reset(record.data(), record.size());
  const auto offset = [&] { return static_cast<size_t>(text_.at() - record.data()); };
  if (!text_.Take('{')) return none;
  member.empty = text_.Take('}');
  for (bool open = !member.empty; open;) {
    JsonScalar key;
    if (!text_.Key(&key)) return none;
    text_.Peek();
    const size_t from = offset();
    if (!text_.SkipValue()) return none;
    std::string_view meaning(key.data, key.size);
    if (key.escaped) {
      decoded_.clear();
      JsonText::Decode(meaning, &decoded_);
      meaning = decoded_;
    }
    if (meaning == name) {
      member.from = from;
      member.to = offset();
    }
    if (text_.Take(',')) continue;
    if (!text_.Take('}')) return none;
    open = false;
  }
  member.close = offset() - 1;
  member.object = text_.AtEnd();
  return member.object ? member : none;
}

bool JsonMemberFinder::IsJson(std::string_view record) {
  text_.Reset(record.data(), record.size());
  return text_.SkipValue() && text_.AtEnd();
}

}  // namespace streamgate
