// UdpReceiver({host, port, reusePort, receiveBufferBytes, maxRecordBytes, ring, producer, sharding}, onReadable):
// datagrams into a ring, or with `sharding` into their owners'.
//
// The handle owns the receiver until stop(), which the finalizer and the environment's end call as well; the thread has
// ended when that returns, so nothing of it is left when a worker is. `ring` is a Uint8Array over the ring's
// SharedArrayBuffer.
#include "binding/udp_handle.h"

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "binding/arguments.h"
#include "generated/layout.h"
#include "ring/ring.h"
#include "udp/receiver.h"

#if defined(_WIN32)

namespace streamgate {
void InitUdpReceiver(Napi::Env, Napi::Object) {}  // the portable input runs there
}  // namespace streamgate

#else

namespace streamgate {
namespace {

class UdpHandle : public Napi::ObjectWrap<UdpHandle> {
 public:
  static void Init(Napi::Env env, Napi::Object exports) {
    exports.Set("UdpReceiver", DefineClass(env, "UdpReceiver",
                                           {
                                               InstanceMethod<&UdpHandle::Stop>("stop"),
                                               InstanceMethod<&UdpHandle::Stats>("stats"),
                                               InstanceAccessor<&UdpHandle::Port>("port"),
                                           }));
  }

  explicit UdpHandle(const Napi::CallbackInfo& info) : Napi::ObjectWrap<UdpHandle>(info), env_(info.Env()) {
    if (info.Length() < 2 || !info[0].IsObject() || !info[1].IsFunction())
      throw Napi::TypeError::New(env_, "UdpReceiver(options, onReadable)");
    const Napi::Object given = info[0].As<Napi::Object>();
    UdpReceiver::Options options;
    if (given.Get("host").IsString()) options.host = given.Get("host").As<Napi::String>().Utf8Value();
    options.port = static_cast<uint16_t>(NumberOf(given.Get("port"), 65535, "port"));
    options.reuse_port = given.Get("reusePort").ToBoolean().Value();
    options.receive_buffer_bytes = NumberOf(given.Get("receiveBufferBytes"), 1u << 30, "receiveBufferBytes");
    options.max_record_bytes = NumberOf(given.Get("maxRecordBytes"), UINT32_MAX, "maxRecordBytes");
    const uint32_t producer = NumberOf(given.Get("producer"), kProducersMax - 1, "producer");

    const Napi::Value ring = given.Get("ring");
    const Memory memory = BytesOf(ring, "ring");
    if (const char* wrong = Ring::Check(memory.data, memory.size))
      throw CodedError(env_, "SG_LAYOUT", std::string("this is no ring's memory: ") + wrong);

    const Napi::Value sharding = given.Get("sharding");
    const Napi::Array memories = Napi::Array::New(env_);
    memories.Set(uint32_t{0}, ring);
    if (!sharding.IsUndefined()) ReadSharding(sharding.As<Napi::Object>(), &options, memories);

    on_readable_ = Napi::ThreadSafeFunction::New(env_, info[1].As<Napi::Function>(), "streamgate:udp", 0, 1);
    on_readable_.Unref(env_);
    UdpReceiver::Error failure;
    receiver_ = UdpReceiver::Start(
        options, memory.data, producer,
        [called = called_, tsfn = on_readable_] {
          // One call on its way is enough, however many blocks it finds.
          if (called->exchange(true)) return;
          tsfn.NonBlockingCall([called](Napi::Env env, Napi::Function callback) {
            called->store(false);
            // The C calls: they report, where the wrapper would abort a process whose worker is being terminated.
            napi_value undefined = nullptr;
            if (static_cast<napi_env>(env) != nullptr && napi_get_undefined(env, &undefined) == napi_ok)
              napi_call_function(env, undefined, callback, 0, nullptr, nullptr);
          });
        },
        &failure);
    if (receiver_ == nullptr) {
      on_readable_.Release();
      Napi::Error error = Napi::Error::New(env_, failure.message);
      error.Set("errno", Napi::Number::New(env_, failure.code));
      throw error;
    }
    memory_ = Napi::Persistent(memories.As<Napi::Object>());
    // Registered after the thread-safe function's own hook, so it runs before it.
    napi_add_env_cleanup_hook(env_, AtExit, this);
    running_ = true;
  }
  ~UdpHandle() override { End(); }

