// See reader.h.
#include "tcp/reader.h"

#if defined(__linux__)

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "plan/chunk.h"
#include "socket/address.h"

namespace streamgate {
namespace {

// Connections taken in one pass at most; the kernel keeps the others.
constexpr int kAcceptsMax = 256;
// How long the listener is left alone when the process has no descriptor for a connection, not even the spare one.
constexpr uint64_t kAcceptPauseNs = 100'000'000;

// The least that is read at once of a source with a rate, and the share of a second that else is.
constexpr size_t kRatedReadBytesMin = 4 << 10;
constexpr double kRatedReadSeconds = 0.05;
// Of connections whose rest may be over so many are looked at in one pass, however many a source has. The first that
// reads takes what the others of its source then wait for.
constexpr size_t kRestLooksMax = 256;

uint64_t NowNs() {
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
          .count());
}

double NowMs() { return static_cast<double>(NowNs()) / 1e6; }

int OpenSpare() { return open("/dev/null", O_RDONLY | O_CLOEXEC); }

// Bytes that the kernel holds for this socket.
size_t Unread(int fd) {
  int bytes = 0;
  return ioctl(fd, FIONREAD, &bytes) == 0 && bytes > 0 ? static_cast<size_t>(bytes) : 0;
}

// Whether the end that was sent to the peer has not come there yet, as far as we know.
bool EndIsUnderWay(int fd) {
  tcp_info info{};
  socklen_t size = sizeof info;
  return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && info.tcpi_state == TCP_FIN_WAIT1;
}

TcpReader::Result ResultOf(const Router::Result& result) {
  if (result.never_fits) return TcpReader::Result::kNeverFits;
  switch (result.stopped) {
    case StopCause::kNone:
      return TcpReader::Result::kDone;
    case StopCause::kBatchFull:
      return TcpReader::Result::kBatchFull;
    case StopCause::kRingFull:
      return TcpReader::Result::kRingFull;
  }
  return TcpReader::Result::kDone;
}

}  // namespace

struct TcpReader::Connection {
  Connection(int descriptor, uint64_t serial, size_t at, const BlockSource& from, Sources::Place counted,
             const Options& options)
      : fd(descriptor),
        number(serial),
        index(at),
        source(from),
        place(counted),
        framer(options.framing, options.delimiter, options.max_record_bytes, options.losses) {}

  const int fd;
  const uint64_t number;
  size_t index;  // in connections_
  const BlockSource source;
  const Sources::Place place;
  Framer framer;
  // Looks since it brought something, and since the record at hand began.
  uint32_t quiet_looks = 0;
  uint32_t record_looks = 0;
  // Turns of a shutdown in which it brought nothing.
  uint32_t quiet_turns = 0;
  // What its framer holds, as counted in unfinished_bytes_.
  size_t unfinished = 0;
  // Bytes since the record at hand began; 0: none has.
  uint64_t begun_bytes = 0;
  // In held_back_.
  bool held_back = false;
  // In resting_, and not over before.
  bool resting = false;
  double rests_until_ms = 0;
  // The larger, the later it was read; counted only while sources have a rate.
  uint64_t read_number = 0;
  // In ending_.
  bool ending = false;
  // It ends when `quota` more bytes are read.
  bool cut = false;
  size_t quota = 0;
};

bool TcpReader::Further::operator()(const Connection* a, const Connection* b) const {
  return a->unfinished != b->unfinished ? a->unfinished > b->unfinished : a->number < b->number;
}

bool TcpReader::Sooner::operator()(const Connection* a, const Connection* b) const {
  if (a->rests_until_ms != b->rests_until_ms) return a->rests_until_ms < b->rests_until_ms;
  // Those of one source rest until the same time, and the first of them takes what it may send then: it is the one that
  // has waited longest.
  return a->read_number != b->read_number ? a->read_number < b->read_number : a->number < b->number;
}

TcpReader::TcpReader(Options options)
    : options_(std::move(options)),
      sources_(options_.sources),
      limits_rate_(sources_.limits_rate()),
      events_(new epoll_event[kEventsMax]),
      buffer_(new char[kReadBytes]) {}

std::unique_ptr<TcpReader> TcpReader::Create(Options options, TcpListener::Error* error) {
  std::unique_ptr<TcpReader> reader(new TcpReader(std::move(options)));
  reader->epoll_fd_ = epoll_create1(EPOLL_CLOEXEC);
  reader->timer_fd_ = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  reader->spare_fd_ = OpenSpare();
  if (reader->epoll_fd_ >= 0 && reader->timer_fd_ >= 0) return reader;
  *error = {errno, std::string("epoll: ") + std::strerror(errno)};
  return nullptr;
}

