// The UDP receiver on loopback: backpressure, accounting and stopping. Framing details:
// src/data/inputs/udp_input.test.ts.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "generated/layout.h"
#include "ring/ring.h"
#include "shard/hash.h"
#include "shard/shard_key.h"
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

TEST("of what comes while one of two receivers of a port stops nothing is lost", {
  RingMemory memory(65536);
  RingMemory other_memory(65536);
  UdpReceiver::Error error;
  UdpReceiver::Options options;
  options.reuse_port = true;
  auto stays = UdpReceiver::Start(
      options, memory.data(), 3, [] {}, &error);
  options.port = stays->port();
  std::vector<std::unique_ptr<Sender>> senders;  // of so many ports that both receivers have some
  for (int i = 0; i < 16; ++i) senders.push_back(std::make_unique<Sender>(options.port));
  uint64_t sent = 0;
  uint64_t counted = 0;
  Ring ring(memory.data(), 0);
  Ring other_ring(other_memory.data(), 0);
  // A close that is not led up to loses some in most of so many turns.
  for (int turn = 0; turn < 40; ++turn) {
    auto goes = UdpReceiver::Start(
        options, other_memory.data(), 4, [] {}, &error);
    CHECK(goes != nullptr);
    std::atomic<bool> over{false};
    std::thread load([&] {
      for (size_t i = 0; !over.load(); ++i, ++sent) senders[i % senders.size()]->Send("x");
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    goes->Stop();
    over.store(true);
    load.join();
    const UdpReceiver::Stats stats = goes->stats();
    counted += stats.received_records + stats.lost_records + stats.kernel_drops;
    TakeAll(ring);
    TakeAll(other_ring);
  }
  stays->Stop();
  const UdpReceiver::Stats stats = stays->stats();
  CHECK_EQUAL(counted + stats.received_records + stats.lost_records + stats.kernel_drops, sent);
});

TEST("a sharded receiver puts each datagram into its owner's ring, waits at a full one, and loses none", {
  constexpr uint32_t kWorkers = 3;
  std::vector<std::unique_ptr<RingMemory>> memories;
  UdpReceiver::Options options;
  std::string refusal;
  options.shard_key =
      ShardKey::Prepare(ShardKeyKind::kSyslog, {std::string(1, static_cast<char>(SyslogField::kHost))}, &refusal);
  for (uint32_t i = 0; i < kWorkers; ++i) {
    memories.push_back(std::make_unique<RingMemory>(2));
    options.shard_rings.push_back(memories.back()->data());
  }
  UdpReceiver::Error error;
  auto receiver = UdpReceiver::Start(
      options, memories[0]->data(), 5, [] {}, &error);
  CHECK(receiver != nullptr);
  if (receiver == nullptr) return;
  Sender sender(receiver->port());
  constexpr int kDatagrams = 300;
  for (int i = 0; i < kDatagrams; ++i)
    sender.Send("<1>1 - host" + std::to_string(i % 20) + " app " + std::to_string(i));
  std::vector<std::string> received[kWorkers];
  const auto total = [&] { return received[0].size() + received[1].size() + received[2].size(); };
  // Patience, not a limit on how fast it is.
  for (int waits = 0; waits < 20000 && total() < kDatagrams; ++waits) {
    for (uint32_t i = 0; i < kWorkers; ++i) {
      Ring ring(memories[i]->data(), 0);
      Ring::View view;
      if (ring.Peek(&view) != Ring::Peeked::kBlock) continue;
      const char* at = view.body;
      for (uint32_t record = 0; record < view.header->records; at += view.lengths[record++] + 1)
        received[i].emplace_back(at, view.lengths[record]);
      ring.Release();
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  receiver->Stop();
  CHECK_EQUAL(total(), static_cast<size_t>(kDatagrams));
  for (uint32_t i = 0; i < kWorkers; ++i) {
    int last = -1;
    for (const std::string& record : received[i]) {
      const std::string host = record.substr(7, record.find(' ', 7) - 7);
      CHECK_EQUAL(ShardOwner(ShardHash(host.data(), host.size()), kWorkers), i);
      const int number = std::stoi(record.substr(record.rfind(' ')));
      CHECK(number > last);
      last = number;
    }
  }
});

}  // namespace
}  // namespace streamgate
