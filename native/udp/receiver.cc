#include "udp/receiver.h"

#if !defined(_WIN32)

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "frame/oversize.h"
#include "generated/layout.h"
#include "ring/push_records.h"
#include "ring/ring.h"
#include "shard/hash.h"
#include "socket/address.h"
#include "socket/gathering.h"
#include "socket/wakeup.h"

namespace streamgate {
namespace {

// Datagrams taken by one call.
constexpr unsigned kSlots = 64;
// Largest payload that a UDP header's 16-bit length can name, its 8 bytes counted (RFC 768), IPv6 without jumbograms.
constexpr size_t kPayloadBytesMax = 65535 - 8;
// 192 bytes more than 64 KiB: slots that far apart would all share the same few sets of every cache.
constexpr size_t kSlotBytes = 65536 + 192;
static_assert(kSlotBytes >= kPayloadBytesMax, "a slot holds any datagram whole");
constexpr int kGatherMs = static_cast<int>(Gathering::kTickNs / 1'000'000);
// What the kernel charges its receive buffer for a datagram beside its bytes, roughly (sk_buff and the page rounding:
// 768 bytes for one of 180 on Linux 6).
constexpr uint64_t kDatagramOverheadBytes = 512;
// Pauses between two attempts at a full ring: long enough to leave the consumer its processor, short enough that the
// kernel's 8 MiB do not overflow in one (20 ms at 400 MB/s).
constexpr int kFullNapMsMax = 16;
constexpr int kErrorNapMs = 100;
// Longer than the kernel takes to put a datagram into the socket that it has chosen for it.
constexpr int kAsideMs = 5;
// What is read after Stop at most, so that a flood can not keep the thread: as much as a large receive buffer holds.
constexpr size_t kStopBytesMax = 64 << 20;

// Milliseconds since 1970.
double NowMs() {
  return static_cast<double>(
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count());
}

uint64_t MonotonicNs() {
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
          .count());
}

// Bytes of a datagram's record: one LF, CR LF or NUL at its end is taken off.
size_t RecordBytes(const char* data, size_t size) {
  if (size > 0 && data[size - 1] == '\n') return size - (size > 1 && data[size - 2] == '\r' ? 2 : 1);
  return size > 0 && data[size - 1] == '\0' ? size - 1 : size;
}

bool SameAddress(const BlockSource& a, const BlockSource& b) {
  return a.family == b.family && std::memcmp(a.address, b.address, sizeof a.address) == 0;
}

// A bound socket, or -1 and `error`.
int Bind(const addrinfo& address, const UdpReceiver::Options& options, UdpReceiver::Error* error) {
  const int fd = socket(address.ai_family, SOCK_DGRAM, 0);
  const auto refuse = [&](const char* what) {
    *error = {errno, std::string(what) + ": " + std::strerror(errno)};
    if (fd >= 0) close(fd);
    return -1;
  };
  if (fd < 0) return refuse("socket");
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  const int on = 1;
  const int off = 0;
  // IPv4 senders reach an IPv6 socket as mapped addresses; a host name that is IPv6 alone is not widened by that.
  if (address.ai_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (options.reuse_port && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0)
    return refuse("SO_REUSEPORT");
  const int wanted = static_cast<int>(std::min<uint32_t>(options.receive_buffer_bytes, 1u << 30));
#if defined(SO_RCVBUFFORCE)
  // Allowed with CAP_NET_ADMIN only; it may exceed net.core.rmem_max.
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &wanted, sizeof wanted) != 0)
#endif
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &wanted, sizeof wanted);
  if (bind(fd, address.ai_addr, address.ai_addrlen) != 0) return refuse("bind");
  return fd;
}

