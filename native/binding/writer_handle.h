// Registers the classes StreamWriter and StreamFeed, where the system has what they need; elsewhere nothing.
#pragma once

#include <napi.h>

namespace streamgate {

void InitStreamWriter(Napi::Env env, Napi::Object exports);

}  // namespace streamgate
