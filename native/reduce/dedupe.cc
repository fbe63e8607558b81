// See dedupe.h.
#include "reduce/dedupe.h"

namespace streamgate {

void Dedupe::Settle(std::string_view text, double now_ms, bool cut) {
  if (cut) {
    Cut(found_, text, now_ms);
  } else if (found_ != KeyTable::kNone) {
    table_.Touch(found_);
  } else {
    const uint32_t index = table_.Insert(hash_);
    table_[index].first_ms = now_ms;
    table_.AddDue(index);
  }
}

}  // namespace streamgate
