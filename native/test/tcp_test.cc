// The TCP reader on loopback and on socket pairs: seams, backpressure, ends, shutdown. Through the addon:
// src/data/inputs/tcp.test.ts.
#if defined(__linux__)

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "generated/layout.h"
#include "plan/batch.h"
#include "plan/prepare.h"
#include "plan/run.h"
#include "socket/gathering.h"
#include "tcp/closing.h"
#include "tcp/reader.h"
#include "tcp/sources.h"
#include "test/check.h"

namespace streamgate {
namespace {

// A batch of its own memory.
class BatchMemory {
 public:
  BatchMemory(uint32_t records_max, uint32_t bytes_max)
      : words_(new uint64_t[(sizeof(BatchHeader) + records_max * sizeof(BatchEntry) + bytes_max + 7) / 8]()) {
    header()->records_max = records_max;
    header()->bytes_max = bytes_max;
  }
  BatchHeader* header() { return reinterpret_cast<BatchHeader*>(words_.get()); }
  std::string Text() {
    const auto* entries = reinterpret_cast<const BatchEntry*>(header() + 1);
    return std::string(reinterpret_cast<const char*>(entries + header()->records_max), header()->bytes);
  }
  void Clear() { header()->records = header()->bytes = 0; }

 private:
  std::unique_ptr<uint64_t[]> words_;
};

// A reader whose records pass unchanged into batches of a given size.
class Rig {
 public:
  explicit Rig(uint32_t records_max = 100'000, uint32_t bytes_max = 64 << 20,
               FramingKind framing = FramingKind::kNewline, size_t unfinished_bytes_max = SIZE_MAX,
               uint32_t max_record_bytes = 1 << 20, Sources sources = {})
      : batch_(records_max, bytes_max) {
    runner.Use(std::make_shared<PreparedPlan>(), counts_);
    runner.batch().Attach(batch_.header());
    TcpReader::Options options;
    options.framing = framing;
    options.unfinished_bytes_max = unfinished_bytes_max;
    options.max_record_bytes = max_record_bytes;
    options.losses = losses;
    options.sources = sources;
    TcpListener::Error error;
    reader = TcpReader::Create(options, &error);
    CHECK(reader != nullptr);
  }
  ~Rig() {
    for (const int fd : peers_)
      if (fd >= 0) close(fd);
  }

