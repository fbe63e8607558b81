// Registers the class TcpReader on Linux; elsewhere nothing.
#pragma once

#include <napi.h>

namespace streamgate {

void InitTcpReader(Napi::Env env, Napi::Object exports);

}  // namespace streamgate
