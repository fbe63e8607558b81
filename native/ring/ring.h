// The ring of src/data/ring/layout.ts over raw memory: the layout is drawn there, each order argued in ring/protocol.h.
//
// Many producers, one consumer, no locks. A producer claims with one compare-and-set on `tail`, writes its block and
// commits it by storing a positive `length`. The consumer zeroes what it has read before it moves `head`: so a word
// that is not zero between head and tail was written by the producer that claimed it, and a claim that is never written
// stays zero.
//
// A Ring is a view: it owns no memory and may be opened any number of times over the same memory, in any thread. One
// thread alone may call the consumer's part. Nothing here waits, and nothing calls the system.
#pragma once

#include <cstddef>
#include <cstdint>

#include "frame/source.h"
#include "generated/layout.h"
#include "ring/atomic.h"

namespace streamgate {

// `Memory` says how shared memory is touched: SharedMemory, or the simulated one of native/test/model/.
template <typename Memory>
class BasicRing {
 public:
  // A claimed block, to be filled and then committed. `lengths` and `body` are valid until Commit.
  struct Block {
    BlockHeader* header = nullptr;
    uint32_t* lengths = nullptr;  // one a record, its LF not counted
    char* body = nullptr;         // the records, each followed by one LF
  };

  // A committed block as the consumer sees it. Borrowed until Release.
  struct View {
    const BlockHeader* header = nullptr;
    const uint32_t* lengths = nullptr;
    const char* body = nullptr;
  };

  enum class Peeked { kBlock, kEmpty, kDamaged };

  // Null when `size` bytes at `memory` are a ring, else what is wrong with them.
  static const char* Check(const void* memory, size_t size);

  // `memory` must have passed Check and outlive the ring. `producer` is below kProducersMax.
  BasicRing(void* memory, uint32_t producer);

  // Bytes that a block of these records occupies, `body_bytes` including their LFs.
  static uint64_t BlockBytes(uint64_t records, uint64_t body_bytes);
  uint32_t capacity_bytes() const { return capacity_; }
  // Most bytes, header included, that a producer should put into one block of several records, so that blocks of many
  // producers share a small ring.
  uint32_t block_bytes_max() const { return capacity_ / 4; }

  // Producers. Claim answers false when the ring is full; then nothing has changed except, perhaps, padding.
  // A block of more than capacity_bytes() never fits: the caller sees to that.
  bool Claim(uint32_t records, uint32_t body_bytes, Block* block);
  // Publishes a filled block. `record_bytes` are its bytes without LFs.
  void Commit(const Block& block, const BlockSource& source, double received_at_ms);

  // The consumer. Peek shows the block at the head; the same one until Release.
  // kDamaged: the memory was written by something that is no producer; nothing after it can be read.
  Peeked Peek(View* view);
  void Release();
  // Skips the claim at the head when its producer is dead (its epoch is over). `force` is for a claim of which nothing,
  // or not the whole header, was ever written, so that nobody can tell whose it is: it is skipped when an earlier
  // forced call saw it at the head. The caller knows that some producer has died, and leaves a second between the two
  // calls: that long no living producer stays between its exchange and its next store. @returns whether something was
  // skipped
  bool SkipAbandoned(bool force);

  // Anyone, approximately while others run.
  bool IsEmpty() const;
  uint32_t Blocks() const;
  // Producers. Does the consumer want blocks of one peer's records each?
  bool SeparatesSources() const { return Memory::Load(&header_->separates_sources, Memory::kRelaxed) != 0; }
  uint64_t Bytes() const;

 private:
  BlockHeader* At(uint32_t position8) const;
  uint64_t* WordAt(uint32_t position8) const { return reinterpret_cast<uint64_t*>(At(position8)); }
  void MoveHead(uint32_t units8, uint32_t blocks);

  RingHeader* header_;
  char* blocks_;
  uint32_t capacity_;
  uint32_t producer_;
  // Where head and tail stood when a forced skip first saw the claim at the head. Equal: not seen.
  uint64_t suspect_head_ = 0;
  uint64_t suspect_tail_ = 0;
};

extern template class BasicRing<SharedMemory>;
using Ring = BasicRing<SharedMemory>;

}  // namespace streamgate
