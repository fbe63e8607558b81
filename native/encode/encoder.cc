// See encoder.h.
#include "encode/encoder.h"

#include <algorithm>
#include <utility>

#include "encode/json_string.h"
#include "encode/repair.h"

namespace streamgate {
namespace {

const uint8_t* Bytes(const char* p) { return reinterpret_cast<const uint8_t*>(p); }

EnvelopeFrame WithoutAfter(EnvelopeFrame frame) {
  frame.after.clear();
  return frame;
}

std::string TimeText(FrameTime time, uint64_t ms) {
  if (time == FrameTime::kMs) return std::to_string(ms);
  const std::string fraction = std::to_string(ms % 1000);
  return std::to_string(ms / 1000) + "." + std::string(3 - fraction.size(), '0') + fraction;
}

}  // namespace

Encoder::FrameText::FrameText(const EnvelopeFrame& frame, const char* quote)
    : frame_(frame), quote_(quote), before_(frame.before + quote), after_(quote + frame.after) {}

void Encoder::FrameText::SetTime(uint64_t time_ms) {
  if (frame_.time == FrameTime::kNone || (written_ && time_ms == time_ms_)) return;
  written_ = true;
  time_ms_ = time_ms;
  before_ = frame_.before + TimeText(frame_.time, time_ms) + frame_.then + quote_;
}

bool Encoder::FilledText::Use(std::vector<EnvelopeFilled> parts) {
  for (EnvelopeFilled& part : parts) {
    parts_.push_back({std::move(part.before) + "\"", std::move(part.otherwise), {}});
    if (!parts_.back().field.Use(part.field)) return false;
    otherwise_ += parts_.back().otherwise;
  }
  return true;
}

bool Encoder::FilledText::Append(std::string_view record, uint64_t bytes_max, Body* body) {
  const SyslogMessage message = ReadSyslog(record);
  if (message.priority == SyslogMessage::kNoPriority) {
    body->Append(otherwise_);
    return otherwise_.size() <= bytes_max;
  }
  const size_t from = body->size();
  for (Part& part : parts_) {
    std::string_view text;
    if (!part.field.Text(message, &text)) {
      body->Append(part.otherwise);
      continue;
    }
    body->Append(part.before);
    const uint64_t used = body->size() - from;
    const uint8_t* const end = Bytes(text.data() + text.size());
    if (used > bytes_max || !AppendJsonString(Bytes(text.data()), end, end, bytes_max - used, body)) return false;
    body->Append('"');
  }
  return body->size() - from <= bytes_max;
}

Encoder::Encoder(Envelope envelope, const char** fault)
    : envelope_(std::move(envelope)),
      string_(envelope_.filled.empty() ? envelope_.string : WithoutAfter(envelope_.string), "\""),
      behind_filled_(envelope_.filled.empty() ? std::string() : envelope_.string.after),
      value_(envelope_.object, ""),
      object_(envelope_.members) {
  *fault = filled_.Use(envelope_.filled) ? nullptr : "an envelope asks for a syslog field that does not exist";
}

void Encoder::Begin(const Limits& limits) {
  limits_ = limits;
  begun_ = true;
  stopped_by_ = EncodeStop::kNone;
  records_ = 0;
  body_.Truncate(0);
  body_.Append(envelope_.before);
  counted_ = envelope_.counted_beside_text ? 0 : envelope_.before.size() + envelope_.after.size();
}

uint32_t Encoder::Append(const void* batch, uint32_t from, uint32_t to, uint64_t time_ms) {
  const auto* header = static_cast<const BatchHeader*>(batch);
  const auto* entries = reinterpret_cast<const BatchEntry*>(header + 1);
  const char* const data = reinterpret_cast<const char*>(entries + header->records_max);
  const char* const readable_end = data + header->bytes_max;
  string_.SetTime(time_ms);
  value_.SetTime(time_ms);
  stopped_by_ = EncodeStop::kNone;
  for (; from < to; ++from) {
    stopped_by_ = AppendRecord(data + entries[from].offset, entries[from].length, readable_end);
    if (stopped_by_ != EncodeStop::kNone) break;
  }
  return from;
}

EncodeStop Encoder::AppendRecord(const char* data, size_t size, const char* readable_end) {
  if (records_ >= limits_.records_max) return EncodeStop::kFull;
  const size_t before = body_.size();
  uint64_t more;
  if (envelope_.counted_beside_text) {
    more = RepairedBytes(Bytes(data), Bytes(data + size)) + *envelope_.counted_beside_text;
    if (more > limits_.record_bytes_max || more > limits_.bytes_max) return EncodeStop::kRecordTooLarge;
    if (counted_ + more > limits_.bytes_max) return EncodeStop::kFull;
    if (records_ > 0) body_.Append(envelope_.between);
    Write(data, size, readable_end, UINT64_MAX);
  } else {
    const uint64_t around = envelope_.before.size() + envelope_.after.size();
    const uint64_t alone_max = limits_.bytes_max > around ? limits_.bytes_max - around : 0;
    if (records_ > 0) body_.Append(envelope_.between);
    if (!Write(data, size, readable_end, std::min(limits_.record_bytes_max, alone_max))) {
      body_.Truncate(before);
      return EncodeStop::kRecordTooLarge;
    }
    more = body_.size() - before;
    if (counted_ + more > limits_.bytes_max) {
      body_.Truncate(before);
      return EncodeStop::kFull;
    }
  }
  counted_ += more;
  ++records_;
  return EncodeStop::kNone;
}

bool Encoder::Write(const char* data, size_t size, const char* readable_end, uint64_t bytes_max) {
  const size_t before = body_.size();
  if (envelope_.object_mode != ObjectMode::kString && object_.Read(data, size)) {
    if (envelope_.object_mode == ObjectMode::kMerge) {
      object_.AppendMerged(&body_);
    } else {
      body_.Append(value_.before());
      object_.AppendValue(&body_);
      body_.Append(value_.after());
    }
    return body_.size() - before <= bytes_max;
  }
  const uint64_t around = string_.before().size() + string_.after().size() + behind_filled_.size();
  if (around > bytes_max) return false;
  body_.Append(string_.before());
  if (!AppendJsonString(Bytes(data), Bytes(data + size), Bytes(readable_end), bytes_max - around, &body_)) return false;
  body_.Append(string_.after());
  if (filled_.empty()) return true;
  const uint64_t used = body_.size() - before + behind_filled_.size();
  if (used > bytes_max || !filled_.Append({data, size}, bytes_max - used, &body_)) return false;
  body_.Append(behind_filled_);
  return true;
}

uint8_t* Encoder::Finish(size_t* size) {
  body_.Append(envelope_.after);
  begun_ = false;
  *size = body_.size();
  return body_.Release();
}

}  // namespace streamgate
