// See syslog_header.h.
#include "shard/syslog_header.h"

#include <cstddef>
#include <cstdint>

namespace streamgate {
namespace {

// RFC 5424 section 6: HOSTNAME and APP-NAME. RFC 3164 allows a tag of 32 characters; senders write longer ones.
constexpr size_t kHostBytesMax = 255;
constexpr size_t kAppBytesMax = 48;
// RFC 5424 section 6.2.1: facility 23, severity 7.
constexpr uint32_t kPriorityMax = 191;
constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Does `text` begin with `shape`, where `d` stands for a digit and anything else for itself?
bool Begins(std::string_view text, std::string_view shape) {
  if (text.size() < shape.size()) return false;
  for (size_t i = 0; i < shape.size(); ++i)
    if (shape[i] == 'd' ? !IsDigit(text[i]) : text[i] != shape[i]) return false;
  return true;
}

// Takes what comes before the next space, and the space. False: there is no space, or nothing before it.
bool TakeField(std::string_view* text, std::string_view* field) {
  const size_t space = text->find(' ');
  if (space == std::string_view::npos || space == 0) return false;
  *field = text->substr(0, space);
  text->remove_prefix(space + 1);
  return true;
}

// "<34>". False: there is none.
bool TakePriority(std::string_view* text) {
  if (text->empty() || (*text)[0] != '<') return false;
  size_t at = 1;
  uint32_t priority = 0;
  for (; at < text->size() && at <= 3 && IsDigit((*text)[at]); ++at)
    priority = priority * 10 + static_cast<uint32_t>((*text)[at] - '0');
  if (at == 1 || at == text->size() || (*text)[at] != '>' || priority > kPriorityMax) return false;
  text->remove_prefix(at + 1);
  return true;
}

// RFC 5424's VERSION and its space: a digit that is not 0, then up to two more.
bool TakeVersion(std::string_view* text) {
  size_t at = 0;
  while (at < text->size() && at < 3 && IsDigit((*text)[at])) ++at;
  if (at == 0 || (*text)[0] == '0' || at == text->size() || (*text)[at] != ' ') return false;
  text->remove_prefix(at + 1);
  return true;
}

bool IsIsoTime(std::string_view field) { return Begins(field, "dddd-dd-ddTdd:dd:dd"); }

// "Oct  1 22:14:15 " with one digit or two for the day, perhaps with a fraction; or an ISO 8601 time, as relays write.
bool TakeBsdTime(std::string_view* text) {
  std::string_view field;
  if (text->size() < 4 || (*text)[3] != ' ') {
    return TakeField(text, &field) && IsIsoTime(field);
  }
  bool month = false;
  for (size_t i = 0; i < kMonths.size(); i += 3) month = month || text->substr(0, 3) == kMonths.substr(i, 3);
  if (!month) return false;
  text->remove_prefix(4);
  for (const std::string_view shape : {std::string_view(" d "), std::string_view("dd "), std::string_view("d ")}) {
    if (!Begins(*text, shape)) continue;
    text->remove_prefix(shape.size());
    if (!TakeField(text, &field) || !Begins(field, "dd:dd:dd")) return false;
    field.remove_prefix(8);
    if (field.empty()) return true;
    if (field[0] != '.' || field.size() == 1) return false;
    for (const char c : field.substr(1))
      if (!IsDigit(c)) return false;
    return true;
  }
  return false;
}

// Is it printable ASCII of a length that the field may have? RFC 5424's NILVALUE counts as empty.
std::string_view Value(std::string_view field, size_t bytes_max) {
  if (field == "-" || field.size() > bytes_max) return {};
  for (const char c : field)
    if (c <= ' ' || c > '~') return {};
  return field;
}

SyslogHeader ReadRfc5424(std::string_view text) {
  std::string_view time;
  std::string_view host;
  std::string_view app;
  if (!TakeField(&text, &time) || (time != "-" && !IsIsoTime(time)) || !TakeField(&text, &host) ||
      !TakeField(&text, &app))
    return {};
  return {Value(host, kHostBytesMax), Value(app, kAppBytesMax)};
}

SyslogHeader ReadRfc3164(std::string_view text) {
  if (!TakeBsdTime(&text)) return {};
  SyslogHeader header;
  const std::string_view first = text.substr(0, text.find(' '));
  // Programs that write to a local socket leave the host out, so that the tag comes first.
  const size_t bracket = first.find('[');
  const bool tag_first = !first.empty() && (first.back() == ':' || (bracket != 0 && bracket != std::string_view::npos));
  if (!tag_first) {
    header.host = Value(first, kHostBytesMax);
    text.remove_prefix(first.size() < text.size() ? first.size() + 1 : text.size());
  }
  const size_t end = text.find_first_of(":[ ");
  if (end != std::string_view::npos && text[end] != ' ') header.app = Value(text.substr(0, end), kAppBytesMax);
  return header;
}

}  // namespace

SyslogHeader ReadSyslogHeader(std::string_view record) {
  if (!TakePriority(&record)) return {};
  return TakeVersion(&record) ? ReadRfc5424(record) : ReadRfc3164(record);
}

}  // namespace streamgate
