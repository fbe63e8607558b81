// Reads TCP connections and runs a plan over what they bring, in the thread that calls: bytes are received, cut into
// records and run on one core while they are in its cache.
//
// One epoll descriptor holds the listener and all connections, level-triggered, so whatever a call leaves unread is
// reported again. Whoever owns the thread watches two descriptors and calls Read when one of them is readable:
// `timer_fd()` always, and `poll_fd()` unless `gathers()` (socket/gathering.h says when). There is one read buffer,
// however many connections: a chunk whose records find no room in the batch stays in it, and nothing else is read
// meanwhile, so that peers feel it through TCP.
//
// What records without an end hold is bounded in sum (Options::unfinished_bytes_max), however many peers begin one.
// Over half of that, connections are *held back* in the middle of a record: not read, so that peers feel it, until
// there is room. Read on are those that hold little and new ones (FloorBytes), those that are nearly at the longest
// record, those whose peer has closed, and of the others one at a time, the furthest first: it ends soonest.
//
// A connection *rests*, unread, while its source is over its rate (sources.h), and is refused where there are too many.
//
// A peer that closes, or is gone, ends the stream: what it sent counts, a last record without its end included.
// For one thread. Linux only.
#pragma once

#if defined(__linux__)

#include <sys/epoll.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "frame/framer.h"
#include "plan/run.h"
#include "ring/ring.h"
#include "shard/router.h"
#include "socket/gathering.h"
#include "tcp/listener.h"
#include "tcp/sources.h"

namespace streamgate {

class TcpReader {
 public:
  struct Options {
    FramingKind framing = FramingKind::kAuto;
    std::string delimiter;
    uint32_t max_record_bytes = 1 << 20;
    // Bytes that unfinished records of all connections may hold together; at least 4 × (max_record_bytes + kReadBytes),
    // or the last one that is read on passes it.
    size_t unfinished_bytes_max = SIZE_MAX;
    // kFrameCells cells that the connections' framers add to; borrowed for the reader's life.
    double* losses = nullptr;
    // Who is connected; without any, nobody is refused and nothing rests.
    Sources sources;
  };

  enum class Result { kDone, kBatchFull, kRingFull, kNeverFits };

  // Where records go.
  struct Target {
    // Ready.
    Runner& runner;
    // Null: all records run here.
    Router* router = nullptr;
    // Milliseconds since 1970.
    double received_at_ms = 0;
  };

  // Null: `error` says why.
  static std::unique_ptr<TcpReader> Create(Options options, TcpListener::Error* error);
  ~TcpReader();
  TcpReader(const TcpReader&) = delete;
  TcpReader& operator=(const TcpReader&) = delete;

  // Once. Returns the port, or 0 and `error`.
  uint16_t Listen(const std::string& address, uint16_t port, bool reuse_port, TcpListener::Error* error);
  // Takes over a connected, non-blocking stream socket; closes it if there are too many.
  void Adopt(int fd, const BlockSource& source);

  int poll_fd() const { return epoll_fd_; }
  int timer_fd() const { return timer_fd_; }
  bool gathers() const { return gathering_.waits(); }

  // One pass: accepts, receives what is readable, runs it. Bounded: at most kReadBytes a connection and kPassBytes in
  // all, then the caller's other work has its turn. kBatchFull: attach another batch and call again, it goes on where
  // it was. kRingFull: the same when the ring of a record's owner has room. kNeverFits:
  // a record is larger than that whole ring.
  Result Read(const Target& target);

  // Nobody calls Read for a while: when it is called again, the pause says nothing of the peers.
  void Pause() { StopGathering(); }

  // Takes the connections that the kernel has completed, without reading them.
  void Accept();
  // The listener's descriptor; -1: there is none.
  int listener() const { return listener_; }
  // Takes them and closes the listener. From now on nothing rests: what peers have sent is to be read. All peers are
  // told that this side ends, while what they send is still read: those that heed it send no more, and lose nothing.
  void StopAccepting();
  // One look at connections that bring nothing, between two calls of Read: those that brought nothing in `idle_looks`
  // of them, or whose record is older than `record_looks`, have ended (0: any number). True: there are such; the next
  // Read closes them. Looks count only while connections are read: what waits because of us is not the peers' fault.
  bool Look(uint32_t idle_looks, uint32_t record_looks);
  // One turn of a shutdown, after Read had its chance: a connection that brought nothing in `turns` of them has ended;
  // the next Read closes it. Turns count only when the last pass looked at every connection, and from when the peer's
  // system has our end. With `cut` every
  // connection ends as soon as what the kernel holds of it now is read: its peer may never stop sending.
  void FinishQuiet(uint32_t turns, bool cut);
  // Closes everything. Returns the bytes that the process or the kernel had received and that were not run: now, and
  // those that came to cut connections behind their end.
  uint64_t Abandon();

