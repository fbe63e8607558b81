// See json_object.h.
#include "encode/json_object.h"

#include <cstring>

#include "encode/json_string.h"
#include "encode/repair.h"
#include "scan/ascii.h"
#include "scan/dispatch.h"

namespace streamgate {
namespace {

const uint8_t* Bytes(const char* p) { return reinterpret_cast<const uint8_t*>(p); }

std::string MemberText(const EnvelopeMember& member) {
  Body body;
  const uint8_t* const end = Bytes(member.name.data() + member.name.size());
  body.Append('"');
  AppendJsonString(Bytes(member.name.data()), end, end, UINT64_MAX, &body);
  body.Append("\":");
  body.Append(member.value);
  return std::string(reinterpret_cast<const char*>(body.data()), body.size());
}

void MakeSpaces(char c, uint8_t* from, const uint8_t* end) {
  while (void* const found = std::memchr(from, c, static_cast<size_t>(end - from))) {
    from = static_cast<uint8_t*>(found);
    *from++ = ' ';
  }
}

}  // namespace

JsonObject::JsonObject(const std::vector<EnvelopeMember>& members) {
  for (const EnvelopeMember& member : members) members_.push_back({member.name, MemberText(member), true});
}

bool JsonObject::Read(const char* data, size_t size) {
  if (JsonText::First(data, size) != '{') return false;
  text_.Reset(data, size);
  text_.Peek();
  begin_ = text_.at();
  well_formed_ = IsUtf8(Bytes(data), Bytes(data + size));
  if (members_.empty()) {
    text_.LimitDepth(kJsonDepthMax);
    if (!text_.SkipValue()) return false;
  } else {
    // The object itself is one.
    text_.LimitDepth(kJsonDepthMax - 1);
    if (!ReadMembers()) return false;
  }
  end_ = text_.at();
  return text_.AtEnd();
}

bool JsonObject::ReadMembers() {
  for (Member& member : members_) member.lacking = true;
  text_.Take('{');
  if (text_.Take('}')) return true;
  do {
    JsonScalar key;
    if (!text_.Key(&key)) return false;
    Meet(key);
    if (!text_.SkipValue()) return false;
  } while (text_.Take(','));
  return text_.Take('}');
}

void JsonObject::Meet(const JsonScalar& key) {
  std::string_view name(key.data, key.size);
  if (key.escaped) {
    decoded_.clear();
    JsonText::Decode(name, &decoded_);
    name = decoded_;
  }
  // As it will stand in the body.
  if (!well_formed_) {
    repaired_.clear();
    AppendRepaired(name, &repaired_);
    name = repaired_;
  }
  for (Member& member : members_)
    if (member.name == name) member.lacking = false;
}

void JsonObject::AppendText(const char* from, const char* end, Body* body) const {
  const size_t before = body->size();
  if (well_formed_) {
    body->Append(std::string_view(from, static_cast<size_t>(end - from)));
  } else {
    AppendRepaired(Bytes(from), Bytes(end), body);
  }
  // In strings they are refused, so that what there is lies between tokens.
  uint8_t* const appended = body->data() + before;
  const uint8_t* const appended_end = body->data() + body->size();
  MakeSpaces('\n', appended, appended_end);
  MakeSpaces('\r', appended, appended_end);
}

void JsonObject::AppendMerged(Body* body) const {
  const char* from = begin_ + 1;
  const char* end = end_ - 1;
  while (from < end && IsJsonSpace(*from)) ++from;
  while (from < end && IsJsonSpace(end[-1])) --end;
  char separator = '{';
  for (const Member& member : members_) {
    if (!member.lacking) continue;
    body->Append(separator);
    body->Append(member.text);
    separator = ',';
  }
  if (separator == '{' || from < end) body->Append(separator);
  AppendText(from, end, body);
  body->Append('}');
}

}  // namespace streamgate
