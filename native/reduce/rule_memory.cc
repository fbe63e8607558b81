// See rule_memory.h.
#include "reduce/rule_memory.h"

namespace streamgate {

uint32_t RuleMemory::Due(double now_ms) {
  for (;;) {
    const uint32_t index = table_.OldestDue();
    if (index == KeyTable::kNone) return index;
    // A clock that was set back by more than a window ends it too, or the rule would cut until the clock is back.
    const double age_ms = now_ms - table_[index].first_ms;
    if (age_ms < window_ms_ && age_ms > -window_ms_) return KeyTable::kNone;
    if (table_[index].records > 0) return index;
    Told(index);
  }
}

void RuleMemory::ReadText(uint32_t index, Scratch* out) const {
  out->Clear();
  if (!table_.ReadText(index, out)) SummaryWriter::WriteLongText(table_[index].is_object != 0, out);
}

void RuleMemory::Write(uint32_t index, std::string_view text, Scratch* out) {
  const KeyEntry& entry = table_[index];
  writer_.Write(text, {entry.records, entry.bytes, entry.first_ms, entry.last_ms}, out);
}

void RuleMemory::Cut(uint32_t index, std::string_view text, double now_ms) {
  KeyEntry& entry = table_[index];
  if (entry.records == 0) {
    table_.Hold(index, text);
    entry.plan = plan_;
    entry.is_object = JsonText::First(text.data(), text.size()) == '{' ? 1 : 0;
  } else {
    table_.Touch(index);
  }
  ++entry.records;
  entry.bytes += text.size();
  entry.last_ms = now_ms;
}

}  // namespace streamgate