 private:
  // {keyKind, paths, rings}; adds the rings to what the handle keeps.
  void ReadSharding(const Napi::Object& given, UdpReceiver::Options* options, const Napi::Array& memories) {
    std::vector<std::string> paths;
    const Napi::Array given_paths = given.Get("paths").As<Napi::Array>();
    for (uint32_t i = 0; i < given_paths.Length(); ++i) {
      const Memory path = BytesOf(given_paths.Get(i), "a path");
      paths.emplace_back(reinterpret_cast<const char*>(path.data), path.size);
    }
    const auto kind = static_cast<ShardKeyKind>(
        NumberOf(given.Get("keyKind"), static_cast<uint32_t>(ShardKeyKind::kSyslog), "a shard key"));
    std::string error;
    options->shard_key = ShardKey::Prepare(kind, paths, &error);
    if (options->shard_key == nullptr) throw CodedError(env_, "SG_LAYOUT", error);
    const Napi::Array rings = given.Get("rings").As<Napi::Array>();
    if (rings.Length() == 0 || rings.Length() > kProducersMax)
      throw CodedError(env_, "SG_LAYOUT", "records are sharded over 1 to 64 rings");
    for (uint32_t i = 0; i < rings.Length(); ++i) {
      const Memory memory = BytesOf(rings.Get(i), "a ring's memory");
      if (const char* wrong = Ring::Check(memory.data, memory.size))
        throw CodedError(env_, "SG_LAYOUT", std::string("this is no ring's memory: ") + wrong);
      options->shard_rings.push_back(memory.data);
      memories.Set(i + 1, rings.Get(i));
    }
  }

  static void AtExit(void* self) { static_cast<UdpHandle*>(self)->End(true); }

  void End(bool at_exit = false) {
    if (!running_) return;
    running_ = false;
    if (!at_exit) napi_remove_env_cleanup_hook(env_, AtExit, this);
    receiver_->Stop();
    on_readable_.Release();
    if (at_exit) {
      memory_.SuppressDestruct();  // the environment frees it
    } else {
      memory_.Reset();
    }
  }

  void Stop(const Napi::CallbackInfo&) { End(); }
  Napi::Value Port(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), receiver_->port()); }
  // Also after stop().
  Napi::Value Stats(const Napi::CallbackInfo& info) {
    const UdpReceiver::Stats stats = receiver_->stats();
    Napi::Object result = Napi::Object::New(info.Env());
    const auto set = [&](const char* name, uint64_t value) { result.Set(name, static_cast<double>(value)); };
    set("receivedRecords", stats.received_records);
    set("receivedBytes", stats.received_bytes);
    set("kernelDrops", stats.kernel_drops);
    set("truncated", stats.truncated);
    set("lostRecords", stats.lost_records);
    set("lostBytes", stats.lost_bytes);
    set("lostOversizeRecords", stats.lost_oversize_records);
    set("lostOversizeBytes", stats.lost_oversize_bytes);
    set("cutRecords", stats.cut_records);
    set("receiveBufferBytes", stats.receive_buffer_bytes);
    return result;
  }

  Napi::Env env_;
  std::unique_ptr<UdpReceiver> receiver_;
  Napi::ThreadSafeFunction on_readable_;
  Napi::ObjectReference memory_;
  std::shared_ptr<std::atomic<bool> > called_ = std::make_shared<std::atomic<bool> >(false);
  bool running_ = false;
};

}  // namespace

void InitUdpReceiver(Napi::Env env, Napi::Object exports) { UdpHandle::Init(env, exports); }

}  // namespace streamgate

#endif
