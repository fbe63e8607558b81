// checkPattern(pattern): does RE2 take it? `{groups}`, or RE2's own words.
#pragma once

#include <napi.h>

namespace streamgate {

void InitPattern(Napi::Env env, Napi::Object exports);

}  // namespace streamgate