TcpReader::~TcpReader() {
  Abandon();
  for (const int fd : {epoll_fd_, timer_fd_, spare_fd_})
    if (fd >= 0) close(fd);
}

uint16_t TcpReader::Listen(const std::string& address, uint16_t port, bool reuse_port, TcpListener::Error* error) {
  uint16_t bound = 0;
  const int fd = TcpListener::Open(address, port, reuse_port, &bound, error);
  if (fd < 0) return 0;
  listener_ = fd;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;  // the listener's mark: it is no connection
  epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event);
  return bound;
}

void TcpReader::Adopt(int fd, const BlockSource& source) {
  const Sources::Place place = sources_.PlaceOf(source);
  const Sources::Admission admission = sources_.Admit(place);
  if (admission != Sources::Admission::kAdmitted) {
    ++(admission == Sources::Admission::kTooMany ? refused_connections_ : refused_source_);
    close(fd);
    return;
  }
  auto connection = std::make_unique<Connection>(fd, adopted_++, connections_.size(), source, place, options_);
  epoll_event event{};
  event.events = EPOLLIN | EPOLLRDHUP;
  event.data.ptr = connection.get();
  if (epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) != 0) {
    // Out of watches or memory: as with descriptors, the peer sees its connection closed.
    close(fd);
    sources_.Closed(place);
    ++refused_;
    return;
  }
  connections_.push_back(std::move(connection));
}

TcpReader::Result TcpReader::Read(const Target& target) {
  if (!in_pass_) BeginPass();
  for (;;) {
    Result result = Result::kDone;
    if (held_ != nullptr) {
      result = RunHeld(target);
    } else if (!ending_.empty()) {
      result = RunEnding(target);
    }
    if (result != Result::kDone) return result;
    if (!ending_.empty()) continue;
    if (event_next_ == event_count_ || pass_bytes_ >= kPassBytes) break;
    const epoll_event event = events_[event_next_];
    if (event.data.ptr == nullptr) {
      ++event_next_;
      Accept();
    } else {
      Receive(static_cast<Connection*>(event.data.ptr), event.events);
    }
  }
  EndPass();
  return Result::kDone;
}

void TcpReader::BeginPass() {
  in_pass_ = true;
  pass_bytes_ = pass_records_ = 0;
  pass_began_ns_ = NowNs();
  if (timer_runs_) {
    uint64_t ticks = 0;
    const bool ticked = read(timer_fd_, &ticks, sizeof ticks) == sizeof ticks;
    if (ticked && !watches_listener_) WatchListener(true);
  }
  // What a pass that was cut short has left has its turn first: epoll reports in the same order again and again. Those
  // that were ended between two passes are closed before epoll may speak of them.
  asked_ = event_next_ == event_count_ && ending_.empty();
  if (!asked_) return;
  const int count = epoll_wait(epoll_fd_, events_.get(), kEventsMax, 0);
  event_count_ = count < 0 ? 0 : count;
  event_next_ = 0;
}

void TcpReader::EndPass() {
  in_pass_ = false;
  looked_at_all_ = asked_ && event_next_ == event_count_ && event_count_ < kEventsMax;
  EndRestsThatAreOver();
  LetOnWhoHasRoom();
  const bool gathered = gathering_.waits();
  const bool gathers = gathering_.After(pass_began_ns_, pass_records_, pass_bytes_);
  if (!watches_listener_) gathering_.Leave();  // the timer is the listener's
  if (gathers == gathered || !watches_listener_) return;
  if (gathers) {
    SetTimer(Gathering::kTickNs, Gathering::kTickNs);
  } else {
    SetTimer(0, 0);
  }
}

// Runs the rest of the chunk in the buffer.
TcpReader::Result TcpReader::RunHeld(const Target& target) {
  Result result = Result::kDone;
  if (target.router == nullptr) {
    const RecordContext context = {held_->source, target.received_at_ms};
    const ChunkRun run = RunChunk(target.runner, held_->framer, context, buffer_.get(), held_size_, held_at_);
    pass_records_ += run.records;
    held_at_ = run.at;
    if (held_at_ < held_size_) result = Result::kBatchFull;
  } else {
    const Router::Result run = target.router->RunChunk(&target.runner, held_->framer, held_->source, buffer_.get(),
                                                       held_size_, held_at_, target.received_at_ms);
    pass_records_ += run.records;
    held_at_ = run.at;
    result = ResultOf(run);
  }
  if (result == Result::kDone) {
    CountUnfinished(held_);
    held_ = nullptr;
  }
  return result;
}

