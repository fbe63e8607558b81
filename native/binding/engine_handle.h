// EngineHandle: runs plans over chunks and blocks, and writes batches. For one thread. One call per chunk or block,
// numbers in and numbers out. It references the plan, the counts and the batch that it was given, until others replace
// them or close().
#pragma once

#include <napi.h>

#include "plan/run.h"

namespace streamgate {

class EngineHandle : public Napi::ObjectWrap<EngineHandle> {
 public:
  static void Init(Napi::Env env, Napi::Object exports);
  explicit EngineHandle(const Napi::CallbackInfo& info);

 private:
  // use(preparedPlan, counts)
  void Use(const Napi::CallbackInfo& info);
  // attach(batchMemory)
  void Attach(const Napi::CallbackInfo& info);
  // runChunk(framer, chunk, from): where it stopped
  Napi::Value RunChunk(const Napi::CallbackInfo& info);
  // runEnd(framer): false when the batch was full
  Napi::Value RunEnd(const Napi::CallbackInfo& info);
  // runBlock(ring): a RunResult
  Napi::Value RunBlock(const Napi::CallbackInfo& info);
  Napi::Value NeedBytes(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);

  // Throws unless a plan and a batch are there and the batch's memory still is.
  void CheckReady();

  Runner runner_;
  bool closed_ = false;
  Napi::ObjectReference counts_;  // owns the cells that runner_ adds to
  Napi::ObjectReference batch_;   // owns the memory that runner_ writes
};

}  // namespace streamgate
