// FramerHandle: the framing state of one byte stream, and where the stream comes from. Close frees its memory.
#pragma once

#include <napi.h>

#include <memory>

#include "frame/framer.h"
#include "ring/ring.h"

namespace streamgate {

class FramerHandle : public Napi::ObjectWrap<FramerHandle> {
 public:
  static constexpr napi_type_tag kTag = {0x53474652414d0001, 0x7f3e19c5b0284d12};
  static constexpr const char* kName = "framer";

  static void Init(Napi::Env env, Napi::Object exports);
  // new Framer(kind, delimiter, maxRecordBytes, losses, transport, address, port). `delimiter` and `address` (4 or 16
  // bytes, network order) may be undefined. `losses` is referenced for the handle's life.
  explicit FramerHandle(const Napi::CallbackInfo& info);

  // Throws SG_ENGINE_CLOSED.
  Framer& framer();
  const BlockSource& source() const { return source_; }

 private:
  Napi::Value PendingBytes(const Napi::CallbackInfo& info);
  Napi::Value BegunBytes(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);

  std::unique_ptr<Framer> framer_;  // null once closed
  BlockSource source_;
  Napi::ObjectReference losses_;  // owns the cells that framer_ adds to
};

}  // namespace streamgate
