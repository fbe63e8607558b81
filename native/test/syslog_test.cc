// Syslog records below the binding: read to their last byte and no further, wherever they are cut; structured data and
// times at their edges; and a filter's prefilter never hides a match. What fields are is tabled for both engines in
// test/conformance/syslog_parse.test.ts.
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "syslog/field.h"
#include "syslog/message.h"
#include "syslog/structured_data.h"
#include "syslog/syslog_filter.h"
#include "syslog/time.h"
#include "test/check.h"

namespace streamgate {
namespace {

constexpr const char* kRecords[] = {
    "<34>1 2003-10-11T22:14:15.003Z web-01 su 1 ID [a@1 b=\"c\\\"\\]\\\\\" d=\"\"][e] \xEF\xBB\xBFx",
    "<34>Oct  1 22:14:15 web-01 su[1]: x",
    "<34>*Oct  1 2003 22:14:15.123: web-01 su[1]: x",
    "<34> Oct  1 22:14:15. 2003 web-01 su: x",
    "<34>2024-05-01T10:00:00Z web-01 su: x",
};

TEST("a syslog record is read to its last byte and no further, wherever it is cut", {
  for (const char* record : kRecords) {
    const SyslogMessage whole = ReadSyslog(record);
    CHECK_EQUAL(std::string(whole.host), "web-01");
    CHECK_EQUAL(std::string(whole.app), "su");
    CHECK_EQUAL(std::string(whole.message), "x");
    for (size_t size = 0; size <= std::strlen(record); ++size) {
      // Of exactly this size, so that a sanitizer sees a read behind it.
      const std::unique_ptr<char[]> cut(new char[size]);
      std::memcpy(cut.get(), record, size);
      const SyslogMessage message = ReadSyslog({cut.get(), size});
      CHECK(std::string_view("web-01").substr(0, message.host.size()) == message.host ||
            std::string_view("2003").substr(0, message.host.size()) == message.host);
      CHECK(message.app.empty() || message.app == "su");
      CHECK((message.priority == SyslogMessage::kNoPriority) == (size < 4));
    }
  }
});

TEST("structured data end where they end, and a parameter is found by its ID and name", {
  const std::string data = "[a@1 b=\"c\\\"\\]\\\\\\x\" d=\"\"][a@1 b=\"2\" e.f=\"3\"][a@1.e f=\"4\"]";
  CHECK_EQUAL(StructuredDataEnd(data), data.size());
  CHECK_EQUAL(StructuredDataEnd(data + " [x]"), data.size());
  const auto find = [&](std::string_view name) { return std::string(FindSyslogParam(data, name)); };
  CHECK_EQUAL(find("a@1.b"), "c\\\"\\]\\\\\\x");
  CHECK_EQUAL(find("a@1.e.f"), "3");
  CHECK(FindSyslogParam(data, "a@1.d").data() != nullptr);
  CHECK(FindSyslogParam(data, "a@1.c").data() == nullptr);
  CHECK(FindSyslogParam(data, "a@1b").data() == nullptr);
  CHECK(FindSyslogParam({}, "a@1.b").data() == nullptr);
  std::string meaning;
  UnescapeSyslogParam(find("a@1.b"), &meaning);
  CHECK_EQUAL(meaning, "c\"]\\\\x");
  for (const char* broken : {"", "-", "[", "[]", "[a", "[a ", "[a b]", "[a b=]", "[a b=\"]", "[a b=\"c]\"]",
                             "[a b=\"c\"", "[a b=\"c\\\"]", "[a  b=\"c\"]", "[a]["})
    CHECK_EQUAL(StructuredDataEnd(broken), 0u);
  // A backslash before another character is itself, also at the end of a value that is cut.
  CHECK_EQUAL(StructuredDataEnd("[a b=\"\\n\"]"), 10u);
});

TEST("a time's milliseconds are known where year, offset and calendar are", {
  const auto ms = [](std::string_view time) {
    int64_t value = -1;
    return SyslogTimeMs(time, &value) ? value : -1;
  };
  CHECK_EQUAL(ms("1985-04-12T23:20:50.52Z"), 482196050520);
  CHECK_EQUAL(ms("2003-08-24T05:14:15.000003-07:00"), 1061727255000);
  CHECK_EQUAL(ms("2006-10-29T02:00:00.156+01:00"), 1162083600156);
  CHECK_EQUAL(ms("2024-02-29T00:00:00.99999999999999Z"), 1709164800999);
  int64_t value = 0;
  CHECK(SyslogTimeMs("0000-01-01T00:00:00Z", &value) && value == -62167219200000);
  for (const char* time : {"", "2003-02-29T00:00:00Z", "2003-09-31T22:14:15Z", "2003-09-30T24:00:00Z",
                           "2003-09-30T22:14:60Z", "2003-09-30T22:14:15", "2003-09-30T22:14:15.Z",
                           "2003-09-30T22:14:15Z+07:00", "2003-09-30T22:14:15-07:61", "Oct 11 22:14:15"})
    CHECK_EQUAL(ms(time), -1);
});

std::string Field(SyslogField field, const std::string& param = "") {
  return std::string(1, static_cast<char>(field)) + param;
}

TEST("a filter answers alike with and without its prefilter", {
  const std::vector<std::string> fields = {Field(SyslogField::kHost),     Field(SyslogField::kMessage),
                                           Field(SyslogField::kSeverity), Field(SyslogField::kParam, "a@1.b"),
                                           Field(SyslogField::kProcid),   Field(SyslogField::kTime)};
  const std::vector<std::string> values = {"web", "x", "crit", "c\"]", "\\", "1", "", "2003"};
  std::mt19937 random(7);
  size_t held = 0;
  for (const std::string& field : fields)
    for (uint8_t op = 0; op <= static_cast<uint8_t>(AttributeOperator::kEndsWith); ++op)
      for (const std::string& value : values) {
        std::string error;
        const std::string given =
            op == static_cast<uint8_t>(AttributeOperator::kRegex) && value == "\\" ? std::string("\\\\") : value;
        const auto with = SyslogFilter::Prepare(static_cast<AttributeOperator>(op), {given}, field, &error);
        const auto without = SyslogFilter::Prepare(static_cast<AttributeOperator>(op), {given}, field, &error, false);
        if (with == nullptr || without == nullptr) {
          CHECK(with == without);
          continue;
        }
        const std::unique_ptr<Prefilter> prefilter = with->TakePrefilter();
        for (int i = 0; i < 40; ++i) {
          std::string record = kRecords[random() % 5];
          for (unsigned changes = random() % 3; changes > 0; --changes)
            record[random() % record.size()] = "<>1 []\"\\=-:x2"[random() % 13];
          const SyslogMessage message = ReadSyslog(record);
          const bool may = prefilter == nullptr || prefilter->SearchFrom(record, 0) != std::string_view::npos;
          const bool wanted = without->Matches(message);
          CHECK_EQUAL(may && with->Matches(message), wanted);
          held += wanted;
        }
      }
  CHECK(held > 1000);
});

TEST("a filter refuses a field that does not exist, and values that do not fit", {
  std::string error;
  CHECK(SyslogFilter::Prepare(AttributeOperator::kEquals, {"x"}, "", &error) == nullptr);
  CHECK(SyslogFilter::Prepare(AttributeOperator::kEquals, {"x"}, "\x0B", &error) == nullptr);
  CHECK(SyslogFilter::Prepare(AttributeOperator::kEquals, {"x"}, Field(SyslogField::kParam), &error) == nullptr);
  CHECK(SyslogFilter::Prepare(AttributeOperator::kEquals, {"x"}, Field(SyslogField::kHost, "x"), &error) == nullptr);
  CHECK(SyslogFilter::Prepare(AttributeOperator::kGreater, {"x"}, Field(SyslogField::kHost), &error) == nullptr);
  CHECK(SyslogFilter::Prepare(AttributeOperator::kExists, {"x"}, Field(SyslogField::kHost), &error) == nullptr);
});

}  // namespace
}  // namespace streamgate
