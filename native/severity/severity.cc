// See severity.h.
#include "severity/severity.h"

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "scan/ascii.h"

namespace streamgate {
namespace {

// Where a level's name in plain text may begin, and where `level=` may: formats put both before the message.
constexpr size_t kWordBytes = 128;
constexpr size_t kHeadBytes = 256;
// RFC 5424 section 6.2.1: facility 23, severity 7.
constexpr uint32_t kPriorityMax = 191;
constexpr size_t kWordBytesMax = 13;  // "informational"

struct Name {
  std::string_view word;
  Severity severity;
};
// The names that loggers use: syslog's (RFC 5424 table 2, and syslog.conf's short forms), Java's, Python's, .NET's,
// Go's.
constexpr Name kNames[] = {
    {"trace", Severity::kTrace},     {"trce", Severity::kTrace},         {"trc", Severity::kTrace},
    {"verbose", Severity::kTrace},   {"finest", Severity::kTrace},       {"finer", Severity::kTrace},
    {"debug", Severity::kDebug},     {"dbug", Severity::kDebug},         {"dbg", Severity::kDebug},
    {"fine", Severity::kDebug},      {"info", Severity::kInfo},          {"information", Severity::kInfo},
    {"inf", Severity::kInfo},        {"informational", Severity::kInfo}, {"notice", Severity::kInfo},
    {"warn", Severity::kWarn},       {"warning", Severity::kWarn},       {"wrn", Severity::kWarn},
    {"error", Severity::kError},     {"err", Severity::kError},          {"severe", Severity::kError},
    {"fail", Severity::kError},      {"fatal", Severity::kFatal},        {"ftl", Severity::kFatal},
    {"critical", Severity::kFatal},  {"crit", Severity::kFatal},         {"alert", Severity::kFatal},
    {"emergency", Severity::kFatal}, {"emerg", Severity::kFatal},        {"panic", Severity::kFatal},
    {"dpanic", Severity::kFatal},
};
// Names that are words of prose too, and no head's sign in capitals.
constexpr std::string_view kNotInHeads[] = {"fine", "finer", "finest", "fail"};
// Keys of key=value.
constexpr std::string_view kHeadKeys[] = {"level", "severity", "lvl", "loglevel"};

// Which bytes are part of a word: letters, digits and _ of ASCII.
struct WordBytes {
  bool of[256] = {};
};
constexpr WordBytes MakeWordBytes() {
  WordBytes bytes;
  for (int c = 0; c < 128; ++c)
    bytes.of[c] = (c >= '0' && c <= '9') || c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return bytes;
}
constexpr WordBytes kWordBytesTable = MakeWordBytes();
bool IsWord(char c) { return kWordBytesTable.of[static_cast<uint8_t>(c)]; }

// Of each first letter (its low five bits) the lengths that names and keys have: most words of a head are neither, and
// this alone says so.
struct Lengths {
  uint32_t of[32] = {};
};
constexpr Lengths MakeLengths() {
  Lengths lengths;
  for (const Name& name : kNames) lengths.of[name.word[0] & 31] |= 1u << name.word.size();
  for (const std::string_view key : kHeadKeys) lengths.of[key[0] & 31] |= 1u << key.size();
  return lengths;
}
constexpr Lengths kLengths = MakeLengths();
bool MayTell(std::string_view word) {
  return word.size() <= kWordBytesMax && (kLengths.of[word[0] & 31] >> word.size() & 1) != 0;
}

bool IsCapital(char c) { return c >= 'A' && c <= 'Z'; }

bool EqualsInLower(std::string_view text, std::string_view lower) {
  return text.size() == lower.size() &&
         std::equal(text.begin(), text.end(), lower.begin(), [](char a, char b) { return Lower(a) == b; });
}

template <size_t N>
bool IsOneOf(std::string_view text, const std::string_view (&lower)[N]) {
  return std::any_of(std::begin(lower), std::end(lower),
                     [&](std::string_view one) { return EqualsInLower(text, one); });
}

// The number that a text of one to three digits is; UINT32_MAX: it is none.
uint32_t SmallNumber(std::string_view text) {
  if (text.empty() || text.size() > 3) return UINT32_MAX;
  uint32_t number = 0;
  for (const char c : text) {
    if (!IsDigit(c)) return UINT32_MAX;
    number = number * 10 + static_cast<uint32_t>(c - '0');
  }
  return number;
}

// RFC 5424 table 2: 0 emergency, 1 alert, 2 critical, 3 error, 4 warning, 5 notice, 6 informational, 7 debug.
Severity OfSyslog(uint32_t severity) {
  if (severity <= 2) return Severity::kFatal;
  if (severity == 3) return Severity::kError;
  if (severity == 4) return Severity::kWarn;
  return severity == 7 ? Severity::kDebug : Severity::kInfo;
}

// `level` and `severity` as numbers: syslog's up to 7 (GELF), bunyan's and pino's from 10 on, with the levels in
// between that pino lets people add.
Severity OfNumber(uint32_t number) {
  if (number <= 7) return OfSyslog(number);
  if (number < 10 || number >= 70) return Severity::kUnknown;
  return static_cast<Severity>(number / 10);
}

// Android's letters, as logcat writes them, and loggers that give a level one letter as its value. Verbose is below
// debug.
Severity OfLetter(char letter) {
  switch (letter) {
    case 'V':
    case 'T':
      return Severity::kTrace;
    case 'D':
      return Severity::kDebug;
    case 'I':
      return Severity::kInfo;
    case 'W':
      return Severity::kWarn;
    case 'E':
      return Severity::kError;
    case 'F':
      return Severity::kFatal;
  }
  return Severity::kUnknown;
}

// What stands as the value of a level's key: a level's name in any case, or its capital letter.
Severity OfValue(std::string_view word) { return word.size() == 1 ? OfLetter(word[0]) : SeverityOfWord(word); }

// OpenTelemetry's SeverityNumber: 1 to 24, four to each range.
Severity OfOpenTelemetry(uint32_t number) {
  if (number < 1 || number > 24) return Severity::kUnknown;
  return static_cast<Severity>((number + 3) / 4);
}

// "<34>" at the head. False: there is none.
bool ReadPriority(std::string_view record, Severity* severity) {
  if (record.size() < 3 || record[0] != '<') return false;
  const size_t end = record.substr(0, 5).find('>');
  if (end == std::string_view::npos) return false;
  const uint32_t priority = SmallNumber(record.substr(1, end - 1));
  if (priority > kPriorityMax) return false;
  *severity = OfSyslog(priority % 8);
  return true;
}

// glog's and klog's head: a capital, month and day, a space, the hour and a colon: "E1123 12:".
Severity OfGlog(std::string_view record) {
  constexpr std::string_view kShape = "cdddd dd:";
  if (record.size() < kShape.size()) return Severity::kUnknown;
  for (size_t i = 1; i < kShape.size(); ++i)
    if (kShape[i] == 'd' ? !IsDigit(record[i]) : record[i] != kShape[i]) return Severity::kUnknown;
  return std::string_view("IWEF").find(record[0]) == std::string_view::npos ? Severity::kUnknown : OfLetter(record[0]);
}

// logcat's head (threadtime): perhaps a year, month and day, time with a fraction, process, thread, a capital letter:
// "11-23 12:31:07.482  1702  2395 E ".
Severity OfLogcat(std::string_view record) {
  const auto begins = [&](size_t at, std::string_view shape) {
    if (record.size() - at < shape.size()) return false;
    for (size_t i = 0; i < shape.size(); ++i)
      if (shape[i] == 'd' ? !IsDigit(record[at + i]) : record[at + i] != shape[i]) return false;
    return true;
  };
  const auto digits_end = [&](size_t at) {
    while (at < record.size() && IsDigit(record[at])) ++at;
    return at;
  };
  size_t at = begins(0, "dddd-") ? 5 : 0;
  if (!begins(at, "dd-dd dd:dd:dd.ddd")) return Severity::kUnknown;
  at = digits_end(at + 15);
  for (int numbers = 0; numbers < 2; ++numbers) {
    size_t number = at;
    while (number < record.size() && number - at < 8 && record[number] == ' ') ++number;
    if (number == at) return Severity::kUnknown;
    at = digits_end(number);
    if (at == number) return Severity::kUnknown;
  }
  if (record.size() - at < 3 || record[at] != ' ' || record[at + 2] != ' ') return Severity::kUnknown;
  return record[at + 1] == 'T' ? Severity::kUnknown : OfLetter(record[at + 1]);
}

// What `level=error`, `level="error"`, `"level":"error"` and their like tell; `after`: behind the key.
Severity OfKeyValue(std::string_view record, size_t after) {
  const auto at = [&](size_t i) { return i < record.size() ? record[i] : '\0'; };
  const auto quote = [](char c) { return c == '"' || c == '\''; };
  const bool quoted = quote(at(after));
  if (quoted) ++after;
  if (at(after) != '=' && !(quoted && at(after) == ':')) return Severity::kUnknown;
  ++after;
  if (at(after) == ' ') ++after;
  if (quote(at(after))) ++after;
  size_t end = after;
  while (end < record.size() && end - after <= kWordBytesMax && IsWord(record[end])) ++end;
  return OfValue(record.substr(after, end - after));
}

// Is the word [from, to), a level's name, one that tells the record's level?
bool IsSign(std::string_view record, size_t from, size_t to) {
  const std::string_view word = record.substr(from, to - from);
  const char before = from == 0 ? '\0' : record[from - 1];
  const char behind = to == record.size() ? '\0' : record[to];
  // Part of a larger name: TRACE-ID, ERROR.log, DEBUG=true.
  if (behind == '=' || ((behind == '-' || behind == '.') && to + 1 < record.size() && IsWord(record[to + 1])))
    return false;
  if (std::all_of(word.begin(), word.end(), IsCapital)) return !IsOneOf(word, kNotInHeads);
  // In other cases it is a word of prose, unless it is set apart: [error], <warn>, |info|, (debug), [core:notice], a
  // column as Windows' CBS.log has it, "2026-11-23 12:31:07, Info    CBS", or a label as compilers and .NET write it,
  // "warning: …".
  const bool opened = before == '[' || before == '<' || before == '(' || before == '|' || before == ':';
  const bool closed = behind == ']' || behind == '>' || behind == ')' || behind == '|';
  if (opened && closed) return true;
  const bool column = before == ' ' && from > 1 && record[from - 2] == ',';
  if (column && behind == ' ' && to + 1 < record.size() && record[to + 1] == ' ') return true;
  return behind == ':' && (from == 0 || before == ' ');
}

Severity OfHead(std::string_view record) {
  if (const Severity severity = OfGlog(record); severity != Severity::kUnknown) return severity;
  if (const Severity severity = OfLogcat(record); severity != Severity::kUnknown) return severity;
  const size_t head = std::min(record.size(), kHeadBytes);
  for (size_t from = 0; from < head;) {
    if (!IsWord(record[from])) {
      ++from;
      continue;
    }
    size_t to = from + 1;
    while (to < head && IsWord(record[to])) ++to;
    // A word that the head's end cuts is none.
    if (to == head && head < record.size() && IsWord(record[head])) break;
    const std::string_view word = record.substr(from, to - from);
    Severity severity = Severity::kUnknown;
    if (!MayTell(word)) {
      from = to;
      continue;
    }
    if (IsOneOf(word, kHeadKeys)) {
      severity = OfKeyValue(record, to);
    } else if (from < kWordBytes) {
      severity = SeverityOfWord(word);
      if (severity != Severity::kUnknown && !IsSign(record, from, to)) severity = Severity::kUnknown;
    }
    if (severity != Severity::kUnknown) return severity;
    from = to;
  }
  return Severity::kUnknown;
}

}  // namespace

Severity SeverityOfWord(std::string_view word) {
  if (word.size() < 3 || word.size() > kWordBytesMax) return Severity::kUnknown;
  const char first = Lower(word[0]);
  for (const Name& name : kNames)
    if (name.word[0] == first && EqualsInLower(word, name.word)) return name.severity;
  return Severity::kUnknown;
}

Severity SeverityReader::Of(std::string_view record) {
  Severity severity = Severity::kUnknown;
  if (ReadPriority(record, &severity)) return severity;
  if (JsonText::First(record.data(), record.size()) == '{') severity = OfJson(record);
  return severity == Severity::kUnknown ? OfHead(record) : severity;
}

Severity SeverityReader::OfJson(std::string_view record) {
  static constexpr std::string_view kKeys[kFields] = {"level",     "severity", "severityText",
                                                      "log.level", "status",   "severityNumber"};
  std::fill(std::begin(told_), std::end(told_), Severity::kUnknown);
  text_.Reset(record.data(), record.size());
  text_.Take('{');
  if (!text_.Take('}')) {
    do {
      JsonScalar key;
      if (!text_.Key(&key)) return Severity::kUnknown;
      const std::string_view name = Meaning(key);
      const size_t field = static_cast<size_t>(std::find(std::begin(kKeys), std::end(kKeys), name) - kKeys);
      const bool taken = field < kFields                        ? TakeValue(static_cast<Field>(field))
                         : name == "log" && text_.Peek() == '{' ? TakeLogObject()
                                                                : text_.SkipValue();
      if (!taken) return Severity::kUnknown;
      // Above all others: what comes behind it can't change the answer, and most loggers write it first.
      if (told_[kLevel] != Severity::kUnknown) return told_[kLevel];
    } while (text_.Take(','));
    if (!text_.Take('}')) return Severity::kUnknown;
  }
  if (!text_.AtEnd()) return Severity::kUnknown;
  for (const Severity told : told_)
    if (told != Severity::kUnknown) return told;
  return Severity::kUnknown;
}

bool SeverityReader::TakeValue(Field field) {
  // Of duplicate keys the last counts, as in JSON.parse, but for a level that has told.
  told_[field] = Severity::kUnknown;
  const char c = text_.Peek();
  if (c == '{' || c == '[') return text_.SkipValue();
  JsonScalar value;
  if (!text_.Scalar(&value)) return false;
  const std::string_view meaning = Meaning(value);
  const uint32_t number = SmallNumber(meaning);
  if (field == kSeverityNumber) {
    told_[field] = OfOpenTelemetry(number);
  } else if (number == UINT32_MAX) {
    if (value.is_string) told_[field] = OfValue(meaning);
  } else if (field != kStatus) {
    // A status of 200 is HTTP's.
    told_[field] = OfNumber(number);
  }
  return true;
}

// `log: {level: …}`, as the Elastic Common Schema nests it.
bool SeverityReader::TakeLogObject() {
  text_.Take('{');
  if (text_.Take('}')) return true;
  do {
    JsonScalar key;
    if (!text_.Key(&key) || !(Meaning(key) == "level" ? TakeValue(kLogLevel) : text_.SkipValue())) return false;
  } while (text_.Take(','));
  return text_.Take('}');
}

// A scalar's text, strings decoded. Valid until the next call.
std::string_view SeverityReader::Meaning(const JsonScalar& scalar) {
  if (!scalar.escaped) return {scalar.data, scalar.size};
  decoded_.clear();
  JsonText::Decode({scalar.data, scalar.size}, &decoded_);
  return decoded_;
}

}  // namespace streamgate
