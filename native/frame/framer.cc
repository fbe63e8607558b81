// See framer.h.
#include "frame/framer.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "frame/newline.h"
#include "frame/octet_counting.h"
#include "frame/oversize.h"
#include "scan/dispatch.h"

namespace streamgate {
namespace {

// A carry buffer larger than this is given back once its record has gone: thousands of connections may each have had
// one long line. A saturated one needs the buffer again with every chunk, mostly for a few hundred bytes.
constexpr size_t kCarryBytesKept = 4 * 1024;

// Bytes of one line end or NUL at the end of a datagram.
size_t DatagramEndBytes(const char* data, size_t size) {
  if (size == 0) return 0;
  if (data[size - 1] == '\0') return 1;
  if (data[size - 1] != '\n') return 0;
  return size >= 2 && data[size - 2] == '\r' ? 2 : 1;
}

}  // namespace

void Framer::Losses::Add(FrameCell cell, double amount) {
  cells[static_cast<uint32_t>(cell)] += amount;
  any = true;
}

void Framer::Losses::MoveTo(double* cells_to) {
  if (!any) return;
  for (uint32_t cell = 0; cell < kFrameCells; ++cell) cells_to[cell] += cells[cell];
  *this = Losses();
}

Framer::Framer(FramingKind kind, std::string delimiter, uint32_t max_record_bytes, double* losses)
    : kind_(kind),
      lines_(kind == FramingKind::kAuto || kind == FramingKind::kNewline),
      delimiter_(std::move(delimiter)),
      max_record_bytes_(max_record_bytes),
      losses_(losses) {}

void Framer::Begin(const char* chunk, size_t size, size_t from) {
  chunk_ = chunk;
  size_ = size;
  at_ = from;
  lf_searched_ = 0;
  line_ends_ = line_end_ = 0;
  nul_known_ = false;
  marked_fresh_ = false;
  marked_ = state_;
  marked_at_ = from;
}

bool Framer::Next(Record* record) {
  if (lines_ && NextLine(record)) return true;
  while (at_ < size_) {
    if (found_.any) {
      pending_.any = true;
      found_.MoveTo(pending_.cells);
    }
    found_at_ = at_;
    if (state_.phase == Phase::kUndecided && !Decide()) return false;
    if (state_.phase == Phase::kBroken) return false;
    if (!FindEnd(record)) return false;
    Clear();
    if (record->size > 0) return true;
  }
  return false;
}

// In framing auto: can the bytes at `from` begin nothing but a line ended by LF? False also where too few have come.
inline bool Framer::BeginsLine(size_t from) const {
  const char first = chunk_[from];
  if (first == '<') return false;
  if (size_ - from >= 8) {
    // Without a space among them the first eight bytes are no count: `2026-11-23T12:00:00` is none.
    static_assert(kCountDigitsMax < 8);
    uint64_t bytes;
    std::memcpy(&bytes, chunk_ + from, sizeof bytes);
    const uint64_t ones = 0x0101010101010101u;
    const uint64_t other = bytes ^ ones * ' ';
    if (((other - ones) & ~other & ones << 7) == 0) return true;
  }
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (!digit(first) || first == '0') return true;
  // A count, unless its digits end in something else than the space behind it: `2026-11-23` is none.
  for (size_t at = from + 1; at < size_ && at <= from + kCountDigitsMax; ++at)
    if (!digit(chunk_[at])) return chunk_[at] != ' ';
  return false;
}

// The shortcut for what nearly all records are: a line that lies whole in the chunk, neither counted nor a syslog
// message that a NUL may end, nor too long. False: the next record is another, or there is none; nothing has changed
// but empty lines.
bool Framer::NextLine(Record* record) {
  // Between records, and nothing to be booked yet.
  if (state_.phase != Phase::kUndecided || state_.head_bytes > 0 || found_.any) return false;
  while (at_ < size_) {
    if (kind_ == FramingKind::kAuto && !BeginsLine(at_)) return false;
    const size_t end = NextLf();
    if (end == size_) return false;
    size_t size = end - at_;
    const bool cr = size > 0 && chunk_[end - 1] == '\r';
    size -= cr ? 1 : 0;
    if (size > max_record_bytes_) return false;
    found_at_ = at_;
    record->data = chunk_ + at_;
    record->size = static_cast<uint32_t>(size);
    record->lf_follows = !cr;
    at_ = end + 1;
    if (size > 0) return true;
  }
  return false;
}

size_t Framer::NextLines(Record* list, size_t max) {
  if (!lines_ || state_.phase != Phase::kUndecided || state_.head_bytes > 0 || pending_.any || found_.any) return 0;
  size_t count = 0;
  while (count == 0 && NextLf() < size_) {
    size_t at = at_;
    const size_t longest = max_record_bytes_;
    uint32_t i = line_end_;
    for (; i < line_ends_ && count < max; ++i) {
      if (kind_ == FramingKind::kAuto && !BeginsLine(at)) break;
      const size_t end = line_ends_from_ + line_end_offsets_[i];
      size_t size = end - at;
      const bool cr = size > 0 && chunk_[end - 1] == '\r';
      size -= cr ? 1 : 0;
      if (size > longest) break;
      list[count] = {chunk_ + at, static_cast<uint32_t>(size), !cr};
      count += size > 0 ? 1 : 0;
      at = end + 1;
    }
    const bool stopped = i < line_ends_;
    line_end_ = i;
    at_ = at;
    if (stopped) break;
  }
  return count;
}

void Framer::Book() {
  pending_.MoveTo(losses_);
  found_.MoveTo(losses_);
}

void Framer::CommitBefore() {
  pending_.MoveTo(losses_);
  marked_fresh_ = true;
  marked_at_ = found_at_;
}

void Framer::Rollback() {
  if (marked_fresh_) {
    Clear();
  } else {
    state_ = marked_;
  }
  at_ = marked_at_;
  pending_ = found_ = Losses();
  chunk_ = nullptr;
}

void Framer::Keep() {
  const size_t rest = size_ - at_;
  if (carry_.capacity() > kCarryBytesKept && state_.kept == 0) carry_.Free();
  if (state_.phase == Phase::kBroken) {
    if (rest > 0) pending_.Add(FrameCell::kLostFrameBytes, static_cast<double>(rest));
  } else if (state_.phase == Phase::kUndecided) {
    // Decide has seen these bytes and asked for more, so they fit.
    if (rest > 0) std::memcpy(state_.head + state_.head_bytes, chunk_ + at_, rest);
    state_.head_bytes = static_cast<uint8_t>(state_.head_bytes + rest);
  } else if (rest > 0) {
    Store(chunk_ + at_, rest);
  }
  at_ = size_;
  Commit();
  chunk_ = nullptr;
}

bool Framer::NextEnd(Record* record) {
  chunk_ = nullptr;
  size_ = at_ = 0;
  marked_ = state_;
  marked_fresh_ = false;
  marked_at_ = 0;
  if (state_.phase == Phase::kUndecided && state_.head_bytes > 0) {
    if (kind_ == FramingKind::kAuto) {
      TakeHead(Phase::kLine);
    } else {
      pending_.Add(FrameCell::kLostFrameRecords, 1);  // a header without its frame
    }
  }
  if (state_.phase == Phase::kCounted && kind_ != FramingKind::kAuto) {
    pending_.Add(FrameCell::kLostFrameRecords, 1);
    pending_.Add(FrameCell::kLostFrameBytes, static_cast<double>(state_.total));
  } else if (state_.phase != Phase::kBroken && state_.total > 0) {
    // In auto a count was a guess, so a frame cut short by the close is a record all the same.
    record->lf_follows = false;
    Finish(record, carry_.data(), state_.kept, state_.total);
    Clear();
    if (record->size > 0) return true;
  }
  Clear();
  carry_.Free();
  Commit();
  return false;
}

void Framer::Clear() {
  state_.phase = Phase::kUndecided;
  state_.head_bytes = 0;
  state_.tail_bytes = 0;
  state_.header_bytes = 0;
  state_.kept = 0;
  state_.total = 0;
}

int Framer::ByteAt(size_t index) const {
  if (index < state_.head_bytes) return static_cast<unsigned char>(state_.head[index]);
  const size_t place = at_ + index - state_.head_bytes;
  return place < size_ ? static_cast<unsigned char>(chunk_[place]) : -1;
}

// Tells from its first bytes how the record at at_ ends, and moves at_ behind a header. False: undecided.
bool Framer::Decide() {
  switch (kind_) {
    case FramingKind::kAuto:
      return DecideAuto();
    case FramingKind::kNewline:
      state_.phase = Phase::kLine;
      return true;
    case FramingKind::kOctet:
      return DecideOctet();
    case FramingKind::kNul:
      state_.phase = Phase::kNul;
      return true;
    case FramingKind::kLength32:
      return DecideLength32();
    case FramingKind::kDelimiter:
      state_.phase = Phase::kDelimiter;
      return true;
    case FramingKind::kDatagram:
      state_.phase = Phase::kCounted;
      state_.length = static_cast<uint32_t>(size_ - at_);
      return true;
  }
  return false;
}

bool Framer::DecideAuto() {
  const int first = ByteAt(0);
  if (first >= '1' && first <= '9') {
    const CountHeader header = ReadCount([this](size_t index) { return ByteAt(index); }, true);
    if (header.kind == CountHeader::Kind::kNeedMore) return false;
    if (header.kind == CountHeader::Kind::kCount) {
      BeginCounted(header.body_at, header.length);
      return true;
    }
  } else if (first == '<') {
    const Priority priority = ReadPriority([this](size_t index) { return ByteAt(index); });
    if (priority == Priority::kNeedMore) return false;
    if (priority == Priority::kPresent) {
      TakeHead(Phase::kLineOrNul);
      return true;
    }
  }
  TakeHead(Phase::kLine);
  return true;
}

bool Framer::DecideOctet() {
  // Some senders put a line end behind each frame; it belongs to none.
  for (;;) {
    const int byte = ByteAt(0);
    if (byte == '\n') {
      SkipHead(1);
    } else if (byte == '\r') {
      const int next = ByteAt(1);
      if (next == -1) return false;
      if (next != '\n') break;
      SkipHead(2);
    } else {
      break;
    }
  }
  const CountHeader header = ReadCount([this](size_t index) { return ByteAt(index); }, false);
  if (header.kind == CountHeader::Kind::kNeedMore) return false;
  if (header.kind == CountHeader::Kind::kNone) {
    pending_.Add(FrameCell::kLostFrameRecords, 1);
    pending_.Add(FrameCell::kLostFrameBytes, state_.head_bytes);
    state_.head_bytes = 0;
    state_.phase = Phase::kBroken;
    return true;
  }
  BeginCounted(header.body_at, header.length);
  return true;
}

bool Framer::DecideLength32() {
  uint32_t length = 0;
  for (size_t index = 0; index < 4; ++index) {
    const int byte = ByteAt(index);
    if (byte == -1) return false;
    length = length << 8 | static_cast<uint32_t>(byte);
  }
  BeginCounted(4, length);
  return true;
}

void Framer::BeginCounted(size_t header_bytes, uint32_t length) {
  SkipHead(header_bytes);
  state_.phase = Phase::kCounted;
  state_.header_bytes = static_cast<uint8_t>(header_bytes);
  state_.length = length;
}

// Moves past `count` bytes of the head and the chunk.
void Framer::SkipHead(size_t count) {
  const size_t from_head = std::min<size_t>(count, state_.head_bytes);
  std::memmove(state_.head, state_.head + from_head, state_.head_bytes - from_head);
  state_.head_bytes = static_cast<uint8_t>(state_.head_bytes - from_head);
  at_ += count - from_head;
}

// The head turns out to be the first bytes of a record.
void Framer::TakeHead(Phase phase) {
  state_.phase = phase;
  if (state_.head_bytes == 0) return;
  char head[kHeadBytesMax];
  const size_t size = state_.head_bytes;
  std::memcpy(head, state_.head, size);
  state_.head_bytes = 0;
  Store(head, size);
}

// Lists the line ends behind those that are listed.
void Framer::SearchLf() {
  line_ends_from_ = std::max(lf_searched_, at_);
  const auto* const from = reinterpret_cast<const uint8_t*>(chunk_) + line_ends_from_;
  const LineEnds found = FindLineEnds(from, reinterpret_cast<const uint8_t*>(chunk_) + size_, line_end_offsets_);
  line_end_ = 0;
  line_ends_ = found.count;
  lf_searched_ = line_ends_from_ + found.bytes;
}

// Offset of the next NUL; size_ when there is none.
size_t Framer::NextNul() {
  if (!nul_known_ || nul_at_ < at_) {
    const void* found = std::memchr(chunk_ + at_, '\0', size_ - at_);
    nul_at_ = found == nullptr ? size_ : static_cast<size_t>(static_cast<const char*>(found) - chunk_);
    nul_known_ = true;
  }
  return nul_at_;
}

// Looks for the end of the record whose bytes continue at at_, and moves behind it.
bool Framer::FindEnd(Record* record) {
  const size_t begin = at_;
  size_t end = 0;    // of the record's bytes in the chunk, `stripped` of which are its terminator
  size_t after = 0;  // where the next one begins
  size_t stripped = 0;
  bool is_line = false;
  switch (state_.phase) {
    case Phase::kCounted: {
      const uint64_t missing = state_.length - state_.total;
      if (missing > size_ - begin) return false;
      end = after = begin + static_cast<size_t>(missing);
      if (kind_ == FramingKind::kDatagram) stripped = DatagramEndBytes(chunk_ + begin, end - begin);
      break;
    }
    case Phase::kDelimiter: {
      const ptrdiff_t found = DelimiterEnd(delimiter_, state_.tail, state_.tail_bytes, chunk_ + begin, size_ - begin);
      if (found < 0) return false;
      end = after = begin + static_cast<size_t>(found);
      stripped = delimiter_.size();
      break;
    }
    case Phase::kNul:
      end = NextNul();
      if (end == size_) return false;
      after = end + 1;
      break;
    case Phase::kLineOrNul: {
      const size_t nul = NextNul();
      end = NextLf();
      is_line = end < nul;
      end = std::min(end, nul);
      if (end == size_) return false;
      after = end + 1;
      break;
    }
    default: {
      end = NextLf();
      if (end == size_) return false;
      after = end + 1;
      is_line = true;
    }
  }
  if (is_line) {
    const bool cr = end > begin             ? chunk_[end - 1] == '\r'
                    : state_.tail_bytes > 0 ? state_.tail[state_.tail_bytes - 1] == '\r'
                                            : false;
    stripped = cr ? 1 : 0;
  }
  at_ = after;
  record->lf_follows = false;
  if (state_.total == 0) {
    const size_t size = end - begin - stripped;
    record->lf_follows = is_line && stripped == 0 && size <= max_record_bytes_;
    Finish(record, chunk_ + begin, std::min<size_t>(size, max_record_bytes_), size);
  } else {
    const uint64_t total = state_.total + (end - begin) - stripped;
    const size_t added = std::min(max_record_bytes_ - state_.kept, end - begin);
    carry_.Reserve(state_.kept + added, max_record_bytes_);
    std::memcpy(carry_.data() + state_.kept, chunk_ + begin, added);
    Finish(record, carry_.data(), static_cast<size_t>(std::min<uint64_t>(total, state_.kept + added)), total);
  }
  return true;
}

// Sets the record: the first `kept` bytes of one that has `total`.
void Framer::Finish(Record* record, const char* data, size_t kept, uint64_t total) {
  record->data = data;
  if (total > max_record_bytes_) {
    kept = TrimAtCut(data, max_record_bytes_);
    found_.Add(FrameCell::kCutRecords, 1);
    found_.Add(FrameCell::kLostOversizeBytes, static_cast<double>(total - kept));
    if (kept == 0) found_.Add(FrameCell::kLostOversizeRecords, 1);
  }
  record->size = static_cast<uint32_t>(kept);
}

// Adds bytes to the unfinished record; past max_record_bytes they are only counted.
void Framer::Store(const char* data, size_t size) {
  const size_t added = std::min(max_record_bytes_ - state_.kept, size);
  if (added > 0) {
    carry_.Reserve(state_.kept + added, max_record_bytes_);
    std::memcpy(carry_.data() + state_.kept, data, added);
    state_.kept += added;
  }
  state_.total += size;
  const size_t fresh = std::min(size, kTailBytesMax);
  const size_t old = std::min<size_t>(state_.tail_bytes, kTailBytesMax - fresh);
  std::memmove(state_.tail, state_.tail + state_.tail_bytes - old, old);
  std::memcpy(state_.tail + old, data + size - fresh, fresh);
  state_.tail_bytes = static_cast<uint8_t>(old + fresh);
}

}  // namespace streamgate
