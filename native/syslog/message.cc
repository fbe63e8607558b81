// See message.h.
#include "syslog/message.h"

#include <algorithm>
#include <cstddef>

#include "scan/ascii.h"
#include "syslog/structured_data.h"

namespace streamgate {
namespace {

// RFC 5424 section 6. RFC 3164 allows a tag of 32 characters; senders write longer ones.
constexpr size_t kHostBytesMax = 255;
constexpr size_t kAppBytesMax = 48;
constexpr size_t kProcidBytesMax = 128;
constexpr size_t kMsgidBytesMax = 32;
// RFC 5424 section 6.2.1: facility 23, severity 7.
constexpr uint32_t kPriorityMax = 191;
constexpr std::string_view kMonths = "janfebmaraprmayjunjulaugsepoctnovdec";
constexpr std::string_view kBom = "\xEF\xBB\xBF";

// Does `text` begin with `shape`, where `d` stands for a digit and anything else for itself?
bool Begins(std::string_view text, std::string_view shape) {
  if (text.size() < shape.size()) return false;
  for (size_t i = 0; i < shape.size(); ++i)
    if (shape[i] == 'd' ? !IsDigit(text[i]) : text[i] != shape[i]) return false;
  return true;
}

bool IsIsoTime(std::string_view field) { return Begins(field, "dddd-dd-ddTdd:dd:dd"); }

// Takes what comes before the next space, and the space. False: there is no space, or nothing before it.
bool TakeField(std::string_view* text, std::string_view* field) {
  const size_t space = text->find(' ');
  if (space == std::string_view::npos || space == 0) return false;
  *field = text->substr(0, space);
  text->remove_prefix(space + 1);
  return true;
}

// "<34>". False: there is none.
bool TakePriority(std::string_view* text, uint8_t* priority) {
  if (text->empty() || (*text)[0] != '<') return false;
  size_t at = 1;
  uint32_t number = 0;
  for (; at < text->size() && at <= 3 && IsDigit((*text)[at]); ++at)
    number = number * 10 + static_cast<uint32_t>((*text)[at] - '0');
  if (at == 1 || at == text->size() || (*text)[at] != '>' || number > kPriorityMax) return false;
  text->remove_prefix(at + 1);
  *priority = static_cast<uint8_t>(number);
  return true;
}

// RFC 5424's VERSION and its space: a digit that is not 0, then up to two more.
bool TakeVersion(std::string_view* text, std::string_view* version) {
  size_t at = 0;
  while (at < text->size() && at < 3 && IsDigit((*text)[at])) ++at;
  if (at == 0 || (*text)[0] == '0' || at == text->size() || (*text)[at] != ' ') return false;
  *version = text->substr(0, at);
  text->remove_prefix(at + 1);
  return true;
}

// What of a field counts: printable ASCII of a length that it may have, and not RFC 5424's NILVALUE.
std::string_view Value(std::string_view field, size_t bytes_max) {
  if (field == "-" || field.empty() || field.size() > bytes_max) return {};
  for (const char c : field)
    if (c <= ' ' || c > '~') return {};
  return field;
}

// False: no version with a time behind it; then a number is the head of a text.
bool ReadRfc5424(std::string_view text, SyslogMessage* message) {
  std::string_view version;
  std::string_view time;
  if (!TakeVersion(&text, &version) || !TakeField(&text, &time) || (time != "-" && !IsIsoTime(time))) return false;
  message->version = version;
  if (time != "-") message->time = time;
  std::string_view field;
  std::string_view app;
  if (!TakeField(&text, &field) || !TakeField(&text, &app)) return true;
  message->host = Value(field, kHostBytesMax);
  message->app = Value(app, kAppBytesMax);
  if (!TakeField(&text, &field)) return true;
  message->procid = Value(field, kProcidBytesMax);
  if (!TakeField(&text, &field)) return true;
  message->msgid = Value(field, kMsgidBytesMax);
  const bool nil = !text.empty() && text[0] == '-';
  const size_t end = nil ? 1 : StructuredDataEnd(text);
  if (end == 0 || (end < text.size() && text[end] != ' ')) return true;
  if (!nil) message->structured_data = text.substr(0, end);
  if (end == text.size()) return true;
  text.remove_prefix(end + 1);
  if (text.substr(0, kBom.size()) == kBom) text.remove_prefix(kBom.size());
  message->message = text;
  return true;
}

// Where the time at the head ends; 0: there is none. An ISO 8601 time, as relays write, or "Oct  1 22:14:15" with one
// digit or two for the day, perhaps with a fraction of the second and with the year before the time (Cisco) or behind
// it.
size_t TimeEnd(std::string_view text) {
  if (const std::string_view word = text.substr(0, text.find(' ')); IsIsoTime(word))
    return word.back() == ':' ? word.size() - 1 : word.size();
  if (text.size() < 4 || text[3] != ' ') return 0;
  bool month = false;
  for (size_t i = 0; i < kMonths.size() && !month; i += 3)
    month = (text[0] | 0x20) == kMonths[i] && (text[1] | 0x20) == kMonths[i + 1] && (text[2] | 0x20) == kMonths[i + 2];
  if (!month) return 0;
  size_t at = 4;
  const auto takes = [&](std::string_view shape) {
    const bool begins = Begins(text.substr(at), shape);
    if (begins) at += shape.size();
    return begins;
  };
  if (!takes(" d ") && !takes("dd ") && !takes("d ")) return 0;
  takes("dddd ");
  if (!takes("dd:dd:dd")) return 0;
  if (takes("."))
    while (at < text.size() && IsDigit(text[at])) ++at;
  const bool ends = at + 5 == text.size() || (at + 5 < text.size() && text[at + 5] == ' ');
  if (ends && !takes(" 19dd")) takes(" 20dd");
  return at;
}

// What a tag, "app:" or "app[procid]:", says, and the text behind it.
void ReadTag(std::string_view text, SyslogMessage* message) {
  message->message = text;
  const size_t end = text.find_first_of(":[ ");
  if (end == std::string_view::npos || text[end] == ' ') return;
  message->app = Value(text.substr(0, end), kAppBytesMax);
  if (message->app.empty()) return;
  size_t after = end + 1;
  if (text[end] == '[') {
    const size_t close = text.substr(0, end + 2 + kProcidBytesMax).find(']', after);
    if (close == std::string_view::npos) return;
    const std::string_view procid = text.substr(after, close - after);
    if (procid.find(' ') != std::string_view::npos) return;
    message->procid = Value(procid, kProcidBytesMax);
    after = close + 1;
    if (after < text.size() && text[after] == ':') ++after;
  }
  if (after < text.size() && text[after] == ' ') ++after;
  message->message = text.substr(after);
}

void ReadRfc3164(std::string_view text, SyslogMessage* message) {
  message->message = text;
  if (!text.empty() && text[0] == ' ') text.remove_prefix(1);
  // Cisco: the clock was never set, or is not in step.
  if (!text.empty() && (text[0] == '*' || text[0] == '.')) text.remove_prefix(1);
  const size_t time_end = TimeEnd(text);
  if (time_end == 0) return;
  size_t at = time_end;
  if (at < text.size() && text[at] == ':') ++at;
  if (at < text.size() && text[at] != ' ') return;
  message->time = text.substr(0, time_end);
  while (at < text.size() && text[at] == ' ') ++at;
  text.remove_prefix(at);
  const std::string_view first = text.substr(0, text.find(' '));
  // Programs that write to a local socket leave the host out, so that the tag comes first.
  const size_t bracket = first.find('[');
  const bool tag_first = !first.empty() && (first.back() == ':' || (bracket != 0 && bracket != std::string_view::npos));
  if (!tag_first) {
    message->host = Value(first, kHostBytesMax);
    text.remove_prefix(std::min(text.size(), first.size() + 1));
  }
  ReadTag(text, message);
}

}  // namespace

SyslogMessage ReadSyslog(std::string_view record) {
  SyslogMessage message;
  if (!TakePriority(&record, &message.priority)) return message;
  if (!ReadRfc5424(record, &message)) ReadRfc3164(record, &message);
  return message;
}

}  // namespace streamgate
