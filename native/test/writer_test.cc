// The stream writer under real threads and pipes, its queue, and the memory that they share; the writer's behaviour as
// a whole is tested in src/data/delivery/stream/.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "test/batch.h"
#include "test/check.h"
#include "writer/range_queue.h"
#include "writer/stream_writer.h"

namespace streamgate {
namespace {

struct Pipe {
  Pipe() { CHECK(pipe(fds) == 0); }
  ~Pipe() {
    for (const int fd : fds)
      if (fd >= 0) close(fd);
  }
  void CloseReader() {
    if (fds[0] >= 0) close(fds[0]);
    fds[0] = -1;
  }
  int fds[2];
};

std::vector<std::string> Lines(int count, const std::string& name, size_t size = 0) {
  std::vector<std::string> lines;
  for (int i = 0; i < count; ++i) lines.push_back(name + " " + std::to_string(i) + std::string(size, 'x'));
  return lines;
}

void Ignore(StreamWriter::Event, const std::string&) {}

std::unique_ptr<StreamWriter> StartOn(int fd, StreamWriter::OnEvent on_event = Ignore, uint64_t charge_max = 65536) {
  std::string error;
  auto writer = StreamWriter::Start(fd, charge_max, 1000, std::move(on_event), &error);
  CHECK(writer != nullptr);
  return writer;
}

void PushAll(StreamFeed feed, Batch* batch) {
  for (uint32_t at = 0; at < batch->count();) {
    const uint32_t stopped = feed.Push(batch->memory(), at, batch->count());
    if (stopped == at) std::this_thread::yield();
    at = stopped;
  }
}

std::string ReadLines(int fd, int count) {
  std::string text;
  char bytes[4096];
  while (count > 0) {
    const ssize_t got = read(fd, bytes, sizeof bytes);
    if (got <= 0) break;
    text.append(bytes, static_cast<size_t>(got));
    for (ssize_t i = 0; i < got; ++i) count -= bytes[i] == '\n' ? 1 : 0;
  }
  return text;
}

TEST("a queue takes no more than its room, in records, bytes and ranges, and gives it back when they are settled", {
  Batch batch(Lines(10, "record"));  // 9 bytes with their LF, 64 more for each
  Batch other(Lines(1, "record"));
  {
    RangeQueue queue(3 * 73 + 72, 2);
    CHECK_EQUAL(queue.Push(batch.memory(), 0, 10), 3u);
    CHECK_EQUAL(queue.Push(batch.memory(), 3, 10), 3u);
    CHECK_EQUAL(queue.pushed_records(), 3u);
    CHECK_EQUAL(queue.pushed_bytes(), 24u);
    CHECK_EQUAL(batch.memory()->holders(), 1u);
    BatchRange range;
    CHECK_EQUAL(queue.Take(&range, 1, SIZE_MAX, true), 1u);
    // Taken, it still has its room.
    CHECK_EQUAL(queue.Push(batch.memory(), 3, 10), 3u);
    queue.Settle(range);
    CHECK_EQUAL(batch.memory()->holders(), 0u);
    CHECK_EQUAL(queue.Push(batch.memory(), 3, 4), 4u);
    CHECK_EQUAL(queue.Push(other.memory(), 0, 1), 1u);
    // Two ranges, and there are no more; a neighbour of the last one is no third.
    CHECK_EQUAL(queue.Push(batch.memory(), 5, 6), 5u);
    queue.Close();
    CHECK_EQUAL(queue.Push(batch.memory(), 5, 6), 5u);
    CHECK_EQUAL(queue.Take(&range, 1, SIZE_MAX, true), 0u);
  }
  CHECK_EQUAL(batch.memory()->holders() + other.memory()->holders(), 0u);
});

TEST("a queue makes one range of neighbours that still wait", {
  Batch batch(Lines(6, "record"));
  RangeQueue queue(1 << 20, 10);
  CHECK_EQUAL(queue.Push(batch.memory(), 0, 2), 2u);
  CHECK_EQUAL(queue.Push(batch.memory(), 2, 3), 3u);
  CHECK_EQUAL(queue.Push(batch.memory(), 4, 6), 6u);
  BatchRange ranges[3];
  CHECK_EQUAL(queue.Take(ranges, 3, SIZE_MAX, true), 2u);
  CHECK_EQUAL(std::string(ranges[0].data, ranges[0].bytes), "record 0\nrecord 1\nrecord 2\n");
  CHECK_EQUAL(ranges[1].from, 4u);
  // Taken: the next neighbour is a range of its own.
  CHECK_EQUAL(queue.Push(batch.memory(), 3, 4), 4u);
  CHECK_EQUAL(batch.memory()->holders(), 3u);
  CHECK_EQUAL(queue.Take(ranges + 2, 1, SIZE_MAX, true), 1u);
  for (const BatchRange& range : ranges) queue.Settle(range);
  CHECK_EQUAL(batch.memory()->holders(), 0u);
});

TEST("a queue takes a record that is larger than all its room when nothing else waits", {
  Batch small(Lines(1, "small"));
  Batch large(Lines(2, "large", 5000));
  RangeQueue queue(1000, 10);
  CHECK_EQUAL(queue.Push(small.memory(), 0, 1), 1u);
  CHECK_EQUAL(queue.Push(large.memory(), 0, 2), 0u);
  BatchRange range;
  queue.Take(&range, 1, SIZE_MAX, true);
  queue.Settle(range);
  CHECK_EQUAL(queue.Push(large.memory(), 0, 2), 1u);
});

TEST("a queue refuses what does not lie in the batch", {
  Batch batch(Lines(2, "record"));
  auto* entries = const_cast<BatchEntry*>(batch.memory()->entries());
  RangeQueue queue(1 << 20, 10);
  CHECK_EQUAL(queue.Push(batch.memory(), 0, 3), 0u);
  CHECK_EQUAL(queue.Push(batch.memory(), 2, 1), 2u);
  entries[1].length = 1000;
  CHECK_EQUAL(queue.Push(batch.memory(), 0, 2), 0u);
  entries[1] = {1000, 0, 1, 0};
  CHECK_EQUAL(queue.Push(batch.memory(), 1, 2), 1u);
  CHECK_EQUAL(batch.memory()->holders(), 0u);
});

TEST("ranges of several threads arrive whole while the writer sleeps and wakes between them", {
  constexpr int kProducers = 3;
  constexpr int kRecords = 3000;
  const size_t alive = BatchMemory::alive();
  Pipe pipe;
  auto writer = StartOn(pipe.fds[1]);
  std::vector<std::thread> producers;
  for (int producer = 0; producer < kProducers; ++producer) {
    producers.emplace_back([id = writer->id(), producer] {
      StreamFeed feed(id);
      for (int i = 0; i < kRecords; i += 3) {
        const std::string name = std::to_string(producer) + " ";
        Batch batch({name + std::to_string(i), name + std::to_string(i + 1), name + std::to_string(i + 2)});
        PushAll(feed, &batch);
        // Now and then the writer gets the time to fall asleep.
        if (i % 300 == 0) usleep(300);
      }
    });
  }
  const std::string text = ReadLines(pipe.fds[0], kProducers * kRecords);
  for (std::thread& producer : producers) producer.join();
  while (!writer->Drained()) std::this_thread::yield();
  int next[kProducers] = {};
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    const int producer = text[at] - '0';
    CHECK(producer >= 0 && producer < kProducers);
    if (producer < 0 || producer >= kProducers) break;
    CHECK_EQUAL(text.substr(at + 2, end - at - 2), std::to_string(next[producer]++));
    at = end + 1;
  }
  for (const int count : next) CHECK_EQUAL(count, kRecords);
  CHECK_EQUAL(writer->counts().written_records, static_cast<uint64_t>(kProducers * kRecords));
  CHECK_EQUAL(writer->counts().lost_records, 0u);
  writer->Close();
  CHECK_EQUAL(BatchMemory::alive(), alive);
});

TEST("a batch whose thread has gone is written all the same, counted once, and freed", {
  const size_t alive = BatchMemory::alive();
  Pipe pipe;
  auto writer = StartOn(pipe.fds[1], Ignore, 1 << 20);
  std::thread([id = writer->id()] {
    // 400 KB: far more than the pipe holds, so most of it waits when this thread ends.
    Batch batch(Lines(4000, "gone", 90));
    PushAll(StreamFeed(id), &batch);
  }).join();
  CHECK(BatchMemory::alive() > alive);
  const std::string text = ReadLines(pipe.fds[0], 4000);
  while (!writer->Drained()) std::this_thread::yield();
  CHECK(text.rfind("gone 3999" + std::string(90, 'x') + "\n") != std::string::npos);
  CHECK_EQUAL(writer->counts().written_records, 4000u);
  CHECK_EQUAL(writer->counts().pushed_records, 4000u);
  CHECK_EQUAL(writer->counts().written_bytes, text.size() - 4000);
  // The last record is counted before its batch is let go, so that a moment lies between the two.
  while (BatchMemory::alive() > alive) std::this_thread::yield();
  CHECK_EQUAL(BatchMemory::alive(), alive);
});

TEST("a writer ends at once while its reader is stuck, and what is left counts as lost", {
  const size_t alive = BatchMemory::alive();
  {
    Pipe pipe;
    auto writer = StartOn(pipe.fds[1], Ignore, 1 << 20);
    StreamFeed feed(writer->id());
    Batch batch(Lines(2000, "stuck", 200));
    CHECK_EQUAL(feed.Push(batch.memory(), 0, 1500), 1500u);
    CHECK_EQUAL(feed.Push(batch.memory(), 1500, 2000), 2000u);
    CHECK(!writer->Drained());
    writer->Close();
    writer->Close();
    const StreamWriter::Counts counts = writer->counts();
    CHECK(counts.lost_records > 0);
    CHECK_EQUAL(counts.written_records + counts.lost_records, 2000u);
    CHECK_EQUAL(counts.written_bytes + counts.lost_bytes, counts.pushed_bytes);
    CHECK_EQUAL(batch.memory()->holders(), 0u);
    // A feed that is left takes nothing, and a new one finds nobody.
    CHECK_EQUAL(feed.Push(batch.memory(), 0, 1), 0u);
    CHECK(!StreamFeed(writer->id()));
  }
  CHECK_EQUAL(BatchMemory::alive(), alive);
});

TEST("what a pipe holds of a range is counted as written, in whole records, while the rest waits", {
  Pipe pipe;
  auto writer = StartOn(pipe.fds[1], Ignore, 1 << 20);
  Batch batch(Lines(2000, "whole", 200));
  CHECK_EQUAL(StreamFeed(writer->id()).Push(batch.memory(), 0, 2000), 2000u);
  int held = 0;
  for (int before = -1; held != before || held == 0; usleep(20'000)) {
    before = held;
    CHECK(ioctl(pipe.fds[0], FIONREAD, &held) == 0);
  }
  const uint64_t told = writer->counts().written_records;
  writer->Close();
  CHECK_EQUAL(writer->counts().written_records, told);
  close(pipe.fds[1]);
  pipe.fds[1] = -1;
  const std::string text = ReadLines(pipe.fds[0], 2001);
  CHECK_EQUAL(text.size(), static_cast<size_t>(held));
  CHECK_EQUAL(static_cast<uint64_t>(std::count(text.begin(), text.end(), '\n')), told);
  CHECK_EQUAL(writer->counts().written_bytes, text.rfind('\n') + 1 - told);
});

TEST("a reader that goes away is reported once and everything is accounted for", {
  Pipe pipe;
  std::atomic<int> reports{0};
  auto writer = StartOn(pipe.fds[1], [&](StreamWriter::Event event, const std::string&) {
    if (event == StreamWriter::Event::kClosed) ++reports;
  });
  StreamFeed feed(writer->id());
  Batch batch(std::vector<std::string>(1000, std::string(100, 'x')));
  for (int round = 0; round < 10; ++round) {
    for (uint32_t at = 0; at < 1000;) {
      const uint32_t stopped = feed.Push(batch.memory(), at, 1000);
      if (stopped == at) {
        // The pipe is full: the reader goes.
        pipe.CloseReader();
        std::this_thread::yield();
      }
      at = stopped;
    }
  }
  while (!writer->Drained()) std::this_thread::yield();
  const StreamWriter::Counts counts = writer->counts();
  CHECK_EQUAL(reports.load(), 1);
  CHECK_EQUAL(counts.written_records + counts.lost_records, 10000u);
  CHECK_EQUAL(counts.written_bytes + counts.lost_bytes, 1000000u);
  CHECK(counts.lost_records > 0);
  writer->Close();
  CHECK_EQUAL(batch.memory()->holders(), 0u);
});

#if defined(__linux__)
TEST("a device without room is reported when it fills, once, and nothing is lost until the writer ends", {
  const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  std::atomic<int> reports{0};
  auto writer = StartOn(full, [&](StreamWriter::Event event, const std::string&) {
    CHECK(event == StreamWriter::Event::kFull);
    ++reports;
  });
  Batch batch(Lines(3, "record"));
  StreamFeed(writer->id()).Push(batch.memory(), 0, 3);
  while (reports.load() == 0) std::this_thread::yield();
  // Two more attempts.
  usleep(250'000);
  CHECK_EQUAL(reports.load(), 1);
  CHECK_EQUAL(writer->counts().lost_records, 0u);
  writer->Close();
  CHECK_EQUAL(writer->counts().lost_records, 3u);
  close(full);
});
#endif

// A file that is gone from its folder at once and lives by its descriptor.
struct File {
  File() {
    char path[] = "/tmp/streamgate_writer_XXXXXX";
    fd = mkstemp(path);
    CHECK(fd >= 0);
    unlink(path);
    CHECK(fcntl(fd, F_SETFL, O_APPEND) == 0);
  }
  File(const File&) = delete;
  ~File() { close(fd); }
  std::string text() const {
    std::string all;
    char bytes[65536];
    for (ssize_t got; (got = pread(fd, bytes, sizeof bytes, static_cast<off_t>(all.size()))) > 0;)
      all.append(bytes, static_cast<size_t>(got));
    return all;
  }
  int fd;
};

TEST("a sleeping writer switches at once, and writes the next record to the new descriptor", {
  File one;
  File two;
  std::atomic<int> switched{0};
  auto writer = StartOn(one.fd, [&](StreamWriter::Event event, const std::string&) {
    CHECK(event == StreamWriter::Event::kSwitched);
    ++switched;
  });
  StreamFeed feed(writer->id());
  Batch first(Lines(2, "first"));
  Batch second(Lines(1, "second"));
  PushAll(feed, &first);
  while (!writer->Drained()) std::this_thread::yield();
  CHECK(writer->SwitchTo(two.fd));
  while (switched.load() == 0) std::this_thread::yield();
  PushAll(feed, &second);
  while (!writer->Drained()) std::this_thread::yield();
  CHECK_EQUAL(one.text(), "first 0\nfirst 1\n");
  CHECK_EQUAL(two.text(), "second 0\n");
  CHECK_EQUAL(writer->counts().written_records, 3u);
  writer->Close();
});

TEST("records of several threads lie whole and once in the files of hundreds of switches", {
  constexpr int kProducers = 3;
  constexpr int kRecords = 6000;
  std::vector<std::unique_ptr<File> > files;
  files.push_back(std::make_unique<File>());
  std::atomic<int> switched{0};
  auto writer = StartOn(files[0]->fd, [&](StreamWriter::Event event, const std::string&) {
    if (event == StreamWriter::Event::kSwitched) ++switched;
  });
  std::atomic<int> busy{kProducers};
  std::vector<std::thread> producers;
  for (int producer = 0; producer < kProducers; ++producer) {
    producers.emplace_back([id = writer->id(), producer, &busy] {
      StreamFeed feed(id);
      for (int i = 0; i < kRecords; i += 20) {
        std::vector<std::string> lines;
        for (int k = i; k < i + 20; ++k)
          lines.push_back(std::to_string(producer) + " " + std::to_string(k) + " " + std::string(k % 300, 'x'));
        Batch batch(lines);
        PushAll(feed, &batch);
        if (i % 200 == 0) usleep(200);
      }
      --busy;
    });
  }
  while (busy.load() > 0 && files.size() < 400) {
    files.push_back(std::make_unique<File>());
    const int before = switched.load();
    CHECK(writer->SwitchTo(files.back()->fd));
    while (switched.load() == before) std::this_thread::yield();
    // Nothing comes to the one before from now on.
    const std::string left = files[files.size() - 2]->text();
    CHECK(left.empty() || left.back() == '\n');
  }
  for (std::thread& producer : producers) producer.join();
  while (!writer->Drained()) std::this_thread::yield();
  CHECK(files.size() > 10);
  int next[kProducers] = {};
  for (const auto& file : files) {
    const std::string text = file->text();
    for (size_t at = 0; at < text.size();) {
      const size_t end = text.find('\n', at);
      const int producer = text[at] - '0';
      CHECK(producer >= 0 && producer < kProducers && end != std::string::npos);
      if (producer < 0 || producer >= kProducers || end == std::string::npos) break;
      const int k = next[producer]++;
      CHECK_EQUAL(text.substr(at + 2, end - at - 2), std::to_string(k) + " " + std::string(k % 300, 'x'));
      at = end + 1;
    }
  }
  for (const int count : next) CHECK_EQUAL(count, kRecords);
  CHECK_EQUAL(writer->counts().written_records, static_cast<uint64_t>(kProducers * kRecords));
  writer->Close();
});

TEST("a record that is begun when a switch is asked for is written to its end where it began", {
  Pipe pipe;
  File file;
  std::atomic<int> switched{0};
  auto writer = StartOn(
      pipe.fds[1],
      [&](StreamWriter::Event event, const std::string&) { switched += event == StreamWriter::Event::kSwitched; },
      1 << 21);
  // Longer than the pipe holds, so that it is certainly begun and not at its end.
  Batch batch(Lines(2, "long", 200'000));
  PushAll(StreamFeed(writer->id()), &batch);
  int held = 0;
  for (int before = -1; held != before || held == 0; usleep(20'000)) {
    before = held;
    CHECK(ioctl(pipe.fds[0], FIONREAD, &held) == 0);
  }
  CHECK(writer->SwitchTo(file.fd));
  CHECK(!writer->SwitchTo(file.fd));
  usleep(20'000);
  CHECK_EQUAL(switched.load(), 0);
  CHECK_EQUAL(ReadLines(pipe.fds[0], 1), "long 0" + std::string(200'000, 'x') + "\n");
  while (switched.load() == 0 || !writer->Drained()) std::this_thread::yield();
  CHECK_EQUAL(file.text(), "long 1" + std::string(200'000, 'x') + "\n");
  CHECK_EQUAL(writer->counts().written_records, 2u);
  CHECK_EQUAL(writer->counts().lost_records, 0u);
  writer->Close();
});

TEST("a writer whose reader has gone writes again after a switch", {
  Pipe pipe;
  File file;
  std::atomic<int> closed{0};
  std::atomic<int> switched{0};
  auto writer = StartOn(pipe.fds[1], [&](StreamWriter::Event event, const std::string&) {
    closed += event == StreamWriter::Event::kClosed;
    switched += event == StreamWriter::Event::kSwitched;
  });
  StreamFeed feed(writer->id());
  pipe.CloseReader();
  Batch lost(Lines(3, "lost"));
  PushAll(feed, &lost);
  while (closed.load() == 0 || !writer->Drained()) std::this_thread::yield();
  CHECK(writer->SwitchTo(file.fd));
  while (switched.load() == 0) std::this_thread::yield();
  Batch kept(Lines(2, "kept"));
  PushAll(feed, &kept);
  while (!writer->Drained()) std::this_thread::yield();
  CHECK_EQUAL(file.text(), "kept 0\nkept 1\n");
  CHECK_EQUAL(writer->counts().lost_records, 3u);
  CHECK_EQUAL(writer->counts().written_records, 2u);
  writer->Close();
});

TEST("a mark is told once, when that many bytes have been written", {
  File file;
  std::atomic<int> reached{0};
  auto writer = StartOn(file.fd, [&](StreamWriter::Event event, const std::string&) {
    CHECK(event == StreamWriter::Event::kReached);
    ++reached;
  });
  StreamFeed feed(writer->id());
  Batch batch(Lines(1, "mark"));  // 7 bytes with the LF
  writer->Notice(14);
  PushAll(feed, &batch);
  while (!writer->Drained()) std::this_thread::yield();
  CHECK_EQUAL(reached.load(), 0);
  PushAll(feed, &batch);
  PushAll(feed, &batch);
  while (!writer->Drained()) std::this_thread::yield();
  writer->Close();
  CHECK_EQUAL(reached.load(), 1);
});

// What a full disk leaves of a record is played by a limit on the size of files, for this process alone.
TEST("what a file refuses goes whole to the next one, and nothing of it stays behind", {
  File one;
  File two;
  std::atomic<int> full{0};
  std::atomic<int> room{0};
  std::atomic<int> switched{0};
  auto writer = StartOn(
      one.fd,
      [&](StreamWriter::Event event, const std::string&) {
        full += event == StreamWriter::Event::kFull;
        room += event == StreamWriter::Event::kRoom;
        switched += event == StreamWriter::Event::kSwitched;
        CHECK(event != StreamWriter::Event::kClosed);
      },
      1 << 20);
  Batch batch(Lines(20, "record", 992));  // 1001 bytes with the LF for the first ten
  rlimit before;
  CHECK(getrlimit(RLIMIT_FSIZE, &before) == 0);
  rlimit small = before;
  small.rlim_cur = 5500;
  CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
  PushAll(StreamFeed(writer->id()), &batch);
  while (full.load() == 0) std::this_thread::yield();
  CHECK_EQUAL(one.text().size(), 5500u);
  CHECK_EQUAL(writer->counts().written_records, 5u);
  CHECK_EQUAL(writer->counts().lost_records, 0u);
  CHECK(writer->SwitchTo(two.fd));
  while (switched.load() == 0) std::this_thread::yield();
  CHECK_EQUAL(one.text().size(), 5u * 1001);
  CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
  while (!writer->Drained()) std::this_thread::yield();
  CHECK_EQUAL(one.text() + two.text(), std::string(batch.memory()->records(), batch.memory()->header()->bytes));
  // The second file may have met the limit too.
  CHECK_EQUAL(full.load(), room.load());
  CHECK_EQUAL(writer->counts().written_records, 20u);
  CHECK_EQUAL(writer->counts().lost_records, 0u);
  writer->Close();
});

}  // namespace
}  // namespace streamgate
