// Cuts one byte stream into records, whatever the sizes of its chunks. What each framing means:
// src/data/frame/framing.ts.
//
// Records that lie whole in a chunk are handed out in place; only what a chunk leaves unfinished is copied, at most
// max_record_bytes and a few bytes. The caller works in groups of one or more records:
//
//     framer.Begin(chunk, size, from);
//     while (framer.Next(&record)) {
//       if (!Take(record)) { framer.Rollback(); return framer.at(); }  // all since the last Commit is given back
//       framer.Commit();
//     }
//     framer.Keep();  // commits, and stores the unfinished rest
//
// After Rollback the caller passes the same bytes again, from at(). Losses are booked by Commit and Keep, so that what
// is given back is not booked twice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "frame/carry.h"
#include "frame/delimiter.h"
#include "generated/layout.h"
#include "scan/newline.h"

namespace streamgate {

struct Record {
  const char* data = nullptr;
  uint32_t size = 0;
  // The byte behind the record is in the same memory and is its LF: neighbours can be copied as one run.
  bool lf_follows = false;
};

// What a caller has settled of a group that it gave back by Rollback (shard/router.h), so that it settles the rest
// alone when the same bytes come again. All zero between groups. The Framer only keeps it.
struct GroupProgress {
  uint32_t records = 0;  // in the group
  uint32_t own = 0;      // of the caller's own records: how many, from the first
  uint64_t owners = 0;   // bit n: owner n has all of its records
};

class Framer {
 public:
  // `losses`: kFrameCells cells, borrowed for the Framer's life. `delimiter`: 1 to kDelimiterBytesMax bytes where
  // `kind` asks.
  Framer(FramingKind kind, std::string delimiter, uint32_t max_record_bytes, double* losses);

  // `chunk` is borrowed until Keep or Rollback.
  void Begin(const char* chunk, size_t size, size_t from);
  // The next whole record; valid until Keep or the next Begin. Never empty.
  bool Next(Record* record);
  // As many calls of Next as find lines that lie whole in the chunk, at most `max`, where a group is about to begin;
  // only their line ends are looked for ahead. 0: the next record is another, or there is none; ask Next.
  size_t NextLines(Record* list, size_t max);
  void Commit() {
    if (pending_.any || found_.any) Book();
    // A caller commits between records only, where the state is fresh; Keep and NextEnd see to the rest.
    marked_fresh_ = true;
    marked_at_ = at_;
  }
  // Commits all but the record that Next found last: it begins the next group.
  void CommitBefore();
  void Rollback();
  // Behind NextLines: commits the lines before `record`, one of them, and gives back the others.
  void RollbackTo(const Record& record) {
    marked_fresh_ = true;
    marked_at_ = static_cast<size_t>(record.data - chunk_);
    Rollback();
  }
  // Offset in the chunk: after Rollback, where it continues.
  size_t at() const { return at_; }
  void Keep();

  // The stream has ended: the last record in what is held, if it makes one. A frame that makes none is booked and
  // forgotten. Commit takes the record, Rollback leaves it for another NextEnd.
  bool NextEnd(Record* record);

  // Bytes held of a record that is not finished.
  size_t pending_bytes() const { return state_.head_bytes + state_.kept; }
  // Bytes that have come since that record began, its header and what is over max_record_bytes included. 0: none has
  // begun. Larger by a whole chunk than before it: the record is still the same.
  uint64_t begun_bytes() const { return state_.header_bytes + state_.head_bytes + state_.total; }

  GroupProgress progress;

 private:
  // How the record at hand ends. kUndecided: its first bytes have not told yet. kBroken: nothing after this can be
  // read.
  enum class Phase : uint8_t { kUndecided, kLine, kLineOrNul, kNul, kDelimiter, kCounted, kBroken };

  // Longest undecided start: 7 digits and a space.
  static constexpr size_t kHeadBytesMax = 8;
  static constexpr size_t kTailBytesMax = kDelimiterBytesMax - 1;

  struct State {
    Phase phase = Phase::kUndecided;
    uint8_t head_bytes = 0;    // bytes of an undecided start that earlier chunks brought
    uint8_t tail_bytes = 0;    // the record's last bytes from earlier chunks, for terminators that straddle
    uint8_t header_bytes = 0;  // of a counted frame, before its body
    char head[kHeadBytesMax];
    char tail[kTailBytesMax];
    uint32_t length = 0;  // body length of a counted frame
    size_t kept = 0;      // bytes of the record in carry_
    uint64_t total = 0;   // bytes of the record that earlier chunks brought, terminators begun included
  };

  struct Losses {
    double cells[kFrameCells] = {};
    bool any = false;
    void Add(FrameCell cell, double amount);
    void MoveTo(double* cells_to);
  };

  bool NextLine(Record* record);
  bool BeginsLine(size_t from) const;
  void Book();
  int ByteAt(size_t index) const;
  bool Decide();
  bool DecideAuto();
  bool DecideOctet();
  bool DecideLength32();
  void BeginCounted(size_t header_bytes, uint32_t length);
  void SkipHead(size_t count);
  void TakeHead(Phase phase);
  bool FindEnd(Record* record);
  void Finish(Record* record, const char* data, size_t kept, uint64_t total);
  void Store(const char* data, size_t size);
  void Clear();
  void SearchLf();
  size_t NextNul();
  // Offset of the next LF at or behind at_; size_ when there is none.
  size_t NextLf() {
    for (;;) {
      for (; line_end_ < line_ends_; ++line_end_) {
        const size_t at = line_ends_from_ + line_end_offsets_[line_end_];
        if (at >= at_) return at;
      }
      if (lf_searched_ >= size_) return size_;
      SearchLf();
    }
  }

  const FramingKind kind_;
  // Most records of this framing are lines.
  const bool lines_;
  const std::string delimiter_;
  const uint32_t max_record_bytes_;
  double* const losses_;

  State state_;
  // The first bytes of the record at hand, from earlier chunks.
  Carry carry_;

  const char* chunk_ = nullptr;
  size_t size_ = 0;
  size_t at_ = 0;
  // LFs of the chunk that are known: all before lf_searched_ and behind at_ are in the list, as offsets from
  // line_ends_from_.
  uint32_t line_end_ = 0;
  uint32_t line_ends_ = 0;
  size_t line_ends_from_ = 0;
  size_t lf_searched_ = 0;
  uint16_t line_end_offsets_[kLineEndsMax];
  // The next NUL at or behind at_, remembered so that records ended by LF do not search the whole chunk for it again
  // and again.
  size_t nul_at_ = 0;
  bool nul_known_ = false;

  // Where Rollback goes: `marked_` when a record was under way, a fresh state otherwise.
  State marked_;
  bool marked_fresh_ = true;
  size_t marked_at_ = 0;
  // What Commit books: of the records since the last one, and of the one that Next found last, which begins at
  // found_at_.
  Losses pending_;
  Losses found_;
  size_t found_at_ = 0;
};

}  // namespace streamgate
