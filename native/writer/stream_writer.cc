#include "writer/stream_writer.h"

#if !defined(_WIN32)

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
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
#include <vector>

#include "generated/layout.h"
#include "ring/ring.h"
#include "writer/wakeup.h"

namespace streamgate {
namespace {

#if !defined(MSG_NOSIGNAL)
#define MSG_NOSIGNAL 0  // macOS: SIGPIPE is blocked in the thread anyway
#endif

// Blocks are gathered up to this before a write: the size of a Linux pipe, so that small blocks cost no system call
// each.
constexpr size_t kGatherBytes = 65536;
// How long Close waits for the thread. Poll and every write but one to a blocking descriptor end at once when it asks.
constexpr std::chrono::milliseconds kCloseWait{250};
// A full disk is not a closed stream: it is tried again after this.
constexpr int kRetryMs = 100;
// How often a claim at the ring's head that is no block yet is looked at again.
constexpr int kNapMs = 100;

// Which wakeup belongs to which ring: producers in other threads know the ring only. Asked once a sleep, not once a
// push.
std::mutex sleepers_mutex;
std::map<const void*, std::shared_ptr<Wakeup>>& Sleepers() {
  // Never destroyed: a thread that is left behind may outlive static objects.
  static auto* sleepers = new std::map<const void*, std::shared_ptr<Wakeup>>;
  return *sleepers;
}

enum class Way { kPlain, kSocket, kPolled, kPolledPipeBuf };

}  // namespace

struct StreamWriter::State {
  State(int target, void* memory, std::function<void(const std::string&)> closed)
      : fd(target), header(static_cast<RingHeader*>(memory)), ring(memory, 0), on_closed(std::move(closed)) {}

  void Run();
  void OpenStream();
  bool Gather();
  bool WriteAll(const char* data, size_t size, const uint32_t* lengths, size_t records);
  // How the attempt to write ended.
  enum class Wrote { kSome, kAgain, kClosed };
  Wrote WriteSome(const char* data, size_t size, size_t* wrote);
  void Fail(const std::string& reason);
  void Sleep();
  bool SkipDead();
  uint64_t EpochSum() const;
  bool PollFor(int target, short events, int timeout_ms);
  void Book(std::atomic<uint64_t>* records, std::atomic<uint64_t>* bytes, uint64_t n, uint64_t size) {
    // Bytes first: whoever sees all records counted finds their bytes counted too.
    bytes->fetch_add(size, std::memory_order_relaxed);
    records->fetch_add(n, std::memory_order_release);
  }

