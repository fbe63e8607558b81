// See ring_handle.h.
#include "binding/ring_handle.h"

#include <string>

#include "binding/arguments.h"
#include "binding/framer_handle.h"
#include "ring/push_records.h"

namespace streamgate {

Napi::Error NeverFits(Napi::Env env) {
  return CodedError(env, "SG_LAYOUT",
                    "a record is larger than the whole ring: RING_BYTES must exceed MAX_RECORD_BYTES");
}

void RingHandle::Init(Napi::Env env, Napi::Object exports) {
  exports.Set(
      "Ring",
      DefineClass(
          env, "Ring",
          {InstanceMethod<&RingHandle::IsEmpty>("isEmpty"), InstanceAccessor<&RingHandle::Blocks>("blocks"),
           InstanceAccessor<&RingHandle::Bytes>("bytes"), InstanceMethod<&RingHandle::PushChunk>("pushChunk"),
           InstanceMethod<&RingHandle::PushEnd>("pushEnd"), InstanceMethod<&RingHandle::PushBatch>("pushBatch"),
           InstanceMethod<&RingHandle::SkipAbandoned>("skipAbandoned"), InstanceMethod<&RingHandle::Close>("close")}));
}

RingHandle::RingHandle(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  info.This().As<Napi::Object>().TypeTag(&kTag);
  const Memory memory = BytesOf(info[0], "a ring's memory");
  if (const char* fault = Ring::Check(memory.data, memory.size))
    throw CodedError(info.Env(), "SG_LAYOUT", std::string("this memory is no ring: ") + fault);
  const uint32_t producer = NumberOf(info[1], kProducersMax - 1, "a producer");
  memory_ = Napi::Persistent(info[0].As<Napi::Object>());
  ring_ = std::make_unique<Ring>(memory.data, producer);
}

Ring& RingHandle::ring() {
  if (ring_ == nullptr) throw CodedError(Env(), "SG_ENGINE_CLOSED", "the ring is closed");
  return *ring_;
}

Napi::Value RingHandle::IsEmpty(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), ring().IsEmpty());
}

Napi::Value RingHandle::Blocks(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), ring().Blocks());
}

Napi::Value RingHandle::Bytes(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(ring().Bytes()));
}

Napi::Value RingHandle::PushChunk(const Napi::CallbackInfo& info) {
  Ring& to = ring();
  FramerHandle* framer = HandleOf<FramerHandle>(info[0]);
  const Memory chunk = BytesOf(info[1], "a chunk");
  size_t at = NumberOf(info[2], UINT32_MAX, "an offset");
  if (at > chunk.size) throw CodedError(info.Env(), "SG_LAYOUT", "the offset lies behind the chunk");
  const double received_at_ms = info[3].ToNumber().DoubleValue();
  const Pusher::Result result = pusher_.PushChunk(to, framer->framer(), reinterpret_cast<const char*>(chunk.data),
                                                  chunk.size, framer->source(), received_at_ms, &at);
  if (result == Pusher::Result::kNeverFits) throw NeverFits(info.Env());
  return Napi::Number::New(info.Env(), static_cast<double>(at));
}

Napi::Value RingHandle::PushEnd(const Napi::CallbackInfo& info) {
  Ring& to = ring();
  FramerHandle* framer = HandleOf<FramerHandle>(info[0]);
  const Pusher::Result result =
      pusher_.PushEnd(to, framer->framer(), framer->source(), info[1].ToNumber().DoubleValue());
  if (result == Pusher::Result::kNeverFits) throw NeverFits(info.Env());
  return Napi::Boolean::New(info.Env(), result == Pusher::Result::kDone);
}

Napi::Value RingHandle::PushBatch(const Napi::CallbackInfo& info) {
  Ring& to = ring();
  if (!info[0].IsArrayBuffer()) throw CodedError(info.Env(), "SG_LAYOUT", "a batch's memory is no ArrayBuffer");
  Napi::ArrayBuffer batch = info[0].As<Napi::ArrayBuffer>();
  const uint32_t from = NumberOf(info[1], UINT32_MAX, "a record's index");
  const uint32_t end = NumberOf(info[2], UINT32_MAX, "a record's index");
  if (!CheckBatch(batch.Data(), batch.ByteLength(), from, end))
    throw CodedError(info.Env(), "SG_LAYOUT", "the batch does not hold these records");
  BlockSource source;
  source.transport = Transport::kUnknown;
  return Napi::Number::New(info.Env(), PushRecords(&to, batch.Data(), from, end, source, 0));
}

Napi::Value RingHandle::SkipAbandoned(const Napi::CallbackInfo& info) {
  const bool skipped = ring().SkipAbandoned(info[0].ToBoolean());
  if (skipped) done_records = done_bytes = 0;
  return Napi::Boolean::New(info.Env(), skipped);
}

void RingHandle::Close(const Napi::CallbackInfo&) {
  ring_.reset();
  memory_.Reset();
}

}  // namespace streamgate
