// One thread that writes what all others hand it, in order, to a file descriptor: standard output, or the file of an
// output, which may be another one from some record on (rotation).
//
// Why a thread: workers that wrote to a shared pipe themselves would mix their lines, and die of EAGAIN, because Node
// makes a shared pipe non-blocking. A reader that stalls here stalls this thread alone; the queue fills, and whoever
// pushes into it sees that.
//
// Nothing is copied: ranges of batches wait in the queue (writer/range_queue.h), neighbours leave in one writev, and a
// batch is let go when its range is written. It may outlive the worker that filled it.
//
// How it writes without ever being stuck in the kernel: a pipe or terminal is opened once more through /proc/self/fd,
// which gives an open file description of our own to make non-blocking (O_NONBLOCK on the shared one would hit every
// process that shares it); a socket takes MSG_DONTWAIT; where a pipe can not be opened again, at most PIPE_BUF bytes
// are written after poll says that there is room. Regular files never block for long, and what they refuse (no space,
// an I/O error, a file server that is away) is tried again until it is taken: nobody has gone. POSIX only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "plan/batch_memory.h"

namespace streamgate {

class StreamWriter {
 public:
  struct State;

  struct Counts {
    uint64_t pushed_records = 0;
    uint64_t pushed_bytes = 0;  // here and below without LFs
    uint64_t written_records = 0;
    uint64_t written_bytes = 0;
    uint64_t lost_records = 0;  // after nobody read any more, or not written at Close
    uint64_t lost_bytes = 0;
  };
  // What its owner is told, in the writer's thread.
  enum class Event {
    kClosed,    // the stream can not be written to any more; the thread goes on consuming and counts as lost. Once a
                // descriptor
    kFull,      // the device takes nothing now, for want of room mostly: it is tried again until it does
    kRoom,      // it takes bytes again
    kSwitched,  // SwitchTo is done: nothing more is written to the descriptor before
    kReached,   // the mark that Notice set lies behind
  };
  // With the system's words, for kClosed and kFull.
  using OnEvent = std::function<void(Event, const std::string&)>;

  // Starts the thread. `charge_max`, `ranges_max`: see RangeQueue. Null: it could not be started, and `error` says why.
  static std::unique_ptr<StreamWriter> Start(int fd, uint64_t charge_max, uint32_t ranges_max, OnEvent on_event,
                                             std::string* error);

  ~StreamWriter();
  // What feeds in other threads of this process find it by.
  uint32_t id() const;
  // Ends the thread without writing what is left, which counts as lost. Never waits longer than a moment: a thread that
  // is stuck in a write that can not be interrupted is left behind, with the memory that it reads. Twice does no harm.
  // False: it was left behind, and still counts.
  bool Close();
  // From the next record's start on writes go to `fd`, also after the stream before was closed (kClosed); kSwitched
  // says when. What is begun is written to its end first; where the old descriptor refuses that, the record goes whole
  // to the new one, and its beginning is cut off the old one where that is a regular file. `fd` stays the caller's, who
  // closes neither of them before kSwitched or Close. False: another switch is not done yet.
  bool SwitchTo(int fd);
  // kReached is told once, when this many bytes more (LFs included) have been written. It replaces the mark before.
  void Notice(uint64_t bytes);
  Counts counts() const;
  // Everything that was pushed has been written or counted as lost.
  bool Drained() const;

 private:
  explicit StreamWriter(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
  bool closed_ = false;
  bool ended_ = false;
};

// A writer as those see it who push. Copies are cheap; it may outlive the writer.
class StreamFeed {
 public:
  // To nobody: takes nothing.
  StreamFeed() = default;
  // The writer of this id; to nobody when it is closed.
  explicit StreamFeed(uint32_t id);
  explicit operator bool() const { return state_ != nullptr; }
  // RangeQueue::Push.
  uint32_t Push(BatchMemory* batch, uint32_t from, uint32_t to);

 private:
  std::shared_ptr<StreamWriter::State> state_;
};

}  // namespace streamgate
