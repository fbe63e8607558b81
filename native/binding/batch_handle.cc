// See batch_handle.h.
#include "binding/batch_handle.h"

#include "binding/arguments.h"

namespace streamgate {
namespace {

// On the ArrayBuffer itself: one that JavaScript made, or that was transferred, has none.
constexpr napi_type_tag kTag = {0x5347424154430001, 0x8d13c06f52b94e77};

// In the thread of the environment that made it, or at that environment's end.
void Collected(napi_env, void*, void* batch) { static_cast<BatchMemory*>(batch)->Release(); }

Napi::Value CreateBatch(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const uint32_t records_max = NumberOf(info[0], UINT32_MAX / sizeof(BatchEntry), "recordsMax");
  const uint32_t bytes_max = NumberOf(info[1], UINT32_MAX, "bytesMax");
  BatchMemory* const batch = BatchMemory::Create(records_max, bytes_max);
  if (batch == nullptr) throw Napi::RangeError::New(env, "there is no memory for a batch");
  napi_value memory = nullptr;
  const napi_status status =
      napi_create_external_arraybuffer(env, batch->data(), batch->size(), Collected, batch, &memory);
  if (status != napi_ok) {
    batch->Release();
    throw CodedError(env, "SG_LAYOUT", "this runtime takes no memory of an addon's own");
  }
  // From here on the finalizer releases it.
  if (napi_type_tag_object(env, memory, &kTag) != napi_ok)
    throw CodedError(env, "SG_LAYOUT", "a batch's memory can not be marked");
  return Napi::Value(env, memory);
}

void FreeBatch(const Napi::CallbackInfo& info) {
  BatchOf(info[0]);
  // Detached, it is finalized soon.
  if (napi_detach_arraybuffer(info.Env(), info[0]) != napi_ok)
    throw CodedError(info.Env(), "SG_LAYOUT", "a batch's memory can not be taken back");
}

}  // namespace

BatchMemory* BatchOf(const Napi::Value& value) {
  const napi_env env = value.Env();
  bool is_array_buffer = false;
  bool tagged = false;
  void* data = nullptr;
  size_t size = 0;
  if (napi_is_arraybuffer(env, value, &is_array_buffer) != napi_ok || !is_array_buffer ||
      napi_check_object_type_tag(env, value, &kTag, &tagged) != napi_ok || !tagged ||
      napi_get_arraybuffer_info(env, value, &data, &size) != napi_ok)
    throw CodedError(env, "SG_LAYOUT", "this is no batch of the addon's");
  if (data == nullptr || size == 0) throw CodedError(env, "SG_LAYOUT", "the batch's memory was taken away");
  return BatchMemory::Of(data);
}

void InitBatch(Napi::Env env, Napi::Object exports) {
  exports.Set("createBatch", Napi::Function::New<CreateBatch>(env, "createBatch"));
  exports.Set("freeBatch", Napi::Function::New<FreeBatch>(env, "freeBatch"));
}

}  // namespace streamgate
