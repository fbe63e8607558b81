// Redaction by detectors and fields: that prefilters hide nothing, that work below escapes leads back to the right
// bytes, and the hash. What each detector finds is tested on both engines by test/conformance/.
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "detect/escapes.h"
#include "detect/fields.h"
#include "detect/hmac_sha256.h"
#include "detect/redaction.h"
#include "match/replace.h"
#include "test/check.h"

namespace streamgate {
namespace {

std::string Text(std::string_view text) {
  const uint32_t size = static_cast<uint32_t>(text.size());
  std::string bytes(4, '\0');
  std::memcpy(bytes.data(), &size, 4);
  return bytes + std::string(text);
}

std::string Selector(char kind, std::string_view token, std::vector<std::string_view> texts) {
  std::string bytes = {kind, '\0'};
  bytes += Text(token) + Text(token);
  for (const std::string_view text : texts) bytes += Text(text);
  return bytes;
}

Operation AllOf(char mode, char decode) {
  Operation operation;
  operation.code = OperationCode::kRedact;
  operation.args = {std::string{mode, decode, '\x02', '\x01'},
                    "a key",
                    Selector(0, "[card]", {"\\d{12}|\\d{4}[-. +]\\d{4}[-. +]\\d{4}|\\d{4}[-. +]\\d{6}", "credit_card"}),
                    Selector(0, "[email]", {"@[A-Za-z0-9]", "email"}),
                    Selector(0, "[ipv4]", {"\\d\\.\\d\\.\\d|\\d\\.\\d\\d\\.\\d|\\d\\.\\d\\d\\d\\.\\d", "ipv4"}),
                    Selector(0, "[ipv6]", {"::|[0-9A-Fa-f:.]{15}", "ipv6"}),
                    Selector(0, "[url]", {"://", "url_credentials"}),
                    Selector(0, "[bearer]", {"(?i)bearer[ \\t+]", "bearer_token"}),
                    Selector(1, "[aws]", {"(?:AKIA|ASIA)[A-Z2-7]{16}", "word"}),
                    Selector(2, "[password]", {"pass*"}),
                    Selector(3, "[path]", {"user", "address"})};
  return operation;
}

struct Result {
  Redaction::Verdict verdict;
  QuarantineCause cause;
  uint64_t matches;
  std::string text;
};

Result RunOver(Redaction& redaction, std::string_view text) {
  Scratch out;
  Result result;
  result.verdict =
      redaction.Run(text, nullptr, {UINT64_MAX, 4 * text.size() + 65536}, &out, &result.matches, &result.cause);
  if (result.verdict == Redaction::Verdict::kChange) result.text.assign(out.data(), out.size());
  return result;
}

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  size_t Below(size_t limit) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<size_t>(state_ >> 33) % limit;
  }

 private:
  uint64_t state_;
};

std::string RandomLine(Random& random) {
  static constexpr std::string_view kPieces[] = {"4111 1111 1111 1111",
                                                 "4111111111111111",
                                                 "a@b.example",
                                                 "192.0.2.1",
                                                 "2001:db8::1",
                                                 "http://u:p@h/",
                                                 "Bearer a1b2c3d4e5f6",
                                                 "AKIAQYLPMN5HFIQR7XYA",
                                                 "\\u0034",
                                                 "\\/",
                                                 "\\n",
                                                 "\\",
                                                 "%34",
                                                 "%40",
                                                 "\"",
                                                 "{",
                                                 "}",
                                                 "[",
                                                 "]",
                                                 ":",
                                                 ",",
                                                 "\"password\":",
                                                 "\"user\":",
                                                 "\"address\":",
                                                 "1",
                                                 " ",
                                                 "x",
                                                 "-",
                                                 ".",
                                                 "@",
                                                 "::",
                                                 "\xC3\xA9",
                                                 "\xFF",
                                                 "{\\\"pass\\\":\\\"x\\\"}"};
  std::string line;
  for (size_t i = random.Below(12); i-- > 0;) line += kPieces[random.Below(std::size(kPieces))];
  if (random.Below(3) == 0) line = "{\"a\":\"" + line + "\"}";
  if (random.Below(4) == 0 && !line.empty()) line.resize(random.Below(line.size()));
  return line;
}

}  // namespace

