// createBatch(recordsMax, bytesMax): the memory of an empty batch as an ArrayBuffer over memory of the addon's own, and
// freeBatch(memory): takes it away from JavaScript at once instead of when it is collected.
//
// The ArrayBuffer has one reference to the memory. It is gone when neither JavaScript nor a thread that was handed a
// range of it refers to it, so a worker that ends while the stream writer reads its batches takes nothing away.
#pragma once

#include <napi.h>

#include "plan/batch_memory.h"

namespace streamgate {

void InitBatch(Napi::Env env, Napi::Object exports);
// The memory behind an ArrayBuffer that createBatch made. Throws for any other, and for one that was freed. Borrowed:
// valid while the ArrayBuffer is, or until the caller lets go of a Hold of its own.
BatchMemory* BatchOf(const Napi::Value& value);

}  // namespace streamgate
