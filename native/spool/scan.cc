#include "spool/scan.h"

#if !defined(_WIN32)

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "spool/crc32c.h"

namespace streamgate {
namespace {

// What is skipped, as zeros, where the device gives an error instead of bytes: its usual block.
constexpr size_t kUnreadableBytes = 4096;

}  // namespace

SegmentReader::SegmentReader(int fd, uint64_t end, ScanWindow* window) : fd_(fd), end_(end), window_(window) {
  window_->resize(kWindowBytes);
}

const uint8_t* SegmentReader::View(uint64_t offset, size_t size) {
  if (offset < start_ || offset + size > start_ + filled_) Fill(offset);
  return window_->data() + (offset - start_);
}

const uint8_t* SegmentReader::Some(uint64_t offset, size_t* size) {
  if (offset < start_ || offset >= start_ + filled_) Fill(offset);
  *size = static_cast<size_t>(start_ + filled_ - offset);
  return window_->data() + (offset - start_);
}

void SegmentReader::Fill(uint64_t offset) {
  const auto wanted = static_cast<size_t>(std::min<uint64_t>(kWindowBytes, end_ - offset));
  start_ = offset;
  filled_ = 0;
  while (filled_ < wanted) {
    ssize_t got = pread(fd_, window_->data() + filled_, wanted - filled_, static_cast<off_t>(offset + filled_));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      got = static_cast<ssize_t>(std::min(kUnreadableBytes, wanted - filled_));
      std::memset(window_->data() + filled_, 0, static_cast<size_t>(got));
    }
    filled_ += static_cast<size_t>(got);
  }
}

bool IsGroupHeader(const GroupHeader& header) {
  if (header.magic != kGroupMagic) return false;
  GroupHeader bare = header;
  bare.header_crc = 0;
  return Crc32c(&bare, sizeof bare) == header.header_crc && header.records > 0 &&
         header.body_bytes == header.record_bytes + uint64_t{4} * header.records &&
         header.reason_bytes <= kReasonBytesMax;
}

bool GroupFinder::Find(uint64_t offset, uint64_t sequence_min, FoundGroup* found) {
  for (;;) {
    found->offset = offset;
    if (!HeaderAt(offset, sequence_min, &found->header) || found->end_offset() > reader_->end()) {
      if (!NextMagic(&++offset)) return false;
      continue;
    }
    if (IsWhole(*found)) {
      has_epoch_ = true;
      epoch_ = found->header.epoch;
      return true;
    }
    if (on_damaged_) on_damaged_(*found);
    // Most likely its length is right, and what its records hold is not looked at.
    const uint64_t end = found->end_offset();
    if (end == reader_->end()) return false;
    GroupHeader next;
    if (HeaderAt(end, sequence_min, &next))
      offset = end;
    else if (!NextMagic(&++offset))
      return false;
  }
}

bool GroupFinder::HeaderAt(uint64_t offset, uint64_t sequence_min, GroupHeader* header) {
  if (offset + sizeof(GroupHeader) > reader_->end()) return false;
  std::memcpy(header, reader_->View(offset, sizeof(GroupHeader)), sizeof(GroupHeader));
  return IsGroupHeader(*header) && header->first_sequence >= sequence_min && (!has_epoch_ || header->epoch == epoch_);
}

bool GroupFinder::NextMagic(uint64_t* offset) {
  uint8_t magic[4];
  std::memcpy(magic, &kGroupMagic, sizeof magic);
  while (*offset + sizeof(GroupHeader) <= reader_->end()) {
    size_t size = 0;
    const uint8_t* const bytes = reader_->Some(*offset, &size);
    const uint8_t* const found = std::search(bytes, bytes + size, magic, magic + sizeof magic);
    if (found != bytes + size) {
      *offset += static_cast<uint64_t>(found - bytes);
      return true;
    }
    // It may lie across the window's end.
    *offset += size > sizeof magic ? size - (sizeof magic - 1) : 1;
  }
  return false;
}

bool GroupFinder::IsWhole(const FoundGroup& group) {
  uint32_t crc = 0;
  const uint64_t end = group.end_offset();
  for (uint64_t at = group.offset + sizeof(GroupHeader); at < end;) {
    size_t size = 0;
    const uint8_t* const bytes = reader_->Some(at, &size);
    const auto part = static_cast<size_t>(std::min<uint64_t>(size, end - at));
    crc = Crc32c(bytes, part, crc);
    at += part;
  }
  return crc == group.header.body_crc;
}

ScanResult ScanSegment(int fd, uint64_t bytes, uint64_t passed, uint64_t expected, ScanWindow* window) {
  ScanResult result;
  SegmentScan& scan = result.scan;
  scan.end_sequence = expected;
  scan.state = static_cast<uint32_t>(SegmentState::kHeaderDamaged);
  SegmentReader reader(fd, bytes, window);
  GroupFinder finder(&reader);
  uint64_t offset = 0;
  if (bytes >= sizeof(SegmentHeader)) {
    SegmentHeader header;
    std::memcpy(&header, reader.View(0, sizeof header), sizeof header);
    SegmentHeader bare = header;
    bare.crc = 0;
    if (header.magic == kSegmentMagic && Crc32c(&bare, sizeof bare) == header.crc) {
      scan.state =
          static_cast<uint32_t>(header.version == kSpoolVersion ? SegmentState::kGood : SegmentState::kUnknownVersion);
      scan.version = header.version;
      scan.epoch = header.epoch;
      if (header.version != kSpoolVersion) return result;
      offset = sizeof header;
      finder = GroupFinder(&reader, header.epoch);
    }
  }
  if (offset == 0) {
    // The first good group tells the epoch that the header would have. Looked for from the start again, as readers do,
    // who know it: what lies within a damaged group of another epoch counts for both or for neither.
    FoundGroup first;
    if (finder.Find(0, 0, &first)) finder = GroupFinder(&reader, first.header.epoch);
  }
  finder.on_damaged([&scan](const FoundGroup& group) {
    if (group.end_sequence() <= scan.end_sequence) return;
    scan.tail_sequence = group.end_sequence();
    scan.tail_bytes += group.header.record_bytes;
  });
  FoundGroup group;
  // Within a segment sequences go on, even where they began anew because the cursor was lost.
  for (uint64_t sequence_min = 0; finder.Find(offset, sequence_min, &group); sequence_min = group.end_sequence()) {
    const GroupHeader& header = group.header;
    if (header.prior_sequence > scan.end_sequence)
      result.holes.push_back({scan.end_sequence, header.prior_sequence, scan.tail_bytes});
    ++scan.found;
    if (group.end_sequence() > passed) {
      if (scan.groups++ == 0) {
        scan.read_offset = group.offset;
        scan.read_sequence = header.first_sequence;
        scan.oldest_ms = scan.newest_ms = header.time_ms;
      }
      scan.records += header.records;
      scan.bytes += header.record_bytes;
      scan.oldest_ms = std::min(scan.oldest_ms, header.time_ms);
      scan.newest_ms = std::max(scan.newest_ms, header.time_ms);
    }
    scan.end_offset = offset = group.end_offset();
    scan.end_sequence = std::max(scan.end_sequence, group.end_sequence());
    scan.tail_sequence = 0;
    scan.tail_bytes = 0;
    scan.epoch = header.epoch;
  }
  scan.holes = static_cast<uint32_t>(result.holes.size());
  return result;
}

}  // namespace streamgate

#endif
