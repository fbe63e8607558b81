#include "spool/segment_file.h"

#if !defined(_WIN32)

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "spool/crc32c.h"

namespace streamgate {
namespace {

// Small groups leave in one write of this size, large ones in several.
constexpr size_t kStagingBytes = 256 * 1024;

// Returns 0 or errno; `done`: what was written either way.
int WriteWhole(int fd, const uint8_t* data, size_t size, uint64_t offset, size_t* done) {
  *done = 0;
  while (*done < size) {
    const ssize_t wrote = pwrite(fd, data + *done, size - *done, static_cast<off_t>(offset + *done));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return errno;
    if (wrote == 0) return EIO;
    *done += static_cast<size_t>(wrote);
  }
  return 0;
}

// What can not be read is as bad as what is wrong.
bool ReadWhole(int fd, void* target, size_t size, uint64_t offset) {
  for (size_t at = 0; at < size;) {
    const ssize_t got = pread(fd, static_cast<char*>(target) + at, size - at, static_cast<off_t>(offset + at));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    at += static_cast<size_t>(got);
  }
  return true;
}

// Puts groups together in the staging buffer and writes it when it is full.
class GroupWriter {
 public:
  GroupWriter(int fd, uint64_t offset, std::vector<uint8_t>* staging) : fd_(fd), offset_(offset), staging_(*staging) {
    staging_.resize(kStagingBytes);
  }

  // Groups that are in the file whole.
  uint32_t written() const { return written_; }

  int Add(GroupToWrite* group) {
    GroupHeader& header = group->header;
    uint64_t records = 0;
    uint64_t bytes = 0;
    for (const HeldRange& range : group->ranges) {
      const uint64_t size = range.RecordBytes();
      // Another thread may have written to the batch since it was handed over.
      if (size == UINT64_MAX) return EINVAL;
      records += range.to() - range.from();
      bytes += size;
    }
    if (records != header.records || bytes != header.record_bytes || group->reason.size() != header.reason_bytes ||
        bytes + 4 * records != header.body_bytes)
      return EINVAL;
    const uint64_t total = sizeof(GroupHeader) + group->reason.size() + header.body_bytes;
    if (used_ + total > kStagingBytes)
      if (const int error = Flush()) return error;
    const bool fits = total <= kStagingBytes;
    header_at_ = offset_ + used_;
    uint8_t* const header_bytes = staging_.data() + used_;
    used_ += sizeof(GroupHeader);
    // The header of a group that does not fit comes last: until then there is none, whatever happens.
    if (!fits) {
      offset_ += sizeof(GroupHeader);
      used_ = 0;
    }
    crc_ = 0;
    if (const int error = Put(group->reason.data(), group->reason.size())) return error;
    for (const HeldRange& range : group->ranges)
      if (const int error = PutRange(range)) return error;
    header.body_crc = crc_;
    header.header_crc = 0;
    header.header_crc = Crc32c(&header, sizeof header);
    if (fits) {
      std::memcpy(header_bytes, &header, sizeof header);
      ends_.push_back(offset_ + used_);
      return 0;
    }
    if (const int error = Flush()) return error;
    size_t done = 0;
    const int error = WriteWhole(fd_, reinterpret_cast<const uint8_t*>(&header), sizeof header, header_at_, &done);
    if (error == 0) ++written_;
    return error;
  }

  int Flush() {
    size_t done = 0;
    const int error = WriteWhole(fd_, staging_.data(), used_, offset_, &done);
    for (const uint64_t end : ends_) written_ += end <= offset_ + done ? 1 : 0;
    ends_.clear();
    offset_ += used_;
    used_ = 0;
    return error;
  }

 private:
  int PutRange(const HeldRange& range) {
    const BatchEntry* const entries = range.batch()->entries();
    const char* const data = range.batch()->records();
    for (uint32_t i = range.from(); i < range.to(); ++i) {
      const uint32_t length = entries[i].length;
      if (uint64_t{entries[i].offset} + length > range.batch()->bytes_max()) return EINVAL;
      const uint8_t prefix[4] = {static_cast<uint8_t>(length >> 24), static_cast<uint8_t>(length >> 16),
                                 static_cast<uint8_t>(length >> 8), static_cast<uint8_t>(length)};
      if (const int error = Put(prefix, sizeof prefix)) return error;
      if (const int error = Put(data + entries[i].offset, length)) return error;
    }
    return 0;
  }

  int Put(const void* data, size_t size) {
    const auto* from = static_cast<const uint8_t*>(data);
    while (size > 0) {
      if (used_ == kStagingBytes)
        if (const int error = Flush()) return error;
      const size_t part = std::min(size, kStagingBytes - used_);
      std::memcpy(staging_.data() + used_, from, part);
      crc_ = Crc32c(staging_.data() + used_, part, crc_);
      used_ += part;
      from += part;
      size -= part;
    }
    return 0;
  }

