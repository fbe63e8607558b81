// StreamWriter(fd, chargeMax, rangesMax, onEvent): the thread that writes batches to a descriptor, as JavaScript sees
// it; and StreamFeed(id): how any thread of the process hands it ranges of its batches.
//
// The writer's handle owns it until close(), which the finalizer and the environment's end call as well. A feed owns a
// share of its queue, and may outlive it. Batches are held by native references alone: no handle here refers to their
// ArrayBuffers.
#include "binding/writer_handle.h"

#include <atomic>
#include <memory>
#include <string>

#include "binding/arguments.h"
#include "binding/batch_handle.h"
#include "writer/stream_writer.h"

#if defined(_WIN32)

namespace streamgate {
void InitStreamWriter(Napi::Env, Napi::Object) {}  // the portable writer runs there
}  // namespace streamgate

#else

namespace streamgate {
namespace {

class WriterHandle : public Napi::ObjectWrap<WriterHandle> {
 public:
  static void Init(Napi::Env env, Napi::Object exports) {
    exports.Set("StreamWriter", DefineClass(env, "StreamWriter",
                                            {
                                                InstanceMethod<&WriterHandle::Close>("close"),
                                                InstanceMethod<&WriterHandle::Counts>("counts"),
                                                InstanceMethod<&WriterHandle::SwitchTo>("switchTo"),
                                                InstanceMethod<&WriterHandle::Notice>("notice"),
                                                InstanceAccessor<&WriterHandle::Id>("id"),
                                                InstanceAccessor<&WriterHandle::Drained>("drained"),
                                            }));
  }

  explicit WriterHandle(const Napi::CallbackInfo& info) : Napi::ObjectWrap<WriterHandle>(info), env_(info.Env()) {
    if (info.Length() < 4 || !info[0].IsNumber() || !info[3].IsFunction())
      throw Napi::TypeError::New(env_, "StreamWriter(fd, chargeMax, rangesMax, onEvent)");
    const uint32_t charge_max = NumberOf(info[1], UINT32_MAX, "chargeMax");
    const uint32_t ranges_max = NumberOf(info[2], 1u << 20, "rangesMax");
    on_event_ = Napi::ThreadSafeFunction::New(env_, info[3].As<Napi::Function>(), "streamgate:writer", 0, 1);
    on_event_.Unref(env_);
    std::string error;
    // Called in the writer's thread, and never after Close has returned: unless the thread was left behind in a write,
    // in which case the function may be gone; `alive` is cleared first.
    const std::shared_ptr<std::atomic<bool> > alive = alive_;
    writer_ = StreamWriter::Start(
        info[0].As<Napi::Number>().Int32Value(), charge_max, ranges_max,
        [alive, tsfn = on_event_](StreamWriter::Event event, const std::string& reason) {
          if (!alive->load()) return;
          tsfn.NonBlockingCall([event, reason](Napi::Env env, Napi::Function callback) {
            // The C calls: they report, where the wrapper would abort a process whose environment is ending.
            napi_value undefined = nullptr;
            napi_value arguments[2] = {nullptr, nullptr};
            if (static_cast<napi_env>(env) != nullptr && napi_get_undefined(env, &undefined) == napi_ok &&
                napi_create_uint32(env, static_cast<uint32_t>(event), &arguments[0]) == napi_ok &&
                napi_create_string_utf8(env, reason.data(), reason.size(), &arguments[1]) == napi_ok)
              napi_call_function(env, undefined, callback, 2, arguments, nullptr);
          });
        },
        &error);
    if (writer_ == nullptr) {
      on_event_.Release();
      throw Napi::Error::New(env_, "the writer can not start: " + error);
    }
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
    drained_at_close_ = writer_->Drained();
    if (writer_->Close()) {
      // Its pipe and its queue go now, and not when the collector comes by.
      id_at_close_ = writer_->id();
      counts_at_close_ = writer_->counts();
      writer_.reset();
    }
    on_event_.Release();
  }

  // counts(cells): Float64Array, as StreamWriter::Counts lists them; readable after close() too.
  void Counts(const Napi::CallbackInfo& info) {
    double* const cells = CellsOf(info[0], 6, "counts");
    const StreamWriter::Counts counts = writer_ == nullptr ? counts_at_close_ : writer_->counts();
    const uint64_t values[] = {counts.pushed_records, counts.pushed_bytes, counts.written_records,
                               counts.written_bytes,  counts.lost_records, counts.lost_bytes};
    for (int i = 0; i < 6; ++i) cells[i] = static_cast<double>(values[i]);
  }
  Napi::Value Id(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), writer_ == nullptr ? id_at_close_ : writer_->id());
  }
  Napi::Value Drained(const Napi::CallbackInfo& info) {
    return Napi::Boolean::New(info.Env(), running_ ? writer_->Drained() : drained_at_close_);
  }
  // switchTo(fd): whether it will be; not while another switch is not done, nor after close()
  Napi::Value SwitchTo(const Napi::CallbackInfo& info) {
    if (!info[0].IsNumber()) throw Napi::TypeError::New(info.Env(), "switchTo(fd)");
    return Napi::Boolean::New(info.Env(), running_ && writer_->SwitchTo(info[0].As<Napi::Number>().Int32Value()));
  }
  // notice(bytes): a whole number that a double holds
  void Notice(const Napi::CallbackInfo& info) {
    const double bytes = info[0].IsNumber() ? info[0].As<Napi::Number>().DoubleValue() : -1;
    if (!(bytes >= 0 && bytes <= 9007199254740991.0)) throw Napi::TypeError::New(info.Env(), "notice(bytes)");
    if (running_) writer_->Notice(static_cast<uint64_t>(bytes));
  }
  void Close(const Napi::CallbackInfo&) { Stop(); }

  Napi::Env env_;
  std::unique_ptr<StreamWriter> writer_;
  Napi::ThreadSafeFunction on_event_;
  std::shared_ptr<std::atomic<bool> > alive_ = std::make_shared<std::atomic<bool> >(true);
  bool running_ = false;
  bool drained_at_close_ = false;
  uint32_t id_at_close_ = 0;
  StreamWriter::Counts counts_at_close_;
};

class FeedHandle : public Napi::ObjectWrap<FeedHandle> {
 public:
  static void Init(Napi::Env env, Napi::Object exports) {
    exports.Set("StreamFeed", DefineClass(env, "StreamFeed", {InstanceMethod<&FeedHandle::Push>("push")}));
  }

  explicit FeedHandle(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<FeedHandle>(info), feed_(NumberOf(info[0], UINT32_MAX, "a writer's id")) {}

 private:
  // push(batchMemory, from, to): where it stopped; `from` when the writer is closed
  Napi::Value Push(const Napi::CallbackInfo& info) {
    BatchMemory* const batch = BatchOf(info[0]);
    const uint32_t from = NumberOf(info[1], UINT32_MAX, "from");
    const uint32_t to = NumberOf(info[2], UINT32_MAX, "to");
    if (from > to || to > batch->header()->records)
      throw CodedError(info.Env(), "SG_LAYOUT", "the batch does not hold these records");
    return Napi::Number::New(info.Env(), feed_.Push(batch, from, to));
  }

  StreamFeed feed_;
};

}  // namespace

void InitStreamWriter(Napi::Env env, Napi::Object exports) {
  WriterHandle::Init(env, exports);
  FeedHandle::Init(env, exports);
}

}  // namespace streamgate

#endif