// Runs what the stream that ended last has left, and closes it.
TcpReader::Result TcpReader::RunEnding(const Target& target) {
  Connection* const connection = ending_.back();
  Result result = Result::kDone;
  if (target.router == nullptr) {
    const RecordContext context = {connection->source, target.received_at_ms};
    if (!RunEnd(target.runner, connection->framer, context)) result = Result::kBatchFull;
  } else {
    result =
        ResultOf(target.router->RunEnd(&target.runner, connection->framer, connection->source, target.received_at_ms));
  }
  if (result != Result::kDone) return result;
  ending_.pop_back();
  Close(connection);
  return Result::kDone;
}

void TcpReader::Receive(Connection* connection, uint32_t events) {
  if (connection->ending || connection->resting) {
    ++event_next_;
    return;
  }
  // It goes on until its end before another has its turn, and then its memory is free: it is never held back.
  const bool ends = connection->cut || (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
  size_t most = connection->cut ? std::min(kReadBytes, connection->quota) : kReadBytes;
  if (ends) {
    if (connection->held_back) LetOn(connection);
  } else if (connection->held_back) {
    ++event_next_;
    return;
  } else if (OverShare()) {
    if (!MayGrow(*connection)) {
      HoldBack(connection);
      ++event_next_;
      return;
    }
    most = std::min(most, FloorBytes());
  }
  if (limits_rate_ && !connection->cut) {
    const double now_ms = NowMs();
    if (const double ms = sources_.ToWait(connection->place, now_ms); ms > 0) {
      Rest(connection, now_ms + ms);
      ++event_next_;
      return;
    }
    const double share = sources_.bytes_per_second() * kRatedReadSeconds;
    if (share < static_cast<double>(most)) most = std::max(kRatedReadBytesMin, static_cast<size_t>(share));
  }
  const ssize_t size = recv(connection->fd, buffer_.get(), most, 0);
  if (size > 0) {
    const bool last = connection->cut && (connection->quota -= static_cast<size_t>(size)) == 0;
    if (last) {
      connection->ending = true;
      ending_.push_back(connection);
    }
    held_ = connection;
    held_at_ = 0;
    held_size_ = static_cast<size_t>(size);
    pass_bytes_ += held_size_;
    connection->quiet_turns = connection->quiet_looks = 0;
    if (limits_rate_) {
      sources_.Took(connection->place, held_size_, NowMs());
      connection->read_number = ++rated_reads_;
    }
    // The peer has closed, or is cut: what it left is all there is, so this connection goes on until its end. Others
    // have their turn first; level-triggered epoll comes back to what is unread.
    if (last || !ends) ++event_next_;
    return;
  }
  ++event_next_;
  if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return;
  // Closed, or reset, which counts as a close.
  connection->ending = true;
  ending_.push_back(connection);
}

// Small enough that all connections together, each with a read that begins below it, hold a quarter of the bound by it.
// With the half that is the share, the last read before it was passed and the one record that grows, that is the bound.
size_t TcpReader::FloorBytes() const {
  constexpr size_t kFloorBytesMin = 4 << 10;
  return std::clamp(options_.unfinished_bytes_max / 8 / (connections_.size() + 1), kFloorBytesMin, kFloorBytes);
}

// What this connection's record can still gain; past max_record_bytes it only is counted.
size_t TcpReader::BytesToGo(const Connection& connection) const {
  return options_.max_record_bytes - std::min<size_t>(options_.max_record_bytes, connection.unfinished);
}

bool TcpReader::MayGrow(const Connection& connection) const {
  const size_t floor = FloorBytes();
  return connection.unfinished <= floor || BytesToGo(connection) <= floor || &connection == favourite_;
}

void TcpReader::WatchFor(Connection* connection, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = connection;
  epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, connection->fd, &event);
}

void TcpReader::HoldBack(Connection* connection) {
  connection->held_back = true;
  held_back_.insert(connection);
  // The end of its peer is still reported, once: level-triggered it would be again and again.
  WatchFor(connection, EPOLLRDHUP | EPOLLET);
}

void TcpReader::LetOn(Connection* connection) {
  held_back_.erase(connection);
  connection->held_back = false;
  WatchFor(connection, EPOLLIN | EPOLLRDHUP);
}

