// Syslog: the parts of a record lie in it, in order; fields give no text that is longer than the record or a name; and
// what a condition asks for is answered alike with and without prefilters.
//
//     u8 field · u8 operator · u8 value bytes · value · u8 parameter bytes · parameter's name · record
#include <algorithm>
#include <iterator>
#include <memory>
#include <string>

#include "fuzz/input.h"
#include "syslog/field.h"
#include "syslog/message.h"
#include "syslog/structured_data.h"
#include "syslog/syslog_filter.h"
#include "syslog/time.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace streamgate;
  using namespace streamgate::fuzz;
  Input input(data, size);
  const auto code = static_cast<SyslogField>(input.Byte() % 11);
  const auto op = static_cast<AttributeOperator>(input.Byte() % 9);
  const std::string value(input.Take(input.Byte()));
  std::string field(1, static_cast<char>(code));
  const std::string_view param = input.Take(input.Byte());
  if (code == SyslogField::kParam) field += param;
  const Exact record(input.Rest());

  const SyslogMessage message = ReadSyslog(record.text());
  const std::string_view parts[] = {
      message.version,         message.time,   message.host, message.app, message.procid, message.msgid,
      message.structured_data, message.message};
  const char* at = record.data();
  // A tag that breaks off has told its app, and is the message's head.
  const bool broken_tag = message.version.data() == nullptr && message.app.data() != nullptr &&
                          message.app.data() == message.message.data();
  for (const std::string_view part : parts) {
    if (part.data() == nullptr) continue;
    REQUIRE(message.priority != SyslogMessage::kNoPriority, "no syslog, and a part of it");
    if (broken_tag && part.data() == message.message.data()) at = message.message.data();
    REQUIRE(part.data() >= at && part.data() + part.size() <= record.data() + record.size(), "a part out of order");
    at = part.data() + part.size();
    REQUIRE(!part.empty() || part.data() == message.message.data(), "an empty part");
  }
  REQUIRE(message.priority == SyslogMessage::kNoPriority || message.priority <= 191, "%d", message.priority);
  if (message.structured_data.data() != nullptr) {
    REQUIRE(StructuredDataEnd(message.structured_data) == message.structured_data.size(), "not whole");
    const std::string_view found = FindSyslogParam(message.structured_data, param);
    if (found.data() != nullptr) {
      std::string unescaped;
      UnescapeSyslogParam(found, &unescaped);
      REQUIRE(unescaped.size() <= found.size(), "longer when unescaped");
      // Whoever escapes what it means gets a value of the same meaning.
      std::string escaped;
      for (const char c : unescaped) {
        if (c == '"' || c == '\\' || c == ']') escaped += '\\';
        escaped += c;
      }
      std::string again;
      UnescapeSyslogParam(escaped, &again);
      REQUIRE(again == unescaped, "another meaning");
    }
  }
  int64_t ms = 0;
  if (message.time.data() != nullptr && SyslogTimeMs(message.time, &ms))
    REQUIRE(ms > -100'000'000'000'000 && ms < 300'000'000'000'000, "no year has four digits and %lld ms",
            static_cast<long long>(ms));
  SyslogTimeMs(record.text(), &ms);

  SyslogFieldReader reader;
  REQUIRE(reader.Use(field) || code == SyslogField::kParam, "field %d", static_cast<int>(code));
  std::string error;
  const std::vector<std::string> values(op == AttributeOperator::kExists ? 0 : 1, value);
  const auto filter = SyslogFilter::Prepare(op, values, field, &error, true);
  const auto without = SyslogFilter::Prepare(op, values, field, &error, false);
  REQUIRE((filter == nullptr) == (without == nullptr), "prefilters refuse");
  if (filter == nullptr) return 0;
  std::string_view text;
  double number = 0;
  if (reader.Text(message, &text)) REQUIRE(text.size() <= std::max<size_t>(record.size(), 16), "%zu", text.size());
  reader.Number(message, &number);
  const bool matches = filter->Matches(message);
  REQUIRE(matches == without->Matches(message), "prefilters hide a match, or make one");
  const auto prefilter = filter->TakePrefilter();
  if (!matches || prefilter == nullptr) return 0;
  // A record that holds none of a filter's factors does not match.
  const auto* const from = reinterpret_cast<const uint8_t*>(record.data());
  const auto* const end = from + record.size();
  const auto& factors = prefilter->factors();
  REQUIRE(std::any_of(factors.begin(), factors.end(),
                      [&](const Prefilter::Factor& factor) { return FindWindow(factor.window, from, end) != end; }),
          "the prefilter hides a match");
  return 0;
}
