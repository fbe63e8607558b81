// One segment of the spool: groups written from batches, and read. Twin: src/data/delivery/spool/portable_segment.ts.
// By pwrite and pread, not mmap, where a full disk would be a SIGBUS. POSIX only; for one thread at a time.
#pragma once

#if !defined(_WIN32)

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "generated/layout.h"
#include "plan/batch_memory.h"
#include "spool/scan.h"

namespace streamgate {

// Records `from` (inclusive) to `to` (exclusive) of a batch that it holds as long as it lives.
class HeldRange {
 public:
  HeldRange(BatchMemory* batch, uint32_t from, uint32_t to) : batch_(batch), from_(from), to_(to) { batch_->Hold(); }
  HeldRange(HeldRange&& other) noexcept : batch_(other.batch_), from_(other.from_), to_(other.to_) {
    other.batch_ = nullptr;
  }
  HeldRange& operator=(HeldRange&&) = delete;
  ~HeldRange() {
    if (batch_ != nullptr) batch_->LetGo();
  }
  BatchMemory* batch() const { return batch_; }
  uint32_t from() const { return from_; }
  uint32_t to() const { return to_; }
  // Record bytes, or UINT64_MAX when the range does not lie in its batch.
  uint64_t RecordBytes() const;

 private:
  BatchMemory* batch_;
  uint32_t from_;
  uint32_t to_;
};

struct GroupToWrite {
  GroupHeader header = {};  // checksums 0
  std::string reason;
  std::vector<HeldRange> ranges;
};

struct ReadGroup {
  bool found = false;
  FoundGroup group;
  std::string reason;
  uint8_t* body = nullptr;  // from malloc; freed by whoever takes it
};

// What a thread writes through, and reads through.
struct SpoolScratch {
  std::vector<uint8_t> staging;
  ScanWindow window;
};

class SegmentFile {
 public:
  SegmentFile() = default;
  SegmentFile(const SegmentFile&) = delete;
  ~SegmentFile() { Close(); }

  // All of these answer 0, or the system's errno.
  // A file that must not exist, with these bytes.
  int Create(const std::string& path, const std::string& header);
  // For reading.
  int Open(const std::string& path);
  // Writes groups one behind the other from `offset` on; `sync`: and brings them to the disk. `written`: how many are
  // there whole, from the first on; what lies behind them after an error is garbage.
  int Append(uint64_t offset, std::vector<GroupToWrite>* groups, bool sync, SpoolScratch* scratch, uint32_t* written);
  int Sync();
  int Truncate(uint64_t bytes);
  int Scan(uint64_t bytes, uint64_t passed, uint64_t expected, SpoolScratch* scratch, ScanResult* result);
  // The first good group at or behind `offset` and before `end`.
  int Read(uint64_t offset, uint64_t end, uint32_t epoch, uint64_t sequence_min, SpoolScratch* scratch,
           ReadGroup* result);
  // Twice does no harm.
  int Close();

 private:
  // Reason and body of `result->group`; `found` says whether their checksum is right.
  int ReadBody(ReadGroup* result);

  int fd_ = -1;
};

}  // namespace streamgate

#endif