void TcpReader::Rest(Connection* connection, double until_ms) {
  connection->resting = true;
  connection->rests_until_ms = until_ms;
  resting_.insert(connection);
  ++rate_waits_;
  // Nothing but a reset is reported, and that once.
  WatchFor(connection, EPOLLET);
}

void TcpReader::EndRest(Connection* connection) {
  resting_.erase(connection);
  connection->resting = false;
  WatchFor(connection, EPOLLIN | EPOLLRDHUP);
}

void TcpReader::EndRestsThatAreOver() {
  if (resting_.empty()) return;
  const double now_ms = NowMs();
  for (size_t looks = 0; looks < kRestLooksMax && !resting_.empty(); ++looks) {
    Connection* const connection = *resting_.begin();
    if (connection->rests_until_ms > now_ms) return;
    // Meanwhile others of its source may have been read.
    const double ms = sources_.ToWait(connection->place, now_ms);
    if (ms <= 0) {
      EndRest(connection);
    } else {
      resting_.erase(resting_.begin());
      connection->rests_until_ms = now_ms + ms;
      resting_.insert(connection);
    }
  }
}

bool TcpReader::Look(uint32_t idle_looks, uint32_t record_looks) {
  if (in_pass_ || event_next_ != event_count_) return false;
  for (const auto& connection : connections_) {
    if (connection->ending || connection->cut || connection->held_back || connection->resting) continue;
    ++connection->quiet_looks;
    connection->record_looks = connection->begun_bytes == 0 ? 0 : connection->record_looks + 1;
    const bool slow = record_looks > 0 && connection->record_looks >= record_looks;
    if (!slow && (idle_looks == 0 || connection->quiet_looks < idle_looks)) continue;
    if (Unread(connection->fd) > 0) continue;
    ++(slow ? closed_slow_ : closed_idle_);
    connection->ending = true;
    ending_.push_back(connection.get());
  }
  return !ending_.empty();
}

// After a pass: those go on for whom there is memory now, and without any, one.
void TcpReader::LetOnWhoHasRoom() {
  const size_t share = options_.unfinished_bytes_max / 2;
  if (!OverShare()) {
    favourite_ = nullptr;
    for (size_t room = share - unfinished_bytes_; !held_back_.empty();) {
      Connection* const furthest = *held_back_.begin();
      const size_t to_go = BytesToGo(*furthest);
      LetOn(furthest);
      if (to_go >= room) return;
      room -= to_go;
    }
    return;
  }
  if (held_back_.empty()) return;
  Connection* const furthest = *held_back_.begin();
  if (favourite_ != nullptr) {
    // Its record may never end. Another goes on beside it only while the sum keeps to its bound.
    if (pass_began_ns_ - favourite_since_ns_ < kTurnNs) return;
    if (unfinished_bytes_ + BytesToGo(*furthest) > (squeezed_ ? share : options_.unfinished_bytes_max)) return;
  }
  favourite_ = furthest;
  favourite_since_ns_ = pass_began_ns_;
  LetOn(furthest);
}

// After a chunk of it was run.
void TcpReader::CountUnfinished(Connection* connection) {
  const size_t bytes = connection->framer.pending_bytes();
  const uint64_t begun_bytes = connection->framer.begun_bytes();
  // Else it is the record that was at hand before, and longer.
  if (connection->begun_bytes == 0 || begun_bytes != connection->begun_bytes + held_size_) connection->record_looks = 0;
  connection->begun_bytes = begun_bytes;
  // Its record is done, and this one is another.
  if (connection == favourite_ && bytes < connection->unfinished) favourite_ = nullptr;
  unfinished_bytes_ += bytes - connection->unfinished;
  connection->unfinished = bytes;
}

void TcpReader::Accept() {
  for (int i = 0; listener_ >= 0 && i < kAcceptsMax && AcceptOne();) ++i;
}

// False: there is none to take, or none can be taken.
bool TcpReader::AcceptOne() {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  const int fd = accept4(listener_, reinterpret_cast<sockaddr*>(&peer), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0) {
    ++accepted_;
    Adopt(fd, SourceOf(peer, Transport::kTcp));
    return true;
  }
  switch (errno) {
    case EMFILE:
    case ENFILE:
      RefuseOne();
      return false;
    case ENOBUFS:
    case ENOMEM:
      WatchListener(false);
      return false;
    case EAGAIN:
      return false;
    default:
      // EINTR, or this one connection is gone already (accept(2) names a dozen errors of that kind).
      return true;
  }
}

