// Registers the class SpoolThread, where the system has what it needs; elsewhere nothing.
#pragma once

#include <napi.h>

namespace streamgate {

void InitSpoolThread(Napi::Env env, Napi::Object exports);

}  // namespace streamgate