  int fd_;
  uint64_t offset_;  // in the file, of the staging buffer's first byte
  std::vector<uint8_t>& staging_;
  size_t used_ = 0;
  uint64_t header_at_ = 0;
  uint32_t crc_ = 0;
  uint32_t written_ = 0;
  std::vector<uint64_t> ends_;  // of groups in the staging buffer
};

}  // namespace

uint64_t HeldRange::RecordBytes() const {
  if (from_ >= to_ || to_ > batch_->records_max()) return UINT64_MAX;
  const BatchEntry* const entries = batch_->entries();
  const uint64_t begin = entries[from_].offset;
  const uint64_t end = uint64_t{entries[to_ - 1].offset} + entries[to_ - 1].length;
  const uint64_t separators = to_ - from_ - 1;
  if (end > batch_->bytes_max() || begin + separators > end) return UINT64_MAX;
  return end - begin - separators;
}

int SegmentFile::Create(const std::string& path, const std::string& header) {
  fd_ = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd_ < 0) return errno;
  size_t done = 0;
  const int error = WriteWhole(fd_, reinterpret_cast<const uint8_t*>(header.data()), header.size(), 0, &done);
  if (error != 0) Close();
  return error;
}

int SegmentFile::Open(const std::string& path) {
  fd_ = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  return fd_ < 0 ? errno : 0;
}

int SegmentFile::Append(uint64_t offset, std::vector<GroupToWrite>* groups, bool sync, SpoolScratch* scratch,
                        uint32_t* written) {
  *written = 0;
  if (fd_ < 0) return EBADF;
  GroupWriter writer(fd_, offset, &scratch->staging);
  int error = 0;
  for (GroupToWrite& group : *groups)
    if ((error = writer.Add(&group)) != 0) break;
  // After an error too: what is complete in the buffer may find room.
  if (error == EINVAL || error == 0) {
    const int flushed = writer.Flush();
    if (error == 0) error = flushed;
  }
  *written = writer.written();
  if (error == 0 && sync) {
    error = Sync();
    if (error != 0) *written = 0;
  }
  return error;
}

int SegmentFile::Sync() {
  if (fd_ < 0) return EBADF;
#if defined(__APPLE__)
  // fsync leaves the bytes in the drive's cache there (its manual page says so). Not every file system has this.
  if (fcntl(fd_, F_FULLFSYNC) == 0) return 0;
  return fsync(fd_) == 0 ? 0 : errno;
#else
  return fdatasync(fd_) == 0 ? 0 : errno;
#endif
}

int SegmentFile::Truncate(uint64_t bytes) {
  if (fd_ < 0) return EBADF;
  return ftruncate(fd_, static_cast<off_t>(bytes)) == 0 ? 0 : errno;
}

int SegmentFile::Scan(uint64_t bytes, uint64_t passed, uint64_t expected, SpoolScratch* scratch, ScanResult* result) {
  if (fd_ < 0) return EBADF;
  *result = ScanSegment(fd_, bytes, passed, expected, &scratch->window);
  return 0;
}

int SegmentFile::Read(uint64_t offset, uint64_t end, uint32_t epoch, uint64_t sequence_min, SpoolScratch* scratch,
                      ReadGroup* result) {
  if (fd_ < 0) return EBADF;
  // As good as always the group is there, and is read once.
  FoundGroup& group = result->group;
  group.offset = offset;
  if (offset + sizeof(GroupHeader) <= end && ReadWhole(fd_, &group.header, sizeof(GroupHeader), offset) &&
      IsGroupHeader(group.header) && group.header.epoch == epoch && group.header.first_sequence >= sequence_min &&
      group.end_offset() <= end) {
    const int error = ReadBody(result);
    if (error != 0 || result->found) return error;
  }
  SegmentReader reader(fd_, end, &scratch->window);
  GroupFinder finder(&reader, epoch);
  if (!finder.Find(offset, sequence_min, &group)) return 0;
  return ReadBody(result);
}

int SegmentFile::ReadBody(ReadGroup* result) {
  const GroupHeader& header = result->group.header;
  std::free(result->body);
  result->body = static_cast<uint8_t*>(std::malloc(std::max<size_t>(1, header.body_bytes)));
  if (result->body == nullptr) return ENOMEM;
  result->reason.resize(header.reason_bytes);
  const uint64_t at = result->group.offset + sizeof(GroupHeader);
  if (!ReadWhole(fd_, &result->reason[0], header.reason_bytes, at) ||
      !ReadWhole(fd_, result->body, header.body_bytes, at + header.reason_bytes))
    return 0;
  const uint32_t crc = Crc32c(result->reason.data(), header.reason_bytes);
  result->found = Crc32c(result->body, header.body_bytes, crc) == header.body_crc;
  return 0;
}

int SegmentFile::Close() {
  if (fd_ < 0) return 0;
  const int fd = fd_;
  fd_ = -1;
  // After EINTR the descriptor is gone too, on Linux.
  return close(fd) == 0 || errno == EINTR ? 0 : errno;
}

}  // namespace streamgate

#endif
