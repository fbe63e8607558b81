// The protocol of the ring: see ring.h.
#include "ring/ring.h"

#include <cstring>

namespace streamgate {
namespace {

// A cursor: position in units of 8 bytes in the low half, blocks so far in the high half; both wrap on their own.
constexpr uint32_t Position(uint64_t cursor) { return static_cast<uint32_t>(cursor); }
constexpr uint32_t Sequence(uint64_t cursor) { return static_cast<uint32_t>(cursor >> 32); }
constexpr uint64_t Cursor(uint32_t position, uint32_t sequence) {
  return static_cast<uint64_t>(sequence) << 32 | position;
}

// The first word of a block: length, kind and producer, stored at once.
constexpr uint64_t Word(int32_t length, uint16_t kind, uint32_t producer) {
  return static_cast<uint64_t>(producer) << 48 | static_cast<uint64_t>(kind) << 32 | static_cast<uint32_t>(length);
}
static_assert(offsetof(BlockHeader, length) == 0 && offsetof(BlockHeader, kind) == 4 &&
              offsetof(BlockHeader, producer) == 6);
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the layouts are little-endian");

// While a header is being written its word has this kind: the length is known, the epoch not yet.
constexpr uint16_t kKindUnknown = 0;

uint64_t* WordOf(BlockHeader* block) { return reinterpret_cast<uint64_t*>(block); }

}  // namespace

const char* Ring::Check(const void* memory, size_t size) {
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

Ring::Ring(void* memory, uint32_t producer)
    : header_(static_cast<RingHeader*>(memory)),
      blocks_(static_cast<char*>(memory) + sizeof(RingHeader)),
      capacity_(header_->capacity_bytes),
      producer_(producer) {}

uint64_t Ring::BlockBytes(uint64_t records, uint64_t body_bytes) {
  const uint64_t lengths = (records * sizeof(uint32_t) + 7) & ~uint64_t{7};
  return (sizeof(BlockHeader) + lengths + body_bytes + 7) & ~uint64_t{7};
}

BlockHeader* Ring::At(uint32_t position8) const {
  return reinterpret_cast<BlockHeader*>(blocks_ + (static_cast<uint64_t>(position8) * 8 & (capacity_ - 1)));
}

bool Ring::Claim(uint32_t records, uint32_t body_bytes, Block* block) {
  const uint64_t bytes = BlockBytes(records, body_bytes);
  if (bytes > capacity_) return false;
  const uint32_t units = static_cast<uint32_t>(bytes / 8);
  const uint32_t capacity8 = capacity_ / 8;
  // Acquire: the consumer zeroes the bytes before it stores head (release), so what we may now write over is zero, and
  // stays so until we write it. Head is read before tail: a stale head makes the ring look fuller than it is, never
  // emptier.
  uint64_t head = __atomic_load_n(&header_->head, __ATOMIC_ACQUIRE);
  // Relaxed, here and in the exchange: nothing is published through tail. A claim's bytes are published by its
  // `length`.
  uint64_t tail = __atomic_load_n(&header_->tail, __ATOMIC_RELAXED);
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
      const uint64_t fresh = __atomic_load_n(&header_->head, __ATOMIC_ACQUIRE);
      if (fresh == head) return false;
      head = fresh;
      tail = __atomic_load_n(&header_->tail, __ATOMIC_RELAXED);
      continue;
    }
    const uint64_t next = Cursor(Position(tail) + padding + claimed, Sequence(tail) + (padding_alone ? 0 : 1));
    if (!__atomic_compare_exchange_n(&header_->tail, &tail, next, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) continue;
    if (padding > 0) {
      // Padding has nothing to fill: it is committed as it is written. It may be 8 bytes short, so it has this word
      // only.
      const uint64_t word =
          Word(static_cast<int32_t>(padding * 8), static_cast<uint16_t>(BlockKind::kPadding), producer_);
      __atomic_store_n(WordOf(At(Position(tail))), word, __ATOMIC_RELEASE);
      if (padding_alone) {
        // The block has to wait until the consumer has passed the padding: a consumer that sleeps must be told.
        __atomic_fetch_add(&header_->wake, 1, __ATOMIC_SEQ_CST);
        tail = next;
        continue;
      }
    }
    BlockHeader* header = At(Position(tail) + padding);
    const int32_t length = static_cast<int32_t>(bytes);
    // Three steps, because a producer may die between any two stores. 1: the length, of a kind yet unknown: whoever
    // must skip this claim now knows how far. It is the first word that is written here, so a search for the next claim
    // behind a dead one stops at a block's start and nowhere else. 2: the epoch. 3: the kind, released: who sees it
    // sees the epoch too.
    __atomic_store_n(WordOf(header), Word(-length, kKindUnknown, producer_), __ATOMIC_RELEASE);
    header->epoch = __atomic_load_n(&header_->producer_epochs[producer_], __ATOMIC_RELAXED);
    header->records = records;
    header->body_bytes = body_bytes;
    __atomic_store_n(WordOf(header), Word(-length, static_cast<uint16_t>(BlockKind::kRecords), producer_),
                     __ATOMIC_RELEASE);
    block->header = header;
    block->lengths = reinterpret_cast<uint32_t*>(header + 1);
    block->body = reinterpret_cast<char*>(header + 1) + ((static_cast<size_t>(records) * 4 + 7) & ~size_t{7});
    return true;
  }
}

void Ring::Commit(const Block& block, const BlockSource& source, double received_at_ms) {
  BlockHeader* header = block.header;
  header->transport = static_cast<uint8_t>(source.transport);
  header->family = source.family;
  header->port = source.port;
  header->received_at_ms = received_at_ms;
  std::memcpy(header->address, source.address, sizeof header->address);
  // Before the commit: the consumer adds to `taken` after it has seen the block, so pushed >= taken at all times.
  __atomic_fetch_add(&header_->pushed_records, header->records, __ATOMIC_RELAXED);
  __atomic_fetch_add(&header_->pushed_bytes, header->body_bytes - header->records, __ATOMIC_RELAXED);
  // Release: everything above is visible to the consumer that reads this length with acquire.
  const int32_t length = -header->length;
  __atomic_store_n(&header->length, length, __ATOMIC_RELEASE);
  // Sequentially consistent, as the consumer's store to `waiting` and its load of `wake` are: either it sees this
  // increment before it sleeps, or the one who asks for `waiting` after this sees 1 and wakes it.
  __atomic_fetch_add(&header_->wake, 1, __ATOMIC_SEQ_CST);
}

Ring::Peeked Ring::Peek(View* view) {
  for (;;) {
    // Relaxed: this thread alone stores head.
    const uint64_t head = __atomic_load_n(&header_->head, __ATOMIC_RELAXED);
    BlockHeader* block = At(Position(head));
    // Acquire: pairs with the release in Commit.
    const int32_t length = __atomic_load_n(&block->length, __ATOMIC_ACQUIRE);
    if (length <= 0) {
      // A forced skip cannot know how many claims it passed. Where everything is read, nothing is unread.
      const uint64_t tail = __atomic_load_n(&header_->tail, __ATOMIC_RELAXED);
      if (Position(tail) == Position(head) && tail != head) __atomic_store_n(&header_->head, tail, __ATOMIC_RELEASE);
      return Peeked::kEmpty;
    }
    const uint32_t offset = static_cast<uint32_t>(reinterpret_cast<char*>(block) - blocks_);
    if (length % 8 != 0 || static_cast<uint32_t>(length) > capacity_ - offset) return Peeked::kDamaged;
    if (block->kind == static_cast<uint16_t>(BlockKind::kPadding)) {
      *WordOf(block) = 0;
      MoveHead(static_cast<uint32_t>(length) / 8, 0);
      continue;
    }
    if (BlockBytes(block->records, block->body_bytes) != static_cast<uint32_t>(length)) return Peeked::kDamaged;
    view->header = block;
    view->lengths = reinterpret_cast<const uint32_t*>(block + 1);
    view->body =
        reinterpret_cast<const char*>(block + 1) + ((static_cast<size_t>(block->records) * 4 + 7) & ~size_t{7});
    return Peeked::kBlock;
  }
}

void Ring::Release() {
  BlockHeader* block = At(Position(__atomic_load_n(&header_->head, __ATOMIC_RELAXED)));
  const uint32_t length = static_cast<uint32_t>(block->length);
  // This thread alone stores these two; others may read them at any time.
  __atomic_store_n(&header_->taken_records, header_->taken_records + block->records, __ATOMIC_RELAXED);
  __atomic_store_n(&header_->taken_bytes, header_->taken_bytes + block->body_bytes - block->records, __ATOMIC_RELAXED);
  std::memset(static_cast<void*>(block), 0, length);
  MoveHead(length / 8, 1);
}

void Ring::MoveHead(uint32_t units8, uint32_t blocks) {
  const uint64_t head = __atomic_load_n(&header_->head, __ATOMIC_RELAXED);
  // Release: the zeroes are visible to the producer that reads this head with acquire and then writes there.
  __atomic_store_n(&header_->head, Cursor(Position(head) + units8, Sequence(head) + blocks), __ATOMIC_RELEASE);
}

bool Ring::SkipAbandoned(bool force) {
  const uint64_t head = __atomic_load_n(&header_->head, __ATOMIC_RELAXED);
  // Acquire: the claims that this tail counts were checked against a head that we stored; no more is needed, since the
  // words below are read with acquire themselves.
  const uint64_t tail = __atomic_load_n(&header_->tail, __ATOMIC_ACQUIRE);
  const uint32_t unread = Position(tail) - Position(head);
  if (unread == 0) return false;
  BlockHeader* block = At(Position(head));
  // Acquire: with a kind in the word, the epoch is written.
  const uint64_t word = __atomic_load_n(WordOf(block), __ATOMIC_ACQUIRE);
  const int32_t length = static_cast<int32_t>(static_cast<uint32_t>(word));
  if (length > 0) return false;  // committed, or padding
  uint32_t skipped = 0;
  if (length < 0) {
    const uint16_t kind = static_cast<uint16_t>(word >> 32);
    const uint32_t producer = static_cast<uint32_t>(word >> 48) % kProducersMax;
    const uint32_t epoch = __atomic_load_n(&header_->producer_epochs[producer], __ATOMIC_RELAXED);
    const bool stale = kind == kKindUnknown ? force : block->epoch != epoch;
    if (!stale) return false;
    skipped = static_cast<uint32_t>(-length) / 8;
    if (skipped > unread) return false;
    std::memset(static_cast<void*>(block), 0, static_cast<size_t>(skipped) * 8);
    MoveHead(skipped, 1);
  } else {
    if (!force) return false;
    // Nothing was written at the head, though it is claimed. All of a claim that was never written is zero, because the
    // consumer zeroed it; the first word of a claim that was written is not. So the next word that is not zero starts
    // the next claim (or its padding), and up to there lie only claims whose producers wrote nothing for as long as the
    // caller waited. A word is read once, with acquire: it is a block's first word, never one from the middle, since
    // that one is stored first.
    while (skipped < unread && __atomic_load_n(WordOf(At(Position(head) + skipped)), __ATOMIC_ACQUIRE) == 0) ++skipped;
    if (skipped == unread) {
      // Up to a tail that may have moved on since: what comes after it starts a claim as well.
      __atomic_store_n(&header_->head, tail, __ATOMIC_RELEASE);
    } else {
      MoveHead(skipped, 1);  // one claim at least; Peek sets the sequence right when the ring is next empty
    }
  }
  __atomic_store_n(&header_->abandoned_claims, header_->abandoned_claims + 1, __ATOMIC_RELAXED);
  __atomic_store_n(&header_->abandoned_bytes, header_->abandoned_bytes + uint64_t{skipped} * 8, __ATOMIC_RELAXED);
  return true;
}

bool Ring::IsEmpty() const {
  return Position(__atomic_load_n(&header_->head, __ATOMIC_RELAXED)) ==
         Position(__atomic_load_n(&header_->tail, __ATOMIC_RELAXED));
}

uint32_t Ring::Blocks() const {
  const uint64_t head = __atomic_load_n(&header_->head, __ATOMIC_RELAXED);
  return IsEmpty() ? 0 : Sequence(__atomic_load_n(&header_->tail, __ATOMIC_RELAXED)) - Sequence(head);
}

uint64_t Ring::Bytes() const {
  const uint64_t head = __atomic_load_n(&header_->head, __ATOMIC_RELAXED);
  return uint64_t{Position(__atomic_load_n(&header_->tail, __ATOMIC_RELAXED)) - Position(head)} * 8;
}

}  // namespace streamgate
