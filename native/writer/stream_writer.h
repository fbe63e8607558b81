// One thread that writes a ring's records, in order, to a file descriptor: standard output, in practice.
//
// Why a thread and why the ring: workers that wrote to a shared pipe themselves would mix their lines, and die of
// EAGAIN, because Node makes a shared pipe non-blocking. A reader that stalls here stalls this thread alone; the ring
// fills, and whoever pushes into it sees that.
//
// How it writes without ever being stuck in the kernel: a pipe or terminal is opened once more through /proc/self/fd,
// which gives an open file description of our own to make non-blocking (O_NONBLOCK on the shared one would hit every
// process that shares it); a socket takes MSG_DONTWAIT; where a pipe can not be opened again, at most PIPE_BUF bytes
// are written after poll says that there is room. Regular files never block for long.
//
// Sleeping: with the ring empty the thread sets the ring's `waiting`, and sleeps in poll on a pipe of its own. A
// producer calls Notify after a push; only when `waiting` is set does that cost a system call. POSIX only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace streamgate {

class StreamWriter {
 public:
  struct Counts {
    uint64_t written_records = 0;
    uint64_t written_bytes = 0;  // without LFs, as in the ring's pushed_bytes
    uint64_t lost_records = 0;   // taken from the ring after nobody read any more
    uint64_t lost_bytes = 0;
  };

  // Starts the thread, which is the ring's consumer from now on.
  // `ring` passed Ring::Check and stays until Close has returned, or for good when left_behind() says so then.
  // `on_closed` is called once, in the thread, with the reason when the stream can not be written to any more; the
  // thread goes on consuming and counts as lost. Null: the thread could not be started, and `error` says why.
  static std::unique_ptr<StreamWriter> Start(int fd, void* ring, std::function<void(const std::string&)> on_closed,
                                             std::string* error);
  // Wakes whatever writer consumes this ring, if it sleeps. Any thread.
  static void Notify(void* ring);

  ~StreamWriter();
  // Ends the thread without writing what is left. Never waits longer than a moment: a thread that is stuck in a write
  // that can not be interrupted is left behind. Twice does no harm.
  void Close();
  // Close gave the thread up: it may read the ring's memory until its write returns.
  bool left_behind() const;
  Counts counts() const;
  // Everything that was pushed has been written or counted as lost.
  bool Drained() const;

 private:
  struct State;
  explicit StreamWriter(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace streamgate
