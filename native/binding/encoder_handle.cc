// See encoder_handle.h.
#include "binding/encoder_handle.h"

#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "binding/arguments.h"
#include "ring/push_records.h"

namespace streamgate {
namespace {

// The largest whole number that a double holds with all below it: 2^53 - 1.
constexpr double kWholeMax = 9007199254740991;

// Records that are checked and encoded at once: who makes small bodies out of a long range has it checked once, not
// once a body.
constexpr uint32_t kStepRecords = 256;

std::string TextOf(const Napi::Value& value, const char* what) {
  const Memory bytes = BytesOf(value, what);
  return std::string(reinterpret_cast<const char*>(bytes.data), bytes.size);
}

EnvelopeFrame FrameOf(const Napi::Value& value) {
  if (!value.IsObject()) throw CodedError(value.Env(), "SG_LAYOUT", "a frame is no object");
  const Napi::Object given = value.As<Napi::Object>();
  EnvelopeFrame frame;
  frame.before = TextOf(given.Get("before"), "a frame's text");
  frame.time =
      static_cast<FrameTime>(NumberOf(given.Get("time"), static_cast<uint32_t>(FrameTime::kS), "a frame's time"));
  frame.then = TextOf(given.Get("behindTime"), "a frame's text");
  frame.after = TextOf(given.Get("after"), "a frame's text");
  return frame;
}

Envelope EnvelopeOf(const Napi::Value& value) {
  if (!value.IsObject()) throw CodedError(value.Env(), "SG_LAYOUT", "an envelope is no object");
  const Napi::Object given = value.As<Napi::Object>();
  Envelope envelope;
  envelope.before = TextOf(given.Get("before"), "an envelope's text");
  envelope.between = TextOf(given.Get("between"), "an envelope's text");
  envelope.after = TextOf(given.Get("after"), "an envelope's text");
  envelope.string = FrameOf(given.Get("string"));
  envelope.object_mode = static_cast<ObjectMode>(
      NumberOf(given.Get("objectMode"), static_cast<uint32_t>(ObjectMode::kMerge), "an object's mode"));
  envelope.object = FrameOf(given.Get("object"));
  const Napi::Value members = given.Get("members");
  if (!members.IsArray()) throw CodedError(value.Env(), "SG_LAYOUT", "an envelope's members are no array");
  const Napi::Array list = members.As<Napi::Array>();
  for (uint32_t i = 0; i < list.Length(); ++i) {
    const Napi::Value member = list.Get(i);
    if (!member.IsObject()) throw CodedError(value.Env(), "SG_LAYOUT", "a member is no object");
    envelope.members.push_back({TextOf(member.As<Napi::Object>().Get("name"), "a member's name"),
                                TextOf(member.As<Napi::Object>().Get("value"), "a member's value")});
  }
  const Napi::Value filled = given.Get("filled");
  if (!filled.IsArray()) throw CodedError(value.Env(), "SG_LAYOUT", "what an envelope fills in is no array");
  const Napi::Array parts = filled.As<Napi::Array>();
  for (uint32_t i = 0; i < parts.Length(); ++i) {
    const Napi::Value part = parts.Get(i);
    if (!part.IsObject()) throw CodedError(value.Env(), "SG_LAYOUT", "what an envelope fills in is no object");
    const Napi::Object one = part.As<Napi::Object>();
    envelope.filled.push_back({TextOf(one.Get("before"), "a filled part's text"),
                               TextOf(one.Get("field"), "a filled part's field"),
                               TextOf(one.Get("otherwise"), "a filled part's text")});
  }
  const Napi::Value beside = given.Get("countedBesideText");
  if (!beside.IsUndefined()) envelope.counted_beside_text = NumberOf(beside, UINT32_MAX, "countedBesideText");
  return envelope;
}

// Without a limit (Infinity) as well.
uint64_t LimitOf(const Napi::Value& value, double min, const char* what) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  if (!(number >= min))
    throw CodedError(value.Env(), "SG_LAYOUT", std::string(what) + (min > 0 ? " is not at least 1" : " is no limit"));
  return static_cast<uint64_t>(number < kWholeMax ? number : kWholeMax);
}

uint64_t TimeOf(const Napi::Value& value) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : 0;
  if (!(number >= 0)) return 0;
  return static_cast<uint64_t>(number < kWholeMax ? number : kWholeMax);
}

