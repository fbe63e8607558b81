// Framing: every rule, with the stream cut at every place.
#include "frame/framer.h"

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "test/check.h"

namespace streamgate {
namespace {

struct Outcome {
  std::string records;  // each followed by '|'
  double cells[kFrameCells] = {};
  bool operator==(const Outcome& other) const {
    for (uint32_t i = 0; i < kFrameCells; ++i)
      if (cells[i] != other.cells[i]) return false;
    return records == other.records;
  }
  double lost(FrameCell cell) const { return cells[static_cast<uint32_t>(cell)]; }
};

std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
  out << "\"" << outcome.records << "\" lost";
  for (double cell : outcome.cells) out << " " << cell;
  return out;
}

struct Stream {
  FramingKind kind = FramingKind::kAuto;
  uint32_t max = 1000;
  std::string delimiter = "";
};

// Frames `chunks`. Every `refuse_every`th record is first given back, as a full batch or ring does (0: never).
// `by_lists`: asks for lines in lists, and for others one by one.
Outcome Run(const Stream& stream, const std::vector<std::string>& chunks, int refuse_every, bool by_lists = false) {
  Outcome outcome;
  Framer framer(stream.kind, stream.delimiter, stream.max, outcome.cells);
  int asked = 0;
  const auto refuses = [&] { return refuse_every > 0 && ++asked % refuse_every == 0; };
  Record record;
  for (const std::string& bytes : chunks) {
    // A copy of its own, freed after the call, so that a sanitizer sees a framer that holds on to it.
    size_t at = 0;
    bool done = false;
    while (!done) {
      const std::vector<char> chunk(bytes.begin(), bytes.end());
      framer.Begin(chunk.data(), chunk.size(), at);
      done = true;
      const auto take = [&outcome](const Record& taken) {
        outcome.records.append(taken.data, taken.size).append("|");
        if (taken.lf_follows) CHECK(taken.data[taken.size] == '\n');
      };
      for (;;) {
        Record lines[5];
        if (const size_t found = by_lists ? framer.NextLines(lines, 5) : 0) {
          size_t taken = 0;
          while (taken < found && !refuses()) take(lines[taken++]);
          if (taken == found) {
            framer.Commit();
            continue;
          }
          framer.RollbackTo(lines[taken]);
          at = framer.at();
          done = false;
          break;
        }
        if (!framer.Next(&record)) break;
        if (refuses()) {
          framer.Rollback();
          at = framer.at();
          done = false;
          break;
        }
        take(record);
        framer.Commit();
      }
      if (done) framer.Keep();
    }
  }
  while (framer.NextEnd(&record)) {
    if (refuses()) {
      framer.Rollback();
      continue;
    }
    outcome.records.append(record.data, record.size).append("|");
    framer.Commit();
  }
  CHECK(framer.pending_bytes() == 0);
  return outcome;
}

// The outcome of the whole, after checking that every cut into two and into single bytes gives the same.
Outcome Frame(const Stream& stream, const std::string& bytes) {
  const Outcome whole = Run(stream, {bytes}, 0);
  CHECK_EQUAL(Run(stream, {bytes}, 2), whole);
  CHECK_EQUAL(Run(stream, {bytes}, 0, true), whole);
  CHECK_EQUAL(Run(stream, {bytes}, 3, true), whole);
  std::vector<std::string> singles;
  for (char byte : bytes) singles.emplace_back(1, byte);
  CHECK_EQUAL(Run(stream, singles, 0), whole);
  CHECK_EQUAL(Run(stream, singles, 2), whole);
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    CHECK_EQUAL(Run(stream, {bytes.substr(0, cut), bytes.substr(cut)}, 0), whole);
    CHECK_EQUAL(Run(stream, {bytes.substr(0, cut), bytes.substr(cut)}, 2), whole);
    CHECK_EQUAL(Run(stream, {bytes.substr(0, cut), bytes.substr(cut)}, 2, true), whole);
    for (size_t second = cut; second <= bytes.size() && bytes.size() < 60; ++second)
      CHECK_EQUAL(Run(stream, {bytes.substr(0, cut), bytes.substr(cut, second - cut), bytes.substr(second)}, 3), whole);
  }
  return whole;
}

std::string operator""_s(const char* text, size_t size) { return std::string(text, size); }

