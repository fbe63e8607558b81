// See gather.h.
#include "binding/gather.h"

#include <string>

#include "binding/arguments.h"
#include "plan/batch.h"
#include "plan/gather.h"
#include "ring/push_records.h"

namespace streamgate {
namespace {

struct Range {
  void* batch;
  uint32_t from;
  uint32_t to;
  uint32_t output;
};

Napi::ArrayBuffer MemoryOf(const Napi::Value& value) {
  if (!value.IsArrayBuffer()) throw CodedError(value.Env(), "SG_LAYOUT", "a batch's memory is no ArrayBuffer");
  return value.As<Napi::ArrayBuffer>();
}

Range RangeOf(const Napi::CallbackInfo& info) {
  Napi::ArrayBuffer batch = MemoryOf(info[0]);
  const uint32_t from = NumberOf(info[1], UINT32_MAX, "a record's index");
  const uint32_t to = NumberOf(info[2], UINT32_MAX, "a record's index");
  const uint32_t output = NumberOf(info[3], kRouteOutputsMax - 1, "an output's number");
  if (!CheckBatch(batch.Data(), batch.ByteLength(), from, to))
    throw CodedError(info.Env(), "SG_LAYOUT", "the batch does not hold these records");
  return {batch.Data(), from, to, output};
}

void Tell(const Gathered& gathered, double* found) {
  found[0] = gathered.stopped;
  found[1] = gathered.records;
  found[2] = static_cast<double>(gathered.bytes);
  found[3] = gathered.need_bytes;
}

void Routed(const Napi::CallbackInfo& info) {
  const Range range = RangeOf(info);
  double* const found = CellsOf(info[4], 4, "what was found");
  Tell(CountRouted(range.batch, range.from, range.to, range.output), found);
}

void Gather(const Napi::CallbackInfo& info) {
  const Range range = RangeOf(info);
  Napi::ArrayBuffer target = MemoryOf(info[4]);
  double* const found = CellsOf(info[5], 4, "what was found");
  if (const char* const wrong = BatchWriter::Check(target.Data(), target.ByteLength()))
    throw CodedError(info.Env(), "SG_LAYOUT", std::string("the target is no batch: ") + wrong);
  if (target.Data() == range.batch)
    throw CodedError(info.Env(), "SG_LAYOUT", "a batch's records can not be gathered in itself");
  Tell(GatherRouted(range.batch, range.from, range.to, range.output, target.Data()), found);
}

}  // namespace

void InitGather(Napi::Env env, Napi::Object exports) {
  exports.Set("routed", Napi::Function::New<Routed>(env, "routed"));
  exports.Set("gather", Napi::Function::New<Gather>(env, "gather"));
}

}  // namespace streamgate
