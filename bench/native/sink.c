// Where subjects send to: an HTTP server that answers 200 at once, and a reader of a FIFO. It must cost far less than
// they do.
//
//   sink PORT [--fifo PATH] [--store FILE] [--marker TEXT]
//
// POST: the body is counted and forgotten. GET /stats: one JSON object with requests, bytes, lines, last_ns
// (CLOCK_MONOTONIC of the last bytes), cpu_seconds and the histogram of stamped lines (latency.h). Lines are newlines,
// plus one for a body that does not end in one; with --marker they are the places where TEXT stands, for subjects that
// wrap each line. --store appends the bodies, each ended by a newline, so that they can be checked. What arrives over
// the FIFO is counted in the same way.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "latency.h"

#define READ_BYTES (256 * 1024)
#define REQUEST_BYTES_MAX (64u << 20)
// The collector writes a batch of some thousand records as one line.
#define LINE_BYTES_MAX (16u << 20)

struct connection {
  int fd;
  char* buffer;
  size_t used, room;
  size_t bodyAt, bodyBytes;  // both 0 until the head has come
};

static struct { uint64_t requests, bytes, lines, lastNs; } counts;
static uint64_t histogram[BUCKETS];
static const char* marker;
static int store = -1;

static void fail(const char* what) {
  perror(what);
  exit(1);
}

static uint64_t occurrences(const char* text, size_t bytes, const char* of, size_t length) {
  uint64_t count = 0;
  const char* end = text + bytes;
  for (const char* at = text; (at = memmem(at, (size_t)(end - at), of, length)) != NULL; at += length) count++;
  return count;
}

static uint64_t newlines(const char* text, size_t bytes) {
  uint64_t count = 0;
  for (size_t i = 0; i < bytes; i++) count += text[i] == '\n';  // the compiler makes vectors of it
  return count;
}

static void writeAll(int fd, const char* data, size_t bytes) {
  while (bytes > 0) {
    ssize_t n = write(fd, data, bytes);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (n <= 0) return;
    data += n;
    bytes -= (size_t)n;
  }
}

static void book(const char* text, size_t bytes) {
  counts.lastNs = nowNs();
  counts.bytes += bytes;
  counts.lines += marker != NULL ? occurrences(text, bytes, marker, strlen(marker)) : newlines(text, bytes);
  bookStamps(histogram, text, bytes, counts.lastNs);
  if (store >= 0) writeAll(store, text, bytes);
}

