// EngineHandle: runs plans over chunks and blocks, and writes batches. For one thread. One call per chunk or block,
// numbers in and numbers out. It references the plan, the counts and the batch that it was given, until others replace
// them or close().
#pragma once

#include <napi.h>

#include <memory>

#include "plan/run.h"
#include "shard/router.h"

namespace streamgate {

class EngineHandle : public Napi::ObjectWrap<EngineHandle> {
 public:
  static constexpr napi_type_tag kTag = {0x5347454e47490001, 0x61b0d74fa83e2c95};
  static constexpr const char* kName = "engine";

  static void Init(Napi::Env env, Napi::Object exports);
  explicit EngineHandle(const Napi::CallbackInfo& info);

  // With a plan and a batch to write to; throws without. Until the next use(), attach() or close().
  Runner& ReadyRunner();
  // Null: records run where they are received. Until the next shard() or close().
  Router* router() { return router_.get(); }

 private:
  // use(preparedPlan, counts)
  void Use(const Napi::CallbackInfo& info);
  // attach(batchMemory)
  void Attach(const Napi::CallbackInfo& info);
  // attachWithheld(memory): where records go that a rule can not finish
  void AttachWithheld(const Napi::CallbackInfo& info);
  // shard(keyKind, paths, self, rings, producer): `rings` are Uint8Arrays over every worker's ring, by index; shard()
  // ends it
  void Shard(const Napi::CallbackInfo& info);
  // runChunk(framer, chunk, from, receivedAtMs): where it stopped; stoppedBy says why
  Napi::Value RunChunk(const Napi::CallbackInfo& info);
  // runEnd(framer, receivedAtMs): false when the batch, or a ring, was full
  Napi::Value RunEnd(const Napi::CallbackInfo& info);
  // pushChunk and pushEnd: the same when sharded, with this worker's own records into its ring
  Napi::Value PushChunk(const Napi::CallbackInfo& info);
  Napi::Value PushEnd(const Napi::CallbackInfo& info);
  // runBlock(ring): a RunResult
  Napi::Value RunBlock(const Napi::CallbackInfo& info);
  // tick(nowMs), tellLast(nowMs, next?): false when the batch was full
  Napi::Value Tick(const Napi::CallbackInfo& info);
  Napi::Value TellLast(const Napi::CallbackInfo& info);
  Napi::Value NeedBytes(const Napi::CallbackInfo& info);
  Napi::Value Effects(const Napi::CallbackInfo& info);
  // watch(rules): numbers in the plan; until the next use()
  void Watch(const Napi::CallbackInfo& info);
  Napi::Value TakeWatched(const Napi::CallbackInfo& info);
  // A StopCause of the last call above.
  Napi::Value StoppedBy(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);

  // Throws unless a plan and a batch are there and the batch's memory still is.
  void CheckReady();
  Napi::Value RouteChunk(const Napi::CallbackInfo& info, Runner* runner);
  Napi::Value RouteEnd(const Napi::CallbackInfo& info, Runner* runner);
  void CheckSharded();

  Runner runner_;
  std::unique_ptr<Router> router_;
  StopCause stopped_by_ = StopCause::kNone;
  bool closed_ = false;
  Napi::ObjectReference counts_;    // owns the cells that runner_ adds to
  Napi::ObjectReference batch_;     // owns the memory that runner_ writes
  Napi::ObjectReference withheld_;  // likewise, where something was attached
  Napi::ObjectReference rings_;     // owns the memory that router_ writes
};

}  // namespace streamgate