TEST("what has begun of a record is told in all its bytes, over the longest too", {
  struct Step {
    const char* bytes;
    uint64_t begun;
  };
  struct Case {
    FramingKind kind;
    std::vector<Step> steps;
  };
  const std::vector<Case> cases = {
      {FramingKind::kNewline, {{"a\n", 0}, {"b", 1}, {"cdefghij", 9}, {"\r", 10}, {"\nk", 1}, {"\n", 0}}},
      {FramingKind::kAuto,
       {{"1", 1}, {"0 ", 3}, {"<", 4}, {"345678", 10}, {"abc", 0}, {"<1", 2}, {">x", 4}, {"\n", 0}}},
      {FramingKind::kOctet, {{"\r", 1}, {"\n", 0}, {"3 ", 2}, {"a", 3}, {"bc", 0}, {"x", 0}, {"yz", 0}}},
  };
  for (const Case& one : cases) {
    double losses[kFrameCells] = {};
    Framer framer(one.kind, "", 4, losses);
    Record record;
    for (const Step& step : one.steps) {
      framer.Begin(step.bytes, std::strlen(step.bytes), 0);
      while (framer.Next(&record)) framer.Commit();
      framer.Keep();
      CHECK_EQUAL(framer.begun_bytes(), step.begun);
    }
  }
});

TEST("lines end at LF or CR LF or the close, empty ones are none", {
  const Stream lines{FramingKind::kNewline};
  CHECK_EQUAL(Frame(lines, "a\r\nbc\n\n\r\n\rd\r\r\ne\r").records, "a|bc|\rd\r|e\r|");
  CHECK_EQUAL(Frame(lines, "a\0b\nc"_s).records, "a\0b|c|"_s);
});

TEST("auto takes a count only before a syslog priority's bracket", {
  const Stream any{};
  CHECK_EQUAL(Frame(any, "5 <abcd6 <a\ncd\nx").records, "<abcd|<a\ncd\n|x|");
  CHECK_EQUAL(Frame(any, "200 OK /a\n12 monkeys\n99999999 x\n0 <x\n2026-11-23T10 INFO\n").records,
              "200 OK /a|12 monkeys|99999999 x|0 <x|2026-11-23T10 INFO|");
  CHECK_EQUAL(Frame(any, "12345678 <a\n1234567\n12 \n12").records, "12345678 <a|1234567|12 |12|");
  CHECK_EQUAL(Frame(any, "9 <abc").records, "<abc|");
});

TEST("auto ends a line that begins with a priority at NUL too", {
  const Stream any{};
  CHECK_EQUAL(Frame(any, "<13>a\0<13>b\n<191>c\r\n<14>d\0\nx\0y\n"_s).records, "<13>a|<13>b|<191>c|<14>d|x\0y|"_s);
  CHECK_EQUAL(Frame(any, "<192>a\0b\n<>c\0d\n<1234>e\0f\n<1"_s).records, "<192>a\0b|<>c\0d|<1234>e\0f|<1|"_s);
});

TEST("octet counting takes frames as they are and skips line ends between them", {
  const Stream octet{FramingKind::kOctet};
  CHECK_EQUAL(Frame(octet, "3 a\nb2 cd\n\r\n1 e").records, "a\nb|cd|e|");
});

TEST("octet counting books what is malformed or unfinished", {
  const Stream octet{FramingKind::kOctet};
  const Outcome malformed = Frame(octet, "1 ahello\n3 abc");
  CHECK_EQUAL(malformed.records, "a|");
  CHECK_EQUAL(malformed.lost(FrameCell::kLostFrameRecords), 1.0);
  CHECK_EQUAL(malformed.lost(FrameCell::kLostFrameBytes), 11.0);
  const Outcome unfinished = Frame(octet, "1 a10 abc");
  CHECK_EQUAL(unfinished.records, "a|");
  CHECK_EQUAL(unfinished.lost(FrameCell::kLostFrameRecords), 1.0);
  CHECK_EQUAL(unfinished.lost(FrameCell::kLostFrameBytes), 3.0);
  CHECK_EQUAL(Frame(octet, "01 a").lost(FrameCell::kLostFrameBytes), 4.0);
});

TEST("nul, length32 and delimiter", {
  CHECK_EQUAL(Frame({FramingKind::kNul}, "a\n\0\0b\0c"_s).records, "a\n|b|c|");
  const Outcome lengths = Frame({FramingKind::kLength32}, "\0\0\0\2ab\0\0\0\0\0\0\0\1c\0\0\0\4de"_s);
  CHECK_EQUAL(lengths.records, "ab|c|");
  CHECK_EQUAL(lengths.lost(FrameCell::kLostFrameBytes), 2.0);
  CHECK_EQUAL(Frame({FramingKind::kDelimiter, 1000, "aab"}, "xaaabyaabaabza").records, "xa|y|za|");
  CHECK_EQUAL(Frame({FramingKind::kDelimiter, 4, "ab"}, "-...ab----ab+++++ab").records, "-...|----|++++|");
});

