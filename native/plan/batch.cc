// See batch.h.
#include "plan/batch.h"

#include <algorithm>
#include <cstring>

namespace streamgate {

const char* BatchWriter::Check(const void* memory, size_t size) {
  if (reinterpret_cast<uintptr_t>(memory) % alignof(BatchHeader) != 0) return "it is not aligned to 8 bytes";
  if (size < sizeof(BatchHeader)) return "it is shorter than a batch's header";
  const auto* header = static_cast<const BatchHeader*>(memory);
  const uint64_t needed = sizeof(BatchHeader) + uint64_t{header->records_max} * sizeof(BatchEntry) + header->bytes_max;
  if (needed != size) return "its size is not the one in its header";
  if (header->records > header->records_max || header->bytes > header->bytes_max) return "it is more than full";
  return nullptr;
}

void BatchWriter::Attach(void* memory) {
  header_ = static_cast<BatchHeader*>(memory);
  if (header_ == nullptr) return;
  entries_ = reinterpret_cast<BatchEntry*>(header_ + 1);
  records_max_ = header_->records_max;
  bytes_max_ = header_->bytes_max;
  data_ = reinterpret_cast<char*>(entries_ + records_max_);
}

void BatchWriter::Begin() {
  records_ = std::min(header_->records, records_max_);
  bytes_ = std::min(header_->bytes, bytes_max_);
  run_ = nullptr;
  run_bytes_ = 0;
}

void BatchWriter::BeginRun(const char* data, uint32_t size, bool lf_follows) {
  CopyRun();
  if (lf_follows) {
    run_ = data;
  } else {
    std::memcpy(data_ + bytes_, data, size);
    data_[bytes_ + size] = '\n';
  }
}

void BatchWriter::CopyRun() {
  if (run_ != nullptr) std::memcpy(data_ + bytes_ - run_bytes_, run_, run_bytes_);
  run_ = nullptr;
  run_bytes_ = 0;
}

void BatchWriter::Flush() {
  CopyRun();
  header_->records = records_;
  header_->bytes = static_cast<uint32_t>(bytes_);
}

}  // namespace streamgate
