// The spool's checksum, its files and its thread; what lanes do with them is tested in src/data/delivery/spool/.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "spool/crc32c.h"
#include "spool/segment_file.h"
#include "spool/spool_thread.h"
#include "test/batch.h"
#include "test/check.h"

namespace streamgate {
namespace {

// A folder that goes with the test.
class Folder {
 public:
  Folder() {
    char name[] = "/tmp/sg-spool-test-XXXXXX";
    CHECK(mkdtemp(name) != nullptr);
    path_ = name;
  }
  ~Folder() {
    for (const std::string& file : files_) unlink(file.c_str());
    rmdir(path_.c_str());
  }
  std::string File(const std::string& name) {
    files_.push_back(path_ + "/" + name);
    return files_.back();
  }

 private:
  std::string path_;
  std::vector<std::string> files_;
};

constexpr uint32_t kEpoch = 0x1f3a09c2;

std::string SegmentStart() {
  SegmentHeader header = {};
  header.magic = kSegmentMagic;
  header.version = kSpoolVersion;
  header.epoch = kEpoch;
  header.crc = Crc32c(&header, sizeof header);
  return std::string(reinterpret_cast<const char*>(&header), sizeof header);
}

// A group of all records of a batch.
GroupToWrite GroupOf(Batch* batch, uint64_t first, const std::string& reason = "") {
  GroupToWrite group;
  const uint32_t records = batch->memory()->header()->records;
  group.ranges.emplace_back(batch->memory(), 0, records);
  group.reason = reason;
  group.header.magic = kGroupMagic;
  group.header.records = records;
  group.header.record_bytes = batch->memory()->header()->bytes - records;
  group.header.body_bytes = group.header.record_bytes + 4 * records;
  group.header.reason_bytes = static_cast<uint32_t>(reason.size());
  group.header.epoch = kEpoch;
  group.header.first_sequence = first;
  group.header.prior_sequence = first;
  group.header.time_ms = 1000;
  return group;
}

std::string BodyOf(const ReadGroup& read) {
  return std::string(reinterpret_cast<const char*>(read.body), read.group.header.body_bytes);
}

std::string Framed(const std::vector<std::string>& records) {
  std::string body;
  for (const std::string& record : records) {
    for (int shift = 24; shift >= 0; shift -= 8) body += static_cast<char>(record.size() >> shift & 0xff);
    body += record;
  }
  return body;
}

uint64_t SizeOf(const std::string& path) {
  struct stat about;
  return stat(path.c_str(), &about) == 0 ? static_cast<uint64_t>(about.st_size) : 0;
}

void Change(const std::string& path, uint64_t offset, const std::string& bytes) {
  const int fd = open(path.c_str(), O_WRONLY);
  CHECK(fd >= 0);
  CHECK(pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset)) == static_cast<ssize_t>(bytes.size()));
  close(fd);
}

TEST("CRC32C gives what RFC 3720 appendix B.4 says, by the instruction and by tables", {
  std::string up;
  std::string down;
  for (int i = 0; i < 32; ++i) {
    up += static_cast<char>(i);
    down += static_cast<char>(31 - i);
  }
  const std::pair<std::string, uint32_t> vectors[] = {
      {std::string(32, '\0'), 0x8a9136aa},
      {std::string(32, '\xff'), 0x62a8ab43},
      {up, 0x46dd794e},
      {down, 0x113fdb5c},
      {"123456789", 0xe3069283},
      {"", 0},
  };
  for (const auto& [bytes, expected] : vectors) {
    CHECK_EQUAL(Crc32c(bytes.data(), bytes.size()), expected);
    CHECK_EQUAL(Crc32cByTables(bytes.data(), bytes.size()), expected);
  }
  std::string text;
  for (int i = 0; i < 1000; ++i) text += static_cast<char>(i * 37);
  for (size_t cut = 0; cut <= text.size(); cut += 7) {
    const uint32_t before = Crc32c(text.data(), cut);
    CHECK_EQUAL(Crc32c(text.data() + cut, text.size() - cut, before), Crc32cByTables(text.data(), text.size()));
  }
});

