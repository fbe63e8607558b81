// routed(source, from, to, output, found) and gather(source, from, to, output, target, found): which records of a batch
// go to an output (plan/gather.h). `found`: a Float64Array of four cells that they write: stopped, records, bytes,
// needBytes.
#pragma once

#include <napi.h>

namespace streamgate {

void InitGather(Napi::Env env, Napi::Object exports);

}  // namespace streamgate
