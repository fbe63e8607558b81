// See closing.h.
#include "tcp/closing.h"

#if defined(__linux__)

#include <fcntl.h>
#include <linux/filter.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>

namespace streamgate {

bool TurnAwayConnections(int listener) {
  // The kernel shows a TCP socket's filter the segment from the TCP header on; its flags are byte 13 (RFC 9293).
  constexpr uint32_t kFlagsAt = 13;
  constexpr uint32_t kSyn = 0x02;
  constexpr uint32_t kAck = 0x10;
  // Accepted sockets inherit the filter, where it drops nothing that matters: such a segment is no part of a
  // connection.
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kFlagsAt),    BPF_STMT(BPF_ALU | BPF_AND | BPF_K, kSyn | kAck),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kSyn, 0, 1), BPF_STMT(BPF_RET | BPF_K, 0),
      BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
  };
  const sock_fprog filter{sizeof program / sizeof program[0], program};
  return setsockopt(listener, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) == 0;
}

namespace {

// The rest of a file of /proc, line by line, in pieces: a table of connections may have many thousand lines.
class Lines {
 public:
  explicit Lines(const char* path) : fd_(open(path, O_RDONLY | O_CLOEXEC)) {}
  ~Lines() {
    if (fd_ >= 0) close(fd_);
  }
  // False: there is no other.
  bool Next(std::string* line) {
    for (;;) {
      const size_t end = text_.find('\n', at_);
      if (end != std::string::npos) {
        line->assign(text_, at_, end - at_);
        at_ = end + 1;
        return true;
      }
      text_.erase(0, at_);
      at_ = 0;
      char piece[16 << 10];
      const ssize_t size = fd_ < 0 ? -1 : read(fd_, piece, sizeof piece);
      if (size <= 0) return false;
      text_.append(piece, static_cast<size_t>(size));
    }
  }

 private:
  const int fd_;
  std::string text_;
  size_t at_ = 0;
};

}  // namespace

// Whoever waits at a listener refers to it, and the table of sockets shows how many references a socket has; one is its
// own. A line, after its number and two addresses (net/ipv4/tcp_ipv4.c, get_tcp4_sock):
//
//   state tx_queue:rx_queue timer:when retransmits uid timeout inode references …
int WaitingConnections(int listener) {
  struct stat status;
  if (fstat(listener, &status) != 0) return -1;
  constexpr unsigned kListens = 0x0a;  // TCP_LISTEN
  for (const char* path : {"/proc/self/net/tcp6", "/proc/self/net/tcp"}) {
    Lines lines(path);
    std::string line;
    if (!lines.Next(&line)) continue;  // its first one names the columns
    while (lines.Next(&line)) {
      unsigned state = 0;
      uint64_t inode = 0;
      int references = 0;
      const int fields =
          std::sscanf(line.c_str(), "%*d: %*s %*s %x %*s %*s %*s %*u %*d %" SCNu64 " %d", &state, &inode, &references);
      // Listeners come first.
      if (fields != 3 || state != kListens) break;
      if (inode == status.st_ino) return references - 1;
    }
  }
  return -1;
}

}  // namespace streamgate

#endif
