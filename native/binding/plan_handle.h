// PlanHandle: a prepared plan. Its bytes are copied; close() drops this handle's share, an engine that uses the plan
// keeps its own.
#pragma once

#include <napi.h>

#include <memory>

#include "plan/prepare.h"

namespace streamgate {

class PlanHandle : public Napi::ObjectWrap<PlanHandle> {
 public:
  static constexpr napi_type_tag kTag = {0x5347504c414e0001, 0x9d0c6a7be2f14c11};
  static constexpr const char* kName = "prepared plan";

  static void Init(Napi::Env env, Napi::Object exports);
  // new PreparedPlan(bytes). Throws SG_RULE_PATTERN with the property `rule`, SG_CONDITION with the property `output`,
  // or SG_LAYOUT for bytes that are no plan.
  explicit PlanHandle(const Napi::CallbackInfo& info);

  // Throws SG_ENGINE_CLOSED.
  const std::shared_ptr<PreparedPlan>& plan();

 private:
  void Close(const Napi::CallbackInfo& info);

  std::shared_ptr<PreparedPlan> plan_;  // null once closed
};

}  // namespace streamgate
