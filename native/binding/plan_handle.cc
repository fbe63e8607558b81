// See plan_handle.h.
#include "binding/plan_handle.h"

#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "binding/arguments.h"

namespace streamgate {

void PlanHandle::Init(Napi::Env env, Napi::Object exports) {
  exports.Set("PreparedPlan", DefineClass(env, "PreparedPlan", {InstanceMethod<&PlanHandle::Close>("close")}));
}

PlanHandle::PlanHandle(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  info.This().As<Napi::Object>().TypeTag(&kTag);
  const Memory bytes = BytesOf(info[0], "a plan");
  DecodedPlan decoded;
  std::string error;
  if (!DecodePlan(bytes.data, bytes.size, &decoded, &error)) throw CodedError(info.Env(), "SG_LAYOUT", error);
  uint32_t rule = 0;
  // A way for tests, and for whoever doubts an answer, to have RE2 look at every record.
  const char* const prefilter = std::getenv("STREAMGATE_PREFILTER");
  const bool prefilters = prefilter == nullptr || std::strcmp(prefilter, "off") != 0;
  const uint32_t rules = decoded.rules;
  plan_ = Prepare(std::move(decoded), prefilters, &rule, &error);
  if (plan_ == nullptr && rule >= rules) {
    Napi::Error refused = CodedError(info.Env(), "SG_CONDITION", error);
    refused.Set("output", Napi::Number::New(info.Env(), rule - rules));
    throw refused;
  }
  if (plan_ == nullptr) {
    Napi::Error refused = CodedError(info.Env(), "SG_RULE_PATTERN", error);
    refused.Set("rule", Napi::Number::New(info.Env(), rule));
    throw refused;
  }
}

const std::shared_ptr<PreparedPlan>& PlanHandle::plan() {
  if (plan_ == nullptr) throw CodedError(Env(), "SG_ENGINE_CLOSED", "the prepared plan is closed");
  return plan_;
}

void PlanHandle::Close(const Napi::CallbackInfo&) { plan_.reset(); }

}  // namespace streamgate