  // A connection to the reader by a socket pair. Returns the peer's number.
  size_t Pair() {
    int ends[2];
    CHECK_EQUAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    reader->Adopt(ends[0], {});
    peers_.push_back(ends[1]);
    return peers_.size() - 1;
  }
  // From there.
  size_t PairFrom(const BlockSource& source) {
    int ends[2];
    CHECK_EQUAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    reader->Adopt(ends[0], source);
    peers_.push_back(ends[1]);
    return peers_.size() - 1;
  }
  // `silent`: this side has heard the answer, and does not say so until it sends something, or 200 ms have passed.
  size_t Connect(uint16_t port, bool silent = false) {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    const int off = 0;
    if (silent) setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof off);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK_EQUAL(connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    peers_.push_back(fd);
    return peers_.size() - 1;
  }
  // Returns what was sent: less than all when the peer's buffer is full.
  size_t Send(size_t peer, const std::string& text) {
    const ssize_t sent = send(peers_[peer], text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent < 0 ? 0 : static_cast<size_t>(sent);
  }
  void Hang(size_t peer) {
    close(peers_[peer]);
    peers_[peer] = -1;
  }
  void Reset(size_t peer) {
    const linger now{1, 0};
    setsockopt(peers_[peer], SOL_SOCKET, SO_LINGER, &now, sizeof now);
    Hang(peer);
  }
  int peer(size_t index) const { return peers_[index]; }

  TcpReader::Result Read() { return reader->Read({runner}); }
  // Passes until the reader has nothing to read, with a fresh batch whenever one is full.
  void ReadAll() {
    do {
      while (Read() == TcpReader::Result::kBatchFull) Take();
    } while (Readable(0));
    Take();
  }
  // Is one of its descriptors readable, within so long?
  bool Readable(int timeout_ms) {
    pollfd fds[] = {{reader->timer_fd(), POLLIN, 0}, {reader->gathers() ? -1 : reader->poll_fd(), POLLIN, 0}};
    return poll(fds, 2, timeout_ms) > 0;
  }
  void Take() {
    text += batch_.Text();
    batch_.Clear();
  }

  Runner runner;
  std::unique_ptr<TcpReader> reader;
  std::string text;
  double losses[kFrameCells] = {};

 private:
  double counts_[kCountCellsFixed] = {};
  BatchMemory batch_;
  std::vector<int> peers_;
};

TEST("a reader joins a record whose bytes come one at a time, and keeps connections apart", {
  Rig rig;
  const size_t a = rig.Pair();
  const size_t b = rig.Pair();
  for (const char byte : std::string("one\ntwo\n")) {
    rig.Send(a, std::string(1, byte));
    rig.Send(b, std::string(1, byte == '\n' ? byte : static_cast<char>(byte - 32)));
    rig.ReadAll();
  }
  CHECK(rig.text == "one\nONE\ntwo\nTWO\n" || rig.text == "ONE\none\nTWO\ntwo\n");
});

TEST("a reader that finds the batch full goes on where it was, with nothing lost or doubled", {
  Rig rig(7, 4096);
  std::string sent;
  for (int i = 0; i < 5000; ++i) sent += "line " + std::to_string(i) + "\n";
  const size_t a = rig.Pair();
  size_t at = 0;
  int full = 0;
  while (rig.text.size() < sent.size()) {
    at += rig.Send(a, sent.substr(at, 1 + at % 3001));
    for (TcpReader::Result result; (result = rig.Read()) == TcpReader::Result::kBatchFull; ++full) rig.Take();
    rig.Take();
  }
  CHECK(rig.text == sent);
  CHECK(full > 500);
});

TEST("a reader with a full batch reads nothing more, however often it is asked", {
  Rig rig(1, 100);
  const size_t a = rig.Pair();
  const size_t b = rig.Pair();
  rig.Send(a, "a1\na2\n");
  rig.Send(b, "b1\nb2\n");
  for (int i = 0; i < 3; ++i) CHECK(rig.Read() == TcpReader::Result::kBatchFull);
  CHECK_EQUAL(rig.runner.batch().attached(), true);
  rig.Take();
  CHECK_EQUAL(rig.text.size(), size_t{3});
  rig.ReadAll();
  CHECK_EQUAL(rig.text.size(), size_t{12});
  CHECK(rig.text.find("a1\na2\n") != std::string::npos);
  CHECK(rig.text.find("b1\nb2\n") != std::string::npos);
});

TEST("a peer that closes ends its stream: a last record without its end counts, also when the batch was full", {
  Rig rig(1, 100);
  const size_t a = rig.Pair();
  rig.Send(a, "one\nlast");
  rig.Hang(a);
  CHECK(rig.Read() == TcpReader::Result::kBatchFull);
  CHECK(rig.Read() == TcpReader::Result::kBatchFull);
  CHECK_EQUAL(rig.reader->connections(), size_t{1});
  rig.Take();
  CHECK(rig.Read() == TcpReader::Result::kDone);
  rig.Take();
  CHECK_EQUAL(rig.text, "one\nlast\n");
  CHECK_EQUAL(rig.reader->connections(), size_t{0});
});

TEST("a peer that half-closes sees our side closed after what it sent was taken", {
  Rig rig;
  TcpListener::Error error;
  const uint16_t port = rig.reader->Listen("127.0.0.1", 0, false, &error);
  CHECK_EQUAL(error.message, "");
  const size_t a = rig.Connect(port);
  rig.Send(a, "a\nb");
  shutdown(rig.peer(a), SHUT_WR);
  while (rig.reader->accepted() == 0 || rig.reader->connections() > 0)
    if (rig.Readable(1000)) rig.ReadAll();
  CHECK_EQUAL(rig.text, "a\nb\n");
  char byte;
  CHECK_EQUAL(recv(rig.peer(a), &byte, 1, 0), ssize_t{0});
});

TEST("a reset counts as a close: what was received stays", {
  Rig rig;
  TcpListener::Error error;
  const uint16_t port = rig.reader->Listen("", 0, false, &error);
  const size_t a = rig.Connect(port);
  rig.Send(a, "kept\nalso");
  while (rig.text.empty())
    if (rig.Readable(1000)) rig.ReadAll();
  rig.Reset(a);
  while (rig.reader->connections() > 0)
    if (rig.Readable(1000)) rig.ReadAll();
  CHECK_EQUAL(rig.text, "kept\nalso\n");
});

TEST("a reader has its port to itself, and says with the system's number why it does not open", {
  Rig rig;
  Rig other;
  TcpListener::Error error;
  const uint16_t port = rig.reader->Listen("127.0.0.1", 0, false, &error);
  CHECK_EQUAL(other.reader->Listen("127.0.0.1", port, false, &error), 0);
  CHECK_EQUAL(error.code, EADDRINUSE);
  CHECK_EQUAL(other.reader->Listen("192.0.2.1", 0, false, &error), 0);
  CHECK_EQUAL(error.code, EADDRNOTAVAIL);
  CHECK_EQUAL(other.reader->Listen("no address", 0, false, &error), 0);
  CHECK_EQUAL(error.code, 0);
  Rig first;
  Rig second;
  const uint16_t shared = first.reader->Listen("127.0.0.1", 0, true, &error);
  CHECK_EQUAL(second.reader->Listen("127.0.0.1", shared, true, &error), shared);
});

TEST("a thousand connections, each with a line, are one pass or a few", {
  Rig rig;
  TcpListener::Error error;
  const uint16_t port = rig.reader->Listen("127.0.0.1", 0, false, &error);
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  for (size_t i = 0; i < 1000; ++i) {
    const size_t peer = rig.Connect(port);
    rig.Send(peer, "line of " + std::to_string(i) + "\n");
    if (i % 100 == 99) rig.ReadAll();  // the backlog has an end
  }
  while (rig.text.size() < 1000 * 8)
    if (rig.Readable(1000)) rig.ReadAll();
  rig.ReadAll();
  size_t lines = 0;
  for (const char byte : rig.text) lines += byte == '\n';
  CHECK_EQUAL(lines, size_t{1000});
  CHECK_EQUAL(rig.reader->connections(), size_t{1000});
  for (size_t i = 0; i < 1000; ++i) rig.Hang(i);
  while (rig.reader->connections() > 0)
    if (rig.Readable(1000)) rig.ReadAll();
});

TEST("a process without descriptors closes the connections that it can not keep, and serves on", {
  Rig rig;
  TcpListener::Error error;
  const uint16_t port = rig.reader->Listen("127.0.0.1", 0, false, &error);
  const size_t kept = rig.Connect(port);
  const size_t refused = rig.Connect(port);
  std::vector<int> all;
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  rlimit few = limit;
  few.rlim_cur = 256;
  setrlimit(RLIMIT_NOFILE, &few);
  for (int fd; (fd = open("/dev/null", O_RDONLY)) >= 0;) all.push_back(fd);
  close(all.back());
  all.pop_back();
  rig.ReadAll();
  CHECK_EQUAL(rig.reader->connections(), size_t{1});
  CHECK_EQUAL(rig.reader->refused(), uint64_t{1});
  char byte;
  CHECK_EQUAL(recv(rig.peer(refused), &byte, 1, 0), ssize_t{0});
  CHECK(!rig.Readable(0));  // it does not turn in circles
  for (const int fd : all) close(fd);
  setrlimit(RLIMIT_NOFILE, &limit);
  const size_t later = rig.Connect(port);
  rig.Send(kept, "kept\n");
  rig.Send(later, "later\n");
  while (rig.text.size() < 11)
    if (rig.Readable(1000)) rig.ReadAll();
  CHECK_EQUAL(rig.reader->connections(), size_t{2});
});

TEST("a listener that not even the spare descriptor helps rests, and comes back by itself", {
  Rig rig;
  TcpListener::Error error;
  const uint16_t port = rig.reader->Listen("127.0.0.1", 0, false, &error);
  rig.Connect(port);
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  rlimit none = limit;
  none.rlim_cur = 3;  // below every descriptor in use: neither accept nor open can succeed
  setrlimit(RLIMIT_NOFILE, &none);
  CHECK(rig.Read() == TcpReader::Result::kDone);
  CHECK(!rig.Readable(0));
  setrlimit(RLIMIT_NOFILE, &limit);
  const size_t later = rig.Connect(port);
  rig.Send(later, "later\n");
  while (rig.text.empty())
    if (rig.Readable(5000)) rig.ReadAll();
  CHECK_EQUAL(rig.text, "later\n");
});

TEST("a pass over a flood ends, so that timers and requests have their turn", {
  Rig rig(100'000, 64 << 20);
  const size_t a = rig.Pair();
  const int size = 16 << 20;
  setsockopt(rig.peer(a), SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
  setsockopt(rig.peer(a), SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  const std::string line(999, 'x');
  size_t sent = 0;
  for (size_t now; (now = rig.Send(a, line + "\n")) > 0;) sent += now;
  CHECK(rig.Read() == TcpReader::Result::kDone);
  rig.Take();
  CHECK(rig.text.size() <= TcpReader::kPassBytes + TcpReader::kReadBytes);
  rig.ReadAll();
  CHECK_EQUAL(rig.text.size(), sent / 1000 * 1000);
});

TEST("a shutdown ends a connection after so many turns without data, and at once when it is cut", {
  Rig rig;
  const size_t a = rig.Pair();
  const size_t b = rig.Pair();
  rig.Send(a, "a");
  for (int turn = 0; turn < 4; ++turn) {
    rig.Send(b, "b");
    rig.ReadAll();
    rig.reader->FinishQuiet(3, false);
  }
  rig.ReadAll();
  CHECK_EQUAL(rig.text, "a\n");
  CHECK_EQUAL(rig.reader->connections(), size_t{1});
  rig.reader->FinishQuiet(3, true);
  rig.ReadAll();
  CHECK_EQUAL(rig.text, "a\nbbbb\n");
  CHECK_EQUAL(rig.reader->connections(), size_t{0});
});

TEST("turns without a look at the sockets do not count", {
  Rig rig;
  const size_t a = rig.Pair();
  rig.ReadAll();
  rig.Send(a, "unread\n");
  for (int turn = 0; turn < 10; ++turn) {
    rig.reader->Pause();
    rig.reader->FinishQuiet(3, false);
  }
  rig.ReadAll();
  CHECK_EQUAL(rig.text, "unread\n");
  CHECK_EQUAL(rig.reader->connections(), size_t{1});
});

TEST("a cut lets every connection bring what the system holds of it, and not more", {
  Rig rig(1, 100);
  std::vector<size_t> peers;
  for (int i = 0; i < 10; ++i) rig.Send(peers.emplace_back(rig.Pair()), "1\n2\n3");
  CHECK(rig.Read() == TcpReader::Result::kBatchFull);
  rig.reader->FinishQuiet(3, true);
  for (const size_t peer : peers) rig.Send(peer, "behind the cut\n");
  rig.ReadAll();
  CHECK_EQUAL(rig.reader->connections(), size_t{0});
  std::string expected;
  // The one that was being run had been read to its end already, so its cut came at once.
  for (int i = 0; i < 10; ++i) expected += "1\n2\n3\n";
  CHECK_EQUAL(rig.text, expected);
  CHECK_EQUAL(rig.reader->Abandon(), uint64_t{10 * 15});
});

TEST("a cut of peers that have closed loses nothing, however little the outputs take", {
  Rig rig(1, 100);
  for (int i = 0; i < 10; ++i) {
    const size_t peer = rig.Pair();
    rig.Send(peer, "1\n2\n3");
    shutdown(rig.peer(peer), SHUT_WR);
  }
  CHECK(rig.Read() == TcpReader::Result::kBatchFull);
  for (int turn = 0; turn < 3; ++turn) rig.reader->FinishQuiet(3, true);
  rig.ReadAll();
  CHECK_EQUAL(rig.text.size(), size_t{10 * 6});
  CHECK_EQUAL(rig.reader->connections(), size_t{0});
  CHECK_EQUAL(rig.reader->Abandon(), uint64_t{0});
});

// Peers that each send one long record, and a reader that may hold few of them at a time.
class LongRecords {
 public:
  static constexpr size_t kRecordBytes = 500'000;
  static constexpr size_t kBytesMax = 4 << 20;
  static constexpr uint32_t kRecordBytesMax = 600'000;

  explicit LongRecords(size_t peers) : rig(100'000, 64 << 20, FramingKind::kNewline, kBytesMax, kRecordBytesMax) {
    for (size_t i = 0; i < peers; ++i) {
      peers_.push_back(rig.Pair());
      std::string record = "record " + std::to_string(i) + " ";
      record.resize(kRecordBytes, static_cast<char>('a' + i % 26));
      records_.push_back(record + "\n");
      sent_.push_back(0);
    }
  }
  // Sends and reads until nothing moves any more: all but `left` bytes of each record.
  void Run(size_t left) {
    for (bool moved = true; moved;) {
      moved = false;
      for (size_t i = 0; i < peers_.size(); ++i) {
        if (sent_[i] + left >= records_[i].size()) continue;
        const size_t sent = rig.Send(peers_[i], records_[i].substr(sent_[i], records_[i].size() - left - sent_[i]));
        sent_[i] += sent;
        moved = moved || sent > 0;
      }
      const size_t before = rig.reader->unfinished_bytes() + rig.text.size();
      rig.ReadAll();
      moved = moved || rig.reader->unfinished_bytes() + rig.text.size() != before;
      most = std::max(most, rig.reader->unfinished_bytes());
    }
  }
  size_t sent(size_t index) const { return sent_[index]; }
  size_t peer(size_t index) const { return peers_[index]; }
  // Every record is there once and whole, in any order.
  bool AllThere() const {
    size_t bytes = 0;
    for (const std::string& record : records_) {
      bytes += record.size();
      if (rig.text.find(record) == std::string::npos) return false;
    }
    return rig.text.size() == bytes;
  }

  Rig rig;
  size_t most = 0;

 private:
  std::vector<size_t> peers_;
  std::vector<std::string> records_;
  std::vector<size_t> sent_;
};

TEST("unfinished records hold no more than their bound, while short ones of others flow on", {
  LongRecords run(40);
  run.Run(1);
  CHECK(run.most > LongRecords::kBytesMax / 2);
  CHECK(run.most <= LongRecords::kBytesMax);
  CHECK(run.rig.reader->held_back() > 0);
  CHECK_EQUAL(run.rig.text, "");
  const size_t other = run.rig.Pair();
  for (int i = 0; i < 100; ++i) {
    run.rig.Send(other, "short\n");
    run.rig.ReadAll();
  }
  CHECK_EQUAL(run.rig.text.size(), size_t{600});
  run.rig.text.clear();
  // Whoever is read on ends its record; then it is the next one's turn.
  run.Run(0);
  CHECK(run.AllThere());
  CHECK(run.most <= LongRecords::kBytesMax);
  CHECK_EQUAL(run.rig.reader->held_back(), size_t{0});
  CHECK_EQUAL(run.rig.reader->unfinished_bytes(), size_t{0});
});

TEST(
    "a connection that is held back goes on alone when its peer closes, and the end of the others' wait changes "
    "nothing",
    {
      LongRecords run(40);
      run.Run(1);
      size_t closed = 0;
      size_t expected = 0;
      for (size_t i = 0; i < 40; ++i) {
        if (run.sent(i) + 1 == LongRecords::kRecordBytes + 1) continue;
        run.rig.Hang(run.peer(i));
        ++closed;
        expected += run.sent(i) + 1;
      }
      CHECK(closed > 0);
      run.rig.ReadAll();
      CHECK(!run.rig.Readable(0));
      CHECK_EQUAL(run.rig.reader->connections(), 40 - closed);
      CHECK_EQUAL(run.rig.text.size(), expected);
    });

TEST("a shutdown reads what connections sent that were held back", {
  for (const bool cut : {false, true}) {
    LongRecords run(40);
    run.Run(1);
    size_t expected = 0;
    for (size_t i = 0; i < 40; ++i) expected += run.sent(i) + 1;
    while (run.rig.reader->connections() > 0) {
      run.rig.ReadAll();
      run.rig.reader->FinishQuiet(3, cut);
    }
    run.rig.Take();
    CHECK_EQUAL(run.rig.text.size(), expected);
    CHECK_EQUAL(run.rig.reader->Abandon(), uint64_t{0});
  }
});

TEST("a reader that is squeezed lets one long record grow, and all again when it is not", {
  LongRecords run(3);
  run.rig.reader->Squeeze(true);
  run.Run(1);
  CHECK_EQUAL(run.rig.reader->held_back(), size_t{2});
  run.rig.reader->Squeeze(false);
  run.Run(0);
  CHECK(run.AllThere());
});

TEST("a record at its longest is read on to its end, since it grows no more", {
  Rig rig(100'000, 64 << 20, FramingKind::kNewline, 1 << 20, 200'000);
  std::vector<size_t> peers;
  for (int i = 0; i < 10; ++i) peers.push_back(rig.Pair());
  for (int turn = 0; turn < 50; ++turn) {
    for (const size_t peer : peers) rig.Send(peer, std::string(100'000, '-'));
    rig.ReadAll();
  }
  CHECK(rig.reader->held_back() > 0);
  for (int turn = 0; turn < 50 && rig.text.size() < 10 * 200'001; ++turn) {
    for (const size_t peer : peers) rig.Send(peer, "\n");
    rig.ReadAll();
  }
  CHECK_EQUAL(rig.reader->held_back(), size_t{0});
  CHECK_EQUAL(rig.reader->unfinished_bytes(), size_t{0});
});

// Memory as src/data/inputs/sources.ts makes it, of four workers.
class SourcesMemory {
 public:
  static constexpr uint32_t kSlots = 1024;
  static constexpr uint32_t kWorkers = 4;
  SourcesMemory(uint32_t connections, uint32_t connections_of_source, double bytes_per_second)
      : words_((64 + 2 * 8 * kSlots + kWorkers * (64 + 2 * 4 * kSlots)) / 8) {
    const uint32_t header[] = {kSlots, kWorkers, 0x1234567, 0x89abcdef, connections, connections_of_source};
    std::memcpy(words_.data(), header, sizeof header);
    std::memcpy(reinterpret_cast<char*>(words_.data()) + sizeof header, &bytes_per_second, sizeof bytes_per_second);
  }
  Sources Open(uint32_t worker) {
    Sources sources;
    CHECK(sources.Open(reinterpret_cast<char*>(words_.data()), words_.size() * 8, worker));
    return sources;
  }

 private:
  std::vector<uint64_t> words_;
};

BlockSource SourceAt(uint8_t last) {
  BlockSource source;
  source.family = 4;
  const uint8_t address[] = {192, 0, 2, last};
  std::memcpy(source.address, address, sizeof address);
  return source;
}

TEST("memory of sources with another layout is refused", {
  std::vector<uint64_t> words(64);
  Sources sources;
  CHECK(!sources.Open(reinterpret_cast<char*>(words.data()), 63, 0));
  CHECK(!sources.Open(reinterpret_cast<char*>(words.data()), 512, 0));
});

TEST("connections of a source and of all are bounded over workers, and their places are free when they close", {
  SourcesMemory memory(3, 2, 0);
  Sources one = memory.Open(0);
  Sources other = memory.Open(1);
  const Sources::Place first = one.PlaceOf(SourceAt(1));
  const Sources::Place second = one.PlaceOf(SourceAt(2));
  CHECK(one.Admit(first) == Sources::Admission::kAdmitted);
  CHECK(other.Admit(first) == Sources::Admission::kAdmitted);
  CHECK(one.Admit(first) == Sources::Admission::kTooManyOfSource);
  CHECK(one.Admit(second) == Sources::Admission::kAdmitted);
  CHECK(other.Admit(second) == Sources::Admission::kTooMany);
  other.Closed(first);
  CHECK(other.Admit(second) == Sources::Admission::kAdmitted);
});

TEST("limits of connections hold whatever workers do at the same time", {
  SourcesMemory memory(3, 2, 0);
  std::atomic<int> open[3] = {};
  std::atomic<bool> passed{false};
  const auto work = [&](uint32_t worker) {
    Sources sources = memory.Open(worker);
    const Sources::Place places[] = {sources.PlaceOf(SourceAt(1)), sources.PlaceOf(SourceAt(2))};
    for (int i = 0; i < 20'000; ++i) {
      const int which = i % 2;
      if (sources.Admit(places[which]) != Sources::Admission::kAdmitted) continue;
      if (++open[2] > 3 || ++open[which] > 2) passed = true;
      if (i % 7 == 0) std::this_thread::yield();
      --open[which];
      --open[2];
      sources.Closed(places[which]);
    }
  };
  std::vector<std::thread> workers;
  for (uint32_t i = 0; i < 4; ++i) workers.emplace_back(work, i);
  for (std::thread& worker : workers) worker.join();
  CHECK(!passed.load());
});

TEST("a reader closes connections that are too many, and takes others when some are gone", {
  SourcesMemory memory(2, 0, 0);
  Rig rig(1000, 1 << 20, FramingKind::kNewline, SIZE_MAX, 1 << 20, memory.Open(0));
  for (int i = 0; i < 3; ++i) rig.Pair();
  CHECK_EQUAL(rig.reader->connections(), size_t{2});
  CHECK_EQUAL(rig.reader->refused_connections(), uint64_t{1});
  rig.Hang(0);
  rig.ReadAll();
  rig.Pair();
  CHECK_EQUAL(rig.reader->connections(), size_t{2});
  CHECK_EQUAL(rig.reader->refused_connections(), uint64_t{1});
});

TEST("looks close what brings nothing, and nothing else", {
  Rig rig;
  const size_t quiet = rig.Pair();
  const size_t busy = rig.Pair();
  rig.Send(quiet, "half");
  rig.ReadAll();
  for (int look = 1; look <= 3; ++look) {
    rig.Send(busy, "line\n");
    rig.ReadAll();
    CHECK(rig.reader->Look(3, 0) == (look == 3));
  }
  rig.ReadAll();
  CHECK_EQUAL(rig.reader->connections(), size_t{1});
  CHECK_EQUAL(rig.reader->closed_idle(), uint64_t{1});
  CHECK(rig.text.find("half\n") != std::string::npos);
  // What has come and was not read yet is no silence.
  rig.Send(busy, "unread\n");
  for (int look = 0; look < 5; ++look) CHECK(!rig.reader->Look(3, 0));
  rig.ReadAll();
  CHECK(rig.text.find("unread\n") != std::string::npos);
});

TEST("looks close a record that takes too long, however steadily it drips", {
  Rig rig;
  const size_t slow = rig.Pair();
  const size_t honest = rig.Pair();
  bool ended = false;
  for (int look = 0; look < 10 && !ended; ++look) {
    rig.Send(slow, "x");
    rig.Send(honest, "ends\nand begins anew");
    rig.ReadAll();
    ended = rig.reader->Look(0, 4);
    CHECK_EQUAL(ended, look == 3);
  }
  rig.ReadAll();
  CHECK_EQUAL(rig.reader->closed_slow(), uint64_t{1});
  CHECK_EQUAL(rig.reader->connections(), size_t{1});
  CHECK(rig.text.find("xxxx\n") != std::string::npos);
});

TEST("looks close a record that is over the longest and goes on, and a count whose frame never begins", {
  Rig rig(1000, 1 << 20, FramingKind::kAuto, SIZE_MAX, 100);
  const size_t slow = rig.Pair();
  const size_t counted = rig.Pair();
  const size_t honest = rig.Pair();
  rig.Send(slow, std::string(150, 'x'));
  rig.Send(counted, "50 <");
  for (int look = 0; look < 4; ++look) {
    rig.ReadAll();
    CHECK_EQUAL(rig.reader->Look(0, 4), look == 3);
    rig.Send(slow, std::string(10, 'x'));
    // As long as the longest each time, and each time another.
    rig.Send(honest, std::string(10, 'y') + "\n" + std::string(100, 'y'));
  }
  rig.ReadAll();
  CHECK_EQUAL(rig.reader->closed_slow(), uint64_t{2});
  CHECK_EQUAL(rig.reader->connections(), size_t{1});
});

TEST("bytes that arrive for a connection which a look has ended do it no harm", {
  Rig rig;
  const size_t peer = rig.Pair();
  rig.ReadAll();
  CHECK(rig.reader->Look(1, 0));
  rig.Send(peer, "late\n");
  rig.ReadAll();
  CHECK_EQUAL(rig.reader->connections(), size_t{0});
});

TEST("a source over its rate rests, another is read, and a shutdown takes what was sent", {
  SourcesMemory memory(0, 0, 100'000);
  Rig rig(1'000'000, 8 << 20, FramingKind::kNewline, SIZE_MAX, 1 << 20, memory.Open(0));
  const size_t fast = rig.PairFrom(SourceAt(1));
  const size_t same = rig.PairFrom(SourceAt(1));
  const size_t other = rig.PairFrom(SourceAt(2));
  const std::string line = std::string(99, 'x') + "\n";
  std::string flood;
  for (int i = 0; i < 1500; ++i) flood += line;
  size_t sent = 0;
  // A second's worth comes at once; then the source rests.
  while (rig.reader->resting() == 0) {
    sent += rig.Send(fast, flood.substr(sent));
    rig.Read();
  }
  rig.Send(same, "waits\n");
  rig.Send(other, "is read\n");
  for (int pass = 0; pass < 5; ++pass) rig.Read();
  rig.Take();
  CHECK(rig.text.find("is read\n") != std::string::npos);
  CHECK(rig.text.find("waits\n") == std::string::npos);
  CHECK_EQUAL(rig.reader->resting(), size_t{2});
  CHECK_EQUAL(rig.reader->rate_waits(), uint64_t{2});
  // That they bring nothing is not their silence.
  CHECK(rig.reader->Look(1, 1));
  rig.Read();
  CHECK_EQUAL(rig.reader->connections(), size_t{2});
  rig.reader->StopAccepting();
  CHECK_EQUAL(rig.reader->resting(), size_t{0});
  const size_t all = sent + std::string("waits\nis read\n").size();
  for (int look = 0; look < 1000 && rig.text.size() < all; ++look) {
    rig.Readable(5);
    rig.Read();
    rig.Take();
  }
  CHECK(rig.text.find("waits\n") != std::string::npos);
  CHECK(rig.text.size() >= sent);
});

TEST("all connections of a source that is over its rate have their turn, however many they are", {
  SourcesMemory memory(0, 0, 1'000'000);
  Rig rig(1'000'000, 8 << 20, FramingKind::kNewline, SIZE_MAX, 1 << 20, memory.Open(0));
  const size_t greedy = rig.PairFrom(SourceAt(1));
  while (rig.reader->resting() == 0) {
    rig.Send(greedy, std::string(64 << 10, 'x'));
    rig.Read();
  }
  // More than are looked at in one pass.
  constexpr size_t kPeers = 400;
  for (size_t i = 0; i < kPeers; ++i) rig.Send(rig.PairFrom(SourceAt(1)), "one of many\n");
  rig.Read();
  CHECK(rig.reader->resting() > kPeers / 2);
  size_t lines = 0;
  for (int look = 0; look < 2000 && lines < kPeers; ++look) {
    rig.Readable(5);
    rig.Read();
    rig.Take();
    lines = 0;
    for (size_t at = 0; (at = rig.text.find("one of many\n", at)) != std::string::npos; ++at) ++lines;
  }
  CHECK_EQUAL(lines, kPeers);
});

TEST("connections of a source that is over its rate take turns", {
  SourcesMemory memory(0, 0, 4'000'000);
  Rig rig(1'000'000, 8 << 20, FramingKind::kNewline, SIZE_MAX, 1 << 20, memory.Open(0));
  constexpr size_t kPeers = 4;
  size_t peers[kPeers];
  std::string floods[kPeers];
  for (size_t i = 0; i < kPeers; ++i) {
    peers[i] = rig.PairFrom(SourceAt(1));
    for (int line = 0; line < 4000; ++line) floods[i] += std::string(99, static_cast<char>('a' + i)) + "\n";
  }
  size_t at[kPeers] = {};
  const auto flood = [&] {
    for (size_t i = 0; i < kPeers; ++i)
      at[i] = (at[i] + rig.Send(peers[i], floods[i].substr(at[i]))) % floods[i].size();
    rig.Readable(5);
    rig.Read();
    rig.Take();
  };
  while (rig.reader->resting() < kPeers) flood();
  // A second's worth has come; from now on each read is followed by a rest.
  rig.text.clear();
  while (rig.text.size() < 40 * (64 << 10)) flood();
  size_t bytes[kPeers] = {};
  for (const char c : rig.text)
    if (c >= 'a' && c < static_cast<char>('a' + kPeers)) ++bytes[c - 'a'];
  for (const size_t of_one : bytes) CHECK(of_one > rig.text.size() / kPeers / 2);
});

TEST("a peer that resets while it rests is closed when it has rested", {
  SourcesMemory memory(0, 0, 1'000'000);
  Rig rig(1'000'000, 8 << 20, FramingKind::kNewline, SIZE_MAX, 1 << 20, memory.Open(0));
  const size_t peer = rig.PairFrom(SourceAt(1));
  const std::string chunk(64 << 10, 'x');
  for (int i = 0; i < 400 && rig.reader->resting() == 0; ++i) {
    rig.Send(peer, chunk);
    rig.Read();
    rig.Take();
  }
  CHECK_EQUAL(rig.reader->resting(), size_t{1});
  rig.Hang(peer);
  while (rig.reader->connections() > 0) {
    rig.Readable(5);
    rig.Read();
    rig.Take();
  }
  CHECK_EQUAL(rig.reader->resting(), size_t{0});
});

TEST("what the system holds of connections that are given up is counted", {
  Rig rig;
  rig.Send(rig.Pair(), "never read\n");
  CHECK_EQUAL(rig.reader->Abandon(), uint64_t{11});
});

TEST("all of many busy connections go on, and another one is taken, however much each brings", {
  Rig rig;
  TcpListener::Error error;
  const uint16_t port = rig.reader->Listen("127.0.0.1", 0, false, &error);
  constexpr size_t kPeers = 60;  // of at most 256 KiB each, several times what one pass takes
  const std::string much(256 << 10, 'x');
  for (size_t i = 0; i < kPeers; ++i) rig.Send(rig.Pair(), much);
  rig.Connect(port);
  size_t again[kPeers] = {};
  for (int pass = 0; pass < 10; ++pass) {
    rig.Read();
    rig.Take();
    // Whoever was read sends more at once.
    for (size_t i = 0; i < kPeers; ++i) again[i] += rig.Send(i, much);
  }
  for (size_t i = 0; i < kPeers; ++i) CHECK(again[i] > 0);
  CHECK_EQUAL(rig.reader->accepted(), uint64_t{1});
});

TEST("what is abandoned is said in bytes: the rest of the chunk at hand, and unfinished records", {
  Rig rig(1, 100);
  const size_t a = rig.Pair();
  rig.Send(a, "un");
  rig.ReadAll();
  rig.Send(rig.Pair(), "1\n22\n333\n");
  CHECK(rig.Read() == TcpReader::Result::kBatchFull);
  CHECK_EQUAL(rig.reader->Abandon(), uint64_t{2 + 7});
  CHECK_EQUAL(rig.reader->Abandon(), uint64_t{0});
  CHECK_EQUAL(rig.reader->connections(), size_t{0});
});

TEST("connections that wait are taken before the listener closes", {
  Rig rig;
  TcpListener::Error error;
  const uint16_t port = rig.reader->Listen("127.0.0.1", 0, false, &error);
  for (int i = 0; i < 5; ++i) rig.Hang((rig.Send(rig.Connect(port), "x\n"), static_cast<size_t>(i)));
  rig.reader->StopAccepting();
  CHECK_EQUAL(rig.reader->accepted(), uint64_t{5});
  rig.ReadAll();
  CHECK_EQUAL(rig.text, "x\nx\nx\nx\nx\n");
});

TEST("a listener that is about to close hears of nobody new, and says who waits, shaking hands or done with it", {
  Rig rig;
  TcpListener::Error error;
  const uint16_t port = rig.reader->Listen("127.0.0.1", 0, false, &error);
  const int listener = rig.reader->listener();
  CHECK_EQUAL(WaitingConnections(listener), 0);
  for (int i = 0; i < 3; ++i) rig.Connect(port);
  const size_t silent = rig.Connect(port, true);
  CHECK_EQUAL(WaitingConnections(listener), 4);
  CHECK(TurnAwayConnections(listener));
  const int late = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  CHECK_EQUAL(connect(late, reinterpret_cast<sockaddr*>(&to), sizeof to), -1);
  CHECK_EQUAL(errno, EINPROGRESS);
  CHECK_EQUAL(WaitingConnections(listener), 4);
  rig.Send(silent, "its first word is the last of the handshake\n");
  while (WaitingConnections(listener) > 0) rig.reader->Accept();
  CHECK_EQUAL(rig.reader->accepted(), uint64_t{4});
  pollfd answered{late, POLLOUT, 0};
  CHECK_EQUAL(poll(&answered, 1, 0), 0);
  close(late);
  rig.reader->StopAccepting();
  rig.ReadAll();
  CHECK_EQUAL(rig.text, "its first word is the last of the handshake\n");
  CHECK_EQUAL(WaitingConnections(rig.peer(silent)), -1);
});

TEST("peers are told that the reader ends, and what they send until they have heard it is read", {
  Rig rig;
  const size_t peer = rig.Pair();
  rig.Send(peer, "before\n");
  rig.reader->StopAccepting();
  char byte;
  CHECK_EQUAL(recv(rig.peer(peer), &byte, 1, 0), ssize_t{0});
  rig.Send(peer, "on its way\n");
  rig.ReadAll();
  CHECK_EQUAL(rig.text, "before\non its way\n");
});

TEST("a busy reader asks to be woken by its timer, a quiet one by its sockets", {
  Rig rig;
  const size_t a = rig.Pair();
  CHECK(!rig.reader->gathers());
  size_t sent = 0;
  for (; !rig.reader->gathers() && sent < 1'000'000; ++sent) {
    rig.Send(a, "x\n");
    rig.Read();
    rig.Take();
  }
  CHECK(rig.reader->gathers());
  rig.Send(a, "in time\n");
  CHECK(rig.Readable(5000));
  while (rig.reader->gathers())
    if (rig.Readable(5000)) rig.ReadAll();
  CHECK_EQUAL(rig.text.size(), sent * 2 + 8);
  rig.Send(a, "at once\n");
  CHECK(rig.Readable(0));
});

constexpr uint64_t kMs = 1'000'000;

TEST("gathering begins when small wake-ups come close together, and not before", {
  Gathering gathering;
  uint64_t now = 100 * kMs;
  CHECK(!gathering.After(now, 1, 200));
  int passes = 0;
  for (; passes < 1000 && !gathering.waits(); ++passes) gathering.After(now += kMs / 20, 1, 200);
  CHECK(passes > 8);
  CHECK(passes < 50);
  Gathering slower;
  for (int i = 0; i < 1000; ++i) CHECK(!slower.After(now += kMs / 2, 1, 200));
  Gathering large;
  for (int i = 0; i < 1000; ++i) CHECK(!large.After(now += kMs / 20, 500, 100'000));
});

TEST("gathering ends when ticks bring little, or so much that peers may be waiting", {
  uint64_t now = 100 * kMs;
  const auto busy = [&now] {
    Gathering gathering;
    while (!gathering.waits()) gathering.After(now += kMs / 20, 1, 200);
    return gathering;
  };
  Gathering steady = busy();
  for (int i = 0; i < 1000; ++i) CHECK(steady.After(now += kMs, 4, 800));
  int ticks = 0;
  for (; steady.waits(); ++ticks) steady.After(now += kMs, 1, 200);
  CHECK(ticks < 50);
  Gathering saturated = busy();
  CHECK(!saturated.After(now += kMs, 3000, 512 << 10));
});

TEST("a pause makes gathering forget", {
  uint64_t now = 100 * kMs;
  Gathering gathering;
  for (int i = 0; i < 15; ++i) gathering.After(now += kMs / 20, 1, 200);
  gathering.After(now += 1000 * kMs, 1, 200);
  for (int i = 0; i < 8; ++i) CHECK(!gathering.After(now += kMs / 20, 1, 200));
});

}  // namespace
}  // namespace streamgate

#endif