TEST("a segment gives back its groups, small ones and ones larger than any buffer, with their reasons", {
  Folder folder;
  const std::string path = folder.File("a.seg");
  SpoolScratch scratch;
  SegmentFile file;
  CHECK_EQUAL(file.Create(path, SegmentStart()), 0);
  SegmentFile second;
  CHECK_EQUAL(second.Create(path, SegmentStart()), EEXIST);
  const std::vector<std::string> small = {"one", "", "three\n"};
  const std::vector<std::string> large = {std::string(300'000, 'x'), "y", std::string(262'144, 'z')};
  Batch small_batch(small);
  Batch large_batch(large);
  std::vector<GroupToWrite> groups;
  for (uint64_t first = 0; first < 9; first += 3) {
    groups.push_back(first == 3 ? GroupOf(&large_batch, first, "because") : GroupOf(&small_batch, first));
  }
  CHECK_EQUAL(small_batch.memory()->holders(), 2u);
  uint32_t written = 0;
  CHECK_EQUAL(file.Append(sizeof(SegmentHeader), &groups, true, &scratch, &written), 0);
  CHECK_EQUAL(written, 3u);
  groups.clear();
  CHECK_EQUAL(small_batch.memory()->holders() + large_batch.memory()->holders(), 0u);
  const uint64_t size = SizeOf(path);
  uint64_t offset = sizeof(SegmentHeader);
  for (uint64_t first = 0; first < 9; first += 3) {
    SpoolRequest request;
    CHECK_EQUAL(file.Read(offset, size, kEpoch, first, &scratch, &request.read), 0);
    CHECK(request.read.found);
    if (!request.read.found) return;
    CHECK(BodyOf(request.read) == Framed(first == 3 ? large : small));
    CHECK_EQUAL(request.read.reason, std::string(first == 3 ? "because" : ""));
    CHECK_EQUAL(request.read.group.header.first_sequence, first);
    offset = request.read.group.end_offset();
  }
  CHECK_EQUAL(offset, size);
  SpoolRequest none;
  CHECK_EQUAL(file.Read(offset, size, kEpoch, 0, &scratch, &none.read), 0);
  CHECK(!none.read.found);
});

TEST("what lies behind a damaged group is found, at whatever byte, and what is missing is told", {
  Folder folder;
  const std::string path = folder.File("a.seg");
  SpoolScratch scratch;
  SegmentFile file;
  CHECK_EQUAL(file.Create(path, SegmentStart()), 0);
  Batch batch({"abc", "defgh"});
  // Each takes 64 + 2 × 4 + 8 bytes.
  constexpr uint64_t kGroup = 80;
  std::vector<GroupToWrite> groups;
  for (uint64_t i = 0; i < 5; ++i) groups.push_back(GroupOf(&batch, 2 * i));
  uint32_t written = 0;
  CHECK_EQUAL(file.Append(sizeof(SegmentHeader), &groups, false, &scratch, &written), 0);
  // The header of the second, the body of the third, and the last cut.
  Change(path, 64 + kGroup + 20, "\x7f");
  Change(path, 64 + 2 * kGroup + 70, "\x7f");
  CHECK_EQUAL(file.Truncate(64 + 5 * kGroup - 1), 0);
  ScanResult result;
  CHECK_EQUAL(file.Scan(SizeOf(path), 0, 0, &scratch, &result), 0);
  CHECK_EQUAL(result.scan.found, 2u);
  CHECK_EQUAL(result.scan.records, 4u);
  CHECK_EQUAL(result.scan.bytes, 16u);
  CHECK_EQUAL(result.scan.end_sequence, 8u);
  CHECK_EQUAL(result.scan.end_offset, 64 + 4 * kGroup);
  CHECK_EQUAL(result.holes.size(), 1u);
  CHECK_EQUAL(result.holes[0].from, 2u);
  CHECK_EQUAL(result.holes[0].to, 6u);
  CHECK_EQUAL(result.holes[0].bytes, 8u);
  // Without the segment's header too, and with a byte too many before them.
  Change(path, 0, std::string(64, '\0'));
  CHECK_EQUAL(file.Scan(SizeOf(path), 0, 0, &scratch, &result), 0);
  CHECK_EQUAL(result.scan.found, 2u);
  CHECK_EQUAL(result.scan.epoch, kEpoch);
  SpoolRequest request;
  CHECK_EQUAL(file.Read(64 + kGroup, SizeOf(path), kEpoch, 2, &scratch, &request.read), 0);
  CHECK(request.read.found);
  CHECK_EQUAL(request.read.group.header.first_sequence, 6u);
  // A record that holds a group's bytes is none of this lane's.
  SpoolRequest other;
  CHECK_EQUAL(file.Read(64, SizeOf(path), kEpoch + 1, 0, &scratch, &other.read), 0);
  CHECK(!other.read.found);
});

