// Severity: what a record must not make the reader do. Which severity each form tells is tabled for both engines in
// test/conformance/severity.test.ts.
#include "severity/severity.h"

#include <cstring>
#include <memory>
#include <random>
#include <string>

#include "test/check.h"

namespace streamgate {
namespace {

Severity Told(SeverityReader& reader, const std::string& record) {
  // A copy of the exact size on the heap, so that a sanitizer sees a read behind its end.
  const std::unique_ptr<char[]> exact(new char[record.size()]);
  std::memcpy(exact.get(), record.data(), record.size());
  return reader.Of({exact.get(), record.size()});
}

bool Is(const std::string& record, Severity severity) {
  SeverityReader reader;
  return Told(reader, record) == severity;
}

TEST("a record's severity is told by JSON, syslog, key=value or its head", {
  CHECK(Is("{\"level\":50}", Severity::kError));
  CHECK(Is("<11>Nov 23 12:31:08 host app: x", Severity::kError));
  CHECK(Is("ts=1 level=warning msg=x", Severity::kWarn));
  CHECK(Is("2026-11-23 ERROR failed to leave DEBUG mode", Severity::kError));
  CHECK(Is("", Severity::kUnknown));
  CHECK(Is("an error in prose", Severity::kUnknown));
});

TEST("no record, whole or cut anywhere, makes the reader look beyond it", {
  const std::string records[] = {"{\"log\":{\"level\":\"err\\u006fr\"},\"level\":30,\"severityNumber\":17}",
                                 "<191>1 level=\"error\"",
                                 "E1123 12:31:11 x",
                                 "[core:error] TRACE-ID level='warn' loglevel=x severity=",
                                 std::string(250, '.') + " level=error",
                                 std::string(124, ' ') + "ERROR"};
  SeverityReader reader;
  for (const std::string& record : records)
    for (size_t size = 0; size <= record.size(); ++size) {
      Told(reader, record.substr(0, size));
      Told(reader, record.substr(size));
    }
});

TEST("random bytes out of which heads are made end well", {
  std::mt19937 random(20'261'126);
  static const char* const pieces[] = {"{",    "}",   "\"",      ":",  ",",         "level", "severity", "=", "ERROR",
                                       "info", "<",   "1",       "9",  ">",         "[",     "]",        " ", "-",
                                       ".",    "log", "\\u0065", "\\", "W1123 12:", "'",     "\xff",     "_"};
  SeverityReader reader;
  size_t told = 0;
  for (int round = 0; round < 50'000; ++round) {
    std::string record;
    for (uint32_t count = random() % 12; count > 0; --count)
      record += pieces[random() % (sizeof pieces / sizeof *pieces)];
    told += Told(reader, record) != Severity::kUnknown ? 1 : 0;
  }
  CHECK(told > 1000);
});

}  // namespace
}  // namespace streamgate
