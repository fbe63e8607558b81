// Sends a file of newline-ended lines to a TCP port of this machine over several connections, so that the generator is
// not the limit.
//
//   sender PORT FILE CONNECTIONS --repeat N
//   sender PORT FILE CONNECTIONS --rate LINES_PER_SECOND --lines-per-write N --seconds S
//          [--stamp [--unstamped-writes N]]
//
// With --repeat every connection sends its share of the file N times, as fast as the peer takes it. With --rate the
// schedule is open-loop: write k is due at start + k × lines per write / rate whatever happened to the writes before
// it, connections take turns, and the file starts again at its end. --stamp puts the due time before each line
// (latency.h), except in the first N writes, which would time the making of connections. Prints one JSON line: lines,
// bytes, seconds, cpu_seconds, late_ms_max (how far behind its schedule it was at worst), late_ms_end.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "latency.h"

#define WRITE_BYTES_MAX (1 << 20)

static double now(void) { return (double)nowNs() / 1e9; }

static void fail(const char* what) {
  perror(what);
  exit(1);
}

static int dial(int port) {
  struct sockaddr_in to = {
      .sin_family = AF_INET, .sin_port = htons((unsigned short)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
  if (fd < 0 || connect(fd, (struct sockaddr*)&to, sizeof to) != 0) fail("connect");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

static void writeAll(int fd, const char* data, size_t bytes) {
  while (bytes > 0) {
    ssize_t n = send(fd, data, bytes, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("send");
    data += n;
    bytes -= (size_t)n;
  }
}

// The end of `lines` lines from `at`, or the file's end.
static const char* after(const char* at, const char* end, long lines) {
  while (lines-- > 0 && at < end) {
    const char* lf = memchr(at, '\n', (size_t)(end - at));
    at = lf == NULL ? end : lf + 1;
  }
  return at;
}

static long countLines(const char* at, const char* end) {
  long lines = 0;
  while (at < end && (at = memchr(at, '\n', (size_t)(end - at))) != NULL) lines++, at++;
  return lines;
}

// Every connection gets a contiguous share of the file, `repeat` times, and is written to whenever it takes bytes.
static void saturate(const char* data, size_t bytes, int* fds, int connections, long repeat) {
  struct {
    const char *begin, *at, *end;
    long left;
  } share[connections];
  struct pollfd polls[connections];
  const char* at = data;
  const char* end = data + bytes;
  int open = 0;
  for (int i = 0; i < connections; i++) {
    const char* stop = i == connections - 1 ? end : data + bytes / (size_t)connections * (size_t)(i + 1);
    if (stop < at) stop = at;
    stop = stop > data && stop < end && stop[-1] != '\n' ? after(stop, end, 1) : stop;
    share[i].begin = share[i].at = at;
    share[i].end = at = stop;
    share[i].left = repeat;
    polls[i] = (struct pollfd){.fd = share[i].begin == stop ? -1 : fds[i], .events = POLLOUT};
    open += polls[i].fd >= 0;
    fcntl(fds[i], F_SETFL, O_NONBLOCK);
  }
  while (open > 0) {
    if (poll(polls, (nfds_t)connections, -1) < 0) fail("poll");
    for (int i = 0; i < connections; i++) {
      if (polls[i].fd < 0 || polls[i].revents == 0) continue;
      size_t left = (size_t)(share[i].end - share[i].at);
      ssize_t n = send(fds[i], share[i].at, left > 262144 ? 262144 : left, MSG_NOSIGNAL);
      if (n < 0 && errno != EAGAIN) fail("send");
      if (n > 0) share[i].at += n;
      if (share[i].at < share[i].end) continue;
      share[i].at = share[i].begin;
      if (--share[i].left == 0) polls[i].fd = -1, open--;
    }
  }
}

int main(int argc, char** argv) {
  long repeat = 0, perWrite = 1;
  double rate = 0, seconds = 0;
  int stamp = 0;
  long unstamped = 0;
  for (int i = 4; i < argc; i++) {
    const char* value = i + 1 < argc ? argv[i + 1] : "";
    if (strcmp(argv[i], "--stamp") == 0)
      stamp = 1;
    else if (strcmp(argv[i], "--repeat") == 0)
      repeat = atol(value), i++;
    else if (strcmp(argv[i], "--rate") == 0)
      rate = atof(value), i++;
    else if (strcmp(argv[i], "--lines-per-write") == 0)
      perWrite = atol(value), i++;
    else if (strcmp(argv[i], "--unstamped-writes") == 0)
      unstamped = atol(value), i++;
    else if (strcmp(argv[i], "--seconds") == 0)
      seconds = atof(value), i++;
    else
      argc = 0;
  }
  if (argc < 4 || atoi(argv[3]) < 1 || (repeat < 1 && (rate <= 0 || seconds <= 0 || perWrite < 1))) {
    fprintf(stderr,
            "usage: sender PORT FILE CONNECTIONS --repeat N | --rate R --lines-per-write N --seconds S [--stamp "
            "[--unstamped-writes N]]\n");
    return 2;
  }
  int connections = atoi(argv[3]);
  int file = open(argv[2], O_RDONLY);
  struct stat stat;
  if (file < 0 || fstat(file, &stat) != 0) fail(argv[2]);
  size_t bytes = (size_t)stat.st_size;
  const char* data = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
  if (data == MAP_FAILED) fail("mmap");
  int* fds = malloc(sizeof(int) * (size_t)connections);
  for (int i = 0; i < connections; i++) fds[i] = dial(atoi(argv[1]));

  double start = now(), late = 0, lateMax = 0;
  long sentLines = 0;
  size_t sentBytes = 0;
  if (repeat > 0) {
    saturate(data, bytes, fds, connections, repeat);
    sentLines = countLines(data, data + bytes) * repeat;
    sentBytes = bytes * (size_t)repeat;
  } else {
    // 50 µs of timer slack would make every sleep of 20 µs a late one.
    prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0);
    static char stamped[WRITE_BYTES_MAX];
    const char* at = data;
    const char* end = data + bytes;
    uint64_t startNs = nowNs();
    for (long k = 0;; k++) {
      uint64_t dueNs = startNs + (uint64_t)((double)k * (double)perWrite / rate * 1e9);
      if ((double)(dueNs - startNs) / 1e9 >= seconds) break;
      if (at == end) at = data;
      uint64_t nowAt = nowNs();
      late = nowAt > dueNs ? (double)(nowAt - dueNs) / 1e6 : 0;
      if (late > lateMax) lateMax = late;
      if (nowAt < dueNs) {
        struct timespec until = {(time_t)(dueNs / 1000000000u), (long)(dueNs % 1000000000u)};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
      }
      const char* stop = after(at, end, perWrite);
      const char* from = at;
      size_t length = (size_t)(stop - at);
      if (stamp && k >= unstamped) {
        char* to = stamped;
        for (const char* line = at; line < stop;) {
          const char* next = after(line, stop, 1);
          if (to - stamped + STAMP_BYTES + (next - line) > WRITE_BYTES_MAX) fail("a write is larger than 1 MiB");
          writeStamp(to, dueNs);
          memcpy(to + STAMP_BYTES, line, (size_t)(next - line));
          to += STAMP_BYTES + (next - line);
          line = next;
        }
        from = stamped;
        length = (size_t)(to - stamped);
      }
      writeAll(fds[k % connections], from, length);
      sentLines += perWrite == 1 ? 1 : countLines(at, stop);
      sentBytes += length;
      at = stop;
    }
  }
  for (int i = 0; i < connections; i++) shutdown(fds[i], SHUT_WR);
  double took = now() - start;
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  double cpu = (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6 + (double)usage.ru_stime.tv_sec +
               (double)usage.ru_stime.tv_usec / 1e6;
  printf(
      "{\"lines\":%ld,\"bytes\":%zu,\"seconds\":%.3f,\"cpu_seconds\":%.3f,\"late_ms_max\":%.1f,\"late_ms_end\":%.1f}\n",
      sentLines, sentBytes, took, cpu, lateMax, late);
  return 0;
}
