// StreamWriter(fd, ringMemory, onClosed): the thread that writes a ring to a descriptor, as JavaScript sees it.
//
// The handle owns the writer until close(), which the finalizer and the environment's end call as well. `ringMemory` is
// a Uint8Array over the ring's SharedArrayBuffer; the handle refers to it while the thread runs.
#include "binding/writer_handle.h"

#include <atomic>
#include <memory>
#include <string>

#include "binding/arguments.h"
#include "ring/ring.h"
#include "writer/stream_writer.h"

#if defined(_WIN32)

namespace streamgate {
void InitStreamWriter(Napi::Env, Napi::Object) {}  // the portable writer runs there
}  // namespace streamgate

#else

namespace streamgate {
namespace {

// The ring that a Uint8Array lies over. Throws when it is none.
void* RingMemory(const Napi::Value& value) {
  const Memory memory = BytesOf(value, "ringMemory");
  if (const char* wrong = Ring::Check(memory.data, memory.size))
    throw CodedError(value.Env(), "SG_LAYOUT", std::string("this is no ring's memory: ") + wrong);
  return memory.data;
}

class WriterHandle : public Napi::ObjectWrap<WriterHandle> {
 public:
  static void Init(Napi::Env env, Napi::Object exports) {
    exports.Set("StreamWriter", DefineClass(env, "StreamWriter",
                                            {
                                                InstanceMethod<&WriterHandle::Close>("close"),
                                                InstanceAccessor<&WriterHandle::WrittenRecords>("writtenRecords"),
                                                InstanceAccessor<&WriterHandle::WrittenBytes>("writtenBytes"),
                                                InstanceAccessor<&WriterHandle::LostRecords>("lostRecords"),
                                                InstanceAccessor<&WriterHandle::LostBytes>("lostBytes"),
                                                InstanceAccessor<&WriterHandle::Drained>("drained"),
                                                StaticMethod<&WriterHandle::Notify>("notify"),
                                            }));
  }

  explicit WriterHandle(const Napi::CallbackInfo& info) : Napi::ObjectWrap<WriterHandle>(info), env_(info.Env()) {
    if (info.Length() < 3 || !info[0].IsNumber() || !info[2].IsFunction())
      throw Napi::TypeError::New(env_, "StreamWriter(fd, ringMemory, onClosed)");
    void* const ring = RingMemory(info[1]);
    on_closed_ = Napi::ThreadSafeFunction::New(env_, info[2].As<Napi::Function>(), "streamgate:writer", 0, 1);
    on_closed_.Unref(env_);
    std::string error;
    // Called in the writer's thread, once at most, and never after Close has returned: unless the thread was left
    // behind in a write, in which case the function may be gone; `alive` is cleared first.
    const std::shared_ptr<std::atomic<bool> > alive = alive_;
    writer_ = StreamWriter::Start(
        info[0].As<Napi::Number>().Int32Value(), ring,
        [alive, tsfn = on_closed_](const std::string& reason) {
          if (!alive->load()) return;
          tsfn.NonBlockingCall([reason](Napi::Env env, Napi::Function callback) {
            // The C calls: they report, where the wrapper would abort a process whose environment is ending.
            napi_value undefined = nullptr;
            napi_value text = nullptr;
            if (static_cast<napi_env>(env) != nullptr && napi_get_undefined(env, &undefined) == napi_ok &&
                napi_create_string_utf8(env, reason.data(), reason.size(), &text) == napi_ok)
              napi_call_function(env, undefined, callback, 1, &text, nullptr);
          });
        },
        &error);
    if (writer_ == nullptr) {
      on_closed_.Release();
      throw Napi::Error::New(env_, "the writer can not start: " + error);
    }
    memory_ = Napi::Persistent(info[1].As<Napi::Object>());
    // Registered after the thread-safe function's own hook, so it runs before it.
    napi_add_env_cleanup_hook(env_, AtExit, this);
    running_ = true;
  }
  ~WriterHandle() override { Stop(); }

 private:
  static void AtExit(void* self) { static_cast<WriterHandle*>(self)->Stop(true); }

  void Stop(bool at_exit = false) {
    if (!running_) return;
    running_ = false;
    if (!at_exit) napi_remove_env_cleanup_hook(env_, AtExit, this);
    alive_->store(false);
    writer_->Close();
    on_closed_.Release();
    // A thread that Close left behind is stuck in a write of bytes in this memory: the memory stays then.
    if (writer_->left_behind() || at_exit) memory_.SuppressDestruct();
    if (!writer_->left_behind() && !at_exit) memory_.Reset();
  }

  // Counters stay readable after close().
  Napi::Value WrittenRecords(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(writer_->counts().written_records));
  }
  Napi::Value WrittenBytes(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(writer_->counts().written_bytes));
  }
  Napi::Value LostRecords(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(writer_->counts().lost_records));
  }
  Napi::Value LostBytes(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(writer_->counts().lost_bytes));
  }
  Napi::Value Drained(const Napi::CallbackInfo& info) {
    if (!running_) return Napi::Boolean::New(info.Env(), drained_at_close_);
    return Napi::Boolean::New(info.Env(), writer_->Drained());
  }
  void Close(const Napi::CallbackInfo&) {
    if (running_) drained_at_close_ = writer_->Drained();
    Stop();
  }
  static Napi::Value Notify(const Napi::CallbackInfo& info) {
    StreamWriter::Notify(RingMemory(info[0]));
    return info.Env().Undefined();
  }

  Napi::Env env_;
  std::unique_ptr<StreamWriter> writer_;
  Napi::ThreadSafeFunction on_closed_;
  Napi::ObjectReference memory_;
  std::shared_ptr<std::atomic<bool> > alive_ = std::make_shared<std::atomic<bool> >(true);
  bool running_ = false;
  bool drained_at_close_ = false;
};

}  // namespace

void InitStreamWriter(Napi::Env env, Napi::Object exports) { WriterHandle::Init(env, exports); }

}  // namespace streamgate

#endif
