// Detectors and redaction: no find lies beyond its text or in another, prefilters hide nothing, a record that is JSON
// is JSON afterwards, and comes to the same behind a syslog head where a pattern sees the values of fields alone.
//
//     u8 which of the rules (native/fuzz/plans/) · record
//
// The rules are those of native/fuzz/plans/redact_*.json, compiled by src/plan/.
#include <memory>
#include <string>
#include <vector>

#include "detect/redaction.h"
#include "detect/scanners.h"
#include "fuzz/input.h"
#include "fuzz/json_reference.h"
#include "plan/decode.h"
#include "redactions.h"  // written by scripts/native/fuzz_seeds.mjs

namespace streamgate::fuzz {
namespace {

struct Rule {
  std::unique_ptr<Redaction> with;
  std::unique_ptr<Redaction> without;
  // A pattern for bytes in a scope of fields.
  bool sees_values;
};

// src/plan/redact_arguments.ts: a selector's first byte is its kind.
bool SeesValues(const Operation& operation) {
  constexpr char kScopeKey = 4, kScopePath = 5, kBytesPattern = 6;
  bool scope = false;
  bool pattern = false;
  for (size_t i = 2; i < operation.args.size(); ++i) {
    const char kind = operation.args[i].empty() ? '\0' : operation.args[i][0];
    scope |= kind == kScopeKey || kind == kScopePath;
    pattern |= kind == kBytesPattern;
  }
  return scope && pattern;
}

std::vector<Rule> Rules() {
  std::vector<Rule> rules;
  for (const std::string_view bytes : kRedactions) {
    DecodedPlan plan;
    std::string error;
    REQUIRE(DecodePlan(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), &plan, &error), "%s",
            error.c_str());
    for (const Operation& operation : plan.operations) {
      if (operation.code != OperationCode::kRedact) continue;
      rules.push_back({Redaction::Prepare(operation, true, &error), Redaction::Prepare(operation, false, &error),
                       SeesValues(operation)});
      REQUIRE(rules.back().with != nullptr && rules.back().without != nullptr, "%s", error.c_str());
    }
  }
  REQUIRE(!rules.empty(), "no rules");
  return rules;
}

struct Result {
  Redaction::Verdict verdict;
  QuarantineCause cause = QuarantineCause::kNone;
  uint64_t values = 0;
  std::string text;
};

Result Run(Redaction* redaction, std::string_view record) {
  static Scratch out;
  Result result;
  const uint64_t bytes_max = uint64_t{kOutputGrowthFactor} * record.size() + kOutputGrowthBytes;
  result.verdict = redaction->Run(record, nullptr, {UINT64_MAX, bytes_max}, &out, &result.values, &result.cause);
  if (result.verdict == Redaction::Verdict::kChange) result.text.assign(out.data(), out.size());
  REQUIRE(result.text.size() <= bytes_max, "%zu bytes", result.text.size());
  return result;
}

constexpr std::string_view kScanners[] = {
    "us_ssn", "credit_card",  "iban",        "email",           "us_phone",       "ipv4",           "ipv6",
    "jwt",    "github_token", "private_key", "url_credentials", "bearer_token",   "us_routing",     "uk_nino",
    "uk_nhs", "de_tax_id",    "fr_nir",      "es_dni",          "it_fiscal_code", "nl_bsn",         "pl_pesel",
    "br_cpf", "in_aadhaar",   "ca_sin",      "au_tfn",          "basic_auth",     "aws_secret_key", "generic_secret"};

void CheckScanners(std::string_view text) {
  static detect::Finds finds;
  for (const std::string_view name : kScanners) {
    const detect::ScanFunction scan = detect::ScannerOf(name);
    REQUIRE(scan != nullptr, "no scanner %s", name.data());
    finds.clear();
    scan(text, 0, text.size(), &finds);
    size_t from = 0;
    for (const detect::Find& find : finds) {
      REQUIRE(find.begin >= from && find.begin < find.end && find.end <= text.size(), "%s: %zu to %zu", name.data(),
              find.begin, find.end);
      from = find.end;
    }
  }
}

}  // namespace
}  // namespace streamgate::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace streamgate;
  using namespace streamgate::fuzz;
  static const std::vector<Rule> rules = Rules();
  Input input(data, size);
  const Rule& rule = rules[input.Byte() % rules.size()];
  const Exact record(input.Rest());
  CheckScanners(record.text());
  const Result result = Run(rule.with.get(), record.text());
  const Result without = Run(rule.without.get(), record.text());
  REQUIRE(result.verdict == without.verdict && result.text == without.text && result.cause == without.cause,
          "prefilters change what becomes of a record");
  const bool changed = result.verdict == Redaction::Verdict::kChange;
  if (!changed) return 0;
  REQUIRE(result.values == without.values && result.values > 0, "%llu values",
          static_cast<unsigned long long>(result.values));
  // An object or a list: a number or a string alone is taken for text.
  const size_t first = record.text().find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos || (record.data()[first] != '{' && record.data()[first] != '[')) return 0;
  if (!JsonReference::Parse(record.text()).has_value()) return 0;
  REQUIRE(JsonReference::Parse(result.text).has_value(), "no JSON any more: %s", result.text.c_str());
  if (!rule.sees_values) return 0;
  const std::string head = "<134>Nov 26 10:00:00 host app[12]: ";
  const Result behind = Run(rule.with.get(), head + std::string(record.text()));
  REQUIRE(behind.verdict == Redaction::Verdict::kChange && behind.text == head + result.text,
          "behind a head it becomes %s, alone %s", behind.text.c_str(), result.text.c_str());
  return 0;
}
