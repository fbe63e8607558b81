// Finds good groups in a segment, whatever has happened to it: the walk that opening and reading a spool share. Twin:
// src/data/delivery/spool/scan.ts, where src/data/delivery/spool/format.ts draws the bytes. POSIX only.
//
// Memory is one window, however large a group is.
#pragma once

#if !defined(_WIN32)

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "generated/layout.h"

namespace streamgate {

// What a thread reads through: made when it first reads, and used again for every file.
using ScanWindow = std::vector<uint8_t>;

// A file's first `end` bytes through a window. What can not be read counts as zeros: checksums tell.
class SegmentReader {
 public:
  static constexpr size_t kWindowBytes = 256 * 1024;

  // `fd` and `window` are borrowed for the reader's life.
  SegmentReader(int fd, uint64_t end, ScanWindow* window);
  uint64_t end() const { return end_; }
  // `size` bytes at `offset`, at most a window and not beyond the end; good until the next call.
  const uint8_t* View(uint64_t offset, size_t size);
  // As many bytes at `offset` as the window gives at once; at least one before the end.
  const uint8_t* Some(uint64_t offset, size_t* size);

 private:
  void Fill(uint64_t offset);

  int fd_;
  uint64_t end_;
  ScanWindow* window_;
  uint64_t start_ = 0;
  size_t filled_ = 0;
};

struct FoundGroup {
  uint64_t offset = 0;
  GroupHeader header = {};
  uint64_t end_offset() const {
    return offset + sizeof(GroupHeader) + header.reason_bytes + uint64_t{header.body_bytes};
  }
  uint64_t end_sequence() const { return header.first_sequence + header.records; }
};

// Whether its checksum is right, and its numbers fit one another.
bool IsGroupHeader(const GroupHeader& header);

class GroupFinder {
 public:
  // Told of whole groups whose header is good and whose body is not.
  using OnDamaged = std::function<void(const FoundGroup&)>;

  // Groups of another epoch are none; without one, that of the first good group will be it.
  explicit GroupFinder(SegmentReader* reader) : reader_(reader) {}
  GroupFinder(SegmentReader* reader, uint32_t epoch) : reader_(reader), has_epoch_(true), epoch_(epoch) {}
  void on_damaged(OnDamaged on_damaged) { on_damaged_ = std::move(on_damaged); }

  // The first good group at or behind `offset`, with a sequence of at least `sequence_min`. False: there is none.
  bool Find(uint64_t offset, uint64_t sequence_min, FoundGroup* found);

 private:
  bool HeaderAt(uint64_t offset, uint64_t sequence_min, GroupHeader* header);
  bool NextMagic(uint64_t* offset);
  bool IsWhole(const FoundGroup& group);

  SegmentReader* reader_;
  bool has_epoch_ = false;
  uint32_t epoch_ = 0;
  OnDamaged on_damaged_;
};

struct SegmentHole {
  uint64_t from;
  uint64_t to;
  uint64_t bytes;  // record bytes, where headers are left that tell; else 0
};

struct ScanResult {
  SegmentScan scan = {};
  std::vector<SegmentHole> holes;
};

// What the first `bytes` of a segment hold. Groups that end at or before `passed` are done with; `expected` is the
// sequence that the lane had reached before this segment.
ScanResult ScanSegment(int fd, uint64_t bytes, uint64_t passed, uint64_t expected, ScanWindow* window);

}  // namespace streamgate

#endif
