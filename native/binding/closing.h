// Registers turnAwayConnections(fd) and waitingConnections(fd) (tcp/closing.h) on Linux; elsewhere nothing.
#pragma once

#include <napi.h>

namespace streamgate {

void InitClosing(Napi::Env env, Napi::Object exports);

}  // namespace streamgate