int Open(const UdpReceiver::Options& options, UdpReceiver::Error* error) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  hints.ai_flags = AI_PASSIVE;
  const std::string port = std::to_string(options.port);
  // "::" takes both versions; "0.0.0.0" is for hosts without IPv6.
  const std::vector<std::string> hosts =
      options.host.empty() ? std::vector<std::string>{"::", "0.0.0.0"} : std::vector<std::string>{options.host};
  for (const std::string& host : hosts) {
    addrinfo* found = nullptr;
    const int status = getaddrinfo(host.c_str(), port.c_str(), &hints, &found);
    if (status != 0) {
      *error = {0, gai_strerror(status)};
      continue;
    }
    int fd = -1;
    bool refused = false;
    for (const addrinfo* address = found; address != nullptr && fd < 0 && !refused; address = address->ai_next) {
      fd = Bind(*address, options, error);
      refused = fd < 0 && RefusesPort(error->code);
    }
    freeaddrinfo(found);
    if (fd >= 0 || refused) return fd;
  }
  return -1;
}

}  // namespace

struct UdpReceiver::State {
  State(int socket, void* memory, uint32_t producer, std::function<void()> readable)
      : fd(socket), rings{Ring(memory, producer)}, on_readable(std::move(readable)) {}

  void Run();
  unsigned Receive();
  void Cut(unsigned i);
  void Push(unsigned count);
  void PushTo(uint32_t owner, unsigned count, double now);
  bool WaitForRoom(int* nap_ms);
  void Poll(bool socket, int timeout_ms);
  bool Gathers(uint64_t began_ns, uint64_t records, uint64_t bytes);
  void ReadDrops();
  void StepAside();

  int fd;
  // One, or with a key every worker's.
  std::vector<Ring> rings;
  std::shared_ptr<ShardKey> shard_key;
  std::function<void()> on_readable;
  Wakeup wakeup;
  std::atomic<bool> stop{false};
  std::thread thread;
  uint16_t port = 0;
  uint64_t receive_buffer_bytes = 0;
  uint32_t max_record_bytes = 0;
  bool receive_failed = false;
  bool aside = false;
  Gathering gathering;

  // Not zeroed: only the pages that datagrams reach are ever touched.
  const std::unique_ptr<char[]> slots{new char[kSlots * kSlotBytes]};
  size_t sizes[kSlots];
  BlockSource sources[kSlots];
  uint8_t owners[kSlots] = {};  // indices into rings

  std::atomic<uint64_t> received_records{0};
  std::atomic<uint64_t> received_bytes{0};
  std::atomic<uint64_t> truncated{0};
  std::atomic<uint64_t> lost_records{0};
  std::atomic<uint64_t> lost_bytes{0};
  std::atomic<uint64_t> lost_oversize_records{0};
  std::atomic<uint64_t> lost_oversize_bytes{0};
  std::atomic<uint64_t> cut_records{0};

  // The kernel's counter has 32 bits and may be asked for by any thread.
  std::mutex drops_mutex;
  uint32_t drops_seen = 0;
  uint64_t drops = 0;
};

void UdpReceiver::State::Run() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);  // signals are the main thread's
  size_t after_stop = 0;
  uint64_t began_ns = MonotonicNs();
  uint64_t records = 0;
  uint64_t bytes = 0;
  for (;;) {
    const bool stopping = stop.load(std::memory_order_acquire);
    if (stopping && !aside) StepAside();
    const unsigned count = Receive();
    records += count;
    for (unsigned i = 0; i < count; ++i) bytes += sizes[i];
    if (count > 0) Push(count);
    if (stopping) {
      for (unsigned i = 0; i < count; ++i) after_stop += sizes[i];
      if (count == 0 || after_stop > kStopBytesMax) return;
      continue;
    }
    if (count == kSlots) continue;
    if (receive_failed) {
      // An error that lasts (no memory, say) would let poll return at once, for ever.
      Poll(false, kErrorNapMs);
    } else if (Gathers(began_ns, records, bytes)) {
      Poll(false, kGatherMs);
    } else {
      Poll(true, -1);
    }
    began_ns = MonotonicNs();
    records = bytes = 0;
  }
}

