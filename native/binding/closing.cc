// See closing.h.
#include "binding/closing.h"

#if defined(__linux__)

#include "binding/arguments.h"
#include "tcp/closing.h"

namespace streamgate {
namespace {

int Descriptor(const Napi::CallbackInfo& info) {
  return static_cast<int>(NumberOf(info[0], INT32_MAX, "a descriptor"));
}

Napi::Value TurnAway(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), TurnAwayConnections(Descriptor(info)));
}

Napi::Value Waiting(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), WaitingConnections(Descriptor(info)));
}

}  // namespace

void InitClosing(Napi::Env env, Napi::Object exports) {
  exports.Set("turnAwayConnections", Napi::Function::New<TurnAway>(env, "turnAwayConnections"));
  exports.Set("waitingConnections", Napi::Function::New<Waiting>(env, "waitingConnections"));
}

}  // namespace streamgate

#else

namespace streamgate {

void InitClosing(Napi::Env, Napi::Object) {}

}  // namespace streamgate

#endif