  int fd;
  bool own_fd = false;
  Way way = Way::kPlain;
  RingHeader* header;
  Ring ring;
  std::function<void(const std::string&)> on_closed;
  std::shared_ptr<Wakeup> wakeup = std::make_shared<Wakeup>();
  std::atomic<bool> stop{false};
  std::atomic<bool> abandoned{false};
  bool failed = false;
  // The producers' epochs when the ring was last empty, and for how many naps its head has been a claim without a
  // block.
  uint64_t epochs_seen = EpochSum();
  int naps = 0;
  std::vector<char> gathered;
  std::vector<uint32_t> gathered_lengths;

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
  gathered.reserve(kGatherBytes);
  OpenStream();
  while (!stop.load(std::memory_order_acquire)) {
    if (!Gather()) Sleep();
  }
  if (own_fd) close(fd);
  // The last thing that touches the ring was before this.
  const std::lock_guard<std::mutex> lock(mutex);
  ended = true;
  ended_signal.notify_all();
}

// Takes what the ring holds and writes it. False: the ring is empty.
bool StreamWriter::State::Gather() {
  gathered.clear();
  gathered_lengths.clear();
  Ring::View view;
  while (ring.Peek(&view) == Ring::Peeked::kBlock) {
    const uint32_t bytes = view.header->body_bytes;
    const uint32_t records = view.header->records;
    if (bytes > kGatherBytes - gathered.size()) {
      if (!gathered.empty()) break;
      // One long record: written where it lies.
      if (WriteAll(view.body, bytes, view.lengths, records)) ring.Release();
      return true;
    }
    naps = 0;
    gathered.insert(gathered.end(), view.body, view.body + bytes);
    gathered_lengths.insert(gathered_lengths.end(), view.lengths, view.lengths + records);
    ring.Release();
  }
  if (gathered.empty()) return false;
  WriteAll(gathered.data(), gathered.size(), gathered_lengths.data(), gathered_lengths.size());
  return true;
}

// Writes whole records, or counts as lost what can not be written. False: told to stop in the middle.
bool StreamWriter::State::WriteAll(const char* data, size_t size, const uint32_t* lengths, size_t records) {
  size_t done = 0;
  while (done < size && !failed) {
    if (stop.load(std::memory_order_acquire)) break;
    size_t wrote = 0;
    const Wrote result = WriteSome(data + done, size - done, &wrote);
    done += wrote;
    if (result == Wrote::kClosed) Fail(std::strerror(errno));
  }
  // Left behind by Close: what the lengths lie in may be gone.
  if (abandoned.load(std::memory_order_acquire)) return false;
  // What of it went out in whole records?
  size_t whole = 0;
  size_t end = 0;
  while (whole < records && end + lengths[whole] + 1 <= done) end += lengths[whole++] + 1;
  Book(&written_records, &written_bytes, whole, end - whole);
  if (whole == records) return true;
  Book(&lost_records, &lost_bytes, records - whole, (size - records) - (end - whole));
  return failed;
}

StreamWriter::State::Wrote StreamWriter::State::WriteSome(const char* data, size_t size, size_t* wrote) {
  if (way == Way::kPolledPipeBuf) {
    // Room for PIPE_BUF bytes is what POLLOUT on a pipe promises.
    if (!PollFor(fd, POLLOUT, -1)) return Wrote::kAgain;
    size = std::min<size_t>(size, PIPE_BUF);
  }
  const ssize_t result =
      way == Way::kSocket ? send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL) : write(fd, data, size);
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
      PollFor(-1, 0, kRetryMs);
      return Wrote::kAgain;
    default:
      return Wrote::kClosed;
  }
}

void StreamWriter::State::Fail(const std::string& reason) {
  failed = true;
  on_closed(reason);
}

// Waits until `target` is ready, the time is over, or someone signals: for the ring, which is no news here, or to stop.
// True: `target` is ready.
bool StreamWriter::State::PollFor(int target, short events, int timeout_ms) {
  pollfd fds[2] = {{wakeup->fd(), POLLIN, 0}, {target, events, 0}};
  if (poll(fds, 2, timeout_ms) <= 0) return false;
  if (fds[0].revents != 0) wakeup->Clear();
  return fds[1].revents != 0;
}

void StreamWriter::State::Sleep() {
  // Sequentially consistent on both sides: the store to `waiting` here against the increment of `wake` in Ring::Commit,
  // then the load of `wake` here against the load of `waiting` in Notify. One of the two sees the other.
  const int32_t wake = __atomic_load_n(&header->wake, __ATOMIC_SEQ_CST);
  __atomic_store_n(&header->waiting, 1, __ATOMIC_SEQ_CST);
  Ring::View view;
  if (ring.Peek(&view) != Ring::Peeked::kBlock && !SkipDead() &&
      __atomic_load_n(&header->wake, __ATOMIC_SEQ_CST) == wake && !stop.load(std::memory_order_acquire))
    PollFor(-1, 0, ring.IsEmpty() ? -1 : kNapMs);
  __atomic_store_n(&header->waiting, 0, __ATOMIC_SEQ_CST);
}