TEST("a file that may not grow takes what fits, tells the error, and takes more when it may", {
  Folder folder;
  const std::string path = folder.File("a.seg");
  SpoolScratch scratch;
  SegmentFile file;
  CHECK_EQUAL(file.Create(path, SegmentStart()), 0);
  Batch batch({std::string(1000, 'x')});
  Batch large({std::string(400'000, 'y')});
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before;
  CHECK(getrlimit(RLIMIT_FSIZE, &before) == 0);
  rlimit limit = before;
  limit.rlim_cur = 64 + 2 * 1068 + 500;
  CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
  std::vector<GroupToWrite> groups;
  for (uint64_t i = 0; i < 4; ++i) groups.push_back(GroupOf(&batch, i));
  uint32_t written = 0;
  CHECK_EQUAL(file.Append(64, &groups, false, &scratch, &written), EFBIG);
  CHECK_EQUAL(written, 2u);
  // Its header is written last, so there is none.
  std::vector<GroupToWrite> one;
  one.push_back(GroupOf(&large, 2));
  CHECK_EQUAL(file.Append(64 + 2 * 1068, &one, false, &scratch, &written), EFBIG);
  CHECK_EQUAL(written, 0u);
  CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
  ScanResult result;
  CHECK_EQUAL(file.Scan(SizeOf(path), 0, 0, &scratch, &result), 0);
  CHECK_EQUAL(result.scan.found, 2u);
  CHECK_EQUAL(file.Truncate(64 + 2 * 1068), 0);
  CHECK_EQUAL(file.Append(64 + 2 * 1068, &one, true, &scratch, &written), 0);
  CHECK_EQUAL(file.Scan(SizeOf(path), 0, 0, &scratch, &result), 0);
  CHECK_EQUAL(result.scan.found, 3u);
});

TEST("a batch whose index was written over is refused, and nothing beyond its memory is read", {
  Folder folder;
  SpoolScratch scratch;
  SegmentFile file;
  CHECK_EQUAL(file.Create(folder.File("a.seg"), SegmentStart()), 0);
  Batch batch({"abc", "def"});
  std::vector<GroupToWrite> groups;
  groups.push_back(GroupOf(&batch, 0));
  auto* entries = const_cast<BatchEntry*>(batch.memory()->entries());
  entries[0].offset = 1u << 30;
  uint32_t written = 0;
  CHECK_EQUAL(file.Append(64, &groups, false, &scratch, &written), EINVAL);
  entries[0] = {0, 1000, 1, 0};
  CHECK_EQUAL(file.Append(64, &groups, false, &scratch, &written), EINVAL);
  CHECK_EQUAL(written, 0u);
});

TEST("the thread does what it is asked in order, tells once for many, and lets batches go before it tells", {
  Folder folder;
  std::atomic<int> told{0};
  std::string error;
  auto thread = SpoolThread::Start([&told] { told.fetch_add(1); }, &error);
  CHECK(thread != nullptr);
  const size_t alive = BatchMemory::alive();
  auto file = std::make_shared<SegmentFile>();
  constexpr uint32_t kGroups = 500;
  uint32_t id = 0;
  const auto ask = [&](SpoolRequest::Kind kind) {
    auto request = std::make_unique<SpoolRequest>();
    request->kind = kind;
    request->id = id++;
    request->file = file;
    return request;
  };
  auto create = ask(SpoolRequest::Kind::kCreate);
  create->path = folder.File("a.seg");
  create->header = SegmentStart();
  const std::string path = create->path;
  thread->Submit(std::move(create));
  uint64_t offset = 64;
  for (uint32_t i = 0; i < kGroups; ++i) {
    Batch batch({"record " + std::to_string(i)});
    auto append = ask(SpoolRequest::Kind::kAppend);
    append->offset = offset;
    append->groups.push_back(GroupOf(&batch, i));
    offset += 64 + append->groups[0].header.body_bytes;
    thread->Submit(std::move(append));
  }
  auto scan = ask(SpoolRequest::Kind::kScan);
  scan->end = offset;
  thread->Submit(std::move(scan));
  uint32_t next = 0;
  while (next < id) {
    for (const auto& done : thread->TakeDone()) {
      CHECK_EQUAL(done->id, next++);
      CHECK_EQUAL(done->error, 0);
      if (done->kind == SpoolRequest::Kind::kScan) CHECK_EQUAL(done->scan.scan.records, uint64_t{kGroups});
    }
    std::this_thread::yield();
  }
  CHECK_EQUAL(BatchMemory::alive(), alive);
  CHECK(told.load() >= 1);
  thread->Close();
  thread->Close();
});

TEST("the thread finishes what was submitted when it is closed, for a batch whose worker has gone too", {
  Folder folder;
  const std::string path = folder.File("a.seg");
  const size_t alive = BatchMemory::alive();
  std::string error;
  auto thread = SpoolThread::Start([] {}, &error);
  CHECK(thread != nullptr);
  auto file = std::make_shared<SegmentFile>();
  std::thread([&] {
    auto create = std::make_unique<SpoolRequest>();
    create->kind = SpoolRequest::Kind::kCreate;
    create->file = file;
    create->path = path;
    create->header = SegmentStart();
    thread->Submit(std::move(create));
    uint64_t offset = 64;
    for (uint64_t i = 0; i < 100; ++i) {
      Batch batch({std::string(10'000, 'x')});
      auto append = std::make_unique<SpoolRequest>();
      append->kind = SpoolRequest::Kind::kAppend;
      append->file = file;
      append->offset = offset;
      append->groups.push_back(GroupOf(&batch, i));
      offset += 64 + append->groups[0].header.body_bytes;
      thread->Submit(std::move(append));
    }
  }).join();
  thread->Close();
  thread.reset();
  file.reset();
  CHECK_EQUAL(SizeOf(path), uint64_t{64 + 100 * (64 + 10'004)});
  CHECK_EQUAL(BatchMemory::alive(), alive);
});

}  // namespace
}  // namespace streamgate