// No descriptor is left: the connection that waits is taken with the spare one and closed.
void TcpReader::RefuseOne() {
  if (spare_fd_ >= 0) close(spare_fd_);
  const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (fd >= 0) {
    close(fd);
    ++refused_;
  }
  spare_fd_ = OpenSpare();
  // Another thread was faster: do not ask again and again.
  if (spare_fd_ < 0) WatchListener(false);
}

// Off: the timer turns it on again.
void TcpReader::WatchListener(bool on) {
  if (listener_ < 0) return;
  watches_listener_ = on;
  if (on && spare_fd_ < 0) spare_fd_ = OpenSpare();
  epoll_event event{};
  event.events = on ? uint32_t{EPOLLIN} : 0;
  event.data.ptr = nullptr;
  epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, listener_, &event);
  // One timer serves both: while the listener rests it ticks at the slower pace, and nothing gathers.
  if (!on) gathering_.Leave();
  SetTimer(on ? 0 : kAcceptPauseNs, 0);
}

void TcpReader::StopAccepting() {
  limits_rate_ = false;
  while (!resting_.empty()) EndRest(*resting_.begin());
  Accept();
  for (const auto& connection : connections_) shutdown(connection->fd, SHUT_WR);
  if (listener_ < 0) return;
  close(listener_);
  listener_ = -1;
  watches_listener_ = true;
  // The listener's event may be among those not looked at yet; Accept then finds none.
}

void TcpReader::FinishQuiet(uint32_t turns, bool cut) {
  const bool counts = !in_pass_ && looked_at_all_;
  looked_at_all_ = false;
  if (!cut && !counts) return;
  for (const auto& connection : connections_) {
    if (connection->ending) continue;
    if (cut) {
      if (connection->cut) continue;
      connection->cut = true;
      connection->quota = Unread(connection->fd);
      if (connection->held_back) LetOn(connection.get());
      if (connection->quota > 0) continue;
    } else if (connection->held_back || EndIsUnderWay(connection->fd) || ++connection->quiet_turns < turns) {
      // Held back it was not looked at. Those that hold the memory become quiet and end, so its turn comes.
      continue;
    }
    connection->ending = true;
    ending_.push_back(connection.get());
  }
  // Events of this pass may speak of connections that are about to go; what is unread is reported again.
  event_next_ = event_count_ = 0;
  asked_ = false;
}

uint64_t TcpReader::Abandon() {
  uint64_t bytes = discarded_bytes_ + (held_ == nullptr ? 0 : held_size_ - held_at_);
  discarded_bytes_ = 0;
  for (const auto& connection : connections_) {
    bytes += connection->framer.pending_bytes() + Unread(connection->fd);
    close(connection->fd);
    sources_.Closed(connection->place);
  }
  resting_.clear();
  held_back_.clear();
  favourite_ = nullptr;
  unfinished_bytes_ = 0;
  connections_.clear();
  ending_.clear();
  held_ = nullptr;
  in_pass_ = false;
  event_next_ = event_count_ = 0;
  if (listener_ >= 0) close(listener_);
  listener_ = -1;
  return bytes;
}

void TcpReader::Close(Connection* connection) {
  if (connection->held_back) held_back_.erase(connection);
  if (connection->resting) EndRest(connection);
  if (connection == favourite_) favourite_ = nullptr;
  sources_.Closed(connection->place);
  unfinished_bytes_ -= connection->unfinished;
  discarded_bytes_ += Unread(connection->fd);
  close(connection->fd);  // epoll forgets it by itself: the descriptor is the only one of its socket
  const size_t index = connection->index;
  if (index + 1 != connections_.size()) {
    connections_[index] = std::move(connections_.back());
    connections_[index]->index = index;
  }
  connections_.pop_back();
}

void TcpReader::StopGathering() {
  const bool gathered = gathering_.waits();
  gathering_.Leave();
  if (gathered && watches_listener_) SetTimer(0, 0);
}

// Both 0: stops it.
void TcpReader::SetTimer(uint64_t first_ns, uint64_t interval_ns) {
  const auto spec = [](uint64_t ns) {
    return timespec{static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)};
  };
  const itimerspec setting{spec(interval_ns), spec(first_ns)};
  timerfd_settime(timer_fd_, 0, &setting, nullptr);
  timer_runs_ = first_ns != 0;
}

}  // namespace streamgate

#endif
