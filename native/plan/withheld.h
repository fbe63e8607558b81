// Takes records that a protect rule could not finish, for the quarantine: as received, each behind a WithheldEntry
// (drawn in src/data/engine/layout.ts). JavaScript takes them out between two calls.
#pragma once

#include <cstddef>
#include <cstdint>

#include "frame/framer.h"
#include "generated/layout.h"
#include "plan/record_context.h"

namespace streamgate {

class WithheldWriter {
 public:
  // Null when `size` bytes at `memory` are such a buffer, else what is wrong with them.
  static const char* Check(const void* memory, size_t size);

  // `memory` must have passed Check; borrowed until the next Attach. Null: records are counted and kept nowhere.
  void Attach(void* memory);
  // False: no room, and the header says what is needed; nothing was written.
  bool Append(const Record& record, uint32_t rule, QuarantineCause cause, const RecordContext& context);

 private:
  WithheldHeader* header_ = nullptr;
  // A copy: what a caller writes into the header later can not make us write beyond the memory that was checked.
  uint32_t bytes_max_ = 0;
};

}  // namespace streamgate
