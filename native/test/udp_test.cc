// The UDP receiver on loopback: backpressure, accounting and stopping. Framing details:
// src/data/inputs/udp_input.test.ts.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "generated/layout.h"
#include "ring/ring.h"
#include "test/check.h"
#include "udp/receiver.h"

namespace streamgate {
namespace {

class RingMemory {
 public:
  explicit RingMemory(uint32_t slots) : words_(new uint64_t[(sizeof(RingHeader) + 65536 * 4) / 8]()) {
    auto* header = static_cast<RingHeader*>(data());
    header->magic = kRingMagic;
    header->version = kRingVersion;
    header->capacity_bytes = 65536 * 4;
    header->slots = slots;
  }
  void* data() { return words_.get(); }

 private:
  std::unique_ptr<uint64_t[]> words_;
};

class Sender {
 public:
  explicit Sender(uint16_t port) : fd_(socket(AF_INET, SOCK_DGRAM, 0)) {
    to_.sin_family = AF_INET;
    to_.sin_port = htons(port);
    to_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  }
  ~Sender() { close(fd_); }
  void Send(const std::string& datagram) {
    CHECK_EQUAL(sendto(fd_, datagram.data(), datagram.size(), 0, reinterpret_cast<sockaddr*>(&to_), sizeof to_),
                static_cast<ssize_t>(datagram.size()));
  }

 private:
  int fd_;
  sockaddr_in to_{};
};

uint64_t TakeAll(Ring& ring) {
  uint64_t records = 0;
  Ring::View view;
  while (ring.Peek(&view) == Ring::Peeked::kBlock) {
    records += view.header->records;
    ring.Release();
  }
  return records;
}

TEST("a receiver with a full ring waits, leaves the rest to the kernel, and everything is accounted for", {
  RingMemory memory(2);
  UdpReceiver::Error error;
  UdpReceiver::Options options;
  options.receive_buffer_bytes = 4096;
  auto receiver = UdpReceiver::Start(
      options, memory.data(), 3, [] {}, &error);
  CHECK_EQUAL(error.message, "");
  Sender sender(receiver->port());
  for (int i = 0; i < 3000; ++i) sender.Send("datagram " + std::to_string(i));
  Ring ring(memory.data(), 0);
  uint64_t taken = 0;
  while (receiver->stats().received_records + receiver->stats().kernel_drops < 3000) {
    taken += TakeAll(ring);
    std::this_thread::yield();
  }
  taken += TakeAll(ring);
  receiver->Stop();
  CHECK_EQUAL(taken, receiver->stats().received_records);
  CHECK_EQUAL(receiver->stats().lost_records, 0u);
  CHECK(receiver->stats().kernel_drops > 0);
});

TEST("a receiver stops while its ring is full, and says what it could not put there", {
  RingMemory memory(2);
  UdpReceiver::Error error;
  auto receiver = UdpReceiver::Start(
      {}, memory.data(), 3, [] {}, &error);
  Sender sender(receiver->port());
  for (int i = 0; i < 500; ++i) sender.Send("0123456789");
  receiver->Stop();
  receiver->Stop();
  const UdpReceiver::Stats stats = receiver->stats();
  CHECK_EQUAL(stats.received_records + stats.lost_records + stats.kernel_drops, 500u);
  CHECK_EQUAL(stats.lost_bytes, stats.lost_records * 10);
  Ring ring(memory.data(), 0);
  CHECK_EQUAL(TakeAll(ring), stats.received_records);
});

TEST("a port that is served is refused with the system's reason", {
  RingMemory memory(2);
  UdpReceiver::Error error;
  auto receiver = UdpReceiver::Start(
      {}, memory.data(), 3, [] {}, &error);
  UdpReceiver::Options same;
  same.port = receiver->port();
  CHECK(UdpReceiver::Start(
            same, memory.data(), 4, [] {}, &error) == nullptr);
  CHECK_EQUAL(error.code, EADDRINUSE);
  UdpReceiver::Options nowhere;
  nowhere.host = "no such host";
  CHECK(UdpReceiver::Start(
            nowhere, memory.data(), 4, [] {}, &error) == nullptr);
  CHECK_EQUAL(error.code, 0);
});

}  // namespace
}  // namespace streamgate
