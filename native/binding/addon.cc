// The addon's exports. `src/data/engine/addon.ts` has their types.
#include <napi.h>

#include "binding/batch_handle.h"
#include "binding/closing.h"
#include "binding/encoder_handle.h"
#include "binding/engine_handle.h"
#include "binding/framer_handle.h"
#include "binding/gather.h"
#include "binding/pattern.h"
#include "binding/plan_handle.h"
#include "binding/ring_handle.h"
#include "binding/spool_handle.h"
#include "binding/tcp_handle.h"
#include "binding/udp_handle.h"
#include "binding/writer_handle.h"
#include "scan/dispatch.h"

namespace streamgate {
namespace {

Napi::Value Versions(const Napi::CallbackInfo& info) {
  Napi::Object versions = Napi::Object::New(info.Env());
  versions.Set("re2", STREAMGATE_RE2_VERSION);
  versions.Set("napi", NAPI_VERSION);
  versions.Set("kernel", ActiveKernel().name);
  return versions;
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  EncoderHandle::Init(env, exports);
  EngineHandle::Init(env, exports);
  FramerHandle::Init(env, exports);
  PlanHandle::Init(env, exports);
  RingHandle::Init(env, exports);
  InitBatch(env, exports);
  InitClosing(env, exports);
  InitGather(env, exports);
  InitPattern(env, exports);
  InitSpoolThread(env, exports);
  InitStreamWriter(env, exports);
  InitTcpReader(env, exports);
  InitUdpReceiver(env, exports);
  exports.Set("versions", Napi::Function::New<Versions>(env, "versions"));
  return exports;
}

NODE_API_MODULE(streamgate, Init)

}  // namespace
}  // namespace streamgate
