// EncoderHandle: encodes ranges of batches into bodies, for one thread. One call for a range, one for a body. A body's
// memory is made here and handed out without a copy: JavaScript's garbage collector frees it.
#pragma once

#include <napi.h>

#include <memory>

#include "encode/encoder.h"

namespace streamgate {

class EncoderHandle : public Napi::ObjectWrap<EncoderHandle> {
 public:
  static constexpr napi_type_tag kTag = {0x5347454e43440001, 0x3fa86c19d27be045};
  static constexpr const char* kName = "encoder";

  static void Init(Napi::Env env, Napi::Object exports);
  // new Encoder({before, between, after, string, objectMode, object, members, countedBesideText}): texts are
  // Uint8Arrays; `string` and `object` are {before, time, behindTime, after}, `members` [{name, value}];
  // `countedBesideText` may be undefined.
  explicit EncoderHandle(const Napi::CallbackInfo& info);

 private:
  // begin(recordsMax, bytesMax, recordBytesMax)
  void Begin(const Napi::CallbackInfo& info);
  // append(batchMemory, from, to, timeMs): where it stopped; stoppedBy says why
  Napi::Value Append(const Napi::CallbackInfo& info);
  // finish(): an ArrayBuffer
  Napi::Value Finish(const Napi::CallbackInfo& info);
  Napi::Value StoppedBy(const Napi::CallbackInfo& info);
  Napi::Value Records(const Napi::CallbackInfo& info);
  Napi::Value Counted(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);

  // Throws SG_ENGINE_CLOSED.
  Encoder& encoder();
  // Throws when begin() has not come first.
  Encoder& begun();

  std::unique_ptr<Encoder> encoder_;  // null once closed
};

}  // namespace streamgate
