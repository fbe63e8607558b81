// See repair.h.
#include "encode/repair.h"

#include "scan/dispatch.h"

namespace streamgate {
namespace {

// Calls `run(from, end)` for each piece of well-formed text, `error()` for each error between them.
template <typename Run, typename Error>
void Walk(const uint8_t* from, const uint8_t* end, Run run, Error error) {
  while (from < end) {
    size_t error_bytes;
    const uint8_t* const run_end = Utf8RunEnd(from, end, &error_bytes);
    if (run_end > from) run(from, run_end);
    if (run_end < end) error();
    from = run_end + error_bytes;
  }
}

std::string_view View(const uint8_t* from, const uint8_t* end) {
  return {reinterpret_cast<const char*>(from), static_cast<size_t>(end - from)};
}

}  // namespace

uint64_t RepairedBytes(const uint8_t* from, const uint8_t* end) {
  if (IsUtf8(from, end)) return static_cast<uint64_t>(end - from);
  uint64_t bytes = 0;
  Walk(
      from, end, [&](const uint8_t* run, const uint8_t* run_end) { bytes += static_cast<uint64_t>(run_end - run); },
      [&] { bytes += kReplacement.size(); });
  return bytes;
}

void AppendRepaired(const uint8_t* from, const uint8_t* end, Body* body) {
  Walk(
      from, end, [&](const uint8_t* run, const uint8_t* run_end) { body->Append(View(run, run_end)); },
      [&] { body->Append(kReplacement); });
}

void AppendRepaired(std::string_view text, std::string* to) {
  const auto* const from = reinterpret_cast<const uint8_t*>(text.data());
  Walk(
      from, from + text.size(), [&](const uint8_t* run, const uint8_t* run_end) { to->append(View(run, run_end)); },
      [&] { to->append(kReplacement); });
}

}  // namespace streamgate
