// RingHandle: a view of a ring's shared memory, for one thread. It references the memory for its life; close() lets go
// of it and may come in any order with the collection of the handle.
#pragma once

#include <napi.h>

#include <memory>

#include "ring/push.h"
#include "ring/ring.h"

namespace streamgate {

// What a push of a record says that would wait for ever.
Napi::Error NeverFits(Napi::Env env);

class RingHandle : public Napi::ObjectWrap<RingHandle> {
 public:
  static constexpr napi_type_tag kTag = {0x534752494e470001, 0x2a6d80f3c9e14b57};
  static constexpr const char* kName = "ring";

  static void Init(Napi::Env env, Napi::Object exports);
  // new Ring(bytes, producer): `bytes` is a Uint8Array over the whole SharedArrayBuffer. Throws SG_LAYOUT.
  explicit RingHandle(const Napi::CallbackInfo& info);

  // Throws SG_ENGINE_CLOSED.
  Ring& ring();

  // Where the consumer is in the block at the head when a batch was full before its end: records and body bytes done.
  uint32_t done_records = 0;
  uint32_t done_bytes = 0;

 private:
  Napi::Value IsEmpty(const Napi::CallbackInfo& info);
  Napi::Value Blocks(const Napi::CallbackInfo& info);
  Napi::Value Bytes(const Napi::CallbackInfo& info);
  // pushChunk(framer, chunk, from, receivedAtMs): where it stopped
  Napi::Value PushChunk(const Napi::CallbackInfo& info);
  // pushEnd(framer, receivedAtMs): false when the ring was full
  Napi::Value PushEnd(const Napi::CallbackInfo& info);
  // pushBatch(batchMemory, from, to): the index at which it stopped
  Napi::Value PushBatch(const Napi::CallbackInfo& info);
  Napi::Value SkipAbandoned(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);

  std::unique_ptr<Ring> ring_;  // null once closed
  Pusher pusher_;
  Napi::ObjectReference memory_;  // owns what ring_ looks at
};

}  // namespace streamgate
