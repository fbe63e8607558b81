// See weight.h.
#include "reduce/weight.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "absl/strings/charconv.h"
#include "scan/ascii.h"

namespace streamgate {
namespace {

constexpr std::string_view kMember = "sample_rate";
constexpr std::string_view kTextPrefix = " sample_rate=";
constexpr std::string_view kSdId = "sample@32473";
// Weights that a record can bear already. Others are no weights, and replaced.
constexpr double kWeightMin = 1e-6;
constexpr double kWeightMax = 1e15;
constexpr size_t kWeightBytesMax = 32;
// Below it a weight is written with up to six digits behind the point: times 10^6 it is still exact to one unit.
constexpr double kFractionBelow = 4e9;
constexpr double kWrittenMax = 9007199254740991;

void Append(std::string_view text, Scratch* out) { out->Append(text.data(), text.size()); }

// Digits, perhaps a point with digits behind it, perhaps an exponent.
bool IsNumber(std::string_view text) {
  size_t at = 0;
  const auto digits = [&] {
    const size_t from = at;
    while (at < text.size() && IsDigit(text[at])) ++at;
    return at > from;
  };
  if (!digits()) return false;
  if (at < text.size() && text[at] == '.' && (++at, !digits())) return false;
  if (at < text.size() && (text[at] | 0x20) == 'e') {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    if (!digits()) return false;
  }
  return at == text.size();
}

// Ends a name in structured data.
bool EndsName(char c) { return c == ' ' || c == ']' || c == '=' || c == '"'; }

// The product of what stands in the record and `weight`; `weight` itself where that is no weight.
double Times(std::string_view text, double weight) {
  if (text.size() > kWeightBytesMax || !IsNumber(text)) return weight;
  double value = 0;
  absl::from_chars(text.data(), text.data() + text.size(), value);
  return value >= kWeightMin && value <= kWeightMax ? value * weight : weight;
}

// Structured data of RFC 5424 section 6.3, and what of it is ours.
struct StructuredData {
  // Of the whole field. `nil`: it is "-".
  size_t from = 0;
  size_t to = 0;
  bool nil = false;
  // Of our element: its closing bracket; 0: there is none. And the value of its parameter `rate`; both 0: it has none.
  size_t close = 0;
  size_t rate_from = 0;
  size_t rate_to = 0;
};

// False: the record is no message of RFC 5424.
bool ReadStructuredData(std::string_view record, StructuredData* found) {
  size_t at = 1;
  while (at < record.size() && at < 4 && IsDigit(record[at])) ++at;
  if (record.empty() || record[0] != '<' || at == 1 || record.substr(at, 3) != ">1 ") return false;
  at += 3;
  // Timestamp, host, app-name, procid, msgid.
  for (int field = 0; field < 5; ++field) {
    const size_t space = record.find(' ', at);
    if (space == std::string_view::npos || space == at) return false;
    at = space + 1;
  }
  found->from = at;
  if (at < record.size() && record[at] == '-') {
    found->nil = true;
    found->to = at + 1;
    return found->to == record.size() || record[found->to] == ' ';
  }
  while (at < record.size() && record[at] == '[') {
    const size_t id = ++at;
    while (at < record.size() && !EndsName(record[at])) ++at;
    const bool ours = record.substr(id, at - id) == kSdId;
    if (at == id) return false;
    while (at < record.size() && record[at] == ' ') {
      const size_t name = ++at;
      while (at < record.size() && !EndsName(record[at])) ++at;
      if (at == name || record.substr(at, 2) != "=\"") return false;
      const bool is_rate = ours && record.substr(name, at - name) == "rate";
      at += 2;
      const size_t value = at;
      while (at < record.size() && record[at] != '"') at += record[at] == '\\' ? 2 : 1;
      if (at >= record.size()) return false;
      if (is_rate) {
        found->rate_from = value;
        found->rate_to = at;
      }
      ++at;
    }
    if (at >= record.size() || record[at] != ']') return false;
    if (ours) found->close = at;
    ++at;
  }
  found->to = at;
  return at > found->from && (at == record.size() || record[at] == ' ');
}

}  // namespace

void AppendWeight(double weight, Scratch* out) {
  char digits[32];
  char* const end = digits + sizeof digits;
  char* from = end;
  const bool fraction = weight < kFractionBelow;
  // The argument of round is a number of its own, so that no compiler joins the product with what follows.
  uint64_t number = static_cast<uint64_t>(std::round(fraction ? weight * 1e6 : std::min(weight, kWrittenMax)));
  bool written = !fraction;
  for (int place = 0; place < 6 && fraction; ++place, number /= 10) {
    const char digit = static_cast<char>('0' + number % 10);
    if (written || digit != '0') *--from = digit;
    written |= digit != '0';
  }
  if (fraction && written) *--from = '.';
  do *--from = static_cast<char>('0' + number % 10);
  while ((number /= 10) != 0);
  out->Append(from, static_cast<size_t>(end - from));
}

bool WeightWriter::Write(std::string_view record, double weight, Scratch* out) {
  out->Clear();
  // Writes `weight` in place of [from, to).
  const auto replace = [&](size_t from, size_t to, std::string_view before, double number, std::string_view after) {
    Append(record.substr(0, from), out);
    Append(before, out);
    AppendWeight(number, out);
    Append(after, out);
    Append(record.substr(to), out);
    return true;
  };
  const char first = JsonText::First(record.data(), record.size());
  if (first == '{') {
    const JsonMember member = finder_.Find(record, kMember);
    if (member.to != 0)
      return replace(member.from, member.to, "", Times(record.substr(member.from, member.to - member.from), weight),
                     "");
    if (member.object)
      return replace(member.close, member.close, member.empty ? "\"sample_rate\":" : ",\"sample_rate\":", weight, "");
  } else if (first == '[' || first == '"') {
    if (finder_.IsJson(record)) return false;
  } else if (first == '<') {
    StructuredData found;
    if (ReadStructuredData(record, &found)) {
      if (found.rate_from != 0)
        return replace(found.rate_from, found.rate_to, "",
                       Times(record.substr(found.rate_from, found.rate_to - found.rate_from), weight), "");
      if (found.close != 0) return replace(found.close, found.close, " rate=\"", weight, "\"");
      return replace(found.nil ? found.from : found.to, found.to, "[sample@32473 rate=\"", weight, "\"]");
    }
  }
  const size_t space = record.rfind(' ');
  if (space != std::string_view::npos && record.substr(space, kTextPrefix.size()) == kTextPrefix) {
    const size_t from = space + kTextPrefix.size();
    if (IsNumber(record.substr(from))) return replace(from, record.size(), "", Times(record.substr(from), weight), "");
  }
  return replace(record.size(), record.size(), kTextPrefix, weight, "");
}

}  // namespace streamgate
