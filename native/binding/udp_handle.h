// Registers the class UdpReceiver, where the system has what it needs; elsewhere nothing.
#pragma once

#include <napi.h>

namespace streamgate {

void InitUdpReceiver(Napi::Env env, Napi::Object exports);

}  // namespace streamgate
