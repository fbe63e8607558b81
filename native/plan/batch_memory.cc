// See batch_memory.h.
#include "plan/batch_memory.h"

#include <new>

#if defined(_WIN32)
#include <cstdlib>
#else
#include <sys/mman.h>
#endif

namespace streamgate {
namespace {

std::atomic<size_t> alive_count{0};

// Straight from the system on POSIX: zeroed without a write, taken page by page as it is filled, and given back whole.
// From malloc, batches that several threads free would stay behind as holes in its arenas.
void* Allocate(size_t size) {
#if defined(_WIN32)
  return std::calloc(1, size);
#else
  void* const memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? nullptr : memory;
#endif
}

void Free(void* memory, size_t size) {
#if defined(_WIN32)
  (void)size;
  std::free(memory);
#else
  munmap(memory, size);
#endif
}

}  // namespace

BatchMemory* BatchMemory::Create(uint32_t records_max, uint32_t bytes_max) {
  static_assert(sizeof(BatchMemory) <= kControlBytes);
  const uint64_t size = sizeof(BatchHeader) + uint64_t{records_max} * sizeof(BatchEntry) + bytes_max;
  if (size > SIZE_MAX - kControlBytes) return nullptr;
  void* const memory = Allocate(kControlBytes + static_cast<size_t>(size));
  if (memory == nullptr) return nullptr;
  auto* const batch = new (memory) BatchMemory(records_max, bytes_max, static_cast<size_t>(size));
  batch->header()->records_max = records_max;
  batch->header()->bytes_max = bytes_max;
  alive_count.fetch_add(1, std::memory_order_relaxed);
  return batch;
}

void BatchMemory::Release() {
  // Release and acquire: what every other thread did with the memory happens before it goes.
  if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  const size_t size = kControlBytes + size_;
  this->~BatchMemory();
  Free(this, size);
  alive_count.fetch_sub(1, std::memory_order_relaxed);
}

void BatchMemory::Hold() {
  Refer();
  __atomic_fetch_add(&header()->holders, 1, __ATOMIC_RELAXED);
}

void BatchMemory::LetGo() {
  __atomic_fetch_sub(&header()->holders, 1, __ATOMIC_RELEASE);
  Release();
}

uint32_t BatchMemory::holders() { return __atomic_load_n(&header()->holders, __ATOMIC_ACQUIRE); }

size_t BatchMemory::alive() { return alive_count.load(std::memory_order_relaxed); }

}  // namespace streamgate