// Whether the next look at the socket waits, so that one wake-up of this thread and of the consumer serves many
// datagrams. Never when what came in the last pass fills a good part of the kernel's buffer: the wait would lose some.
bool UdpReceiver::State::Gathers(uint64_t began_ns, uint64_t records, uint64_t bytes) {
  if (!gathering.After(began_ns, records, bytes)) return false;
  if ((records * kDatagramOverheadBytes + 2 * bytes) * 4 <= receive_buffer_bytes) return true;
  gathering.Leave();
  return false;
}

// Takes up to kSlots datagrams without waiting. @returns how many
unsigned UdpReceiver::State::Receive() {
  sockaddr_storage from[kSlots];
  iovec pieces[kSlots];
  unsigned count = 0;
#if defined(__linux__)
  mmsghdr messages[kSlots];
  std::memset(messages, 0, sizeof messages);
  for (unsigned i = 0; i < kSlots; ++i) {
    pieces[i] = {slots.get() + i * kSlotBytes, kSlotBytes};
    messages[i].msg_hdr.msg_name = &from[i];
    messages[i].msg_hdr.msg_namelen = sizeof from[i];
    messages[i].msg_hdr.msg_iov = &pieces[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  const int received = recvmmsg(fd, messages, kSlots, MSG_DONTWAIT, nullptr);
  receive_failed = received < 0 && errno != EAGAIN && errno != EINTR;
  count = received > 0 ? static_cast<unsigned>(received) : 0;
  for (unsigned i = 0; i < count; ++i) {
    sizes[i] = messages[i].msg_len;
    if ((messages[i].msg_hdr.msg_flags & MSG_TRUNC) != 0) truncated.fetch_add(1, std::memory_order_relaxed);
  }
#else
  for (; count < kSlots; ++count) {
    pieces[count] = {slots.get() + count * kSlotBytes, kSlotBytes};
    msghdr message{};
    message.msg_name = &from[count];
    message.msg_namelen = sizeof from[count];
    message.msg_iov = &pieces[count];
    message.msg_iovlen = 1;
    const ssize_t received = recvmsg(fd, &message, MSG_DONTWAIT);
    receive_failed = received < 0 && errno != EAGAIN && errno != EINTR;
    if (received < 0) break;
    sizes[count] = static_cast<size_t>(received);
    if ((message.msg_flags & MSG_TRUNC) != 0) truncated.fetch_add(1, std::memory_order_relaxed);
  }
#endif
  for (unsigned i = 0; i < count; ++i) {
    sources[i] = SourceOf(from[i], Transport::kUdp);
    sizes[i] = RecordBytes(slots.get() + i * kSlotBytes, sizes[i]);
    if (sizes[i] > max_record_bytes) Cut(i);
  }
  return count;
}

void UdpReceiver::State::Cut(unsigned i) {
  const size_t kept = TrimAtCut(slots.get() + i * kSlotBytes, max_record_bytes);
  lost_oversize_bytes.fetch_add(sizes[i] - kept, std::memory_order_relaxed);
  if (kept == 0) lost_oversize_records.fetch_add(1, std::memory_order_relaxed);
  cut_records.fetch_add(1, std::memory_order_relaxed);
  sizes[i] = kept;
}

// Puts the datagrams in hand into the rings that they belong to.
void UdpReceiver::State::Push(unsigned count) {
  const double now = NowMs();
  const auto workers = static_cast<uint32_t>(rings.size());
  uint64_t present = 1;
  if (shard_key != nullptr) {
    present = 0;
    for (unsigned i = 0; i < count; ++i) {
      const uint64_t hash = shard_key->Hash(slots.get() + i * kSlotBytes, sizes[i], sources[i]);
      owners[i] = static_cast<uint8_t>(ShardOwner(hash, workers));
      present |= uint64_t{1} << owners[i];
    }
  }
  for (uint32_t owner = 0; owner < workers; ++owner)
    if ((present >> owner & 1) != 0) PushTo(owner, count, now);
}

// Puts this owner's datagrams into its ring as blocks, and waits while it is full; while stopping it counts them as
// lost.
void UdpReceiver::State::PushTo(uint32_t owner, unsigned count, double now) {
  Ring& ring = rings[owner];
  const bool separate = ring.SeparatesSources();
  int nap_ms = 1;
  unsigned at = 0;
  while (at < count) {
    // A block: as many datagrams as fit. Empty ones are passed over.
    unsigned end = at;
    uint32_t records = 0;
    uint32_t bytes = 0;
    BlockSource source;
    for (; end < count; ++end) {
      if (sizes[end] == 0 || owners[end] != owner) continue;
      const uint32_t more = bytes + static_cast<uint32_t>(sizes[end]) + 1;
      if (records > 0 && (more > kPushedBlockBytes || Ring::BlockBytes(records + 1, more) > ring.block_bytes_max()))
        break;
      if (records == 0) {
        source = sources[end];
      } else if (!SameAddress(source, sources[end])) {
        // One that is unknown already may take more of any peer.
        if (separate && source.family != 0) break;
        source = BlockSource();
        source.transport = Transport::kUdp;
      } else if (source.port != sources[end].port) {
        source.port = 0;
      }
      ++records;
      bytes = more;
    }
    if (records > 0) {
      Ring::Block block;
      if (!ring.Claim(records, bytes, &block)) {
        // A datagram that is larger than the whole ring would wait for ever: the smallest ring holds 64 KiB, headers
        // included.
        const bool never = Ring::BlockBytes(records, bytes) > ring.capacity_bytes();
        if (!never && WaitForRoom(&nap_ms)) continue;
        lost_bytes.fetch_add(bytes - records, std::memory_order_relaxed);
        lost_records.fetch_add(records, std::memory_order_relaxed);
      } else {
        char* to = block.body;
        uint32_t* lengths = block.lengths;
        for (unsigned i = at; i < end; ++i) {
          if (sizes[i] == 0 || owners[i] != owner) continue;
          std::memcpy(to, slots.get() + i * kSlotBytes, sizes[i]);
          to += sizes[i];
          *to++ = '\n';
          *lengths++ = static_cast<uint32_t>(sizes[i]);
        }
        ring.Commit(block, source, now);
        // After the commit, and released: whoever sees a record counted finds it in the ring.
        received_bytes.fetch_add(bytes - records, std::memory_order_relaxed);
        received_records.fetch_add(records, std::memory_order_release);
        on_readable();
        nap_ms = 1;
      }
    }
    at = end;
  }
}

// A pause before another attempt at a full ring. False: stopping, do not wait.
bool UdpReceiver::State::WaitForRoom(int* nap_ms) {
  if (stop.load(std::memory_order_acquire)) return false;
  on_readable();
  Poll(false, *nap_ms);
  *nap_ms = std::min(*nap_ms * 2, kFullNapMsMax);
  return true;
}

void UdpReceiver::State::Poll(bool socket, int timeout_ms) {
  pollfd fds[2] = {{wakeup.fd(), POLLIN, 0}, {socket ? fd : -1, POLLIN, 0}};
  if (poll(fds, 2, timeout_ms) > 0 && fds[0].revents != 0) wakeup.Clear();
}

// Connects the socket to itself, so that the kernel delivers nothing to it any more but what it holds for it already:
// with SO_REUSEPORT datagrams go to the other sockets of the port from now on, where a close would lose those that came
// since the last look. Then waits until those have come in whose socket the kernel had chosen before.
void UdpReceiver::State::StepAside() {
  aside = true;
  sockaddr_storage self{};
  socklen_t size = sizeof self;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&self), &size) != 0) return;
  auto* const v4 = reinterpret_cast<sockaddr_in*>(&self);
  auto* const v6 = reinterpret_cast<sockaddr_in6*>(&self);
  if (self.ss_family == AF_INET && v4->sin_addr.s_addr == INADDR_ANY) v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (self.ss_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr)) v6->sin6_addr = in6addr_loopback;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&self), size) == 0)
    std::this_thread::sleep_for(std::chrono::milliseconds(kAsideMs));
}

