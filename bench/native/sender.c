// Sends a corpus of newline-ended lines to a TCP port over several connections, so that the generator is not the limit.
//
//   sender HOST PORT FILE CONNECTIONS [LINES_PER_SECOND LINES_PER_WRITE [SECONDS]]
//
// Without a rate every connection sends its share of the file as fast as the peer takes it. With a rate the schedule is
// open-loop: write k is due at start + k × LINES_PER_WRITE / LINES_PER_SECOND whatever happened to the writes before it, and
// connections take turns. Prints one JSON line: lines, bytes, seconds, cpu_seconds, late_ms_max.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void fail(const char* what) {
  perror(what);
  exit(1);
}

static int dial(const char* host, const char* port) {
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
  if (getaddrinfo(host, port, &hints, &found) != 0) fail("getaddrinfo");
  for (struct addrinfo* a = found; a != NULL; a = a->ai_next) {
    int fd = socket(a->ai_family, a->ai_socktype, a->ai_protocol);
    if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) == 0) {
      int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      freeaddrinfo(found);
      return fd;
    }
    if (fd >= 0) close(fd);
  }
  fail("connect");
  return -1;
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

// Every connection gets a contiguous share of the file and is written to whenever it takes bytes.
static void saturate(const char* data, size_t bytes, int* fds, int connections) {
  struct { const char *at, *end; } share[connections];
  struct pollfd polls[connections];
  const char* at = data;
  const char* end = data + bytes;
  for (int i = 0; i < connections; i++) {
    const char* stop = i == connections - 1 ? end : data + bytes / (size_t)connections * (size_t)(i + 1);
    if (stop < at) stop = at;
    stop = stop < end ? after(stop, end, 1) : end;
    share[i].at = at;
    share[i].end = at = stop;
    polls[i] = (struct pollfd){.fd = fds[i], .events = POLLOUT};
    fcntl(fds[i], F_SETFL, O_NONBLOCK);
  }
  for (int open = connections; open > 0;) {
    if (poll(polls, (nfds_t)connections, -1) < 0) fail("poll");
    for (int i = 0; i < connections; i++) {
      if (polls[i].fd < 0 || polls[i].revents == 0) continue;
      size_t left = (size_t)(share[i].end - share[i].at);
      ssize_t n = left == 0 ? 0 : send(fds[i], share[i].at, left > 262144 ? 262144 : left, MSG_NOSIGNAL);
      if (n < 0 && errno != EAGAIN) fail("send");
      if (n > 0) share[i].at += n;
      if (share[i].at == share[i].end) polls[i].fd = -1, open--;
    }
  }
}

int main(int argc, char** argv) {
  if (argc < 5) {
    fprintf(stderr, "usage: %s HOST PORT FILE CONNECTIONS [LINES_PER_SECOND LINES_PER_WRITE [SECONDS]]\n", argv[0]);
    return 2;
  }
  int connections = atoi(argv[4]);
  double rate = argc > 5 ? atof(argv[5]) : 0;
  long perWrite = argc > 6 ? atol(argv[6]) : 1;
  double seconds = argc > 7 ? atof(argv[7]) : 0;
  int file = open(argv[3], O_RDONLY);
  struct stat stat;
  if (file < 0 || fstat(file, &stat) != 0) fail(argv[3]);
  size_t bytes = (size_t)stat.st_size;
  const char* data = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
  if (data == MAP_FAILED) fail("mmap");
  int* fds = malloc(sizeof(int) * (size_t)connections);
  for (int i = 0; i < connections; i++) fds[i] = dial(argv[1], argv[2]);

  double start = now(), lateMax = 0;
  long sentLines = 0;
  size_t sentBytes = 0;
  if (rate <= 0) {
    saturate(data, bytes, fds, connections);
    sentLines = countLines(data, data + bytes);
    sentBytes = bytes;
  } else {
    const char* at = data;
    const char* end = data + bytes;
    for (long k = 0;; k++) {
      double due = start + (double)k * (double)perWrite / rate;
      if (seconds > 0 ? due - start >= seconds : at == end) break;
      if (at == end) at = data;
      double wait = due - now();
      if (wait > 0) {
        struct timespec t = {(time_t)wait, (long)((wait - (double)(time_t)wait) * 1e9)};
        nanosleep(&t, NULL);
      } else if (-wait > lateMax) {
        lateMax = -wait;
      }
      const char* stop = after(at, end, perWrite);
      writeAll(fds[k % connections], at, (size_t)(stop - at));
      sentLines += countLines(at, stop);
      sentBytes += (size_t)(stop - at);
      at = stop;
    }
  }
  for (int i = 0; i < connections; i++) shutdown(fds[i], SHUT_WR);
  double took = now() - start;
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  double cpu = (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6 + (double)usage.ru_stime.tv_sec +
               (double)usage.ru_stime.tv_usec / 1e6;
  printf("{\"lines\":%ld,\"bytes\":%zu,\"seconds\":%.3f,\"cpu_seconds\":%.3f,\"late_ms_max\":%.1f}\n", sentLines, sentBytes,
         took, cpu, lateMax * 1e3);
  return 0;
}
