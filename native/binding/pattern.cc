// See pattern.h.
#include "binding/pattern.h"

#include <string>

#include "binding/arguments.h"
#include "match/pattern.h"
#include "re2/re2.h"

namespace streamgate {
namespace {

Napi::Value CheckPattern(const Napi::CallbackInfo& info) {
  if (!info[0].IsString()) throw CodedError(info.Env(), "SG_LAYOUT", "a pattern is no string");
  std::string error;
  const auto pattern = CompilePattern(info[0].As<Napi::String>().Utf8Value(), &error);
  if (pattern == nullptr) return Napi::String::New(info.Env(), error);
  Napi::Object answer = Napi::Object::New(info.Env());
  answer.Set("groups", pattern->NumberOfCapturingGroups());
  return answer;
}

}  // namespace

void InitPattern(Napi::Env env, Napi::Object exports) {
  exports.Set("checkPattern", Napi::Function::New<CheckPattern>(env, "checkPattern"));
}

}  // namespace streamgate