  size_t connections() const { return connections_.size(); }
  // Bytes of records that have no end yet.
  size_t unfinished_bytes() const { return unfinished_bytes_; }
  // Connections that are held back. While there are any, call Read now and then even if nothing is readable: when the
  // one that is read on brings nothing, another has its turn.
  size_t held_back() const { return held_back_.size(); }
  // Others need the memory: from now on records grow as if they had filled their half.
  void Squeeze(bool on) { squeezed_ = on; }
  // Connections taken since the start.
  uint64_t accepted() const { return accepted_; }
  // Connections that were closed at once because the process had no descriptor left.
  uint64_t refused() const { return refused_; }
  // Likewise because too many were open, of all sources and of theirs.
  uint64_t refused_connections() const { return refused_connections_; }
  uint64_t refused_source() const { return refused_source_; }
  uint64_t closed_idle() const { return closed_idle_; }
  uint64_t closed_slow() const { return closed_slow_; }
  // How often a connection began to rest.
  uint64_t rate_waits() const { return rate_waits_; }
  // Those that rest. While there are any, call Read now and then even if nothing is readable.
  size_t resting() const { return resting_.size(); }

  // As large as a core's cache can hold beside the batch; a system call then costs nothing beside its bytes.
  static constexpr size_t kReadBytes = 256 << 10;
  static constexpr uint64_t kPassBytes = 4 << 20;
  // An unfinished record up to this size is always read on, unless there are so many connections that this would break
  // the bound.
  static constexpr size_t kFloorBytes = 64 << 10;
  // How long one connection is read on alone before another is, if the bound leaves room for both.
  static constexpr uint64_t kTurnNs = 1'000'000'000;

 private:
  struct Connection;
  struct Further {
    bool operator()(const Connection* a, const Connection* b) const;
  };
  struct Sooner {
    bool operator()(const Connection* a, const Connection* b) const;
  };

  explicit TcpReader(Options options);
  void BeginPass();
  void EndPass();
  Result RunHeld(const Target& target);
  Result RunEnding(const Target& target);
  void Receive(Connection* connection, uint32_t events);
  bool AcceptOne();
  void RefuseOne();
  void WatchListener(bool on);
  void Close(Connection* connection);
  bool OverShare() const { return squeezed_ || unfinished_bytes_ > options_.unfinished_bytes_max / 2; }
  size_t FloorBytes() const;
  bool MayGrow(const Connection& connection) const;
  size_t BytesToGo(const Connection& connection) const;
  void WatchFor(Connection* connection, uint32_t events);
  void HoldBack(Connection* connection);
  void Rest(Connection* connection, double until_ms);
  void EndRest(Connection* connection);
  void EndRestsThatAreOver();
  void LetOn(Connection* connection);
  void LetOnWhoHasRoom();
  void CountUnfinished(Connection* connection);
  void StopGathering();
  void SetTimer(uint64_t first_ns, uint64_t interval_ns);

  const Options options_;
  Sources sources_;
  bool limits_rate_ = false;
  int epoll_fd_ = -1;
  int timer_fd_ = -1;
  int listener_ = -1;
  // Given up for a moment when there are no descriptors left, to take a connection and close it: its peer learns of it,
  // and the listener does not stay readable for ever.
  int spare_fd_ = -1;
  // False while the listener is left alone because not even that worked.
  bool watches_listener_ = true;

  std::vector<std::unique_ptr<Connection>> connections_;
  // Streams that have ended and whose last record has not run yet.
  std::vector<Connection*> ending_;

  size_t unfinished_bytes_ = 0;
  bool squeezed_ = false;
  // Those that have something to read, or had, and are not watched for it; the furthest first.
  std::set<Connection*, Further> held_back_;
  // Those that rest, the one whose rest is over first in front. A source's time only goes forward, so none is over
  // before.
  std::set<Connection*, Sooner> resting_;
  // Reads of connections whose source has a rate.
  uint64_t rated_reads_ = 0;
  // The one that grows although memory is short, and since when.
  Connection* favourite_ = nullptr;
  uint64_t favourite_since_ns_ = 0;

  // The pass at hand: what epoll reported and where we are in it.
  bool in_pass_ = false;
  // This pass has asked epoll; one that goes on with what the last one left has not.
  bool asked_ = false;
  // The last pass came to the end of what was readable.
  bool looked_at_all_ = false;
  static constexpr int kEventsMax = 512;
  std::unique_ptr<epoll_event[]> events_;
  int event_count_ = 0;
  int event_next_ = 0;
  uint64_t pass_began_ns_ = 0;
  uint64_t pass_bytes_ = 0;
  uint64_t pass_records_ = 0;

  // The chunk at hand: of `held_`, bytes from held_at_ to held_size_ of the buffer are still to run.
  std::unique_ptr<char[]> buffer_;
  Connection* held_ = nullptr;
  size_t held_at_ = 0;
  size_t held_size_ = 0;

  Gathering gathering_;
  bool timer_runs_ = false;
  uint64_t adopted_ = 0;
  uint64_t accepted_ = 0;
  uint64_t refused_ = 0;
  uint64_t refused_connections_ = 0;
  uint64_t refused_source_ = 0;
  uint64_t closed_idle_ = 0;
  uint64_t closed_slow_ = 0;
  uint64_t rate_waits_ = 0;
  // Bytes that nobody had read of connections when they were closed.
  uint64_t discarded_bytes_ = 0;
};

}  // namespace streamgate

#endif
