// What a rule remembers, by key: records that were seen (dedupe) or buckets of tokens (throttle), and what was cut of
// each since. Bounded by bytes: everything is allocated at once, nothing for a record. Twin of key_table.ts.
//
//     | KeyEntry × entries | u32 first entry of a chain × chains | 128-byte blocks of text |
//
// Half of the memory is for entries. An entry is in one of two lists by use, most recent first: those of which nothing
// was cut, and those that hold something to be told, with the text of the first record that was cut. So a flood of
// records that come once never pushes out what repeats. The other list is by age, oldest first: whose window ends next.
//
// An entry without anything to tell goes silently when another needs its place. One with something goes only after
// its summary was written: see HasRoom.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "generated/layout.h"
#include "match/replace.h"

namespace streamgate {

struct KeyEntry {
  uint64_t hash;
  // When the window began, and when a record was last cut.
  double first_ms;
  double last_ms;
  // What was cut in this window.
  uint64_t records;
  uint64_t bytes;
  // Throttle: millionths of a record or byte, and when they were as many.
  int64_t tokens;
  double tokens_at_ms;
  // Of the text's first block, kNone where it was too long to keep; and its length.
  uint32_t text_block;
  uint32_t text_bytes;
  // Neighbours in the list by use, in the list by age, and in the chain.
  uint32_t newer;
  uint32_t older;
  uint32_t due_before;
  uint32_t due_after;
  uint32_t chain_next;
  // In the list by age.
  uint8_t is_due;
  // The cut record began like a JSON object.
  uint8_t is_object;
  // Of its text: how many plans had run, modulo 2^16.
  uint16_t plan;
};
static_assert(sizeof(KeyEntry) == 88, "memory is reckoned in entries of 88 bytes, in key_table.ts too");

class KeyTable {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  // `memory_bytes`: kReduceMemoryBytesMin or more.
  explicit KeyTable(uint64_t memory_bytes);

  uint32_t entries() const { return entries_max_; }
  KeyEntry& operator[](uint32_t index) { return entries_[index]; }
  const KeyEntry& operator[](uint32_t index) const { return entries_[index]; }

  // kNone: not there.
  uint32_t Find(uint64_t hash) const;
  // Whether Insert and Hold can be called once each. When not, Oldest() must be released or removed first.
  bool HasRoom() const;
  // The entry that has waited longest of those with something to tell; kNone: there is none.
  uint32_t OldestHeld() const { return lists_[kHeld].oldest; }
  // The entry whose window began first; kNone: there is none.
  uint32_t OldestDue() const { return due_first_; }

  // A new entry, zeroed, most recently used; the least recently used one of which nothing was cut goes for it.
  uint32_t Insert(uint64_t hash);
  // It was used.
  void Touch(uint32_t index);
  // Its window begins now: it goes to the end of the list by age.
  void AddDue(uint32_t index);
  // Something was cut: from now on it is held until it is released or removed. A text of more than
  // kReduceTextBytesMax bytes is not kept.
  void Hold(uint32_t index, std::string_view text);
  // Appends the text. False: it was too long to keep.
  bool ReadText(uint32_t index, Scratch* out) const;
  // What was cut has been told. It stays, of no age.
  void Release(uint32_t index);
  void Remove(uint32_t index);

 private:
  static constexpr uint32_t kBlockBytes = 128;
  static constexpr uint32_t kBlockTextBytes = kBlockBytes - 4;
  static constexpr uint32_t kBlocksPerTextMax = (kReduceTextBytesMax + kBlockTextBytes - 1) / kBlockTextBytes;

  enum ListName : uint32_t { kSeen, kHeld };
  struct List {
    uint32_t newest = kNone;
    uint32_t oldest = kNone;
  };
  struct Block {
    uint32_t next;
    char text[kBlockTextBytes];
  };
  static_assert(sizeof(Block) == kBlockBytes, "memory is reckoned in blocks of 128 bytes");

  List& ListOf(const KeyEntry& entry) { return lists_[entry.records == 0 ? kSeen : kHeld]; }
  uint32_t& Chain(uint64_t hash) { return chains_[hash & chain_mask_]; }
  void PutNewest(List* list, uint32_t index);
  void Take(List* list, uint32_t index);
  void TakeDue(uint32_t index);
  void FreeText(KeyEntry* entry);

  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  std::unique_ptr<void, Free> memory_;
  KeyEntry* entries_ = nullptr;
  uint32_t* chains_ = nullptr;
  Block* blocks_ = nullptr;
  uint32_t entries_max_;
  uint64_t chain_mask_;
  uint32_t blocks_max_;
  // Those below were used once, those above never: memory that nobody needs is never touched.
  uint32_t entries_touched_ = 0;
  uint32_t blocks_touched_ = 0;
  // Those that were used and are free again.
  uint32_t entries_free_ = kNone;
  uint32_t blocks_free_ = kNone;
  uint32_t blocks_left_;
  List lists_[2];
  uint32_t due_first_ = kNone;
  uint32_t due_last_ = kNone;
};

}  // namespace streamgate
