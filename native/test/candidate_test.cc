// The scan for many windows: its kernels against one another, what it tells of records against a look at each record,
// and patterns that are compared byte by byte against RE2.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "match/candidate_index.h"
#include "match/fixed.h"
#include "match/pattern.h"
#include "match/prefilter.h"
#include "scan/dispatch.h"
#include "test/check.h"

namespace streamgate {
namespace {

constexpr uint32_t kSeed = 20'261'124;
constexpr char kBytes[] = "ab-1 \n\x80z";

std::string RandomText(std::mt19937* random, size_t size) {
  std::string text;
  while (text.size() < size) text += kBytes[(*random)() % 8];
  return text;
}

TEST("every kernel lists the same candidates, in any number of calls, and reads nothing beyond the text", {
  std::mt19937 random(kSeed);
  const Kernels kernels = AvailableKernels();
  size_t found = 0;
  for (int round = 0; round < 400; ++round) {
    BucketTables buckets = {};
    buckets.probes = static_cast<uint8_t>(1 + random() % 3);
    buckets.runs = static_cast<uint8_t>(random() % 4);
    buckets.offsets[1] = static_cast<uint8_t>(random() % 32);
    buckets.offsets[2] = static_cast<uint8_t>(random() % 32);
    for (uint8_t& bytes : buckets.run_bytes) bytes = static_cast<uint8_t>(8 + random() % 25);
    for (size_t k = 0; k < BucketTables::kProbesMax; ++k) {
      for (size_t half = 0; half < 16; ++half) {
        buckets.low[k][half] = static_cast<uint8_t>(random() | random());
        buckets.high[k][half] = static_cast<uint8_t>(random() | random());
      }
    }
    const auto grams = std::make_unique<GramTable>();
    grams->stride = random() % 2 == 0 ? 2 : 4;
    for (uint8_t& bits : grams->bits) bits = static_cast<uint8_t>(random() & random());
    const size_t size = random() % 400;
    const std::string bytes = RandomText(&random, size);
    // Of the exact size on the heap, so that a sanitizer sees a read behind its end.
    const std::unique_ptr<uint8_t[]> text(new uint8_t[size]);
    std::copy(bytes.begin(), bytes.end(), text.get());
    const size_t list_max = kCandidateStepBytes + random() % 100;
    for (const bool by_grams : {false, true}) {
      std::vector<Candidate> all[3];
      for (int i = 0; i < kernels.count; ++i) {
        const Kernel& kernel = kernels.list[i];
        std::vector<Candidate> list(list_max);
        const uint8_t* const end = text.get() + size;
        for (const uint8_t* from = text.get(); from < end;) {
          size_t count = 0;
          const uint8_t* const stop = std::min<size_t>(static_cast<size_t>(end - from), 128) + from;
          const uint8_t* const before = from;
          from = by_grams ? kernel.find_grams(*grams, text.get(), from, stop, end, list.data(), list_max, &count)
                          : kernel.find_buckets(buckets, text.get(), from, stop, end, list.data(), list_max, &count);
          CHECK(count <= list_max && from > before && from <= end);
          if (from <= before) break;
          all[i].insert(all[i].end(), list.begin(), list.begin() + static_cast<long>(count));
        }
        found += all[i].size();
        bool same = all[i].size() == all[0].size();
        for (size_t k = 0; same && k < all[i].size(); ++k)
          same = all[i][k].place == all[0][k].place && all[i][k].what == all[0][k].what && all[i][k].place < size &&
                 (k == 0 || all[i][k].place > all[i][k - 1].place);
        if (!same) test::Fail(__FILE__, __LINE__, std::string(kernel.name) + " lists other candidates");
      }
    }
  }
  std::printf("  %zu candidates\n", found);
  CHECK(found > 10'000);
});

// Factors of everything that the index tells apart: words, runs, wide sets, single bytes.
std::unique_ptr<Prefilter> RandomPrefilter(std::mt19937* random) {
  const auto pick = [random](uint32_t n) { return (*random)() % n; };
  std::vector<Prefilter::Factor> factors;
  for (uint32_t n = 1 + pick(3); n > 0; --n) {
    std::vector<ByteSet> sets(1 + pick(pick(3) == 0 ? 32 : 9));
    const bool run = pick(5) == 0;
    for (ByteSet& set : sets) {
      for (uint32_t members = pick(4) == 0 ? 3 : 1; members > 0; --members)
        set.Add(static_cast<uint8_t>(kBytes[pick(8)]));
      if (pick(40) == 0) set.AddRange(0, 255);
      if (run) set = sets[0];
    }
    factors.push_back({Window(std::move(sets)), Prefilter::kAnywhere});
  }
  return std::make_unique<Prefilter>(std::move(factors));
}

bool HoldsFactor(const Prefilter& prefilter, std::string_view record) {
  for (const Prefilter::Factor& factor : prefilter.factors())
    for (size_t at = 0; at + factor.window.size() <= record.size(); ++at)
      if (factor.window.FitsAt(reinterpret_cast<const uint8_t*>(record.data()) + at)) return true;
  return false;
}

// The first place at which one of the prefilter's windows fits, and the last.
std::pair<size_t, size_t> SpanOf(const Prefilter& prefilter, std::string_view record) {
  std::pair<size_t, size_t> span(SIZE_MAX, 0);
  for (const Prefilter::Factor& factor : prefilter.factors()) {
    for (size_t at = 0; at + factor.window.size() <= record.size(); ++at) {
      if (!factor.window.FitsAt(reinterpret_cast<const uint8_t*>(record.data()) + at)) continue;
      span = {std::min(span.first, at), std::max(span.second, at)};
    }
  }
  return span;
}

TEST("a scan tells of each record the steps whose windows lie in it, and where, no more and no less", {
  std::mt19937 random(kSeed);
  size_t told = 0;
  size_t quiet = 0;
  size_t decided = 0;
  for (int round = 0; round < 600; ++round) {
    std::vector<std::unique_ptr<Prefilter>> prefilters;
    std::vector<CandidateIndex::Requirement> steps;
    const size_t count = random() % (round % 20 == 0 ? 150 : 20);
    // Words only, of at least four, five or seven bytes: then grams find them.
    const size_t word_bytes = round % 6 < 3 ? 0 : round % 6 == 3 ? 4 : round % 6 == 4 ? 5 : 7;
    while (steps.size() < count) {
      prefilters.push_back(random() % 10 == 0 ? nullptr
                           : word_bytes > 0   ? Prefilter::OfLiteral(RandomText(&random, word_bytes + random() % 3))
                                              : RandomPrefilter(&random));
      steps.push_back({prefilters.back().get(), random() % 2 == 0});
    }
    const CandidateIndex index(steps);
    CandidateScan scan;
    scan.Use(&index);
    for (int region = 0; region < 3; ++region) {
      const std::string bytes = RandomText(&random, random() % 3000);
      const std::unique_ptr<char[]> text(new char[bytes.size()]);
      std::copy(bytes.begin(), bytes.end(), text.get());
      scan.Reset(text.get(), text.get() + bytes.size());
      // Records of any size, with and without bytes between them; some that nobody asks about.
      for (size_t at = 0; at < bytes.size();) {
        const std::string_view record(text.get() + at, std::min<size_t>(random() % 200, bytes.size() - at));
        at += record.size() + random() % 2;
        if (random() % 8 == 0) continue;
        std::vector<uint32_t> expected;
        for (uint32_t i = 0; i < steps.size(); ++i)
          if (steps[i].prefilter != nullptr && HoldsFactor(*steps[i].prefilter, record)) expected.push_back(i);
        if (scan.QuietUpTo(record.data() + record.size())) {
          ++quiet;
          CHECK(expected.empty());
          continue;
        }
        const uint32_t step = random() % 2 == 0 ? scan.Decided(record) : CandidateScan::kUndecided;
        if (step != CandidateScan::kUndecided) {
          ++decided;
          CHECK(steps[step].decides && !expected.empty() && expected.front() == step);
          continue;
        }
        std::vector<uint32_t> candidates;
        scan.Collect(record, &candidates);
        told += candidates.size();
        CHECK(candidates == expected);
        for (const uint32_t candidate : candidates) {
          const auto [first, last] = SpanOf(*steps[candidate].prefilter, record);
          const auto* const begin = reinterpret_cast<const uint8_t*>(record.data());
          const PrefilterSearch::Span span = scan.SpanOf(candidate);
          CHECK(span.first == begin + first && span.last == begin + last);
        }
      }
    }
  }
  std::printf("  %zu candidates told, %zu records decided, %zu quiet\n", told, decided, quiet);
  CHECK(told > 1000 && decided > 500 && quiet > 1000);
});

TEST("many words are found wherever they lie, and a text of nothing but candidates is worked through", {
  std::vector<std::unique_ptr<Prefilter>> prefilters;
  std::vector<CandidateIndex::Requirement> steps;
  std::vector<std::string> words;
  for (int i = 0; i < 500; ++i) {
    words.push_back("word" + std::to_string(i * 7919) + "end");
    prefilters.push_back(Prefilter::OfLiteral(words.back()));
    steps.push_back({prefilters.back().get(), false});
  }
  const CandidateIndex index(steps);
  CandidateScan scan;
  scan.Use(&index);
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string text = std::string(i % 37, 'x') + words[i] + std::string(i % 41, 'w');
    scan.Reset(text.data(), text.data() + text.size());
    std::vector<uint32_t> candidates;
    scan.Collect(text, &candidates);
    CHECK(std::find(candidates.begin(), candidates.end(), i) != candidates.end());
  }
  std::string all;
  while (all.size() < 100'000) all += words[all.size() % words.size()];
  scan.Reset(all.data(), all.data() + all.size());
  std::vector<uint32_t> candidates;
  scan.Collect(all, &candidates);
  CHECK(candidates.size() > 10);
  for (const uint32_t step : candidates) CHECK(all.find(words[step]) != std::string::npos);
});

// Patterns of a fixed number of windows, most of them.
std::string RandomFixed(std::mt19937* random, int depth) {
  static const char* const leaves[] = {"a", "\\d", "[ab]", "-", "\\b", "[ -]", "ab", "(?i)a", "1", "\\w", "(?i)B"};
  const auto pick = [random](uint32_t n) { return (*random)() % n; };
  if (depth == 0) return leaves[pick(sizeof leaves / sizeof *leaves)];
  const auto sub = [&] { return RandomFixed(random, depth - 1); };
  switch (pick(6)) {
    case 0:
      return "(?:" + sub() + "|" + sub() + ")";
    case 1:
      return "(?:" + sub() + ")" + (pick(2) == 0 ? "?" : "??");
    case 2: {
      const uint32_t least = pick(4);
      return "(?:" + sub() + "){" + std::to_string(least) + "," + std::to_string(least + pick(3)) + "}" +
             (pick(2) == 0 ? "" : "?");
    }
    default:
      return sub() + sub();
  }
}

TEST("patterns that are a list of windows match where RE2 does, with the same bytes", {
  std::mt19937 random(kSeed);
  size_t fixed_patterns = 0;
  size_t matches = 0;
  for (int i = 0; i < 30'000; ++i) {
    const std::string source = RandomFixed(&random, 3);
    std::string error;
    const auto pattern = CompilePattern(source, &error);
    if (pattern == nullptr) continue;
    const auto fixed = FixedPattern::Of(*pattern);
    if (fixed == nullptr) continue;
    ++fixed_patterns;
    auto prefilter = Prefilter::Of(*pattern);
    // Where nothing is worth looking for, a byte that may be anything, anywhere.
    if (prefilter == nullptr) {
      ByteSet any;
      any.AddRange(0, 255);
      std::vector<Prefilter::Factor> factors;
      factors.push_back({Window({any}), 0});
      prefilter = std::make_unique<Prefilter>(std::move(factors));
    }
    for (int n = 0; n < 8; ++n) {
      std::string text;
      for (uint32_t k = random() % 20; k > 0; --k) text += "aab1 -_B\n\xff"[random() % 10];
      PrefilterSearch search(*prefilter, text);
      for (size_t from = 0; from <= text.size();) {
        std::string_view expected;
        const bool found = pattern->Match(text, from, text.size(), re2::RE2::UNANCHORED, &expected, 1);
        const std::string_view match = fixed->Find(text, from, &search);
        if (found != !match.empty() || (found && (match.data() != expected.data() || match != expected))) {
          test::Fail(__FILE__, __LINE__, source + " in \"" + text + "\": another match than RE2's");
          break;
        }
        if (!found) break;
        ++matches;
        from = static_cast<size_t>(match.data() - text.data()) + match.size();
      }
    }
  }
  std::printf("  %zu patterns, %zu matches\n", fixed_patterns, matches);
  CHECK(fixed_patterns > 1000 && matches > 1000);
  std::string error;
  for (const char* source : {"a*", "a+b", "\\d{3,}", "^a", "a$", "(?i)k", "\\pL", ".", "(?:a?)?", "\\Ba", "[^a]"}) {
    const auto pattern = CompilePattern(source, &error);
    CHECK(pattern != nullptr && FixedPattern::Of(*pattern) == nullptr);
  }
});

}  // namespace
}  // namespace streamgate