TEST("a datagram is a record without the one line end or NUL at its end", {
  const Stream datagrams{FramingKind::kDatagram};
  CHECK_EQUAL(Run(datagrams, {"a\nb\r\n", "c\0"_s, "\n", "", "d\n\n", "12 <e"}, 2).records, "a\nb|c|d\n|12 <e|");
});

TEST("a long record is cut, and no half word or number passes", {
  const Stream ten{FramingKind::kNewline, 10};
  CHECK_EQUAL(Frame(ten, "0123456789\r\n").records, "0123456789|");
  const Outcome cut = Frame(ten, "abc defghijk\nnext\n");
  CHECK_EQUAL(cut.records, "abc |next|");
  CHECK_EQUAL(cut.lost(FrameCell::kLostOversizeBytes), 8.0);
  CHECK_EQUAL(cut.lost(FrameCell::kCutRecords), 1.0);
  const Outcome gone = Frame(ten, "abcdefghijklmnopqrstuvwxyz\r\n");
  CHECK_EQUAL(gone.records, "");
  CHECK_EQUAL(gone.lost(FrameCell::kLostOversizeRecords), 1.0);
  CHECK_EQUAL(gone.lost(FrameCell::kLostOversizeBytes), 26.0);
  CHECK_EQUAL(Frame({FramingKind::kNewline, 17}, "card 4111 1111 11.11\n").records, "card |");
  CHECK_EQUAL(Frame({FramingKind::kNewline, 15}, "card 4111 1111 1111\n").records, "card |");
  CHECK_EQUAL(Frame({FramingKind::kNewline, 18}, "v1 abc-4111 1111 111\n").records, "v1 abc-|");
  CHECK_EQUAL(Frame({FramingKind::kOctet, 4}, "8 ab cdefg2 hi").records, "ab |hi|");
  CHECK_EQUAL(Frame({FramingKind::kAuto, 6}, "12 <13>abc").records, "<13>|");
});

// What framing newline means, said once more in the plainest way.
std::string Lines(const std::string& bytes) {
  std::string records;
  for (size_t at = 0; at < bytes.size();) {
    size_t end = bytes.find('\n', at);
    const bool ended = end != std::string::npos;
    if (!ended) end = bytes.size();
    size_t size = end - at;
    if (ended && size > 0 && bytes[end - 1] == '\r') --size;
    if (size > 0) records.append(bytes, at, size).append("|");
    at = end + 1;
  }
  return records;
}

TEST("lines of any length come out the same whatever the chunks", {
  std::mt19937 random(20261123);
  for (int round = 0; round < 60; ++round) {
    // Short lines fill the list of line ends, long ones outlast the bytes that are looked at in one go.
    const size_t longest = size_t{3} << (random() % 13);
    std::string bytes;
    while (bytes.size() < 40000) {
      bytes += std::string(random() % longest, static_cast<char>("aZ<0 "[random() % 5]));
      bytes += random() % 4 == 0 ? "\r\n" : "\n";
    }
    bytes += "end";
    std::vector<std::string> chunks;
    const size_t chunk_bytes_max = size_t{2} << (random() % 15);
    for (size_t at = 0; at < bytes.size();) {
      chunks.push_back(bytes.substr(at, 1 + random() % chunk_bytes_max));
      at += chunks.back().size();
    }
    const std::string expected = Lines(bytes);
    for (const FramingKind kind : {FramingKind::kNewline, FramingKind::kAuto}) {
      CHECK(Run({kind, 100000}, {bytes}, 0).records == expected);
      CHECK(Run({kind, 100000}, chunks, 0).records == expected);
      CHECK(Run({kind, 100000}, chunks, 3).records == expected);
    }
  }
});

TEST("auto finds counted frames and messages ended by NUL between lines", {
  std::string bytes;
  std::string records;
  for (int i = 0; i < 200; ++i) {
    bytes += "2026-11-23 a line\n<13>ended by NUL\0"_s + "11 <14>a\nb\nc\nd" + "\n\r\n1234567\n7 dwarfs\r\n";
    records += "2026-11-23 a line|<13>ended by NUL|<14>a\nb\nc\nd|1234567|7 dwarfs|";
  }
  const Stream any{};
  CHECK(Run(any, {bytes}, 0).records == records);
  CHECK(Run(any, {bytes}, 2).records == records);
  std::vector<std::string> singles;
  for (const char byte : bytes) singles.emplace_back(1, byte);
  CHECK(Run(any, singles, 0).records == records);
});

}  // namespace
}  // namespace streamgate