// Skips a claim at the head whose producer died before it became a block. One of which nothing was written can not be
// told from one that is just being written, so it must have stood there for a second, and some producer must have died.
bool StreamWriter::State::SkipDead() {
  if (ring.IsEmpty()) {
    epochs_seen = EpochSum();
    naps = 0;
    return false;
  }
  const bool force = ++naps > 1000 / kNapMs && epochs_seen != EpochSum();
  if (!ring.SkipAbandoned(force)) return false;
  naps = 0;
  return true;
}

uint64_t StreamWriter::State::EpochSum() const {
  uint64_t sum = 0;
  for (const uint32_t& epoch : header->producer_epochs) sum += __atomic_load_n(&epoch, __ATOMIC_RELAXED);
  return sum;
}

std::unique_ptr<StreamWriter> StreamWriter::Start(int fd, void* ring, std::function<void(const std::string&)> on_closed,
                                                  std::string* error) {
  auto state = std::make_shared<State>(fd, ring, std::move(on_closed));
  if (!state->wakeup->Open()) {
    *error = std::strerror(errno);
    return nullptr;
  }
  {
    const std::lock_guard<std::mutex> lock(sleepers_mutex);
    if (!Sleepers().emplace(ring, state->wakeup).second) {
      *error = "the ring has a writer already";
      return nullptr;
    }
  }
  try {
    state->thread = std::thread([state] { state->Run(); });
  } catch (const std::system_error& failure) {
    const std::lock_guard<std::mutex> lock(sleepers_mutex);
    Sleepers().erase(ring);
    *error = failure.what();
    return nullptr;
  }
  return std::unique_ptr<StreamWriter>(new StreamWriter(std::move(state)));
}

void StreamWriter::Notify(void* ring) {
  auto* header = static_cast<RingHeader*>(ring);
  if (__atomic_load_n(&header->waiting, __ATOMIC_SEQ_CST) == 0) return;
  // One of several producers signals; the others see 0.
  if (__atomic_exchange_n(&header->waiting, 0, __ATOMIC_SEQ_CST) == 0) return;
  std::shared_ptr<Wakeup> wakeup;
  {
    const std::lock_guard<std::mutex> lock(sleepers_mutex);
    const auto found = Sleepers().find(ring);
    if (found == Sleepers().end()) return;
    wakeup = found->second;
  }
  wakeup->Signal();
}

StreamWriter::StreamWriter(std::shared_ptr<State> state) : state_(std::move(state)) {}

StreamWriter::~StreamWriter() { Close(); }

void StreamWriter::Close() {
  if (!state_->thread.joinable()) return;
  {
    const std::lock_guard<std::mutex> lock(sleepers_mutex);
    Sleepers().erase(state_->header);
  }
  state_->stop.store(true, std::memory_order_release);
  state_->wakeup->Signal();
  std::unique_lock<std::mutex> lock(state_->mutex);
  const bool ended = state_->ended_signal.wait_for(lock, kCloseWait, [this] { return state_->ended; });
  lock.unlock();
  if (ended) {
    state_->thread.join();
  } else {
    state_->abandoned.store(true, std::memory_order_release);
    state_->thread.detach();
  }
}

bool StreamWriter::left_behind() const { return state_->abandoned.load(std::memory_order_acquire); }

StreamWriter::Counts StreamWriter::counts() const {
  Counts counts;
  counts.written_records = state_->written_records.load(std::memory_order_acquire);
  counts.written_bytes = state_->written_bytes.load(std::memory_order_relaxed);
  counts.lost_records = state_->lost_records.load(std::memory_order_acquire);
  counts.lost_bytes = state_->lost_bytes.load(std::memory_order_relaxed);
  return counts;
}

bool StreamWriter::Drained() const {
  const uint64_t done =
      state_->written_records.load(std::memory_order_acquire) + state_->lost_records.load(std::memory_order_acquire);
  // Records are counted as pushed before they become visible, so this errs towards "not yet".
  return done == __atomic_load_n(&state_->header->pushed_records, __ATOMIC_ACQUIRE);
}

}  // namespace streamgate

#endif