static void answerStats(int fd) {
  static char body[BUCKETS * 48], head[160];
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  double cpu = (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6 + (double)usage.ru_stime.tv_sec +
               (double)usage.ru_stime.tv_usec / 1e6;
  int used =
      snprintf(body, sizeof body,
               "{\"requests\":%llu,\"bytes\":%llu,\"lines\":%llu,\"last_ns\":%llu,\"cpu_seconds\":%.4f,\"histogram\":",
               (unsigned long long)counts.requests, (unsigned long long)counts.bytes, (unsigned long long)counts.lines,
               (unsigned long long)counts.lastNs, cpu);
  used += printHistogram(body + used, sizeof body - (size_t)used - 2, histogram);
  body[used++] = '}';
  int length = snprintf(head, sizeof head,
                        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", used);
  writeAll(fd, head, (size_t)length);
  writeAll(fd, body, (size_t)used);
}

// The value of a header, or NULL. The head is ended by a zero.
static const char* header(const char* head, const char* name) {
  size_t length = strlen(name);
  for (const char* at = strstr(head, "\r\n"); at != NULL; at = strstr(at + 2, "\r\n"))
    if (strncasecmp(at + 2, name, length) == 0 && at[2 + length] == ':') return at + 3 + length;
  return NULL;
}

// Takes whole requests from the connection's buffer. Returns 0 when it must be closed.
static int serve(struct connection* c) {
  for (;;) {
    if (c->bodyAt == 0) {
      char* end = memmem(c->buffer, c->used, "\r\n\r\n", 4);
      if (end == NULL) return c->used < READ_BYTES;
      end[2] = 0;
      const char* length = header(c->buffer, "content-length");
      if (strncmp(c->buffer, "POST", 4) == 0 && length == NULL) {
        static const char refusal[] = "HTTP/1.1 411 Length Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        writeAll(c->fd, refusal, sizeof refusal - 1);
        return 0;
      }
      if (header(c->buffer, "expect") != NULL) writeAll(c->fd, "HTTP/1.1 100 Continue\r\n\r\n", 25);
      c->bodyAt = (size_t)(end + 4 - c->buffer);
      c->bodyBytes = length == NULL ? 0 : strtoul(length, NULL, 10);
      if (c->bodyBytes > REQUEST_BYTES_MAX) return 0;
      if (c->bodyAt + c->bodyBytes + READ_BYTES > c->room) {
        c->room = c->bodyAt + c->bodyBytes + READ_BYTES;
        c->buffer = realloc(c->buffer, c->room);
      }
    }
    size_t end = c->bodyAt + c->bodyBytes;
    if (c->used < end) return 1;
    if (strncmp(c->buffer, "GET /stats", 10) == 0) {
      answerStats(c->fd);
    } else {
      const char* body = c->buffer + c->bodyAt;
      // The body is what rsyslog's omelasticsearch asks of a bulk request; nobody else reads it. One write: a second
      // one would wait for the acknowledgement of the first, up to 40 ms.
      static const char answer[] =
          "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
          "27\r\n\r\n{\"errors\":false,\"items\":[]}";
      writeAll(c->fd, answer, sizeof answer - 1);
      counts.requests++;
      book(body, c->bodyBytes);
      if (c->bodyBytes > 0 && body[c->bodyBytes - 1] != '\n') {
        if (marker == NULL) counts.lines++;
        if (store >= 0) writeAll(store, "\n", 1);
      }
    }
    memmove(c->buffer, c->buffer + end, c->used - end);
    c->used -= end;
    c->bodyAt = c->bodyBytes = 0;
    if (c->used == 0) return 1;
  }
}

int main(int argc, char** argv) {
  const char* fifo = NULL;
  for (int i = 2; i + 1 < argc; i += 2) {
    if (strcmp(argv[i], "--fifo") == 0) fifo = argv[i + 1];
    if (strcmp(argv[i], "--marker") == 0) marker = argv[i + 1];
    if (strcmp(argv[i], "--store") == 0) store = open(argv[i + 1], O_WRONLY | O_CREAT | O_APPEND, 0600);
  }
  if (argc < 2) {
    fprintf(stderr, "usage: sink PORT [--fifo PATH] [--store FILE] [--marker TEXT]\n");
    return 2;
  }
  int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons((unsigned short)atoi(argv[1])),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (bind(listener, (struct sockaddr*)&address, sizeof address) != 0 || listen(listener, 511) != 0) fail("listen");
  int epoll = epoll_create1(0);
  struct connection listening = {.fd = listener}, piped = {.fd = -1};
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = &listening};
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
  if (fifo != NULL) {
    // For writing too: the FIFO then never reports an end when a subject closes it.
    piped = (struct connection){
        .fd = open(fifo, O_RDWR | O_NONBLOCK), .buffer = malloc(LINE_BYTES_MAX), .room = LINE_BYTES_MAX};
    if (piped.fd < 0) fail(fifo);
    event.data.ptr = &piped;
    epoll_ctl(epoll, EPOLL_CTL_ADD, piped.fd, &event);
  }
  for (;;) {
    struct epoll_event ready[64];
    int count = epoll_wait(epoll, ready, 64, -1);
    for (int i = 0; i < count; i++) {
      struct connection* c = ready[i].data.ptr;
      if (c == &listening) {
        c = calloc(1, sizeof *c);
        c->fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        c->room = 2 * READ_BYTES;
        c->buffer = malloc(c->room);
        event.data.ptr = c;
        epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event);
        continue;
      }
      ssize_t n = read(c->fd, c->buffer + c->used, c->room - c->used);
      if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
      if (n > 0) c->used += (size_t)n;
      if (c == &piped) {
        // Whole lines only, so that no stamp is cut in two; a line longer than the buffer is cut.
        char* last = memrchr(c->buffer, '\n', c->used);
        size_t whole = last != NULL ? (size_t)(last + 1 - c->buffer) : c->used == c->room ? c->used : 0;
        if (whole > 0) book(c->buffer, whole);
        memmove(c->buffer, c->buffer + whole, c->used - whole);
        c->used -= whole;
      } else if (n <= 0 || !serve(c)) {
        close(c->fd);
        free(c->buffer);
        free(c);
      }
    }
  }
}
