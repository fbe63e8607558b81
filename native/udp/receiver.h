// Receives datagrams in bulk and puts them into a ring, one record a datagram. One thread a receiver.
//
// `dgram` costs 3.8 microseconds a datagram and loses half of them at full rate; recvmmsg takes 64 in one call. With
// the ring full the thread keeps what it holds and stops reading: the kernel's receive buffer is the queue then, and
// what overflows it is counted by the kernel (kernel_drops). POSIX only; without recvmmsg (Linux has it) one datagram a
// call.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "shard/shard_key.h"

namespace streamgate {

class UdpReceiver {
 public:
  struct Options {
    // A name or address to bind; empty: every address, IPv4 and IPv6 where the host has both.
    std::string host;
    // 0: any free port.
    uint16_t port = 0;
    // Several sockets may share the port; the kernel spreads senders over them.
    bool reuse_port = false;
    // Wanted size of the kernel's receive buffer in bytes; the system may allow less.
    uint32_t receive_buffer_bytes = 8 << 20;
    // A longer datagram is cut as a framer cuts a record (frame/oversize.h).
    uint32_t max_record_bytes = 1 << 20;
    // Sharded: a record goes into the ring of the worker that owns it, by index here, instead of `ring`. The rings are
    // as `ring` is; the key is the thread's alone.
    std::shared_ptr<ShardKey> shard_key;
    std::vector<void*> shard_rings;
  };

  struct Stats {
    // Records that were put into the ring, and their bytes. Empty datagrams are none.
    uint64_t received_records = 0;
    uint64_t received_bytes = 0;
    // Datagrams that the kernel dropped, nearly always because its receive buffer was full. 0 where the system does not
    // tell.
    uint64_t kernel_drops = 0;
    // Datagrams that were cut because they are longer than any UDP payload that we know of.
    uint64_t truncated = 0;
    // Read while stopping, and not put into the ring because it was full.
    uint64_t lost_records = 0;
    uint64_t lost_bytes = 0;
    // As FrameCell: what was cut off, datagrams of which nothing was left, and how many were cut.
    uint64_t lost_oversize_records = 0;
    uint64_t lost_oversize_bytes = 0;
    uint64_t cut_records = 0;
    // Bytes that the kernel's receive buffer really has.
    uint64_t receive_buffer_bytes = 0;
  };

  struct Error {
    int code = 0;  // errno, such as EADDRINUSE; 0: name resolution failed
    std::string message;
  };

  // Binds and starts the thread. `ring` passed Ring::Check, has no other producer numbered `producer`, and stays until
  // Stop has returned. `on_readable` is called in the thread after records were pushed. Null: `error` says why.
  static std::unique_ptr<UdpReceiver> Start(const Options& options, void* ring, uint32_t producer,
                                            std::function<void()> on_readable, Error* error);
  // Reads what the kernel holds still, ends the thread and closes the socket. Does not wait for room in the ring. Twice
  // does no harm.
  void Stop();
  ~UdpReceiver();

  uint16_t port() const;
  // Also after Stop.
  Stats stats() const;

 private:
  struct State;
  explicit UdpReceiver(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace streamgate
