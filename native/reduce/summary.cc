// See summary.h.
#include "reduce/summary.h"

#include <algorithm>

#include "generated/layout.h"

namespace streamgate {
namespace {

constexpr std::string_view kMember = "streamgate";
constexpr int64_t kDayMs = 86'400'000;
// 9999-12-31T23:59:59.999Z
constexpr double kTimeMax = 253402300799999;

void Append(std::string_view text, Scratch* out) { out->Append(text.data(), text.size()); }

// In decimal, with zeros before it up to `places`.
void AppendNumber(uint64_t number, size_t places, Scratch* out) {
  char digits[20];
  char* const end = digits + sizeof digits;
  char* from = end;
  do *--from = static_cast<char>('0' + number % 10);
  while ((number /= 10) != 0);
  while (static_cast<size_t>(end - from) < places) *--from = '0';
  out->Append(from, static_cast<size_t>(end - from));
}

}  // namespace

void AppendTime(double ms, Scratch* out) {
  const auto time = static_cast<int64_t>(ms > 0 ? std::min(ms, kTimeMax) : 0);  // not a number: 1970
  const int64_t in_day = time % kDayMs;
  // Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms": civil_from_days. The year begins in March, eras have
  // 400 years.
  const int64_t days = time / kDayMs + 719'468;
  const int64_t era = days / 146'097;
  const int64_t day_of_era = days % 146'097;
  const int64_t year_of_era = (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t month_from_march = (5 * day_of_year + 2) / 153;
  const int64_t day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
  const int64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  const int64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
  const auto write = [out](int64_t number, size_t places, char behind) {
    AppendNumber(static_cast<uint64_t>(number), places, out);
    out->Append(&behind, 1);
  };
  write(year, 4, '-');
  write(month, 2, '-');
  write(day, 2, 'T');
  write(in_day / 3'600'000, 2, ':');
  write(in_day / 60'000 % 60, 2, ':');
  write(in_day / 1000 % 60, 2, '.');
  write(in_day % 1000, 3, 'Z');
}

void SummaryWriter::WriteLongText(bool is_object, Scratch* out) {
  if (is_object) Append("{\"message\":\"", out);
  Append("records of more than ", out);
  AppendNumber(kReduceTextBytesMax, 0, out);
  Append(" bytes", out);
  if (is_object) Append("\"}", out);
}

void SummaryWriter::Write(std::string_view text, const Summary& summary, Scratch* out) {
  out->Clear();
  const JsonMember member = finder_.Find(text, kMember);
  if (member.object) {
    const bool there = member.to != 0;
    Append(text.substr(0, there ? member.from : member.close), out);
    if (!there) Append(member.empty ? "\"streamgate\":" : ",\"streamgate\":", out);
    WriteObject(summary, out);
    Append(text.substr(there ? member.to : member.close), out);
    return;
  }
  Append(text, out);
  Append(type_ == "dedupe" ? " (repeated " : " (throttled ", out);
  AppendNumber(summary.records, 0, out);
  Append(" times from ", out);
  AppendTime(summary.first_ms, out);
  Append(" to ", out);
  AppendTime(summary.last_ms, out);
  Append(", ", out);
  AppendNumber(summary.bytes, 0, out);
  Append(" bytes, rule ", out);
  Append(label_, out);
  Append(")", out);
}

void SummaryWriter::WriteObject(const Summary& summary, Scratch* out) const {
  Append("{\"rule\":\"", out);
  Append(label_, out);
  Append("\",\"type\":\"", out);
  Append(type_, out);
  Append("\",\"count\":", out);
  AppendNumber(summary.records, 0, out);
  Append(",\"bytes\":", out);
  AppendNumber(summary.bytes, 0, out);
  Append(",\"first\":\"", out);
  AppendTime(summary.first_ms, out);
  Append("\",\"last\":\"", out);
  AppendTime(summary.last_ms, out);
  Append("\"}", out);
}

}  // namespace streamgate
