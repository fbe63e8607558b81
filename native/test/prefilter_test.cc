// The scan kernels against one another, and prefilters against RE2: a prefilter must never hide a match.
#include "match/prefilter.h"

#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "match/pattern.h"
#include "re2/re2.h"
#include "scan/dispatch.h"
#include "test/check.h"

namespace streamgate {
namespace {

constexpr uint32_t kSeed = 20'261'123;

std::unique_ptr<Prefilter> Of(const char* pattern) {
  std::string error;
  const auto compiled = CompilePattern(pattern, &error);
  CHECK(compiled != nullptr);
  return compiled == nullptr ? nullptr : Prefilter::Of(*compiled);
}

std::vector<Window> SomeWindows(std::mt19937* random) {
  std::vector<Window> windows;
  for (size_t size = 1; size <= Window::kBytesMax; ++size) {
    std::vector<ByteSet> sets(size);
    for (ByteSet& set : sets) {
      const uint32_t members = 1 + (*random)() % 4;
      for (uint32_t i = 0; i < members; ++i) set.Add("ab-\x80\xff\n 0"[(*random)() % 8]);
    }
    windows.emplace_back(sets);
    windows.emplace_back(std::vector<ByteSet>(size, sets[0]));
  }
  return windows;
}

TEST("every kernel finds the same places, and reads nothing beyond the text", {
  std::mt19937 random(kSeed);
  const Kernels kernels = AvailableKernels();
  CHECK(kernels.count >= 1);
  for (const Window& window : SomeWindows(&random)) {
    for (const size_t size : {0, 1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 95, 96, 97, 200, 500}) {
      // Of the exact size on the heap, so that a sanitizer sees a read behind its end.
      const std::unique_ptr<uint8_t[]> text(new uint8_t[size]);
      for (size_t i = 0; i < size; ++i) text[i] = static_cast<uint8_t>("ab-\x80\xff\n 0"[random() % 8]);
      // A place that certainly fits, somewhere.
      if (size >= window.size()) {
        const size_t at = random() % (size - window.size() + 1);
        for (size_t i = 0; i < window.size(); ++i)
          for (unsigned byte = 0; byte < 256; ++byte)
            if (window.sets()[i].Has(static_cast<uint8_t>(byte))) text[at + i] = static_cast<uint8_t>(byte);
      }
      const uint8_t* const end = text.get() + size;
      for (const uint8_t* from = text.get(); from <= end; ++from) {
        const uint8_t* expected = end;
        for (const uint8_t* p = from; static_cast<size_t>(end - p) >= window.size(); ++p) {
          if (!window.FitsAt(p)) continue;
          expected = p;
          break;
        }
        for (int i = 0; i < kernels.count; ++i)
          if (kernels.list[i].find_window(window, from, end) != expected)
            test::Fail(__FILE__, __LINE__, std::string(kernels.list[i].name) + " finds another place");
        if (from == end) break;
      }
    }
  }
});

TEST("what patterns require is told", {
  const auto ssn = Of("\\b\\d{3}-\\d{2}-\\d{4}\\b");
  CHECK(ssn != nullptr && ssn->factors().size() == 1 && ssn->factors()[0].window.size() == 11);
  CHECK_EQUAL(ssn->factors()[0].offset, 0u);
  CHECK_EQUAL(ssn->SearchFrom("2026-11-23 no number", 0), std::string_view::npos);
  CHECK_EQUAL(ssn->SearchFrom("ssn 123-45-6789", 0), 4u);
  CHECK_EQUAL(ssn->SearchFrom("ssn 123-45-6789", 5), std::string_view::npos);

  const auto card = Of("\\b\\d{4}[ -]?\\d{4}[ -]?\\d{4}[ -]?\\d{4}\\b");
  CHECK(card != nullptr && card->factors()[0].window.is_run() && card->factors()[0].window.size() == 16);

  const auto mail = Of("[a-z0-9._%+-]+@[a-z0-9.-]+\\.[a-z]{2,}");
  CHECK(mail != nullptr && mail->SearchFrom("a line without one", 0) == std::string_view::npos);
  CHECK(mail != nullptr && mail->SearchFrom("to ann@example.org", 0) != std::string_view::npos);

  const auto either = Of("(?i)error|warning|fatal");
  CHECK(either != nullptr && either->SearchFrom("a FATAL one", 0) == 2u);

  // To RE2 the class is a letter of both cases, and no other alphabet's k; with (?i) it is.
  const auto key = Of("[Kk][Ee][Yy]");
  CHECK(key != nullptr && key->factors().size() == 1 && key->factors()[0].window.size() == 3);
  CHECK(Of("(?i)[k]") == nullptr);

  // What follows a run says more than the run alone.
  const auto letter = Of("\\d{7}[A-Z]");
  CHECK(letter != nullptr && letter->factors()[0].window.size() == 8);
  const auto begin = Of("-----BEGIN");
  CHECK(begin != nullptr && !begin->factors()[0].window.is_run());

  for (const char* nothing : {".*", "a*", "(?:)", "^", "\\d", "[^a]+", "(?s:.)+", "x?y?"})
    CHECK(Of(nothing) == nullptr);
});

// Patterns of everything that Facts tells apart, from a small alphabet so that texts match often.
std::string RandomPattern(std::mt19937* random, int depth) {
  static const char* const leaves[] = {"a",   "b",     "ab",  "-",    "\\d",   "[0-9 -]", "[ab]", "abc",
                                       "\\b", "^",     "$",   "(?:)", "(?i)k", "é",       ".",    "[^a]",
                                       "\\w", "(?i)B", "\\s", "00",   "\\B",   "[Kk]",    "[Ss]", "(?i)s"};
  const auto pick = [random](uint32_t n) { return (*random)() % n; };
  if (depth == 0 || pick(4) == 0) return leaves[pick(sizeof leaves / sizeof *leaves)];
  const auto sub = [&] { return RandomPattern(random, depth - 1); };
  switch (pick(7)) {
    case 0:
      return "(?:" + sub() + "|" + sub() + ")";
    case 1:
      return "(?:" + sub() + ")" + std::string(1, "*+?"[pick(3)]);
    case 2: {
      const uint32_t least = pick(5);
      return "(?:" + sub() + "){" + std::to_string(least) + "," + std::to_string(least + pick(3)) + "}";
    }
    case 3:
      return "(" + sub() + ")";
    case 4:
      return "(?:" + sub() + "){" + std::to_string(1 + pick(4)) + "}";
    default:
      return sub() + sub();
  }
}

TEST("no prefilter hides a match of a random pattern", {
  std::mt19937 random(kSeed);
  static const char* const pieces[] = {"a",
                                       "b",
                                       "ab",
                                       "abc",
                                       "-",
                                       "0",
                                       "1",
                                       " ",
                                       "12-3",
                                       "k",
                                       "K",
                                       "\u212a",
                                       "s",
                                       "S",
                                       "\u017f",
                                       "é",
                                       "\xff",
                                       "\n",
                                       "aB",
                                       "_",
                                       "00-0",
                                       "aaaa",
                                       "0000000000000000"};
  int derived = 0;
  int matched = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::string source = RandomPattern(&random, 4);
    std::string error;
    const auto pattern = CompilePattern(source, &error);
    if (pattern == nullptr) continue;
    const auto prefilter = Prefilter::Of(*pattern);
    if (prefilter == nullptr) continue;
    ++derived;
    for (int j = 0; j < 20; ++j) {
      std::string text;
      for (uint32_t n = random() % 14; n > 0; --n) text += pieces[random() % (sizeof pieces / sizeof *pieces)];
      for (size_t from = 0; from <= text.size(); from += 1 + random() % 5) {
        std::string_view match;
        const bool found = pattern->Match(text, from, text.size(), re2::RE2::UNANCHORED, &match, 1);
        if (!found) continue;
        ++matched;
        const size_t at = static_cast<size_t>(match.data() - text.data());
        const size_t search = prefilter->SearchFrom(text, from);
        if (search == std::string_view::npos || search < from || search > at)
          test::Fail(__FILE__, __LINE__, "the prefilter of " + source + " hides a match in \"" + text + "\"");
      }
    }
  }
  // Else this would prove nothing.
  CHECK(derived > 1000);
  CHECK(matched > 1000);
});

TEST("one search of a text answers as a fresh one from each place would, and looks over the text once a factor", {
  std::mt19937 random(kSeed);
  for (const char* source : {"XJQ|ZQ", "ZQ|XJQ", "(?:XJQ|ZQV|YWK|ZQ)", "\\w*XJQ|Z\\d+Q"}) {
    std::string error;
    const auto pattern = CompilePattern(source, &error);
    const auto prefilter = Prefilter::Of(*pattern);
    CHECK(prefilter != nullptr);
    if (prefilter == nullptr) continue;
    for (const uint32_t kinds : {1u, 6u}) {
      static const char* const pieces[] = {"ZQ", "XJQ", "ZQV", "Z1Q", "YW", "abc"};
      std::string text;
      while (text.size() < 5000) text += pieces[random() % kinds];
      PrefilterSearch search(*prefilter, text);
      for (size_t from = 0; from <= text.size(); from += 1 + random() % 3)
        CHECK_EQUAL(search.From(from), prefilter->SearchFrom(text, from));
      CHECK(search.looked_over_bytes() <= prefilter->factors().size() * text.size());
    }
  }
});

}  // namespace
}  // namespace streamgate
