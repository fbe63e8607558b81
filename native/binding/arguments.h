// What every handle needs at the boundary: errors with a code, memory out of typed arrays, handles out of objects.
//
// Everything here throws Napi::Error, which node-addon-api turns into a JavaScript exception;
// `src/data/engine/native/errors.ts` makes a StreamGateError of it.
#pragma once

#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace streamgate {

struct Memory {
  uint8_t* data = nullptr;
  size_t size = 0;
};

Napi::Error CodedError(Napi::Env env, const char* code, const std::string& message);

// The bytes of a Uint8Array, over shared memory too. Borrowed: valid while the array is referenced and not detached.
Memory BytesOf(const Napi::Value& value, const char* what);
// The cells of a Float64Array of at least `cells`.
double* CellsOf(const Napi::Value& value, size_t cells, const char* what);
uint32_t NumberOf(const Napi::Value& value, uint32_t max, const char* what);

// Finds the handle in a JavaScript object that claims to be one. T has `kTag` and `kName`; its constructor calls Tag.
template <typename T>
T* HandleOf(const Napi::Value& value) {
  if (value.IsObject()) {
    const Napi::Object object = value.As<Napi::Object>();
    if (object.CheckTypeTag(&T::kTag)) return T::Unwrap(object);
  }
  throw CodedError(value.Env(), "SG_LAYOUT", std::string("this is no ") + T::kName);
}

}  // namespace streamgate
