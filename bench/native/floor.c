// The floor: a server that reads from its TCP connections and writes what it read to a file, 64 KiB at a time, and does
// nothing else. What any log proxy costs above it is the price of its work.
//
//   floor PORT FILE [--gather-us N]
//   floor PORT --post PORT --body-bytes N
//
// --gather-us: sleep that long after each round of reads, so that one wakeup serves many lines and sockets. --post:
// send what was read to an HTTP server of this machine, in bodies of whole lines of about N bytes over one connection.
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES 65536

static void fail(const char* what) {
  perror(what);
  exit(1);
}

static struct sockaddr_in loopback(int port) {
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons((unsigned short)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  return address;
}

static void writeAll(int fd, const char* data, size_t bytes) {
  while (bytes > 0) {
    ssize_t n = write(fd, data, bytes);
    if (n <= 0) fail("write");
    data += n;
    bytes -= (size_t)n;
  }
}

static void post(int fd, const char* body, size_t bytes) {
  char head[160], answer[1024];
  int length =
      snprintf(head, sizeof head, "POST /logs HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n\r\n", bytes);
  // MSG_MORE: otherwise the body's last part would wait for the acknowledgement of the head.
  if (send(fd, head, (size_t)length, MSG_MORE) != length) fail("send");
  writeAll(fd, body, bytes);
  if (read(fd, answer, sizeof answer) <= 0) fail("answer");
}

int main(int argc, char** argv) {
  long gatherUs = 0, bodyBytes = 0;
  int sink = -1, file = -1;
  if (argc >= 3 && argv[2][0] != '-') {
    file = open(argv[2], O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (file < 0) fail(argv[2]);
  }
  for (int i = 2; i + 1 < argc; i++) {
    if (strcmp(argv[i], "--gather-us") == 0) gatherUs = atol(argv[i + 1]);
    if (strcmp(argv[i], "--body-bytes") == 0) bodyBytes = atol(argv[i + 1]);
    if (strcmp(argv[i], "--post") == 0) {
      struct sockaddr_in to = loopback(atoi(argv[i + 1]));
      sink = socket(AF_INET, SOCK_STREAM, 0);
      if (connect(sink, (struct sockaddr*)&to, sizeof to) != 0) fail("connect");
    }
  }
  if (argc < 3 || (file < 0) == (sink < 0) || (sink >= 0 && bodyBytes < 1)) {
    fprintf(stderr, "usage: floor PORT FILE [--gather-us N] | floor PORT --post PORT --body-bytes N\n");
    return 2;
  }
  int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  struct sockaddr_in address = loopback(atoi(argv[1]));
  if (bind(listener, (struct sockaddr*)&address, sizeof address) != 0 || listen(listener, 511) != 0) fail("listen");
  int epoll = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
  prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0);
  // When posting, reads gather here; connections share it, as one that cuts no lines can.
  size_t room = (size_t)bodyBytes + READ_BYTES, used = 0;
  char* buffer = malloc(room);
  for (int waitMs = -1;;) {
    struct epoll_event ready[64];
    int count = epoll_wait(epoll, ready, 64, waitMs);
    if (count == 0 && used > 0) {
      post(sink, buffer, used);
      used = 0;
    }
    waitMs = -1;
    for (int i = 0; i < count; i++) {
      int fd = ready[i].data.fd;
      if (fd == listener) {
        event.data.fd = accept(listener, NULL, NULL);
        epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event);
        continue;
      }
      ssize_t n = read(fd, buffer + used, READ_BYTES);
      if (n <= 0) {
        close(fd);
      } else if (sink < 0) {
        writeAll(file, buffer, (size_t)n);
      } else if ((used += (size_t)n) >= (size_t)bodyBytes) {
        post(sink, buffer, used);
        used = 0;
      }
    }
    if (used > 0) waitMs = 100;
    if (gatherUs > 0) usleep((useconds_t)gatherUs);
  }
}