// Asks the kernel for its count of this socket's drops: right now, where SO_RXQ_OVFL would tell with the next datagram
// only.
void UdpReceiver::State::ReadDrops() {
#if defined(__linux__)
  // linux/sock_diag.h: SK_MEMINFO_DROPS is word 8; asm-generic/socket.h: SO_MEMINFO is 55. Since Linux 4.12.
  constexpr int kSoMeminfo = 55;
  constexpr size_t kDropsWord = 8;
  uint32_t words[16] = {};
  socklen_t size = sizeof words;
  if (fd < 0 || getsockopt(fd, SOL_SOCKET, kSoMeminfo, words, &size) != 0 || size < (kDropsWord + 1) * 4) return;
  drops += words[kDropsWord] - drops_seen;
  drops_seen = words[kDropsWord];
#endif
}

std::unique_ptr<UdpReceiver> UdpReceiver::Start(const Options& options, void* ring, uint32_t producer,
                                                std::function<void()> on_readable, Error* error) {
  const int fd = Open(options, error);
  if (fd < 0) return nullptr;
  auto state = std::make_unique<State>(fd, ring, producer, std::move(on_readable));
  state->max_record_bytes = options.max_record_bytes;
  if (options.shard_key != nullptr) {
    state->shard_key = options.shard_key;
    state->rings.clear();
    for (void* const memory : options.shard_rings) state->rings.emplace_back(memory, producer);
  }
  state->port = PortOf(fd);
  int buffer = 0;
  socklen_t buffer_size = sizeof buffer;
  getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, &buffer_size);
  state->receive_buffer_bytes = static_cast<uint64_t>(buffer);
  std::unique_ptr<UdpReceiver> receiver(new UdpReceiver(std::move(state)));
  if (!receiver->state_->wakeup.Open()) {
    *error = {errno, std::strerror(errno)};
    return nullptr;
  }
  try {
    State* const running = receiver->state_.get();
    running->thread = std::thread([running] { running->Run(); });
  } catch (const std::system_error& failure) {
    *error = {failure.code().value(), failure.what()};
    return nullptr;
  }
  return receiver;
}

