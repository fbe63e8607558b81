// Framing: a stream gives the same records and losses however it is cut into chunks, whether records are taken one by
// one or in lists, and when some are given back and asked for again.
//
//     u8 framing · u8 most record bytes · u16 seed of the cuts · u8 delimiter bytes · delimiter · stream
#include <string>
#include <vector>

#include "frame/framer.h"
#include "fuzz/input.h"

namespace streamgate::fuzz {
namespace {

struct Outcome {
  std::vector<std::string> records;
  double cells[kFrameCells] = {};
};

struct Stream {
  FramingKind kind;
  std::string delimiter;
  uint32_t record_bytes_max;
};

// What one pass does: where it cuts, how often it gives records back (0: never), whether it asks for lists.
struct Pass {
  uint64_t seed = 0;
  size_t chunk_bytes_max = SIZE_MAX;
  size_t refuse_every = 0;
  bool lists = false;
};

Outcome Run(const Stream& stream, std::string_view bytes, const Pass& pass) {
  Outcome outcome;
  Framer framer(stream.kind, stream.delimiter, stream.record_bytes_max, outcome.cells);
  Chance chance(pass.seed);
  size_t asked = 0;
  const auto refuses = [&] { return pass.refuse_every > 0 && ++asked % pass.refuse_every == 0; };
  const auto take = [&](const Record& record) {
    REQUIRE(record.size > 0, "an empty record");
    REQUIRE(record.size <= stream.record_bytes_max, "%u bytes", record.size);
    if (record.lf_follows) REQUIRE(record.data[record.size] == '\n', "no LF behind");
    outcome.records.emplace_back(record.data, record.size);
  };
  Record record;
  while (!bytes.empty()) {
    const size_t size = pass.chunk_bytes_max >= bytes.size() ? bytes.size() : 1 + chance.Below(pass.chunk_bytes_max);
    const std::string_view piece = bytes.substr(0, size);
    bytes.remove_prefix(piece.size());
    const size_t before = outcome.records.size();
    for (size_t at = 0, done = 0; done == 0;) {
      const Exact chunk(piece);
      framer.Begin(chunk.data(), chunk.size(), at);
      done = 1;
      for (;;) {
        Record lines[5];
        const size_t found = pass.lists ? framer.NextLines(lines, 5) : 0;
        size_t taken = 0;
        while (taken < found && !refuses()) take(lines[taken++]);
        if (taken < found) {
          framer.RollbackTo(lines[taken]);
          done = 0;
          break;
        }
        if (found == 0) {
          if (!framer.Next(&record)) break;
          if (refuses()) {
            framer.Rollback();
            done = 0;
            break;
          }
          take(record);
        }
        framer.Commit();
      }
      if (done == 0) {
        REQUIRE(framer.at() >= at && framer.at() <= chunk.size(), "%zu", framer.at());
        at = framer.at();
      } else {
        framer.Keep();
        REQUIRE(framer.pending_bytes() <= uint64_t{stream.record_bytes_max} + 16, "%zu", framer.pending_bytes());
        REQUIRE(framer.begun_bytes() >= framer.pending_bytes(), "%llu",
                static_cast<unsigned long long>(framer.begun_bytes()));
        // What is at hand behind a record that ended is another one, and said to be no longer than the chunk.
        REQUIRE(outcome.records.size() == before || framer.begun_bytes() < chunk.size(), "%llu of %zu",
                static_cast<unsigned long long>(framer.begun_bytes()), chunk.size());
      }
    }
  }
  while (framer.NextEnd(&record)) {
    if (refuses()) {
      framer.Rollback();
      continue;
    }
    take(record);
    framer.Commit();
  }
  REQUIRE(framer.pending_bytes() == 0, "%zu bytes are left", framer.pending_bytes());
  return outcome;
}

void Same(const Outcome& one, const Outcome& other, const char* pass) {
  REQUIRE(one.records.size() == other.records.size(), "%s: %zu and %zu records", pass, one.records.size(),
          other.records.size());
  for (size_t i = 0; i < one.records.size(); ++i)
    REQUIRE(one.records[i] == other.records[i], "%s: record %zu: %s and %s", pass, i, one.records[i].c_str(),
            other.records[i].c_str());
  for (uint32_t i = 0; i < kFrameCells; ++i)
    REQUIRE(one.cells[i] == other.cells[i], "%s: cell %u: %f and %f", pass, i, one.cells[i], other.cells[i]);
}

}  // namespace
}  // namespace streamgate::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace streamgate;
  using namespace streamgate::fuzz;
  Input input(data, size);
  Stream stream;
  stream.kind = static_cast<FramingKind>(input.Byte() % 7);
  constexpr uint32_t kSizes[] = {1000, 1, 2, 7, 10, 16, 31, 100};
  stream.record_bytes_max = kSizes[input.Byte() % 8];
  const uint64_t seed = input.Number(2);
  stream.delimiter = input.Take(1 + input.Byte() % kDelimiterBytesMax);
  if (stream.delimiter.empty()) return 0;
  const std::string_view bytes = input.Rest();
  const Outcome whole = Run(stream, bytes, {});
  Same(whole, Run(stream, bytes, {seed, SIZE_MAX, 0, true}), "in lists");
  Same(whole, Run(stream, bytes, {seed, SIZE_MAX, 2, false}), "given back");
  Same(whole, Run(stream, bytes, {seed, SIZE_MAX, 3, true}), "lists given back");
  double taken = 0;
  for (const std::string& record : whole.records) taken += static_cast<double>(record.size());
  const auto lost = [&whole](FrameCell cell) { return whole.cells[static_cast<uint32_t>(cell)]; };
  taken += lost(FrameCell::kLostOversizeBytes) + lost(FrameCell::kLostFrameBytes);
  REQUIRE(taken <= static_cast<double>(bytes.size()), "%f bytes of %zu", taken, bytes.size());
  // A datagram is a chunk.
  if (stream.kind == FramingKind::kDatagram) return 0;
  const size_t chunk = 2 + seed % 61;
  Same(whole, Run(stream, bytes, {seed, 1, 0, false}), "by bytes");
  Same(whole, Run(stream, bytes, {seed, chunk, 0, true}), "cut");
  Same(whole, Run(stream, bytes, {seed + 1, chunk, 2, false}), "cut and given back");
  Same(whole, Run(stream, bytes, {seed + 2, chunk, 3, true}), "cut, lists given back");
  return 0;
}
