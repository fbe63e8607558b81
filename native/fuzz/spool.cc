// Spool: whatever has become of a segment, a scan and a read give back only groups whose checksums are right, each once
// and in order, and both agree on them.
//
//     u8 pages of zeros · u16 where they lie · segment
//
// The zeros, of 4 KiB, push groups across the windows through which a segment is read. Half of the mutations mend the
// checksums afterwards, or nothing but damage would ever be tried.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "fuzz/input.h"
#include "generated/layout.h"
#include "spool/crc32c.h"
#include "spool/scan.h"
#include "spool/segment_file.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace streamgate::fuzz {
namespace {

constexpr size_t kInputHeaderBytes = 3;
constexpr size_t kPageBytes = 4096;

uint32_t HeaderCrc(GroupHeader header) {
  header.header_crc = 0;
  return Crc32cByTables(&header, sizeof header);
}

// Bytes of a group whose header is at `offset`, or 0: it is not whole.
size_t GroupBytes(std::string_view segment, size_t offset, GroupHeader* header) {
  if (offset + sizeof *header > segment.size()) return 0;
  std::memcpy(header, segment.data() + offset, sizeof *header);
  const uint64_t bytes = sizeof *header + uint64_t{header->reason_bytes} + header->body_bytes;
  return bytes <= segment.size() - offset ? static_cast<size_t>(bytes) : 0;
}

// Looks at a group that was given back.
void CheckGroup(std::string_view segment, const FoundGroup& group, uint64_t sequence_min) {
  GroupHeader header;
  const size_t bytes = GroupBytes(segment, static_cast<size_t>(group.offset), &header);
  REQUIRE(bytes > 0, "a group that is not whole");
  REQUIRE(std::memcmp(&header, &group.header, sizeof header) == 0, "not the header in the file");
  REQUIRE(header.magic == kGroupMagic && HeaderCrc(header) == header.header_crc, "a header with a wrong checksum");
  const char* const body = segment.data() + group.offset + sizeof header;
  REQUIRE(Crc32cByTables(body, bytes - sizeof header) == header.body_crc, "a body with a wrong checksum");
  REQUIRE(header.records > 0 && header.body_bytes == uint64_t{header.record_bytes} + 4 * uint64_t{header.records},
          "numbers that do not fit one another");
  REQUIRE(header.first_sequence >= sequence_min, "a sequence before the one that was asked for");
}

// A segment as a file that is only in memory; made once.
int FileOf(std::string_view segment) {
  static const int fd = memfd_create("segment", 0);
  REQUIRE(fd >= 0 && ftruncate(fd, 0) == 0, "no file");
  REQUIRE(pwrite(fd, segment.data(), segment.size(), 0) == static_cast<ssize_t>(segment.size()), "not written");
  return fd;
}

void MendChecksums(uint8_t* data, size_t size, Chance* chance) {
  if (size >= sizeof(SegmentHeader)) {
    SegmentHeader header;
    std::memcpy(&header, data, sizeof header);
    header.crc = 0;
    header.crc = Crc32cByTables(&header, sizeof header);
    if (chance->Below(8) != 0) std::memcpy(data, &header, sizeof header);
  }
  for (size_t at = 0; at + sizeof(GroupHeader) <= size; ++at) {
    GroupHeader header;
    std::memcpy(&header, data + at, sizeof header);
    if (header.magic != kGroupMagic) continue;
    if (chance->Below(4) != 0) header.body_bytes = header.record_bytes + 4 * header.records;
    const uint64_t end = at + sizeof header + uint64_t{header.reason_bytes} + header.body_bytes;
    if (end <= size) {
      const uint32_t crc = Crc32cByTables(data + at + sizeof header, static_cast<size_t>(end) - at - sizeof header);
      if (chance->Below(8) != 0) header.body_crc = crc;
    }
    if (chance->Below(8) != 0) header.header_crc = HeaderCrc(header);
    std::memcpy(data + at, &header, sizeof header);
  }
}

}  // namespace
}  // namespace streamgate::fuzz

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  using namespace streamgate::fuzz;
  size = LLVMFuzzerMutate(data, size, max_size);
  Chance chance(seed);
  if (chance.Below(2) == 0 && size > kInputHeaderBytes)
    MendChecksums(data + kInputHeaderBytes, size - kInputHeaderBytes, &chance);
  return size;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace streamgate;
  using namespace streamgate::fuzz;
  Input input(data, size);
  // Most inputs have none: a scan of many pages costs as much as a hundred without.
  const size_t pages = input.Byte();
  const size_t zeros = pages < 160 ? 0 : (pages - 159) * kPageBytes;
  const size_t where = input.Number(2);
  std::string segment(input.Rest());
  segment.insert(std::min(where, segment.size()), zeros, '\0');
  const int fd = FileOf(segment);

  static ScanWindow window;
  const ScanResult result = ScanSegment(fd, segment.size(), 0, 0, &window);
  const SegmentScan& scan = result.scan;
  REQUIRE(scan.end_offset <= segment.size(), "an end behind the end");
  REQUIRE(scan.holes == result.holes.size(), "%u holes", scan.holes);
  for (const SegmentHole& hole : result.holes) REQUIRE(hole.from < hole.to, "a hole of nothing");
  if (scan.state == static_cast<uint32_t>(SegmentState::kUnknownVersion)) {
    REQUIRE(scan.found == 0, "groups of a version that is not known");
    return 0;
  }

  // The groups one by one, as a reader takes them.
  static SpoolScratch scratch;
  SegmentFile file;
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  REQUIRE(file.Open(path) == 0, "not opened");
  uint64_t offset = scan.state == static_cast<uint32_t>(SegmentState::kGood) ? sizeof(SegmentHeader) : 0;
  uint64_t sequence_min = 0;
  uint64_t found = 0;
  uint64_t records = 0;
  uint64_t bytes = 0;
  while (scan.found > 0) {
    ReadGroup read;
    REQUIRE(file.Read(offset, segment.size(), scan.epoch, sequence_min, &scratch, &read) == 0, "an error");
    // There may be one of a group that was not good.
    const std::unique_ptr<uint8_t, decltype(&std::free)> body(read.body, &std::free);
    if (!read.found) break;
    CheckGroup(segment, read.group, sequence_min);
    REQUIRE(read.group.header.epoch == scan.epoch, "a group of another epoch");
    REQUIRE(read.group.offset >= offset, "a group before the one before");
    const char* const from = segment.data() + read.group.offset + sizeof(GroupHeader);
    REQUIRE(read.reason == std::string_view(from, read.group.header.reason_bytes), "another reason");
    REQUIRE(std::memcmp(body.get(), from + read.reason.size(), read.group.header.body_bytes) == 0, "another body");
    offset = read.group.end_offset();
    sequence_min = read.group.end_sequence();
    records += read.group.header.records;
    bytes += read.group.header.record_bytes;
    ++found;
  }
  REQUIRE(found == scan.found, "%llu groups read, %llu scanned", static_cast<unsigned long long>(found),
          static_cast<unsigned long long>(scan.found));
  REQUIRE(found == 0 || offset == scan.end_offset, "another end");
  if (scan.groups == scan.found) REQUIRE(records == scan.records && bytes == scan.bytes, "another sum");
  return 0;
}