UdpReceiver::UdpReceiver(std::unique_ptr<State> state) : state_(std::move(state)) {}

UdpReceiver::~UdpReceiver() { Stop(); }

void UdpReceiver::Stop() {
  State& state = *state_;
  if (state.thread.joinable()) {
    state.stop.store(true, std::memory_order_release);
    state.wakeup.Signal();
    // The thread waits in poll only, which the signal ends.
    state.thread.join();
  }
  const std::lock_guard<std::mutex> lock(state.drops_mutex);
  if (state.fd < 0) return;
  state.ReadDrops();
  close(state.fd);
  state.fd = -1;
}

uint16_t UdpReceiver::port() const { return state_->port; }

UdpReceiver::Stats UdpReceiver::stats() const {
  State& state = *state_;
  Stats stats;
  stats.received_records = state.received_records.load(std::memory_order_acquire);
  stats.received_bytes = state.received_bytes.load(std::memory_order_relaxed);
  stats.truncated = state.truncated.load(std::memory_order_relaxed);
  stats.lost_records = state.lost_records.load(std::memory_order_relaxed);
  stats.lost_bytes = state.lost_bytes.load(std::memory_order_relaxed);
  stats.lost_oversize_records = state.lost_oversize_records.load(std::memory_order_relaxed);
  stats.lost_oversize_bytes = state.lost_oversize_bytes.load(std::memory_order_relaxed);
  stats.cut_records = state.cut_records.load(std::memory_order_relaxed);
  stats.receive_buffer_bytes = state.receive_buffer_bytes;
  const std::lock_guard<std::mutex> lock(state.drops_mutex);
  state.ReadDrops();
  stats.kernel_drops = state.drops;
  return stats;
}

}  // namespace streamgate

#endif
