// See engine_handle.h.
#include "binding/engine_handle.h"

#include <string>

#include "binding/arguments.h"
#include "binding/framer_handle.h"
#include "binding/plan_handle.h"
#include "binding/ring_handle.h"

namespace streamgate {

void EngineHandle::Init(Napi::Env env, Napi::Object exports) {
  exports.Set(
      "Engine",
      DefineClass(
          env, "Engine",
          {InstanceMethod<&EngineHandle::Use>("use"), InstanceMethod<&EngineHandle::Attach>("attach"),
           InstanceMethod<&EngineHandle::RunChunk>("runChunk"), InstanceMethod<&EngineHandle::RunEnd>("runEnd"),
           InstanceMethod<&EngineHandle::RunBlock>("runBlock"), InstanceAccessor<&EngineHandle::NeedBytes>("needBytes"),
           InstanceMethod<&EngineHandle::Close>("close")}));
}

EngineHandle::EngineHandle(const Napi::CallbackInfo& info) : ObjectWrap(info) {}

void EngineHandle::Use(const Napi::CallbackInfo& info) {
  if (closed_) throw CodedError(info.Env(), "SG_ENGINE_CLOSED", "the engine is closed");
  const std::shared_ptr<PreparedPlan>& plan = HandleOf<PlanHandle>(info[0])->plan();
  double* counts = CellsOf(info[1], kCountCellsFixed + size_t{plan->rules} * kCountCellsPerRule, "a plan's counts");
  runner_.Use(plan, counts);
  counts_ = Napi::Persistent(info[1].As<Napi::Object>());
}

void EngineHandle::Attach(const Napi::CallbackInfo& info) {
  if (closed_) throw CodedError(info.Env(), "SG_ENGINE_CLOSED", "the engine is closed");
  if (!info[0].IsArrayBuffer()) throw CodedError(info.Env(), "SG_LAYOUT", "a batch's memory is no ArrayBuffer");
  Napi::ArrayBuffer memory = info[0].As<Napi::ArrayBuffer>();
  if (const char* fault = BatchWriter::Check(memory.Data(), memory.ByteLength()))
    throw CodedError(info.Env(), "SG_LAYOUT", std::string("this memory is no batch: ") + fault);
  runner_.batch().Attach(memory.Data());
  batch_ = Napi::Persistent(info[0].As<Napi::Object>());
}

void EngineHandle::CheckReady() {
  if (closed_) throw CodedError(Env(), "SG_ENGINE_CLOSED", "the engine is closed");
  if (!runner_.ready()) throw CodedError(Env(), "SG_LAYOUT", "the engine has no plan or no batch yet");
  // A transfer to another thread takes the memory away from under the batch.
  if (batch_.Value().As<Napi::ArrayBuffer>().IsDetached())
    throw CodedError(Env(), "SG_LAYOUT", "the batch's memory was transferred away");
}

Napi::Value EngineHandle::RunChunk(const Napi::CallbackInfo& info) {
  CheckReady();
  Framer& framer = HandleOf<FramerHandle>(info[0])->framer();
  const Memory chunk = BytesOf(info[1], "a chunk");
  size_t at = NumberOf(info[2], UINT32_MAX, "an offset");
  if (at > chunk.size) throw CodedError(info.Env(), "SG_LAYOUT", "the offset lies behind the chunk");
  const char* const bytes = reinterpret_cast<const char*>(chunk.data);
  framer.Begin(bytes, chunk.size, at);
  runner_.Begin(bytes + at, bytes + chunk.size);
  Record record;
  bool full = false;
  while (framer.Next(&record)) {
    if (!runner_.Run(record)) {
      full = true;
      break;
    }
    framer.Commit();
  }
  runner_.Flush();
  if (full) {
    framer.Rollback();
    at = framer.at();
  } else {
    framer.Keep();
    at = chunk.size;
  }
  return Napi::Number::New(info.Env(), static_cast<double>(at));
}

Napi::Value EngineHandle::RunEnd(const Napi::CallbackInfo& info) {
  CheckReady();
  Framer& framer = HandleOf<FramerHandle>(info[0])->framer();
  Record record;
  if (!framer.NextEnd(&record)) return Napi::Boolean::New(info.Env(), true);
  runner_.Begin(nullptr, nullptr);
  const bool taken = runner_.Run(record);
  runner_.Flush();
  if (taken) {
    framer.Commit();
  } else {
    framer.Rollback();
  }
  return Napi::Boolean::New(info.Env(), taken);
}

Napi::Value EngineHandle::RunBlock(const Napi::CallbackInfo& info) {
  CheckReady();
  RingHandle* handle = HandleOf<RingHandle>(info[0]);
  Ring& ring = handle->ring();
  Ring::View view;
  const Ring::Peeked peeked = ring.Peek(&view);
  if (peeked == Ring::Peeked::kEmpty) return Napi::Number::New(info.Env(), static_cast<uint32_t>(RunResult::kEmpty));
  if (peeked == Ring::Peeked::kDamaged) throw CodedError(info.Env(), "SG_LAYOUT", "a block in the ring is damaged");
  const uint32_t records = view.header->records;
  const uint32_t body_bytes = view.header->body_bytes;
  runner_.Begin(view.body, view.body + body_bytes);
  bool full = false;
  bool damaged = false;
  while (handle->done_records < records) {
    const uint32_t size = view.lengths[handle->done_records];
    if (uint64_t{handle->done_bytes} + size + 1 > body_bytes) {
      damaged = true;
      break;
    }
    if (!runner_.Run({view.body + handle->done_bytes, size, true})) {
      full = true;
      break;
    }
    ++handle->done_records;
    handle->done_bytes += size + 1;
  }
  runner_.Flush();
  if (damaged) throw CodedError(info.Env(), "SG_LAYOUT", "a block in the ring is damaged");
  if (full) return Napi::Number::New(info.Env(), static_cast<uint32_t>(RunResult::kBatchFull));
  handle->done_records = handle->done_bytes = 0;
  ring.Release();
  return Napi::Number::New(info.Env(), static_cast<uint32_t>(RunResult::kDone));
}

Napi::Value EngineHandle::NeedBytes(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), runner_.need_bytes());
}

void EngineHandle::Close(const Napi::CallbackInfo&) {
  closed_ = true;
  runner_ = Runner();
  counts_.Reset();
  batch_.Reset();
}

}  // namespace streamgate
