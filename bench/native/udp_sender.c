// Sends numbered datagrams to a UDP port of this machine at a rate, open-loop, with sendmmsg.
//
//   udp_sender PORT DATAGRAMS_PER_SECOND SECONDS BYTES
//
// A datagram is a log line with `seq=NNNNNNNNN ` in it, padded to BYTES. What is due is sent at once, at most 64 in a
// call; datagrams go out over eight sockets in turn, so that receivers that share a port by source address all get
// some. Prints one JSON line: datagrams, seconds, cpu_seconds, late_ms_max.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "latency.h"

#define BATCH 64
#define SOCKETS 8
#define BYTES_MAX 1400

int main(int argc, char** argv) {
  double rate = argc == 5 ? atof(argv[2]) : 0, seconds = argc == 5 ? atof(argv[3]) : 0;
  int bytes = argc == 5 ? atoi(argv[4]) : 0;
  if (rate <= 0 || seconds <= 0 || bytes < 80 || bytes > BYTES_MAX) {
    fprintf(stderr, "usage: udp_sender PORT DATAGRAMS_PER_SECOND SECONDS BYTES\n");
    return 2;
  }
  struct sockaddr_in to = {.sin_family = AF_INET,
                           .sin_port = htons((unsigned short)atoi(argv[1])),
                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int sockets[SOCKETS];
  for (int i = 0; i < SOCKETS; i++) {
    sockets[i] = socket(AF_INET, SOCK_DGRAM, 0);
    if (sockets[i] < 0 || connect(sockets[i], (struct sockaddr*)&to, sizeof to) != 0) {
      perror("connect");
      return 1;
    }
  }
  static char text[BATCH][BYTES_MAX];
  struct iovec parts[BATCH];
  struct mmsghdr messages[BATCH];
  memset(messages, 0, sizeof messages);
  for (int i = 0; i < BATCH; i++) {
    memset(text[i], 'x', sizeof text[i]);
    parts[i] = (struct iovec){text[i], (size_t)bytes};
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0);
  uint64_t start = nowNs(), total = (uint64_t)(rate * seconds), sent = 0, late = 0;
  for (int turn = 0; sent < total; turn = (turn + 1) % SOCKETS) {
    uint64_t now = nowNs(), due = (uint64_t)((double)(now - start) / 1e9 * rate);
    if (due <= sent) {
      uint64_t next = start + (uint64_t)((double)(sent + 1) / rate * 1e9);
      struct timespec until = {(time_t)(next / 1000000000u), (long)(next % 1000000000u)};
      clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
      continue;
    }
    uint64_t behind = now - start - (uint64_t)((double)sent / rate * 1e9);
    if (behind > late) late = behind;
    if (due > total) due = total;
    unsigned count = due - sent > BATCH ? BATCH : (unsigned)(due - sent);
    for (unsigned i = 0; i < count; i++) {
      int head = snprintf(text[i], 80, "2026-11-23T12:00:00.000Z INFO service-1 datagram seq=%09llu ",
                          (unsigned long long)(sent + i));
      text[i][head] = 'x';
    }
    // A datagram that the kernel refuses here (no socket buffer left) was sent as far as the receiver is concerned: it
    // is lost.
    sendmmsg(sockets[turn], messages, count, 0);
    sent += count;
  }
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  double cpu = (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6 + (double)usage.ru_stime.tv_sec +
               (double)usage.ru_stime.tv_usec / 1e6;
  printf("{\"datagrams\":%llu,\"seconds\":%.3f,\"cpu_seconds\":%.3f,\"late_ms_max\":%.1f}\n", (unsigned long long)sent,
         (double)(nowNs() - start) / 1e9, cpu, (double)late / 1e6);
  return 0;
}
