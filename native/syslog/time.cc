// See time.h.
#include "syslog/time.h"

#include <cstddef>

#include "scan/ascii.h"

namespace streamgate {
namespace {

// Takes `digits` digits at `*at`, a number of `min` to `max`. False: they are not there.
bool TakeNumber(std::string_view text, size_t* at, size_t digits, int32_t min, int32_t max, int32_t* number) {
  if (text.size() < *at + digits) return false;
  *number = 0;
  for (const char c : text.substr(*at, digits)) {
    if (!IsDigit(c)) return false;
    *number = *number * 10 + (c - '0');
  }
  *at += digits;
  return *number >= min && *number <= max;
}

bool Take(std::string_view text, size_t* at, char c) {
  if (*at >= text.size() || text[*at] != c) return false;
  ++*at;
  return true;
}

int32_t DaysOfMonth(int32_t year, int32_t month) {
  if (month == 2) return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

// Days since 1970 in the Gregorian calendar; years begin with March, so that the day that may be missing is their last.
int64_t DaysOf(int32_t year, int32_t month, int32_t day) {
  const int64_t y = month <= 2 ? year - 1 : year;
  const int64_t m = month <= 2 ? month + 9 : month - 3;
  // Years are not negative, so that these divisions round down. 719468 days lie between 1 March of year 0 and 1970.
  const int64_t leap_days = y >= 0 ? y / 4 - y / 100 + y / 400 : -1;
  return y * 365 + leap_days + (m * 153 + 2) / 5 + day - 1 - 719468;
}

}  // namespace

bool SyslogTimeMs(std::string_view time, int64_t* ms) {
  size_t at = 0;
  int32_t year, month, day, hour, minute, second;
  if (!TakeNumber(time, &at, 4, 0, 9999, &year) || !Take(time, &at, '-') || !TakeNumber(time, &at, 2, 1, 12, &month) ||
      !Take(time, &at, '-') || !TakeNumber(time, &at, 2, 1, DaysOfMonth(year, month), &day) || !Take(time, &at, 'T') ||
      !TakeNumber(time, &at, 2, 0, 23, &hour) || !Take(time, &at, ':') || !TakeNumber(time, &at, 2, 0, 59, &minute) ||
      !Take(time, &at, ':') || !TakeNumber(time, &at, 2, 0, 59, &second))
    return false;
  int32_t fraction = 0;
  if (Take(time, &at, '.')) {
    const size_t from = at;
    for (int32_t unit = 100; at < time.size() && IsDigit(time[at]); ++at, unit /= 10)
      fraction += unit * (time[at] - '0');
    if (at == from) return false;
  }
  int32_t offset_minutes = 0;
  if (!Take(time, &at, 'Z')) {
    const bool west = Take(time, &at, '-');
    int32_t hours, minutes;
    if ((!west && !Take(time, &at, '+')) || !TakeNumber(time, &at, 2, 0, 23, &hours) || !Take(time, &at, ':') ||
        !TakeNumber(time, &at, 2, 0, 59, &minutes))
      return false;
    offset_minutes = (hours * 60 + minutes) * (west ? -1 : 1);
  }
  if (at != time.size()) return false;
  const int64_t minutes = (DaysOf(year, month, day) * 24 + hour) * 60 + minute - offset_minutes;
  *ms = (minutes * 60 + second) * 1000 + fraction;
  return true;
}

}  // namespace streamgate