TEST("redaction finds the same with and without prefilters, and changes what it claims to", {
  for (char mode = 0; mode < 4; ++mode) {
    for (char decode = 0; decode < 8; ++decode) {
      std::string error;
      const std::unique_ptr<Redaction> with = Redaction::Prepare(AllOf(mode, decode), true, &error);
      const std::unique_ptr<Redaction> without = Redaction::Prepare(AllOf(mode, decode), false, &error);
      const std::unique_ptr<Prefilter> required = with->TakePrefilter();
      CHECK(required != nullptr);
      Random random(static_cast<uint64_t>(mode * 8 + decode + 1));
      for (int i = 0; i < 2000; ++i) {
        // Memory of its own size, so that a sanitizer sees a byte too far.
        const std::string line = RandomLine(random);
        const std::vector<char> exact(line.begin(), line.end());
        const std::string_view text(exact.data() == nullptr ? "" : exact.data(), exact.size());
        const Result a = RunOver(*with, text);
        const Result b = RunOver(*without, text);
        CHECK(a.verdict == b.verdict && a.cause == b.cause && a.matches == b.matches);
        CHECK_EQUAL(a.text, b.text);
        bool may = false;
        for (const Prefilter::Factor& factor : required->factors())
          for (size_t at = 0; at + factor.window.size() <= text.size(); ++at)
            may = may || factor.window.FitsAt(reinterpret_cast<const uint8_t*>(text.data()) + at);
        CHECK(may || a.verdict == Redaction::Verdict::kKeep);
      }
    }
  }
});

TEST("a redaction's arguments are checked", {
  std::string error;
  for (const auto& args :
       std::vector<std::vector<std::string>>{{"", ""},
                                             {std::string{4, 0, 0, 1}, ""},
                                             {std::string(4, '\0'), "", ""},
                                             {std::string(4, '\0'), "", "\x07"},
                                             {std::string(4, '\0'), "", Selector(0, "x", {"a", "no such scanner"})},
                                             {std::string(4, '\0'), "", Selector(1, "x", {"(", ""})},
                                             {std::string(4, '\0'), "", Selector(1, "x", {"a", "no such check"})},
                                             {std::string(4, '\0'), "", Selector(0, "x", {"a"})}}) {
    Operation operation;
    operation.code = OperationCode::kRedact;
    operation.args = args;
    error.clear();
    CHECK(Redaction::Prepare(operation, true, &error) == nullptr);
    CHECK(!error.empty());
  }
});

TEST("bytes below escapes lead back to the escapes that they came from", {
  detect::Unescaped unescaped;
  const std::string_view text = "a\\u0041b%42\\ud83d\\ude00c\\n";
  CHECK(unescaped.Decode(text, detect::kDecodeJson | detect::kDecodeUrl));
  CHECK_EQUAL(unescaped.text(),
              "aAbB\xF0\x9F\x98\x80"
              "c\n");
  const auto origin = [&](size_t begin, size_t end) {
    const detect::Find find = unescaped.Origin(begin, end);
    return std::string(text.substr(find.begin, find.end - find.begin));
  };
  CHECK_EQUAL(origin(0, 1), "a");
  CHECK_EQUAL(origin(1, 2), "\\u0041");
  CHECK_EQUAL(origin(2, 4), "b%42");
  CHECK_EQUAL(origin(5, 6), "\\ud83d\\ude00");
  CHECK_EQUAL(origin(8, 9), "c");
  CHECK_EQUAL(origin(8, 10), "c\\n");
  CHECK(!unescaped.Decode("no \\x escape 100% here", detect::kDecodeJson | detect::kDecodeUrl));
});

TEST("globs", {
  CHECK(detect::FitsGlob("pass*", "PASSWORD") && detect::FitsGlob("*", "") && detect::FitsGlob("*a*b", "xaybzb"));
  CHECK(!detect::FitsGlob("pass", "password") && !detect::FitsGlob("*a", "ab") && !detect::FitsGlob("", "a"));
});

// RFC 4231, test cases 1, 2 and 6.
TEST("HMAC-SHA-256 as its test vectors say", {
  const auto hex = [](std::string_view key, std::string_view message) {
    std::string text;
    for (const uint8_t byte : detect::HmacSha256(key).Of(message)) {
      text.push_back("0123456789abcdef"[byte >> 4]);
      text.push_back("0123456789abcdef"[byte & 15]);
    }
    return text;
  };
  CHECK_EQUAL(hex(std::string(20, '\x0b'), "Hi There"),
              "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  CHECK_EQUAL(hex("Jefe", "what do ya want for nothing?"),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK_EQUAL(hex(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First"),
              "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
});

}  // namespace streamgate
