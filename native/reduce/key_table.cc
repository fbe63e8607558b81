// See key_table.h.
#include "reduce/key_table.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace streamgate {

KeyTable::KeyTable(uint64_t memory_bytes) {
  entries_max_ = static_cast<uint32_t>(memory_bytes / 2 / (sizeof(KeyEntry) + sizeof(uint32_t)));
  uint64_t chains = 1;
  while (chains * 2 <= entries_max_) chains *= 2;
  chain_mask_ = chains - 1;
  const uint64_t before_blocks = uint64_t{entries_max_} * sizeof(KeyEntry) + chains * sizeof(uint32_t);
  blocks_max_ = static_cast<uint32_t>((memory_bytes - before_blocks) / kBlockBytes);
  blocks_left_ = blocks_max_;
  // Zeroed by the system, page by page, when it is first touched: chains hold index + 1, so that zero is an empty one.
  memory_.reset(std::calloc(memory_bytes, 1));
  if (memory_ == nullptr) throw std::bad_alloc();
  entries_ = static_cast<KeyEntry*>(memory_.get());
  chains_ = reinterpret_cast<uint32_t*>(entries_ + entries_max_);
  blocks_ = reinterpret_cast<Block*>(chains_ + chains);
}

uint32_t KeyTable::Find(uint64_t hash) const {
  uint32_t next = chains_[hash & chain_mask_];
  while (next != 0 && entries_[next - 1].hash != hash) next = entries_[next - 1].chain_next;
  return next - 1;
}

bool KeyTable::HasRoom() const {
  const bool entry = entries_touched_ < entries_max_ || entries_free_ != kNone || lists_[kSeen].oldest != kNone;
  return entry && blocks_left_ >= kBlocksPerTextMax;
}

uint32_t KeyTable::Insert(uint64_t hash) {
  if (entries_touched_ == entries_max_ && entries_free_ == kNone) Remove(lists_[kSeen].oldest);
  uint32_t index = entries_free_;
  if (index != kNone) {
    entries_free_ = entries_[index].older;
  } else {
    index = entries_touched_++;
  }
  KeyEntry& entry = entries_[index];
  entry = KeyEntry();
  entry.hash = hash;
  uint32_t& chain = Chain(hash);
  entry.chain_next = chain;
  chain = index + 1;
  PutNewest(&lists_[kSeen], index);
  return index;
}

void KeyTable::Touch(uint32_t index) {
  List& list = ListOf(entries_[index]);
  if (list.newest == index) return;
  Take(&list, index);
  PutNewest(&list, index);
}

void KeyTable::AddDue(uint32_t index) {
  KeyEntry& entry = entries_[index];
  entry.is_due = 1;
  entry.due_before = due_last_;
  entry.due_after = kNone;
  (due_last_ == kNone ? due_first_ : entries_[due_last_].due_after) = index;
  due_last_ = index;
}

void KeyTable::Hold(uint32_t index, std::string_view text) {
  KeyEntry& entry = entries_[index];
  Take(&lists_[kSeen], index);
  PutNewest(&lists_[kHeld], index);
  const bool keeps = text.size() <= kReduceTextBytesMax;
  entry.text_block = keeps ? 0 : kNone;
  if (!keeps) return;
  entry.text_bytes = static_cast<uint32_t>(text.size());
  uint32_t* link = &entry.text_block;
  for (size_t at = 0; at < text.size(); at += kBlockTextBytes) {
    uint32_t block = blocks_free_;
    if (block != kNone) {
      blocks_free_ = blocks_[block].next;
    } else {
      block = blocks_touched_++;
    }
    --blocks_left_;
    *link = block;
    link = &blocks_[block].next;
    std::memcpy(blocks_[block].text, text.data() + at, std::min<size_t>(kBlockTextBytes, text.size() - at));
  }
}

bool KeyTable::ReadText(uint32_t index, Scratch* out) const {
  const KeyEntry& entry = entries_[index];
  if (entry.text_block == kNone) return false;
  uint32_t block = entry.text_block;
  for (uint32_t left = entry.text_bytes; left > 0;) {
    const uint32_t size = std::min(left, kBlockTextBytes);
    out->Append(blocks_[block].text, size);
    left -= size;
    block = blocks_[block].next;
  }
  return true;
}

void KeyTable::Release(uint32_t index) {
  KeyEntry& entry = entries_[index];
  Take(&ListOf(entry), index);
  FreeText(&entry);
  TakeDue(index);
  entry.records = 0;
  entry.bytes = 0;
  PutNewest(&lists_[kSeen], index);
}

void KeyTable::Remove(uint32_t index) {
  KeyEntry& entry = entries_[index];
  Take(&ListOf(entry), index);
  FreeText(&entry);
  TakeDue(index);
  uint32_t* link = &Chain(entry.hash);
  while (*link != index + 1) link = &entries_[*link - 1].chain_next;
  *link = entry.chain_next;
  entry.older = entries_free_;
  entries_free_ = index;
}

void KeyTable::PutNewest(List* list, uint32_t index) {
  KeyEntry& entry = entries_[index];
  entry.newer = kNone;
  entry.older = list->newest;
  (list->newest == kNone ? list->oldest : entries_[list->newest].newer) = index;
  list->newest = index;
}

void KeyTable::Take(List* list, uint32_t index) {
  const KeyEntry& entry = entries_[index];
  (entry.newer == kNone ? list->newest : entries_[entry.newer].older) = entry.older;
  (entry.older == kNone ? list->oldest : entries_[entry.older].newer) = entry.newer;
}

void KeyTable::TakeDue(uint32_t index) {
  KeyEntry& entry = entries_[index];
  if (entry.is_due == 0) return;
  entry.is_due = 0;
  (entry.due_before == kNone ? due_first_ : entries_[entry.due_before].due_after) = entry.due_after;
  (entry.due_after == kNone ? due_last_ : entries_[entry.due_after].due_before) = entry.due_before;
}

void KeyTable::FreeText(KeyEntry* entry) {
  uint32_t block = entry->text_block;
  for (uint32_t left = entry->text_bytes; left > 0; left -= std::min(left, kBlockTextBytes)) {
    const uint32_t next = blocks_[block].next;
    blocks_[block].next = blocks_free_;
    blocks_free_ = block;
    ++blocks_left_;
    block = next;
  }
  entry->text_bytes = 0;
}

}  // namespace streamgate
