// See arguments.h.
#include "binding/arguments.h"

namespace streamgate {

Napi::Error CodedError(Napi::Env env, const char* code, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  return error;
}

Memory BytesOf(const Napi::Value& value, const char* what) {
  napi_typedarray_type type;
  size_t length = 0;
  void* data = nullptr;
  bool is_typed_array = false;
  if (napi_is_typedarray(value.Env(), value, &is_typed_array) == napi_ok && is_typed_array &&
      napi_get_typedarray_info(value.Env(), value, &type, &length, &data, nullptr, nullptr) == napi_ok &&
      type == napi_uint8_array)
    return {static_cast<uint8_t*>(data), length};
  throw CodedError(value.Env(), "SG_LAYOUT", std::string(what) + " is no Uint8Array");
}

double* CellsOf(const Napi::Value& value, size_t cells, const char* what) {
  napi_typedarray_type type;
  size_t length = 0;
  void* data = nullptr;
  bool is_typed_array = false;
  if (napi_is_typedarray(value.Env(), value, &is_typed_array) == napi_ok && is_typed_array &&
      napi_get_typedarray_info(value.Env(), value, &type, &length, &data, nullptr, nullptr) == napi_ok &&
      type == napi_float64_array && length >= cells)
    return static_cast<double*>(data);
  throw CodedError(value.Env(), "SG_LAYOUT",
                   std::string(what) + " are no Float64Array of at least " + std::to_string(cells) + " cells");
}

uint32_t NumberOf(const Napi::Value& value, uint32_t max, const char* what) {
  double number = -1;
  if (value.IsNumber()) number = value.As<Napi::Number>().DoubleValue();
  if (!(number >= 0 && number <= max) || number != static_cast<double>(static_cast<uint32_t>(number)))
    throw CodedError(value.Env(), "SG_LAYOUT",
                     std::string(what) + " is no whole number from 0 to " + std::to_string(max));
  return static_cast<uint32_t>(number);
}

}  // namespace streamgate
