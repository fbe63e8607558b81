#include "writer/stream_writer.h"

#if !defined(_WIN32)

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "socket/wakeup.h"
#include "writer/range_queue.h"

namespace streamgate {
namespace {

#if !defined(MSG_NOSIGNAL)
#define MSG_NOSIGNAL 0  // macOS: SIGPIPE is blocked in the thread anyway
#endif

// Ranges that one writev gathers: small ones cost no system call each. Far below IOV_MAX, which is 1024 on Linux and
// macOS.
constexpr size_t kGatherRanges = 64;
// Nor more bytes than this, so that batches come back while the rest is still to be written.
constexpr size_t kGatherBytes = 256 * 1024;
// How long Close waits for the thread. Poll and every write but one to a blocking descriptor end at once when it asks.
constexpr std::chrono::milliseconds kCloseWait{250};
// A full disk is not a closed stream: it is tried again after this.
constexpr int kRetryMs = 100;

std::mutex writers_mutex;
struct Writers {
  uint32_t last_id = 0;
  std::map<uint32_t, std::shared_ptr<StreamWriter::State>> by_id;
};
// The writers of this process. Never destroyed: a thread that is left behind may outlive static objects.
Writers& AllWriters() {
  static auto* writers = new Writers;
  return *writers;
}

enum class Way { kPlain, kSocket, kPolled, kPolledPipeBuf };

// What a regular file answers for good: the call is wrong, not the moment.
bool IsMisuse(int error) { return error == EBADF || error == EFAULT || error == EINVAL; }

}  // namespace

struct StreamWriter::State {
  State(int target, uint64_t charge_max, uint32_t ranges_max, OnEvent events)
      : fd(target), queue(charge_max, ranges_max), on_event(std::move(events)) {}

  void Run();
  void OpenStream();
  void WriteTaken();
  bool InRecord() const { return first < count && offset > booked_bytes; }
  void Switch();
  void TakeBackBegun();
  // How the attempt to write ended.
  enum class Wrote { kSome, kAgain, kRefused, kClosed };
  Wrote WriteSome(bool leaving, size_t* wrote);
  void Advance(size_t wrote);
  void BookWhole();
  void Next();
  void LoseTaken();
  void Fail(const std::string& reason);
  bool PollFor(int target, short events, int timeout_ms);
  static void Book(std::atomic<uint64_t>* records, std::atomic<uint64_t>* bytes, uint64_t n, uint64_t size) {
    // Bytes first: whoever sees all records counted finds their bytes counted too.
    bytes->fetch_add(size, std::memory_order_relaxed);
    records->fetch_add(n, std::memory_order_release);
  }

  uint32_t id = 0;
  int fd;
  bool own_fd = false;
  Way way = Way::kPlain;
  bool regular = false;
  RangeQueue queue;
  OnEvent on_event;
  // Ends a wait of the thread: it is to stop, or to switch.
  Wakeup woken;
  std::atomic<bool> stop{false};
  std::atomic<bool> switching{false};
  int next_fd = -1;  // read by the thread while `switching`
  // All that went out, and where kReached is told.
  std::atomic<uint64_t> out_bytes{0};
  std::atomic<uint64_t> mark{UINT64_MAX};
  bool failed = false;
  bool full = false;
  // Taken off the queue, those before `first` settled; of that one `offset` bytes are written, and `booked_records`
  // whole ones counted, which take `booked_bytes` with their LFs.
  BatchRange taken[kGatherRanges];
  size_t first = 0;
  size_t count = 0;
  size_t offset = 0;
  uint32_t booked_records = 0;
  size_t booked_bytes = 0;

  std::atomic<uint64_t> written_records{0};
  std::atomic<uint64_t> written_bytes{0};
  std::atomic<uint64_t> lost_records{0};
  std::atomic<uint64_t> lost_bytes{0};