// In the thread of the environment that made it, or at that environment's end.
void Collected(napi_env, void* data, void*) { std::free(data); }

}  // namespace

void EncoderHandle::Init(Napi::Env env, Napi::Object exports) {
  exports.Set(
      "Encoder",
      DefineClass(
          env, "Encoder",
          {InstanceMethod<&EncoderHandle::Begin>("begin"), InstanceMethod<&EncoderHandle::Append>("append"),
           InstanceMethod<&EncoderHandle::Finish>("finish"), InstanceAccessor<&EncoderHandle::StoppedBy>("stoppedBy"),
           InstanceAccessor<&EncoderHandle::Records>("records"), InstanceAccessor<&EncoderHandle::Counted>("counted"),
           InstanceMethod<&EncoderHandle::Close>("close")}));
}

EncoderHandle::EncoderHandle(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  info.This().As<Napi::Object>().TypeTag(&kTag);
  const char* fault = nullptr;
  encoder_ = std::make_unique<Encoder>(EnvelopeOf(info[0]), &fault);
  if (fault != nullptr) throw CodedError(info.Env(), "SG_LAYOUT", fault);
}

Encoder& EncoderHandle::encoder() {
  if (encoder_ == nullptr) throw CodedError(Env(), "SG_ENGINE_CLOSED", "the encoder is closed");
  return *encoder_;
}

Encoder& EncoderHandle::begun() {
  if (!encoder().begun()) throw CodedError(Env(), "SG_LAYOUT", "no body was begun");
  return *encoder_;
}

void EncoderHandle::Begin(const Napi::CallbackInfo& info) {
  Encoder::Limits limits;
  limits.records_max = LimitOf(info[0], 1, "recordsMax");
  limits.bytes_max = LimitOf(info[1], 0, "bytesMax");
  limits.record_bytes_max = LimitOf(info[2], 0, "recordBytesMax");
  encoder().Begin(limits);
}

Napi::Value EncoderHandle::Append(const Napi::CallbackInfo& info) {
  Encoder& encoder = begun();
  if (!info[0].IsArrayBuffer()) throw CodedError(info.Env(), "SG_LAYOUT", "a batch's memory is no ArrayBuffer");
  Napi::ArrayBuffer batch = info[0].As<Napi::ArrayBuffer>();
  uint32_t from = NumberOf(info[1], UINT32_MAX, "a record's index");
  const uint32_t to = NumberOf(info[2], UINT32_MAX, "a record's index");
  const uint64_t time_ms = TimeOf(info[3]);
  if (from > to || !CheckBatch(batch.Data(), batch.ByteLength(), to, to))
    throw CodedError(info.Env(), "SG_LAYOUT", "the batch does not hold these records");
  for (;;) {
    const uint32_t step = to - from > kStepRecords ? from + kStepRecords : to;
    if (!CheckBatch(batch.Data(), batch.ByteLength(), from, step))
      throw CodedError(info.Env(), "SG_LAYOUT", "the batch does not hold these records");
    from = encoder.Append(batch.Data(), from, step, time_ms);
    if (from < step || step == to) return Napi::Number::New(info.Env(), from);
  }
}

Napi::Value EncoderHandle::Finish(const Napi::CallbackInfo& info) {
  const napi_env env = info.Env();
  size_t size = 0;
  uint8_t* const data = begun().Finish(&size);
  napi_value body = nullptr;
  if (data != nullptr) {
    if (napi_create_external_arraybuffer(env, data, size, Collected, nullptr, &body) == napi_ok)
      return Napi::Value(env, body);
    // A runtime whose heap takes no memory from outside (V8's sandbox).
  }
  void* copy = nullptr;
  const napi_status status = napi_create_arraybuffer(env, size, &copy, &body);
  if (status == napi_ok && size > 0) std::memcpy(copy, data, size);
  std::free(data);
  if (status != napi_ok) throw CodedError(env, "SG_LAYOUT", "there is no memory for a body");
  return Napi::Value(env, body);
}

Napi::Value EncoderHandle::StoppedBy(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<uint32_t>(encoder().stopped_by()));
}

Napi::Value EncoderHandle::Records(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(encoder().records()));
}

Napi::Value EncoderHandle::Counted(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(encoder().counted()));
}

void EncoderHandle::Close(const Napi::CallbackInfo&) { encoder_.reset(); }

}  // namespace streamgate
