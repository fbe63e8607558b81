// See engine_handle.h.
#include "binding/engine_handle.h"

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "binding/arguments.h"
#include "binding/framer_handle.h"
#include "binding/plan_handle.h"
#include "binding/ring_handle.h"
#include "plan/chunk.h"

namespace streamgate {
namespace {

Napi::Number Amount(Napi::Env env, uint64_t amount) { return Napi::Number::New(env, static_cast<double>(amount)); }

Napi::Object EffectOf(Napi::Env env, uint32_t rule, const Effect& effect) {
  const Napi::Object object = Napi::Object::New(env);
  const Napi::Array records = Napi::Array::New(env, kSeverities);
  const Napi::Array bytes = Napi::Array::New(env, kSeverities);
  for (uint32_t severity = 0; severity < kSeverities; ++severity) {
    records.Set(severity, Amount(env, effect.records[severity]));
    bytes.Set(severity, Amount(env, effect.bytes[severity]));
  }
  const auto service_of = [env](const Effect::Service& service) {
    const Napi::Object of = Napi::Object::New(env);
    of.Set("name", Napi::Buffer<char>::Copy(env, service.name.data(), service.name.size()));
    of.Set("records", Amount(env, service.records));
    of.Set("bytes", Amount(env, service.bytes));
    return of;
  };
  const Napi::Array services = Napi::Array::New(env);
  for (const Effect::Service& service : effect.services) services.Set(services.Length(), service_of(service));
  const Napi::Array examples = Napi::Array::New(env);
  for (const std::string& example : effect.examples)
    examples.Set(examples.Length(), Napi::Buffer<char>::Copy(env, example.data(), example.size()));
  object.Set("rule", Napi::Number::New(env, rule));
  object.Set("records", records);
  object.Set("bytes", bytes);
  object.Set("savedBytes", Napi::Number::New(env, static_cast<double>(effect.saved_bytes)));
  object.Set("services", services);
  object.Set("others", service_of(effect.others));
  object.Set("examples", examples);
  return object;
}

}  // namespace

void EngineHandle::Init(Napi::Env env, Napi::Object exports) {
  exports.Set(
      "Engine",
      DefineClass(
          env, "Engine",
          {InstanceMethod<&EngineHandle::Use>("use"), InstanceMethod<&EngineHandle::Attach>("attach"),
           InstanceMethod<&EngineHandle::AttachWithheld>("attachWithheld"),
           InstanceMethod<&EngineHandle::RunChunk>("runChunk"), InstanceMethod<&EngineHandle::RunEnd>("runEnd"),
           InstanceMethod<&EngineHandle::RunBlock>("runBlock"), InstanceAccessor<&EngineHandle::NeedBytes>("needBytes"),
           InstanceMethod<&EngineHandle::Shard>("shard"), InstanceMethod<&EngineHandle::PushChunk>("pushChunk"),
           InstanceMethod<&EngineHandle::PushEnd>("pushEnd"), InstanceAccessor<&EngineHandle::StoppedBy>("stoppedBy"),
           InstanceMethod<&EngineHandle::Tick>("tick"), InstanceMethod<&EngineHandle::TellLast>("tellLast"),
           InstanceMethod<&EngineHandle::Effects>("effects"), InstanceMethod<&EngineHandle::Watch>("watch"),
           InstanceMethod<&EngineHandle::TakeWatched>("takeWatched"), InstanceMethod<&EngineHandle::Close>("close")}));
}

EngineHandle::EngineHandle(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  info.This().As<Napi::Object>().TypeTag(&kTag);
}

Runner& EngineHandle::ReadyRunner() {
  CheckReady();
  return runner_;
}

void EngineHandle::Use(const Napi::CallbackInfo& info) {
  if (closed_) throw CodedError(info.Env(), "SG_ENGINE_CLOSED", "the engine is closed");
  const std::shared_ptr<PreparedPlan>& plan = HandleOf<PlanHandle>(info[0])->plan();
  double* counts = CellsOf(info[1], CountCellsOf(*plan), "a plan's counts");
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

void EngineHandle::AttachWithheld(const Napi::CallbackInfo& info) {
  if (closed_) throw CodedError(info.Env(), "SG_ENGINE_CLOSED", "the engine is closed");
  if (!info[0].IsArrayBuffer()) throw CodedError(info.Env(), "SG_LAYOUT", "what is withheld has no ArrayBuffer");
  Napi::ArrayBuffer memory = info[0].As<Napi::ArrayBuffer>();
  if (const char* fault = WithheldWriter::Check(memory.Data(), memory.ByteLength()))
    throw CodedError(info.Env(), "SG_LAYOUT", std::string("this memory takes no withheld records: ") + fault);
  runner_.withheld().Attach(memory.Data());
  withheld_ = Napi::Persistent(info[0].As<Napi::Object>());
}

void EngineHandle::CheckReady() {
  if (closed_) throw CodedError(Env(), "SG_ENGINE_CLOSED", "the engine is closed");
  if (!runner_.ready()) throw CodedError(Env(), "SG_LAYOUT", "the engine has no plan or no batch yet");
  // A transfer to another thread takes the memory away from under the batch.
  if (batch_.Value().As<Napi::ArrayBuffer>().IsDetached())
    throw CodedError(Env(), "SG_LAYOUT", "the batch's memory was transferred away");
  if (!withheld_.IsEmpty() && withheld_.Value().As<Napi::ArrayBuffer>().IsDetached())
    throw CodedError(Env(), "SG_LAYOUT", "the memory of what is withheld was transferred away");
}

void EngineHandle::Shard(const Napi::CallbackInfo& info) {
  if (closed_) throw CodedError(info.Env(), "SG_ENGINE_CLOSED", "the engine is closed");
  router_.reset();
  rings_.Reset();
  if (info.Length() == 0) return;
  const auto kind =
      static_cast<ShardKeyKind>(NumberOf(info[0], static_cast<uint32_t>(ShardKeyKind::kSyslog), "a shard key"));
  if (!info[1].IsArray() || !info[3].IsArray()) throw CodedError(info.Env(), "SG_LAYOUT", "no paths or no rings");
  const Napi::Array given_paths = info[1].As<Napi::Array>();
  std::vector<std::string> paths;
  for (uint32_t i = 0; i < given_paths.Length(); ++i) {
    const Memory path = BytesOf(given_paths.Get(i), "a path");
    paths.emplace_back(reinterpret_cast<const char*>(path.data), path.size);
  }
  const Napi::Array given_rings = info[3].As<Napi::Array>();
  // An array of our own: the caller may change his.
  const Napi::Array memories = Napi::Array::New(info.Env());
  const uint32_t producer = NumberOf(info[4], kProducersMax - 1, "a producer");
  std::vector<Ring> rings;
  for (uint32_t i = 0; i < given_rings.Length(); ++i) {
    const Napi::Value given = given_rings.Get(i);
    const Memory memory = BytesOf(given, "a ring's memory");
    if (const char* fault = Ring::Check(memory.data, memory.size))
      throw CodedError(info.Env(), "SG_LAYOUT", std::string("this memory is no ring: ") + fault);
    memories.Set(i, given);
    rings.emplace_back(memory.data, producer);
  }
  if (rings.empty() || rings.size() > kProducersMax)
    throw CodedError(info.Env(), "SG_LAYOUT", "records are sharded over 1 to 64 rings");
  const uint32_t self = NumberOf(info[2], static_cast<uint32_t>(rings.size()) - 1, "this worker's index");
  std::string error;
  std::unique_ptr<ShardKey> key = ShardKey::Prepare(kind, paths, &error);
  if (key == nullptr) throw CodedError(info.Env(), "SG_LAYOUT", error);
  router_ = std::make_unique<Router>(std::move(key), self, std::move(rings));
  rings_ = Napi::Persistent(memories.As<Napi::Object>());
}

void EngineHandle::CheckSharded() {
  if (closed_) throw CodedError(Env(), "SG_ENGINE_CLOSED", "the engine is closed");
  if (router_ == nullptr) throw CodedError(Env(), "SG_LAYOUT", "the engine is not sharded");
}

Napi::Value EngineHandle::RouteChunk(const Napi::CallbackInfo& info, Runner* runner) {
  FramerHandle* const handle = HandleOf<FramerHandle>(info[0]);
  const Memory chunk = BytesOf(info[1], "a chunk");
  const size_t from = NumberOf(info[2], UINT32_MAX, "an offset");
  if (from > chunk.size) throw CodedError(info.Env(), "SG_LAYOUT", "the offset lies behind the chunk");
  const double received_at_ms = info[3].ToNumber().DoubleValue();
  const Router::Result result =
      router_->RunChunk(runner, handle->framer(), handle->source(), reinterpret_cast<const char*>(chunk.data),
                        chunk.size, from, received_at_ms);
  if (result.never_fits) throw NeverFits(info.Env());
  stopped_by_ = result.stopped;
  return Napi::Number::New(info.Env(), static_cast<double>(result.at));
}

Napi::Value EngineHandle::RouteEnd(const Napi::CallbackInfo& info, Runner* runner) {
  FramerHandle* const handle = HandleOf<FramerHandle>(info[0]);
  const Router::Result result =
      router_->RunEnd(runner, handle->framer(), handle->source(), info[1].ToNumber().DoubleValue());
  if (result.never_fits) throw NeverFits(info.Env());
  stopped_by_ = result.stopped;
  return Napi::Boolean::New(info.Env(), result.stopped == StopCause::kNone);
}

Napi::Value EngineHandle::RunChunk(const Napi::CallbackInfo& info) {
  CheckReady();
  if (router_ != nullptr) return RouteChunk(info, &runner_);
  FramerHandle* const handle = HandleOf<FramerHandle>(info[0]);
  const Memory chunk = BytesOf(info[1], "a chunk");
  const size_t at = NumberOf(info[2], UINT32_MAX, "an offset");
  if (at > chunk.size) throw CodedError(info.Env(), "SG_LAYOUT", "the offset lies behind the chunk");
  const RecordContext context = {handle->source(), info[3].ToNumber().DoubleValue()};
  const ChunkRun run = streamgate::RunChunk(runner_, handle->framer(), context,
                                            reinterpret_cast<const char*>(chunk.data), chunk.size, at);
  stopped_by_ = run.at == chunk.size ? StopCause::kNone : StopCause::kBatchFull;
  return Napi::Number::New(info.Env(), static_cast<double>(run.at));
}

Napi::Value EngineHandle::RunEnd(const Napi::CallbackInfo& info) {
  CheckReady();
  if (router_ != nullptr) return RouteEnd(info, &runner_);
  FramerHandle* const handle = HandleOf<FramerHandle>(info[0]);
  const RecordContext context = {handle->source(), info[1].ToNumber().DoubleValue()};
  const bool done = streamgate::RunEnd(runner_, handle->framer(), context);
  stopped_by_ = done ? StopCause::kNone : StopCause::kBatchFull;
  return Napi::Boolean::New(info.Env(), done);
}

Napi::Value EngineHandle::PushChunk(const Napi::CallbackInfo& info) {
  CheckSharded();
  return RouteChunk(info, nullptr);
}

Napi::Value EngineHandle::PushEnd(const Napi::CallbackInfo& info) {
  CheckSharded();
  return RouteEnd(info, nullptr);
}

Napi::Value EngineHandle::StoppedBy(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<uint32_t>(stopped_by_));
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
  RecordContext context;
  context.source.transport = static_cast<Transport>(view.header->transport);
  context.source.family = view.header->family;
  context.source.port = view.header->port;
  std::memcpy(context.source.address, view.header->address, sizeof context.source.address);
  context.received_at_ms = view.header->received_at_ms;
  runner_.Begin(view.body, view.body + body_bytes, &context);
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

Napi::Value EngineHandle::Tick(const Napi::CallbackInfo& info) {
  CheckReady();
  return Napi::Boolean::New(info.Env(), runner_.Tick(info[0].ToNumber().DoubleValue()));
}

Napi::Value EngineHandle::TellLast(const Napi::CallbackInfo& info) {
  CheckReady();
  const double now_ms = info[0].ToNumber().DoubleValue();
  const PreparedPlan* const next = info[1].IsUndefined() ? nullptr : HandleOf<PlanHandle>(info[1])->plan().get();
  return Napi::Boolean::New(info.Env(), runner_.TellLast(next, now_ms));
}

Napi::Value EngineHandle::NeedBytes(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), runner_.need_bytes());
}