  std::mutex mutex;
  std::condition_variable ended_signal;
  bool ended = false;
  std::thread thread;
};

void StreamWriter::State::OpenStream() {
  struct stat about;
  if (fstat(fd, &about) != 0) return Fail(std::strerror(errno));
  if (S_ISSOCK(about.st_mode)) {
    way = Way::kSocket;
    return;
  }
  regular = S_ISREG(about.st_mode);
  if (!S_ISFIFO(about.st_mode) && !S_ISCHR(about.st_mode)) return;
  way = Way::kPolledPipeBuf;
#if defined(__linux__)
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  const int own = open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  if (own >= 0) {
    fd = own;
    own_fd = true;
    way = Way::kPolled;
  } else if (errno == ENXIO && S_ISFIFO(about.st_mode)) {
    Fail("its reader is gone");  // a pipe that nobody has open for reading
  }
#endif
}

void StreamWriter::State::Run() {
  sigset_t all;
  sigfillset(&all);
  // Signals are the main thread's; and a SIGPIPE here would end the process.
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
#if defined(__linux__)
  // What top and perf call it; else it has the name of the thread that started it. 15 characters at most.
  pthread_setname_np(pthread_self(), "stream writer");
#endif
  OpenStream();
  while (!stop.load(std::memory_order_acquire)) {
    if (first == count) {
      first = 0;
      count = queue.Take(taken, kGatherRanges, kGatherBytes, true);
    }
    WriteTaken();
    if (switching.load(std::memory_order_acquire) && !InRecord()) Switch();
  }
  LoseTaken();
  // What nobody will write any more.
  while ((count = queue.Take(taken, kGatherRanges, SIZE_MAX, false)) > 0) {
    first = 0;
    LoseTaken();
  }
  if (own_fd) close(fd);
  const std::lock_guard<std::mutex> lock(mutex);
  ended = true;
  ended_signal.notify_all();
}

// Until everything that was taken is settled, or it is told to stop, or to switch and no record is begun.
void StreamWriter::State::WriteTaken() {
  while (first < count && !stop.load(std::memory_order_acquire)) {
    const bool leaving = switching.load(std::memory_order_acquire);
    if (leaving && !InRecord()) return;
    if (failed) return LoseTaken();
    size_t wrote = 0;
    const Wrote result = WriteSome(leaving, &wrote);
    if (result == Wrote::kClosed) Fail(std::strerror(errno));
    if (result == Wrote::kRefused) {
      if (!full) on_event(Event::kFull, std::strerror(errno));
      full = true;
      if (leaving)
        TakeBackBegun();
      else
        PollFor(-1, 0, kRetryMs);
    }
    if (result != Wrote::kSome) continue;
    if (full) on_event(Event::kRoom, "");
    full = false;
    Advance(wrote);
  }
}

// To the next descriptor, between two records.
void StreamWriter::State::Switch() {
  if (own_fd) close(fd);
  fd = next_fd;
  own_fd = regular = failed = false;
  way = Way::kPlain;
  switching.store(false, std::memory_order_release);
  on_event(Event::kSwitched, "");
  OpenStream();
}

// The record that is begun goes whole to the next descriptor. What this one has of it is cut off, where nothing came
// behind it.
void StreamWriter::State::TakeBackBegun() {
  const auto begun = static_cast<off_t>(offset - booked_bytes);
  struct stat about;
  // Not once it is to stop: left behind, it does not know whose descriptor this is by now.
  if (regular && !stop.load(std::memory_order_acquire) && fstat(fd, &about) == 0 &&
      lseek(fd, 0, SEEK_CUR) == about.st_size && about.st_size >= begun) {
    // Refused, it leaves a piece of a line, which is no loss: the record is in the next file.
    [[maybe_unused]] const int result = ftruncate(fd, about.st_size - begun);
  }
  offset = booked_bytes;
}

void StreamWriter::State::Advance(size_t wrote) {
  const uint64_t out = out_bytes.load(std::memory_order_relaxed) + wrote;
  out_bytes.store(out, std::memory_order_relaxed);
  uint64_t reached = mark.load(std::memory_order_relaxed);
  if (out >= reached && mark.compare_exchange_strong(reached, UINT64_MAX, std::memory_order_relaxed))
    on_event(Event::kReached, "");
  while (first < count) {
    const size_t rest = taken[first].bytes - offset;
    offset += std::min(wrote, rest);
    BookWhole();
    if (wrote < rest) return;
    wrote -= rest;
    Next();
  }
}

// Counts the records of the first range that have gone out whole: what a reader who stops has by then is said exactly.
void StreamWriter::State::BookWhole() {
  const BatchRange& range = taken[first];
  const BatchEntry* const entries = range.batch->entries() + range.from;
  uint32_t whole = range.records();
  size_t end = range.bytes;
  if (offset < end) {
    // Of the record in which the offset lies, the start is where the last whole one ends.
    const uint64_t at = uint64_t{entries[0].offset} + offset;
    const BatchEntry* const behind =
        std::upper_bound(entries + booked_records, entries + range.records(), at,
                         [](uint64_t position, const BatchEntry& entry) { return position < entry.offset; });
    whole = behind == entries ? 0 : static_cast<uint32_t>(behind - entries) - 1;
    end = entries[whole].offset - entries[0].offset;
  }
  if (whole <= booked_records) return;
  const uint32_t records = whole - booked_records;
  Book(&written_records, &written_bytes, records, end - booked_bytes - records);
  booked_records = whole;
  booked_bytes = end;
}

// The first range is dealt with.
void StreamWriter::State::Next() {
  queue.Settle(taken[first++]);
  offset = booked_bytes = booked_records = 0;
}

// What can not be written. Of the first range, what has gone out whole is counted already.
void StreamWriter::State::LoseTaken() {
  while (first < count) {
    const BatchRange& range = taken[first];
    const uint32_t lost = range.records() - booked_records;
    Book(&lost_records, &lost_bytes, lost, range.bytes - booked_bytes - lost);
    Next();
  }
}

// With `leaving` no more than the rest of the record that is begun.
StreamWriter::State::Wrote StreamWriter::State::WriteSome(bool leaving, size_t* wrote) {
  iovec parts[kGatherRanges];
  size_t used = 0;
  for (size_t i = first; i < count; ++i) {
    const size_t skip = i == first ? offset : 0;
    // writev takes its memory as not const, and does not write it.
    parts[used++] = {const_cast<char*>(taken[i].data) + skip, taken[i].bytes - skip};
    if (!leaving) continue;
    const BatchEntry* const entries = taken[i].batch->entries() + taken[i].from;
    const BatchEntry& begun = entries[booked_records];
    parts[0].iov_len = begun.offset - entries[0].offset + begun.length + 1 - skip;
    break;
  }
  ssize_t result;
  if (way == Way::kPolledPipeBuf) {
    // Room for PIPE_BUF bytes is what POLLOUT on a pipe promises.
    if (!PollFor(fd, POLLOUT, -1)) return Wrote::kAgain;
    result = write(fd, parts[0].iov_base, std::min<size_t>(parts[0].iov_len, PIPE_BUF));
  } else if (way == Way::kSocket) {
    msghdr message = {};
    message.msg_iov = parts;
    message.msg_iovlen = static_cast<decltype(message.msg_iovlen)>(used);
    result = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  } else if (used == 1) {
    result = write(fd, parts[0].iov_base, parts[0].iov_len);
  } else {
    result = writev(fd, parts, static_cast<int>(used));
  }
  if (result >= 0) {
    *wrote = static_cast<size_t>(result);
    return Wrote::kSome;
  }
  switch (errno) {
    case EINTR:
      return Wrote::kAgain;
    case EAGAIN:
#if EWOULDBLOCK != EAGAIN
    case EWOULDBLOCK:
#endif
      PollFor(fd, POLLOUT, -1);
      return Wrote::kAgain;
    case ENOSPC:
    case EDQUOT:
    case ENOBUFS:
    case ENOMEM:
      return Wrote::kRefused;
    default:
      return regular && !IsMisuse(errno) ? Wrote::kRefused : Wrote::kClosed;
  }
}

void StreamWriter::State::Fail(const std::string& reason) {
  failed = true;
  on_event(Event::kClosed, reason);
}

// Waits until `target` is ready, the time is over, or the writer is to stop or to switch. True: `target` is ready.
bool StreamWriter::State::PollFor(int target, short events, int timeout_ms) {
  pollfd fds[2] = {{woken.fd(), POLLIN, 0}, {target, events, 0}};
  const int ready = poll(fds, 2, timeout_ms);
  if (ready > 0 && fds[0].revents != 0) woken.Clear();  // `stop` and `switching` say why, and were set before
  return ready > 0 && fds[1].revents != 0;
}

std::unique_ptr<StreamWriter> StreamWriter::Start(int fd, uint64_t charge_max, uint32_t ranges_max, OnEvent on_event,
                                                  std::string* error) {
  auto state = std::make_shared<State>(fd, charge_max, ranges_max, std::move(on_event));
  if (!state->woken.Open()) {
    *error = std::strerror(errno);
    return nullptr;
  }
  {
    const std::lock_guard<std::mutex> lock(writers_mutex);
    state->id = ++AllWriters().last_id;
    AllWriters().by_id.emplace(state->id, state);
  }
  try {
    state->thread = std::thread([state] { state->Run(); });
  } catch (const std::system_error& failure) {
    const std::lock_guard<std::mutex> lock(writers_mutex);
    AllWriters().by_id.erase(state->id);
    *error = failure.what();
    return nullptr;
  }
  return std::unique_ptr<StreamWriter>(new StreamWriter(std::move(state)));
}

StreamWriter::StreamWriter(std::shared_ptr<State> state) : state_(std::move(state)) {}

StreamWriter::~StreamWriter() { Close(); }

uint32_t StreamWriter::id() const { return state_->id; }

bool StreamWriter::Close() {
  if (closed_) return ended_;
  closed_ = true;
  {
    const std::lock_guard<std::mutex> lock(writers_mutex);
    AllWriters().by_id.erase(state_->id);
  }
  state_->stop.store(true, std::memory_order_release);
  state_->queue.Close();
  state_->woken.Signal();
  std::unique_lock<std::mutex> lock(state_->mutex);
  ended_ = state_->ended_signal.wait_for(lock, kCloseWait, [this] { return state_->ended; });
  lock.unlock();
  // Left behind, it owns the state and holds the batches that it reads.
  if (ended_)
    state_->thread.join();
  else
    state_->thread.detach();
  return ended_;
}

bool StreamWriter::SwitchTo(int fd) {
  if (state_->switching.load(std::memory_order_acquire)) return false;
  state_->next_fd = fd;
  state_->switching.store(true, std::memory_order_release);
  state_->queue.Interrupt();
  state_->woken.Signal();
  return true;
}

void StreamWriter::Notice(uint64_t bytes) {
  state_->mark.store(state_->out_bytes.load(std::memory_order_relaxed) + bytes, std::memory_order_relaxed);
}

StreamWriter::Counts StreamWriter::counts() const {
  const State& state = *state_;
  Counts counts;
  // Records first, see Book; what is settled before what was pushed, so that nothing seems settled that never came.
  counts.written_records = state.written_records.load(std::memory_order_acquire);
  counts.lost_records = state.lost_records.load(std::memory_order_acquire);
  counts.written_bytes = state.written_bytes.load(std::memory_order_relaxed);
  counts.lost_bytes = state.lost_bytes.load(std::memory_order_relaxed);
  counts.pushed_records = state.queue.pushed_records();
  counts.pushed_bytes = state.queue.pushed_bytes();
  return counts;
}

bool StreamWriter::Drained() const {
  const Counts now = counts();
  return now.written_records + now.lost_records == now.pushed_records;
}

StreamFeed::StreamFeed(uint32_t id) {
  const std::lock_guard<std::mutex> lock(writers_mutex);
  const auto found = AllWriters().by_id.find(id);
  if (found != AllWriters().by_id.end()) state_ = found->second;
}

uint32_t StreamFeed::Push(BatchMemory* batch, uint32_t from, uint32_t to) {
  return state_ == nullptr ? from : state_->queue.Push(batch, from, to);
}

}  // namespace streamgate

#endif
