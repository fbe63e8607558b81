// A wire between two network namespaces that takes its time: what goes in at one end comes out at the other DELAY_MS
// later, in order. For what loopback hides: handshakes that are half done. Needs root and /dev/net/tun.
//
//   delayed_link NAMESPACE ADDRESS NAMESPACE ADDRESS DELAY_MS
//
// Each namespace (ip netns add) gets an interface `link0` with its address, of a network of 24 bits. Runs until it is
// killed; the interfaces go with it.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PACKETS 16384
#define PACKET_BYTES_MAX 1600

struct packet {
  int64_t due_ns;
  size_t size;
  char bytes[PACKET_BYTES_MAX];
};

// One direction: what was read of one end and is not due at the other.
struct queue {
  struct packet* packets;
  unsigned head, tail;
};

static void fail(const char* what) {
  perror(what);
  exit(1);
}

static int64_t nowNs(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}

// An interface in that namespace; this process stays in it.
static int openEnd(const char* name, const char* address) {
  char path[256];
  snprintf(path, sizeof path, "/run/netns/%s", name);
  const int space = open(path, O_RDONLY | O_CLOEXEC);
  if (space < 0 || setns(space, CLONE_NEWNET) != 0) fail(path);
  close(space);
  const int tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC), any = socket(AF_INET, SOCK_DGRAM, 0);
  struct ifreq request = {.ifr_name = "link0"};
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (tun < 0 || ioctl(tun, TUNSETIFF, &request) != 0) fail("/dev/net/tun");
  struct sockaddr_in* const in = (struct sockaddr_in*)&request.ifr_addr;
  memset(in, 0, sizeof *in);
  in->sin_family = AF_INET;
  if (inet_pton(AF_INET, address, &in->sin_addr) != 1 || ioctl(any, SIOCSIFADDR, &request) != 0) fail(address);
  in->sin_addr.s_addr = htonl(0xffffff00);
  if (ioctl(any, SIOCSIFNETMASK, &request) != 0) fail("netmask");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (ioctl(any, SIOCSIFFLAGS, &request) != 0) fail("up");
  // Else a burst overflows the interface, and the wire loses what it should only delay.
  request.ifr_qlen = PACKETS;
  if (ioctl(any, SIOCSIFTXQLEN, &request) != 0) fail("queue");
  close(any);
  return tun;
}

int main(int argc, char** argv) {
  if (argc != 6) return fprintf(stderr, "usage: delayed_link NAMESPACE ADDRESS NAMESPACE ADDRESS DELAY_MS\n"), 2;
  const int ends[2] = {openEnd(argv[1], argv[2]), openEnd(argv[3], argv[4])};
  const int64_t delay_ns = (int64_t)(atof(argv[5]) * 1e6);
  struct queue queues[2];
  for (int i = 0; i < 2; ++i) queues[i] = (struct queue){calloc(PACKETS, sizeof(struct packet)), 0, 0};
  for (;;) {
    int64_t next_ns = INT64_MAX;
    for (int i = 0; i < 2; ++i) {
      struct queue* const queue = &queues[i];
      while (queue->tail - queue->head < PACKETS) {
        struct packet* const packet = &queue->packets[queue->tail % PACKETS];
        const ssize_t size = read(ends[i], packet->bytes, sizeof packet->bytes);
        if (size <= 0) break;
        packet->size = (size_t)size;
        packet->due_ns = nowNs() + delay_ns;
        ++queue->tail;
      }
      while (queue->head != queue->tail) {
        const struct packet* const packet = &queue->packets[queue->head % PACKETS];
        if (packet->due_ns > nowNs()) break;
        if (write(ends[1 - i], packet->bytes, packet->size) < 0 && errno != EAGAIN) fail("write");
        ++queue->head;
      }
      if (queue->head != queue->tail && queue->packets[queue->head % PACKETS].due_ns < next_ns)
        next_ns = queue->packets[queue->head % PACKETS].due_ns;
    }
    struct pollfd fds[2] = {{ends[0], POLLIN, 0}, {ends[1], POLLIN, 0}};
    const int64_t wait_ns = next_ns == INT64_MAX ? 1000000000 : next_ns - nowNs();
    const struct timespec wait = {wait_ns > 0 ? wait_ns / 1000000000 : 0, wait_ns > 0 ? wait_ns % 1000000000 : 0};
    ppoll(fds, 2, &wait, NULL);
  }
}
