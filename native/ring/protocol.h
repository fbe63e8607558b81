// The ring's protocol, over any memory: the source that the program runs (ring.cc) and that native/test/model/ checks.
//
// What is relied on, in four sentences. A producer owns the bytes that its exchange of `tail` has claimed, until it
// commits; the consumer owns them from there until it moves `head`. Bytes pass from producer to consumer through a
// block's first word (kCommit to kLook) and back through `head` (kFree to kRoom); `tail` hands out, and publishes
// nothing. Bytes between tail and head of the next lap are zero. A block's first word is always loaded and stored
// whole, 8 bytes, by both languages: neither C++ nor ECMAScript orders accesses of different widths.
#pragma once

#include "ring/ring.h"

namespace streamgate {
namespace ring_protocol {

// A cursor: position in units of 8 bytes in the low half, blocks so far in the high half; both wrap on their own. All
// comparisons are of differences modulo 2^32: a ring has at most 2^27 units, and as many blocks as slots, so a
// difference is exact as long as no thread sleeps between a load and its exchange while the other half wraps back to
// the same value.
constexpr uint32_t Position(uint64_t cursor) { return static_cast<uint32_t>(cursor); }
constexpr uint32_t Sequence(uint64_t cursor) { return static_cast<uint32_t>(cursor >> 32); }
constexpr uint64_t Cursor(uint32_t position, uint32_t sequence) {
  return static_cast<uint64_t>(sequence) << 32 | position;
}

// The first word of a block: length, kind and producer, stored at once.
constexpr uint64_t Word(int32_t length, uint16_t kind, uint32_t producer) {
  return static_cast<uint64_t>(producer) << 48 | static_cast<uint64_t>(kind) << 32 | static_cast<uint32_t>(length);
}
constexpr int32_t LengthIn(uint64_t word) { return static_cast<int32_t>(static_cast<uint32_t>(word)); }
constexpr uint16_t KindIn(uint64_t word) { return static_cast<uint16_t>(word >> 32); }
constexpr uint32_t ProducerIn(uint64_t word) { return static_cast<uint32_t>(word >> 48); }
static_assert(offsetof(BlockHeader, length) == 0 && offsetof(BlockHeader, kind) == 4 &&
              offsetof(BlockHeader, producer) == 6);
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the layouts are little-endian");

// While a header is being written its word has this kind: the length is known, the epoch not yet.
constexpr uint16_t kKindUnknown = 0;
constexpr uint16_t kKindRecords = static_cast<uint16_t>(BlockKind::kRecords);
constexpr uint16_t kKindPadding = static_cast<uint16_t>(BlockKind::kPadding);

inline uint64_t* WordOf(BlockHeader* block) { return reinterpret_cast<uint64_t*>(block); }

constexpr size_t LengthsBytes(uint32_t records) {
  return (static_cast<size_t>(records) * sizeof(uint32_t) + 7) & ~size_t{7};
}

}  // namespace ring_protocol

template <typename Memory>
const char* BasicRing<Memory>::Check(const void* memory, size_t size) {
  if (reinterpret_cast<uintptr_t>(memory) % kBlockAlignment != 0) return "it is not aligned to 8 bytes";
  if (size < sizeof(RingHeader)) return "it is shorter than a ring's header";
  const auto* header = static_cast<const RingHeader*>(memory);
  if (header->magic != kRingMagic) return "it does not begin with a ring's magic number";
  if (header->version != kRingVersion) return "it has another layout version";
  const uint32_t capacity = header->capacity_bytes;
  if (capacity < 65536 || capacity > 1u << 30 || (capacity & (capacity - 1)) != 0 || header->slots == 0)
    return "its header has a capacity or a number of slots out of range";
  if (size != sizeof(RingHeader) + static_cast<size_t>(capacity)) return "its size is not the one in its header";
  return nullptr;
}

template <typename Memory>
BasicRing<Memory>::BasicRing(void* memory, uint32_t producer)
    : header_(static_cast<RingHeader*>(memory)),
      blocks_(static_cast<char*>(memory) + sizeof(RingHeader)),
      capacity_(header_->capacity_bytes),
      producer_(producer) {}

template <typename Memory>
uint64_t BasicRing<Memory>::BlockBytes(uint64_t records, uint64_t body_bytes) {
  const uint64_t lengths = (records * sizeof(uint32_t) + 7) & ~uint64_t{7};
  return (sizeof(BlockHeader) + lengths + body_bytes + 7) & ~uint64_t{7};
}

template <typename Memory>
BlockHeader* BasicRing<Memory>::At(uint32_t position8) const {
  return reinterpret_cast<BlockHeader*>(blocks_ + (static_cast<uint64_t>(position8) * 8 & (capacity_ - 1)));
}

template <typename Memory>
bool BasicRing<Memory>::Claim(uint32_t records, uint32_t body_bytes, Block* block) {
  using namespace ring_protocol;
  const uint64_t bytes = BlockBytes(records, body_bytes);
  if (bytes > capacity_) return false;
  const uint32_t units = static_cast<uint32_t>(bytes / 8);
  const uint32_t capacity8 = capacity_ / 8;
  // Acquire (kRoom): the consumer has read and zeroed the bytes before it stores head (kFree), so what we may now claim
  // is read and zero, for this thread as well.
  //
  // Head before tail: a stale head makes the ring look fuller than it is, never emptier; a tail older than head would
  // make it look full beyond measure. It can not be: who stored this head had seen a block that lies behind its
  // producer's exchange (kCommit to kLook), so by this acquire the load below sees that exchange or a later one.
  uint64_t head = Memory::Load(&header_->head, Memory::kRoom);
  // Relaxed, here and in the exchange (kClaim): nothing is published through tail. A claim's bytes are published by its
  // first word, and the room for it was acquired through head. That one claim wins is a matter of one location.
  uint64_t tail = Memory::Load(&header_->tail, Memory::kRelaxed);
  for (;;) {
    const uint32_t rest = capacity8 - (Position(tail) & (capacity8 - 1));
    uint32_t padding = units > rest ? rest : 0;
    uint32_t claimed = units;
    const uint32_t used = Position(tail) - Position(head);
    // A block of more than half the ring can meet a rest that never leaves it room: then the rest is claimed alone.
    const bool padding_alone = padding + units > capacity8;
    if (padding_alone) claimed = 0;
    if (Sequence(tail) - Sequence(head) >= header_->slots ||
        static_cast<uint64_t>(used) + padding + claimed > capacity8) {
      const uint64_t fresh = Memory::Load(&header_->head, Memory::kRoom);
      if (fresh == head) return false;
      head = fresh;
      tail = Memory::Load(&header_->tail, Memory::kRelaxed);
      continue;
    }
    // Both bounds were judged by this pair of head and tail. The exchange succeeds on that tail alone, and head only
    // moves on, so they hold at the exchange.
    const uint64_t next = Cursor(Position(tail) + padding + claimed, Sequence(tail) + (padding_alone ? 0 : 1));
    if (!Memory::CompareExchange(&header_->tail, &tail, next, Memory::kClaim)) continue;
    if (padding > 0) {
      // Padding has nothing to fill: it is committed as it is written, by this one word; it may be 8 bytes short.
      // Release (kPadding): a consumer that passes it stores head, and who acquires that head must see the exchange
      // above, as behind any block.
      Memory::Store(WordAt(Position(tail)), Word(static_cast<int32_t>(padding * 8), kKindPadding, producer_),
                    Memory::kPadding);
      if (padding_alone) {
        // The block has to wait until the consumer has passed the padding: a consumer that sleeps must be told.
        Memory::Add(&header_->wake, 1, Memory::kWake);
        tail = next;
        continue;
      }
    }
    BlockHeader* header = At(Position(tail) + padding);
    const int32_t length = static_cast<int32_t>(bytes);
    // Three steps, because a producer may die between any two stores.
    // 1: the length, of a kind yet unknown: whoever must skip this claim now knows how far. Relaxed (kLength): all that
    // it says is in the word itself.
    Memory::Store(WordOf(header), Word(-length, kKindUnknown, producer_), Memory::kLength);
    // 2: the epoch. Relaxed: only the death of this very producer changes it.
    Memory::Write(&header->epoch, Memory::Load(&header_->producer_epochs[producer_], Memory::kRelaxed));
    Memory::Write(&header->records, records);
    Memory::Write(&header->body_bytes, body_bytes);
    // 3: the kind. Release (kKind): who sees it sees the epoch.
    Memory::Store(WordOf(header), Word(-length, kKindRecords, producer_), Memory::kKind);
    block->header = header;
    block->lengths = reinterpret_cast<uint32_t*>(header + 1);
    block->body = reinterpret_cast<char*>(header + 1) + LengthsBytes(records);
    return true;
  }
}

template <typename Memory>
void BasicRing<Memory>::Commit(const Block& block, const BlockSource& source, double received_at_ms) {
  using namespace ring_protocol;
  BlockHeader* header = block.header;
  const uint32_t records = Memory::Read(&header->records);
  const uint32_t body_bytes = Memory::Read(&header->body_bytes);
  Memory::Write(&header->transport, static_cast<uint8_t>(source.transport));
  Memory::Write(&header->family, source.family);
  Memory::Write(&header->port, source.port);
  Memory::Write(&header->received_at_ms, received_at_ms);
  Memory::WriteBytes(header->address, source.address, sizeof header->address);
  // Before the commit, which releases them: the consumer counts as taken what it has seen committed, and releases that
  // (kTaken). So who acquires `taken` and then loads `pushed` finds pushed >= taken.
  Memory::Add(&header_->pushed_records, uint64_t{records}, Memory::kRelaxed);
  Memory::Add(&header_->pushed_bytes, uint64_t{body_bytes} - records, Memory::kRelaxed);
  // Release (kCommit): everything above, and what the caller wrote into the block, is visible to the consumer that
  // loads this word with acquire (kLook).
  const int32_t length = static_cast<int32_t>(BlockBytes(records, body_bytes));
  Memory::Store(WordOf(header), Word(length, kKindRecords, producer_), Memory::kCommit);
  // Sequentially consistent (kWake), as are the consumer's store of `waiting` and its look at `wake` before it sleeps,
  // and the load of `waiting` that follows here in whoever wakes it. In the one order of these four, either this
  // increment comes before the consumer's look, which then does not sleep; or the consumer's store comes before the
  // load of `waiting`, which then wakes it.
  Memory::Add(&header_->wake, 1, Memory::kWake);
}

template <typename Memory>
typename BasicRing<Memory>::Peeked BasicRing<Memory>::Peek(View* view) {
  using namespace ring_protocol;
  for (;;) {
    // Relaxed: this thread alone stores head.
    const uint64_t head = Memory::Load(&header_->head, Memory::kRelaxed);
    BlockHeader* block = At(Position(head));
    // Acquire (kLook): pairs with kCommit and kPadding. There is no need to look at tail: a word that is not zero here
    // was written by the producer that claimed it since we zeroed it.
    const uint64_t word = Memory::Load(WordOf(block), Memory::kLook);
    const int32_t length = LengthIn(word);
    if (length <= 0) {
      // A forced skip cannot know how many claims it passed. Where everything is read, nothing is unread. Relaxed:
      // equal positions are the same claim, however old the tail. Release (kFree): as for any head.
      const uint64_t tail = Memory::Load(&header_->tail, Memory::kRelaxed);
      if (Position(tail) == Position(head) && tail != head) Memory::Store(&header_->head, tail, Memory::kFree);
      return Peeked::kEmpty;
    }
    const uint32_t offset = static_cast<uint32_t>(reinterpret_cast<char*>(block) - blocks_);
    if (length % 8 != 0 || static_cast<uint32_t>(length) > capacity_ - offset) return Peeked::kDamaged;
    if (KindIn(word) == kKindPadding) {
      Memory::Zero(block, sizeof word);
      MoveHead(static_cast<uint32_t>(length) / 8, 0);
      continue;
    }
    const uint32_t records = Memory::Read(&block->records);
    if (BlockBytes(records, Memory::Read(&block->body_bytes)) != static_cast<uint32_t>(length)) return Peeked::kDamaged;
    view->header = block;
    view->lengths = reinterpret_cast<const uint32_t*>(block + 1);
    view->body = reinterpret_cast<const char*>(block + 1) + LengthsBytes(records);
    return Peeked::kBlock;
  }
}

template <typename Memory>
void BasicRing<Memory>::Release() {
  using namespace ring_protocol;
  BlockHeader* block = At(Position(Memory::Load(&header_->head, Memory::kRelaxed)));
  const uint32_t records = Memory::Read(&block->records);
  const uint32_t body_bytes = Memory::Read(&block->body_bytes);
  // This thread alone stores these two; others may load them at any time. Release (kTaken): see Commit.
  Memory::Store(&header_->taken_records, Memory::Load(&header_->taken_records, Memory::kRelaxed) + records,
                Memory::kTaken);
  Memory::Store(&header_->taken_bytes, Memory::Load(&header_->taken_bytes, Memory::kRelaxed) + body_bytes - records,
                Memory::kTaken);
  const uint32_t bytes = static_cast<uint32_t>(BlockBytes(records, body_bytes));
  Memory::Zero(block, bytes);
  MoveHead(bytes / 8, 1);
}

template <typename Memory>
void BasicRing<Memory>::MoveHead(uint32_t units8, uint32_t blocks) {
  using namespace ring_protocol;
  const uint64_t head = Memory::Load(&header_->head, Memory::kRelaxed);
  // Release (kFree): our reads and zeroes come before whatever the producer writes there that acquires this head
  // (kRoom).
  Memory::Store(&header_->head, Cursor(Position(head) + units8, Sequence(head) + blocks), Memory::kFree);
}

template <typename Memory>
bool BasicRing<Memory>::SkipAbandoned(bool force) {
  using namespace ring_protocol;
  const uint64_t head = Memory::Load(&header_->head, Memory::kRelaxed);
  // Relaxed: the words below are loaded with acquire themselves, and a stale tail only makes us skip less.
  const uint64_t tail = Memory::Load(&header_->tail, Memory::kRelaxed);
  const uint32_t unread = Position(tail) - Position(head);
  if (unread == 0) return false;
  // A forced skip judges by what was not written, so it must see what the dead have written. Their last stores come
  // before their thread's end, that before the increment of their epoch, and the increment before this acquire
  // (kEpoch).
  if (force)
    for (const uint32_t& epoch : header_->producer_epochs) Memory::Load(&epoch, Memory::kEpoch);
  BlockHeader* block = At(Position(head));
  // Acquire (kLook): with a kind in the word, the epoch is written.
  const uint64_t word = Memory::Load(WordOf(block), Memory::kLook);
  const int32_t length = LengthIn(word);
  if (length > 0) return false;  // committed, or padding
  uint32_t skipped = 0;
  if (length < 0 && KindIn(word) != kKindUnknown) {
    // Acquire (kEpoch): the dead producer may have been writing into the block until its end, and we now write zeroes.
    const uint32_t epoch = Memory::Load(&header_->producer_epochs[ProducerIn(word) % kProducersMax], Memory::kEpoch);
    if (Memory::Read(&block->epoch) == epoch) return false;
    // Between the two loads it may have committed, and died after that. The acquire above has seen its end, so this
    // word is the last that it has written.
    if (Memory::Load(WordOf(block), Memory::kLookAgain) != word) return false;
  } else {
    if (!force) return false;
    if (suspect_head_ != head || suspect_head_ == suspect_tail_) {
      suspect_head_ = head;
      suspect_tail_ = tail;
      return false;
    }
  }
  if (length < 0) {
    skipped = static_cast<uint32_t>(-length) / 8;
    if (skipped > unread) return false;
    Memory::Zero(block, static_cast<size_t>(skipped) * 8);
    MoveHead(skipped, 1);
  } else {
    // Nothing was written at the head, though it is claimed. All of a claim that was never written is zero, because the
    // consumer zeroed it; the first word of a claim that was written is not. So the next word that is not zero starts
    // the next claim (or its padding), and up to there lie only claims whose producers wrote nothing in the second
    // since an earlier call. No further than the tail of then: behind it a living producer may be between its exchange
    // and its first store, or its first word may become visible after its second (kLength orders neither).
    const uint32_t suspect = Position(suspect_tail_) - Position(head);
    while (skipped < suspect && Memory::Load(WordAt(Position(head) + skipped), Memory::kLook) == 0) ++skipped;
    if (skipped == suspect) {
      // What comes after that tail starts a claim as well.
      Memory::Store(&header_->head, suspect_tail_, Memory::kFree);
    } else {
      MoveHead(skipped, 1);  // one claim at least; Peek sets the sequence right when the ring is next empty
    }
  }
  suspect_head_ = suspect_tail_;
  Memory::Store(&header_->abandoned_claims, Memory::Load(&header_->abandoned_claims, Memory::kRelaxed) + 1,
                Memory::kRelaxed);
  Memory::Store(&header_->abandoned_bytes,
                Memory::Load(&header_->abandoned_bytes, Memory::kRelaxed) + uint64_t{skipped} * 8, Memory::kRelaxed);
  return true;
}

// What anyone may ask; an answer is of the past when it is given. Head before tail, and with acquire (kRoom), so that
// no difference is negative: see Claim.
template <typename Memory>
bool BasicRing<Memory>::IsEmpty() const {
  return Bytes() == 0;
}

template <typename Memory>
uint32_t BasicRing<Memory>::Blocks() const {
  using namespace ring_protocol;
  const uint64_t head = Memory::Load(&header_->head, Memory::kRoom);
  const uint64_t tail = Memory::Load(&header_->tail, Memory::kRelaxed);
  return Position(head) == Position(tail) ? 0 : Sequence(tail) - Sequence(head);
}

template <typename Memory>
uint64_t BasicRing<Memory>::Bytes() const {
  using namespace ring_protocol;
  const uint64_t head = Memory::Load(&header_->head, Memory::kRoom);
  const uint64_t tail = Memory::Load(&header_->tail, Memory::kRelaxed);
  return uint64_t{Position(tail) - Position(head)} * 8;
}

}  // namespace streamgate
