// The thread that does the spool's file work for all lanes of one worker, in the order in which it is asked to. POSIX
// only.
//
// Batches are held by reference from Submit until their groups are written; nothing is copied while it waits. How much
// waits is the lanes' business: each has one batch of appends and one read on its way at most. What was written is
// brought to the disk elsewhere, or by the append that asks for it: a flush here would hold up every lane.
#pragma once

#if !defined(_WIN32)

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "spool/segment_file.h"

namespace streamgate {

struct SpoolRequest {
  enum class Kind { kCreate, kOpen, kAppend, kTruncate, kScan, kRead, kClose };

  SpoolRequest() = default;
  SpoolRequest(const SpoolRequest&) = delete;
  ~SpoolRequest();

  uint32_t id = 0;
  Kind kind = Kind::kAppend;
  std::shared_ptr<SegmentFile> file;

  std::string path;    // create, open
  std::string header;  // create
  uint64_t offset = 0;
  uint64_t end = 0;  // read; scan and truncate: bytes
  bool sync = false;
  std::vector<GroupToWrite> groups;
  uint32_t epoch = 0;
  uint64_t sequence = 0;  // read: the least; scan: passed
  uint64_t expected = 0;  // scan

  // Answers.
  int error = 0;  // errno
  uint32_t written = 0;
  ScanResult scan;
  ReadGroup read;
};

class SpoolThread {
 public:
  struct State;

  // `on_done` is called in the thread when something is done and nothing else waits to be taken. Null: the thread could
  // not be started, and `error` says why.
  static std::unique_ptr<SpoolThread> Start(std::function<void()> on_done, std::string* error);
  ~SpoolThread();

  void Submit(std::unique_ptr<SpoolRequest> request);
  // What is done since the last call, in order.
  std::vector<std::unique_ptr<SpoolRequest> > TakeDone();
  // Ends the thread when it has done what was submitted; a device that hangs is waited for a few seconds, then the
  // thread is left behind with what it holds. Twice does no harm.
  void Close();

 private:
  explicit SpoolThread(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
  bool closed_ = false;
};

}  // namespace streamgate

#endif
