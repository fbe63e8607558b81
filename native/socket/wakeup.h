// What a thread of ours sleeps on beside its socket or stream, so that another thread can wake it. POSIX only.
#pragma once

#if !defined(_WIN32)

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace streamgate {

// A pipe to oneself: what makes poll return.
class Wakeup {
 public:
  bool Open() {
    if (pipe(fds_) != 0) return false;
    for (const int fd : fds_) {
      fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
      fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
    return true;
  }
  ~Wakeup() {
    for (const int fd : fds_)
      if (fd >= 0) close(fd);
  }
  void Signal() {
    const char byte = 0;
    // A full pipe wakes as well as one byte more would.
    while (write(fds_[1], &byte, 1) < 0 && errno == EINTR) {
    }
  }
  void Clear() {
    char bytes[64];
    while (read(fds_[0], bytes, sizeof bytes) > 0) {
    }
  }
  int fd() const { return fds_[0]; }

 private:
  int fds_[2] = {-1, -1};
};

}  // namespace streamgate

#endif