Napi::Value EngineHandle::Effects(const Napi::CallbackInfo& info) {
  const EffectBook& book = runner_.effects();
  const Napi::Array effects = Napi::Array::New(info.Env());
  for (uint32_t rule = 0; rule < book.rules(); ++rule)
    if (const Effect* effect = book.Of(rule)) effects.Set(effects.Length(), EffectOf(info.Env(), rule, *effect));
  return effects;
}

void EngineHandle::Watch(const Napi::CallbackInfo& info) {
  const Napi::Array given = info[0].As<Napi::Array>();
  std::vector<uint32_t> rules;
  for (uint32_t i = 0; i < given.Length(); ++i) rules.push_back(given.Get(i).ToNumber().Uint32Value());
  runner_.watched().Watch(rules);
}

Napi::Value EngineHandle::TakeWatched(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Array taken = Napi::Array::New(env);
  for (const WatchedRule& watched : runner_.watched().Take()) {
    const Napi::Object object = Napi::Object::New(env);
    const Napi::Array examples = Napi::Array::New(env);
    for (const std::string& example : watched.examples)
      examples.Set(examples.Length(), Napi::Buffer<char>::Copy(env, example.data(), example.size()));
    object.Set("rule", Napi::Number::New(env, watched.rule));
    object.Set("records", Amount(env, watched.records));
    object.Set("examples", examples);
    taken.Set(taken.Length(), object);
  }
  return taken;
}

void EngineHandle::Close(const Napi::CallbackInfo&) {
  closed_ = true;
  runner_ = Runner();
  router_.reset();
  rings_.Reset();
  counts_.Reset();
  batch_.Reset();
  withheld_.Reset();
}

}  // namespace streamgate
