// Times the native data path without Node: newline kernels, framing, encoding, and the engine alone over 1 MiB blocks.
//
// Question: how far is the engine from only splitting lines and copying them, which any program that passes lines on
// must do? Prediction: without rules it is the cheaper of the two, because neighbours are copied as one run; with three
// rules it is at least half as fast.
//
//     kernel_bench CORPUS ROUNDS ARM…      an ARM is NAME=PLAN (bytes as src/plan/encode.ts writes them)
//
// Before it is timed, an arm with a plan must write the same batches with prefilters off. Arms take turns, so that a
// change of the machine's speed meets all of them; the first runs twice in each round, and the difference between the
// two is the noise. Prints one JSON object an arm: seconds are those of each block's fastest round, and of
// the median round.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <memory>
#include <numeric>
#include <string>
#include <unordered_map>
#include <vector>

#include "encode/encoder.h"
#include "frame/framer.h"
#include "generated/layout.h"
#include "plan/batch.h"
#include "plan/chunk.h"
#include "plan/decode.h"
#include "plan/prepare.h"
#include "plan/run.h"
#include "re2/re2.h"
#include "scan/dispatch.h"

#if defined(__linux__)
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace streamgate {
namespace {

constexpr size_t kBlockBytes = 1 << 20;
// What is held against prefilters off: enough for every rule to meet every kind of line.
constexpr size_t kAgreeBytes = 8 * kBlockBytes;

[[noreturn]] void Fail(const std::string& what) {
  std::fprintf(stderr, "kernel_bench: %s\n", what.c_str());
  std::exit(1);
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) Fail(path + " can not be read");
  return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

// Cycles of this thread, where the system lets a program count them; else ticks of the time stamp counter, which runs
// at a fixed rate; 0 where there is neither.
class Cycles {
 public:
  Cycles() {
#if defined(__linux__)
    perf_event_attr attr = {};
    attr.type = PERF_TYPE_HARDWARE;
    attr.size = sizeof attr;
    attr.config = PERF_COUNT_HW_CPU_CYCLES;
    attr.exclude_kernel = 1;
    counter_ = static_cast<int>(syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0));
#endif
  }
  const char* unit() const {
#if defined(__x86_64__)
    return counter_ >= 0 ? "cycle" : "TSC tick";
#else
    return counter_ >= 0 ? "cycle" : "";
#endif
  }
  uint64_t Now() const {
    uint64_t now = 0;
#if defined(__linux__)
    if (counter_ >= 0) return read(counter_, &now, sizeof now) == sizeof now ? now : 0;
#endif
#if defined(__x86_64__)
    now = __rdtsc();
#endif
    return now;
  }

 private:
  int counter_ = -1;
};

// A batch with room for what a block can become.
class BatchMemory {
 public:
  static constexpr uint32_t kRecordsMax = kBlockBytes / 2;
  static constexpr uint32_t kBytesMax = 4 * kBlockBytes;

  BatchMemory() : words_((sizeof(BatchHeader) + size_t{kRecordsMax} * sizeof(BatchEntry) + kBytesMax) / 8) {
    header()->records_max = kRecordsMax;
    header()->bytes_max = kBytesMax;
  }
  BatchHeader* header() { return reinterpret_cast<BatchHeader*>(words_.data()); }
  char* bytes() { return reinterpret_cast<char*>(header() + 1) + size_t{kRecordsMax} * sizeof(BatchEntry); }
  void Empty() { header()->records = header()->bytes = 0; }

 private:
  std::vector<uint64_t> words_;
};

// The loop that a worker runs on a chunk, over blocks.
class EngineArm {
 public:
  EngineArm(const std::string& plan_bytes, FramingKind framing, bool prefilters) {
    DecodedPlan decoded;
    std::string error;
    uint32_t rule = 0;
    if (!DecodePlan(reinterpret_cast<const uint8_t*>(plan_bytes.data()), plan_bytes.size(), &decoded, &error))
      Fail(error);
    std::shared_ptr<PreparedPlan> plan = Prepare(std::move(decoded), prefilters, &rule, &error);
    if (plan == nullptr) Fail(error);
    counts_.resize(kCountCellsFixed + size_t{plan->rules} * kCountCellsPerRule);
    runner_.Use(std::move(plan), counts_.data());
    runner_.batch().Attach(batch_.header());
    framer_ = std::make_unique<Framer>(framing, "", 1 << 20, losses_);
  }

  void Block(const char* block, size_t size) {
    batch_.Empty();
    if (RunChunk(runner_, *framer_, nowhere_, block, size, 0).at < size) Fail("a batch was full");
  }

  BatchMemory& batch() { return batch_; }
  double received() const { return counts_[static_cast<uint32_t>(CountCell::kReceivedRecords)]; }
  double passed() const { return counts_[static_cast<uint32_t>(CountCell::kPassedRecords)]; }

 private:
  Runner runner_;
  BatchMemory batch_;
  std::vector<double> counts_;
  double losses_[kFrameCells] = {};
  const RecordContext nowhere_ = {};
  std::unique_ptr<Framer> framer_;
};

struct Arm {
  std::string name;
  // Runs over one block of whole lines.
  std::function<void(const char*, size_t)> block;
  // Of each block the fastest round: whoever takes the processor away in between takes it from few of them.
  std::vector<double> seconds;
  std::vector<double> cycles;
  // Of each round.
  std::vector<double> round_seconds;
  // Lines that it left, of `lines`; -1: it decides nothing.
  double passed = -1;
};

// So that what an arm finds is not optimized away.
volatile uint64_t sink;

Arm MemcpyArm() {
  auto to = std::make_shared<std::vector<char>>(kBlockBytes);
  return {"memcpy of a block",
          [to](const char* block, size_t size) {
            std::memcpy(to->data(), block, size);
            sink = static_cast<uint8_t>((*to)[size - 1]);
          },
          {},
          {},
          {}};
}

// Calls take(line, bytes with the LF) for each line, found by the kernel.
template <typename Take>
void Split(const char* block, size_t size, const Take& take) {
  const FindLineEndsFunction find = ActiveKernel().find_line_ends;
  uint16_t offsets[kLineEndsMax];
  const char* line = block;
  for (const char *from = block, *end = block + size; from < end;) {
    const LineEnds found = find(reinterpret_cast<const uint8_t*>(from), reinterpret_cast<const uint8_t*>(end), offsets);
    for (uint32_t i = 0; i < found.count; ++i) {
      const char* const after = from + offsets[i] + 1;
      take(line, static_cast<size_t>(after - line));
      line = after;
    }
    from += found.bytes;
  }
}

Arm SplitArm() {
  return {"split by the newline kernel",
          [](const char* block, size_t size) {
            uint64_t sum = 0;
            Split(block, size, [&](const char*, size_t bytes) { sum += bytes; });
            if (sum != size) Fail("the newline kernel lost bytes");
            sink = sum;
          },
          {},
          {},
          {}};
}

Arm MemchrArm() {
  return {"split by one memchr a line",
          [](const char* block, size_t size) {
            uint64_t sum = 0;
            for (const char *line = block, *end = block + size; line < end;) {
              const void* found = std::memchr(line, '\n', static_cast<size_t>(end - line));
              const char* const after = found == nullptr ? end : static_cast<const char*>(found) + 1;
              sum += static_cast<uint64_t>(after - line);
              line = after;
            }
            sink = sum;
          },
          {},
          {},
          {}};
}

Arm SplitCopyArm() {
  auto to = std::make_shared<std::vector<char>>(kBlockBytes);
  return {"split + one memcpy a line",
          [to](const char* block, size_t size) {
            char* out = to->data();
            Split(block, size, [&](const char* line, size_t bytes) {
              std::memcpy(out, line, bytes);
              out += bytes;
            });
            sink = static_cast<uint8_t>(out[-1]);
          },
          {},
          {},
          {}};
}

Arm FrameArm(const char* name, FramingKind kind) {
  auto losses = std::make_shared<std::vector<double>>(kFrameCells);
  auto framer = std::make_shared<Framer>(kind, "", 1 << 20, losses->data());
  return {name,
          [losses, framer](const char* block, size_t size) {
            framer->Begin(block, size, 0);
            Record record;
            uint64_t sum = 0;
            while (framer->Next(&record)) {
              sum += record.size;
              framer->Commit();
            }
            framer->Keep();
            sink = sum;
          },
          {},
          {},
          {}};
}

// A batch of a block's lines, filled before the clock runs.
std::vector<uint64_t> BatchOf(const char* block, size_t size) {
  const auto lines = static_cast<size_t>(std::count(block, block + size, '\n'));
  std::vector<uint64_t> words((sizeof(BatchHeader) + lines * sizeof(BatchEntry) + size + 7) / 8);
  auto* const header = reinterpret_cast<BatchHeader*>(words.data());
  header->records_max = header->records = static_cast<uint32_t>(lines);
  header->bytes_max = header->bytes = static_cast<uint32_t>(size);
  auto* entry = reinterpret_cast<BatchEntry*>(header + 1);
  std::memcpy(reinterpret_cast<char*>(entry + lines), block, size);
  Split(block, size, [&](const char* line, size_t bytes) {
    *entry++ = {static_cast<uint32_t>(line - block), static_cast<uint32_t>(bytes - 1), 0, 0};
  });
  return words;
}

// Records into one body a block: as strings, or where they are objects merged with members, as outputs do.
Arm EncodeArm(const char* name, ObjectMode mode) {
  Envelope envelope;
  envelope.before = "[";
  envelope.between = ",";
  envelope.after = "]";
  envelope.string = {"{\"ddsource\":\"streamgate\",\"service\":\"checkout\",\"message\":", FrameTime::kNone, "", "}"};
  envelope.object_mode = mode;
  if (mode == ObjectMode::kMerge) envelope.members = {{"ddsource", "\"streamgate\""}, {"service", "\"checkout\""}};
  const char* fault = nullptr;
  auto encoder = std::make_shared<Encoder>(std::move(envelope), &fault);
  if (fault != nullptr) Fail(fault);
  auto batches = std::make_shared<std::unordered_map<const char*, std::vector<uint64_t>>>();
  return {name,
          [encoder, batches](const char* block, size_t size) {
            // In the round that warms up.
            std::vector<uint64_t>& batch = (*batches)[block];
            if (batch.empty()) batch = BatchOf(block, size);
            const uint32_t records = reinterpret_cast<const BatchHeader*>(batch.data())->records;
            encoder->Begin({UINT32_MAX, UINT32_MAX, UINT32_MAX});
            if (encoder->Append(batch.data(), 0, records, 0) != records) Fail("the encoder lost records");
            size_t bytes = 0;
            uint8_t* const body = encoder->Finish(&bytes);
            sink = body[bytes / 2];
            std::free(body);
          },
          {},
          {},
          {}};
}

// Blocks of whole lines.
std::vector<std::pair<size_t, size_t>> Blocks(const std::string& corpus) {
  std::vector<std::pair<size_t, size_t>> blocks;
  for (size_t at = 0; at < corpus.size();) {
    size_t end = std::min(at + kBlockBytes, corpus.size());
    if (end < corpus.size()) end = corpus.rfind('\n', end - 1) + 1;
    if (end <= at) Fail("the corpus has a line of more than a block");
    blocks.push_back({at, end - at});
    at = end;
  }
  return blocks;
}

// @returns records that passed
double CheckAgreement(const std::string& name, const std::string& plan, const std::string& corpus) {
  EngineArm fast(plan, FramingKind::kNewline, true);
  EngineArm plain(plan, FramingKind::kNewline, false);
  size_t seen = 0;
  for (const auto& [at, size] : Blocks(corpus)) {
    const char* const block = corpus.data() + at;
    fast.Block(block, size);
    if (seen < kAgreeBytes) {
      plain.Block(block, size);
      const BatchHeader& a = *fast.batch().header();
      const BatchHeader& b = *plain.batch().header();
      if (a.records != b.records || a.bytes != b.bytes ||
          std::memcmp(fast.batch().bytes(), plain.batch().bytes(), a.bytes) != 0)
        Fail(name + ": with and without prefilters the batches differ");
    }
    seen += size;
  }
  const double lines = static_cast<double>(std::count(corpus.begin(), corpus.end(), '\n'));
  if (fast.received() != lines) Fail(name + ": records were lost");
  return fast.passed();
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

int Main(int argc, char** argv) {
  if (argc < 3) Fail("usage: kernel_bench CORPUS ROUNDS [NAME=PLAN]...");
  const std::string corpus = ReadFile(argv[1]);
  const int rounds = std::atoi(argv[2]);
  if (corpus.empty() || corpus.back() != '\n' || rounds < 1) Fail("an empty or unfinished corpus, or no rounds");
  std::vector<Arm> arms = {SplitCopyArm(), SplitCopyArm(), MemcpyArm(), SplitArm(), MemchrArm()};
  arms[1].name += ", again";
  arms.push_back(FrameArm("framer, newline", FramingKind::kNewline));
  arms.push_back(FrameArm("framer, auto", FramingKind::kAuto));
  arms.push_back(EncodeArm("encode, strings", ObjectMode::kString));
  arms.push_back(EncodeArm("encode, objects merged", ObjectMode::kMerge));
  for (int i = 3; i < argc; ++i) {
    const std::string arg = argv[i];
    const size_t cut = arg.find('=');
    if (cut == std::string::npos) Fail("an arm is NAME=PLAN");
    const std::string plan = ReadFile(arg.substr(cut + 1));
    const double passed = CheckAgreement(arg.substr(0, cut), plan, corpus);
    auto engine = std::make_shared<EngineArm>(plan, FramingKind::kAuto, true);
    arms.push_back({arg.substr(0, cut),
                    [engine](const char* block, size_t size) { engine->Block(block, size); },
                    {},
                    {},
                    {},
                    passed});
  }
  const auto blocks = Blocks(corpus);
  const Cycles cycles;
  for (Arm& arm : arms) {
    arm.seconds.assign(blocks.size(), std::numeric_limits<double>::infinity());
    arm.cycles = arm.seconds;
  }
  // The first round warms up and is not counted.
  for (int round = 0; round <= rounds; ++round) {
    for (Arm& arm : arms) {
      double sum = 0;
      for (size_t i = 0; i < blocks.size(); ++i) {
        const auto start = std::chrono::steady_clock::now();
        const uint64_t from = cycles.Now();
        arm.block(corpus.data() + blocks[i].first, blocks[i].second);
        const uint64_t to = cycles.Now();
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
        sum += took.count();
        if (round == 0) continue;
        arm.seconds[i] = std::min(arm.seconds[i], took.count());
        arm.cycles[i] = std::min(arm.cycles[i], static_cast<double>(to - from));
      }
      if (round > 0) arm.round_seconds.push_back(sum);
    }
  }
  const auto sum = [](const std::vector<double>& parts) { return std::accumulate(parts.begin(), parts.end(), 0.0); };
  for (const Arm& arm : arms) {
    std::printf(
        "{\"kernel\":\"%s\",\"arm\":\"%s\",\"bytes\":%zu,\"lines\":%.0f,\"passed\":%.0f,\"seconds\":%.9f,"
        "\"secondsMedian\":%.9f,\"cycles\":%.0f,\"cycleUnit\":\"%s\"}\n",
        ActiveKernel().name, arm.name.c_str(), corpus.size(),
        static_cast<double>(std::count(corpus.begin(), corpus.end(), '\n')), arm.passed, sum(arm.seconds),
        Median(arm.round_seconds), sum(arm.cycles), cycles.unit());
  }
  return 0;
}

}  // namespace
}  // namespace streamgate

int main(int argc, char** argv) { return streamgate::Main(argc, argv); }
