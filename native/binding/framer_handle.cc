// See framer_handle.h.
#include "binding/framer_handle.h"

#include <cstring>
#include <string>
#include <utility>

#include "binding/arguments.h"

namespace streamgate {

void FramerHandle::Init(Napi::Env env, Napi::Object exports) {
  exports.Set("Framer", DefineClass(env, "Framer",
                                    {InstanceAccessor<&FramerHandle::PendingBytes>("pendingBytes"),
                                     InstanceAccessor<&FramerHandle::BegunBytes>("begunBytes"),
                                     InstanceMethod<&FramerHandle::Close>("close")}));
}

FramerHandle::FramerHandle(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  info.This().As<Napi::Object>().TypeTag(&kTag);
  const auto kind =
      static_cast<FramingKind>(NumberOf(info[0], static_cast<uint32_t>(FramingKind::kDatagram), "a framing"));
  std::string delimiter;
  if (kind == FramingKind::kDelimiter) {
    const Memory bytes = BytesOf(info[1], "a delimiter");
    if (bytes.size < 1 || bytes.size > kDelimiterBytesMax)
      throw CodedError(info.Env(), "SG_LAYOUT", "a delimiter has 1 to 16 bytes");
    delimiter.assign(reinterpret_cast<const char*>(bytes.data), bytes.size);
  }
  const uint32_t max_record_bytes = NumberOf(info[2], 1u << 30, "the longest record");
  if (max_record_bytes == 0) throw CodedError(info.Env(), "SG_LAYOUT", "the longest record has at least one byte");
  double* losses = CellsOf(info[3], kFrameCells, "a framer's losses");
  losses_ = Napi::Persistent(info[3].As<Napi::Object>());
  source_.transport = static_cast<Transport>(NumberOf(info[4], static_cast<uint32_t>(Transport::kTls), "a transport"));
  if (!info[5].IsUndefined()) {
    const Memory address = BytesOf(info[5], "an address");
    if (address.size != 4 && address.size != 16)
      throw CodedError(info.Env(), "SG_LAYOUT", "an address has 4 or 16 bytes");
    source_.family = address.size == 4 ? 4 : 6;
    std::memcpy(source_.address, address.data, address.size);
  }
  source_.port = static_cast<uint16_t>(NumberOf(info[6], 65535, "a port"));
  framer_ = std::make_unique<Framer>(kind, std::move(delimiter), max_record_bytes, losses);
}

Framer& FramerHandle::framer() {
  if (framer_ == nullptr) throw CodedError(Env(), "SG_ENGINE_CLOSED", "the framer is closed");
  return *framer_;
}

Napi::Value FramerHandle::PendingBytes(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), framer_ == nullptr ? 0 : static_cast<double>(framer_->pending_bytes()));
}

Napi::Value FramerHandle::BegunBytes(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), framer_ == nullptr ? 0 : static_cast<double>(framer_->begun_bytes()));
}

void FramerHandle::Close(const Napi::CallbackInfo&) {
  framer_.reset();
  losses_.Reset();
}

}  // namespace streamgate
