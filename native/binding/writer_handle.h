// Registers the class StreamWriter, where the system has what it needs; elsewhere nothing.
#pragma once

#include <napi.h>

namespace streamgate {

void InitStreamWriter(Napi::Env env, Napi::Object exports);

}  // namespace streamgate
