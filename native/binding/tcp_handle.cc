// TcpReader({framing, delimiter, maxRecordBytes, unfinishedBytesMax, losses, sources, worker}, onReadable): TCP
// connections, read in the worker's own thread.
//
// The worker's event loop watches the reader's two descriptors: libuv's poll handles, whose interface is stable within
// its major version 1 and whose functions the node binary exports. `onReadable` is called once a wake-up, and calls
// read(engine) in its turn. Nothing is watched before resume().
//
// Two owners: the handle, and the event loop, which may use the poll handles until it has called back that they are
// closed. So reader and poll handles live in a Watch of their own, which goes when the loop has let go of both;
// close(), the finalizer and the environment's end each begin that.
#include "binding/tcp_handle.h"

#if !defined(__linux__)

namespace streamgate {
void InitTcpReader(Napi::Env, Napi::Object) {}  // `net` reads there
}  // namespace streamgate

#else

#include <uv.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "binding/arguments.h"
#include "binding/engine_handle.h"
#include "binding/ring_handle.h"
#include "generated/layout.h"
#include "tcp/reader.h"

namespace streamgate {
namespace {

class TcpHandle;

RunResult ResultOf(TcpReader::Result result) {
  switch (result) {
    case TcpReader::Result::kDone:
      return RunResult::kDone;
    case TcpReader::Result::kBatchFull:
      return RunResult::kBatchFull;
    case TcpReader::Result::kRingFull:
    case TcpReader::Result::kNeverFits:
      return RunResult::kRingFull;
  }
  return RunResult::kDone;
}

// Made with New, ended with Close, which both owners' ends call; frees itself.
class Watch {
 public:
  // Null: `status` is libuv's error.
  static Watch* New(napi_env env, std::unique_ptr<TcpReader> reader, TcpHandle* handle, int* status) {
    uv_loop_t* loop = nullptr;
    if (napi_get_uv_event_loop(env, &loop) != napi_ok) return nullptr;
    auto* watch = new Watch(std::move(reader), handle);
    *status = uv_poll_init(loop, &watch->sockets_, watch->reader_->poll_fd());
    if (*status != 0) {
      delete watch;
      return nullptr;
    }
    watch->sockets_.data = watch;
    watch->open_handles_ = 1;
    *status = uv_poll_init(loop, &watch->timer_, watch->reader_->timer_fd());
    if (*status != 0) {
      watch->Close();
      return nullptr;
    }
    watch->timer_.data = watch;
    watch->open_handles_ = 2;
    napi_add_async_cleanup_hook(env, AtExit, watch, &watch->cleanup_);
    return watch;
  }

  TcpReader& reader() { return *reader_; }

  void Resume() {
    if (watching_) return;
    watching_ = true;
    uv_poll_start(&timer_, UV_READABLE, OnReadable);
    Follow();
  }

  void Pause() {
    if (!watching_) return;
    watching_ = false;
    uv_poll_stop(&timer_);
    uv_poll_stop(&sockets_);
    watches_sockets_ = false;
    reader_->Pause();
  }

  // Watches what the reader wants watched after a pass.
  void Follow() {
    const bool wanted = watching_ && !reader_->gathers();
    if (wanted == watches_sockets_) return;
    watches_sockets_ = wanted;
    if (wanted) {
      uv_poll_start(&sockets_, UV_READABLE, OnReadable);
    } else {
      uv_poll_stop(&sockets_);
    }
  }

  // Closes the sockets now, and frees all when the loop has let go. Calls the handle no more.
  void Close() {
    if (closing_) return;
    closing_ = true;
    handle_ = nullptr;
    reader_->Abandon();
    const int handles = open_handles_;
    if (handles > 0) uv_close(reinterpret_cast<uv_handle_t*>(&sockets_), OnClosed);
    if (handles > 1) uv_close(reinterpret_cast<uv_handle_t*>(&timer_), OnClosed);
  }

 private:
  Watch(std::unique_ptr<TcpReader> reader, TcpHandle* handle) : reader_(std::move(reader)), handle_(handle) {}
  // The hook's handle stays until now, so that the environment waits for the loop to let go.
  ~Watch() {
    if (cleanup_ != nullptr) napi_remove_async_cleanup_hook(cleanup_);
  }

  static void OnReadable(uv_poll_t* poll, int status, int events);
  static void AtExit(napi_async_cleanup_hook_handle hook, void* self);
  static void OnClosed(uv_handle_t* handle) {
    auto* watch = static_cast<Watch*>(handle->data);
    if (--watch->open_handles_ == 0) delete watch;
  }

  std::unique_ptr<TcpReader> reader_;
  TcpHandle* handle_;  // null once it is closed
  napi_async_cleanup_hook_handle cleanup_ = nullptr;
  uv_poll_t sockets_;
  uv_poll_t timer_;
  int open_handles_ = 0;
  bool watching_ = false;
  bool watches_sockets_ = false;
  bool closing_ = false;
};

class TcpHandle : public Napi::ObjectWrap<TcpHandle> {
 public:
  static void Init(Napi::Env env, Napi::Object exports) {
    exports.Set("TcpReader", DefineClass(env, "TcpReader",
                                         {
                                             InstanceMethod<&TcpHandle::Listen>("listen"),
                                             InstanceMethod<&TcpHandle::Read>("read"),
                                             InstanceMethod<&TcpHandle::Resume>("resume"),
                                             InstanceMethod<&TcpHandle::Pause>("pause"),
                                             InstanceMethod<&TcpHandle::Accept>("accept"),
                                             InstanceMethod<&TcpHandle::StopAccepting>("stopAccepting"),
                                             InstanceMethod<&TcpHandle::FinishQuiet>("finishQuiet"),
                                             InstanceMethod<&TcpHandle::Abandon>("abandon"),
                                             InstanceMethod<&TcpHandle::Squeeze>("squeeze"),
                                             InstanceMethod<&TcpHandle::Look>("look"),
                                             InstanceMethod<&TcpHandle::Close>("close"),
                                             InstanceAccessor<&TcpHandle::Listener>("listener"),
                                             InstanceAccessor<&TcpHandle::Connections>("connections"),
                                             InstanceAccessor<&TcpHandle::Accepted>("accepted"),
                                             InstanceAccessor<&TcpHandle::Refused>("refused"),
                                             InstanceAccessor<&TcpHandle::RefusedConnections>("refusedConnections"),
                                             InstanceAccessor<&TcpHandle::RefusedSource>("refusedSource"),
                                             InstanceAccessor<&TcpHandle::ClosedIdle>("closedIdle"),
                                             InstanceAccessor<&TcpHandle::ClosedSlow>("closedSlow"),
                                             InstanceAccessor<&TcpHandle::RateWaits>("rateWaits"),
                                             InstanceAccessor<&TcpHandle::Resting>("resting"),
                                             InstanceAccessor<&TcpHandle::UnfinishedBytes>("unfinishedBytes"),
                                             InstanceAccessor<&TcpHandle::HeldBack>("heldBack"),
                                             InstanceAccessor<&TcpHandle::Gathers>("gathers"),
                                         }));
  }

  explicit TcpHandle(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<TcpHandle>(info), env_(info.Env()), context_(info.Env(), "streamgate:tcp") {
    if (info.Length() < 2 || !info[0].IsObject() || !info[1].IsFunction())
      throw Napi::TypeError::New(env_, "TcpReader(options, onReadable)");
    const Napi::Object given = info[0].As<Napi::Object>();
    TcpReader::Options options;
    options.framing = static_cast<FramingKind>(
        NumberOf(given.Get("framing"), static_cast<uint32_t>(FramingKind::kDelimiter), "a framing"));
    if (options.framing == FramingKind::kDelimiter) {
      const Memory bytes = BytesOf(given.Get("delimiter"), "a delimiter");
      if (bytes.size < 1 || bytes.size > kDelimiterBytesMax)
        throw CodedError(env_, "SG_LAYOUT", "a delimiter has 1 to 16 bytes");
      options.delimiter.assign(reinterpret_cast<const char*>(bytes.data), bytes.size);
    }
    options.max_record_bytes = NumberOf(given.Get("maxRecordBytes"), 1u << 30, "the longest record");
    if (options.max_record_bytes == 0) throw CodedError(env_, "SG_LAYOUT", "the longest record has at least one byte");
    // Absent: no bound.
    const Napi::Value unfinished = given.Get("unfinishedBytesMax");
    if (unfinished.IsNumber())
      options.unfinished_bytes_max = static_cast<size_t>(std::max<int64_t>(0, unfinished.ToNumber().Int64Value()));
    const Napi::Value losses = given.Get("losses");
    options.losses = CellsOf(losses, kFrameCells, "a reader's losses");
    // Absent: no limits.
    const Napi::Value sources = given.Get("sources");
    if (!sources.IsUndefined()) {
      const Memory memory = BytesOf(sources, "the memory of sources");
      if (!options.sources.Open(reinterpret_cast<char*>(memory.data), memory.size,
                                NumberOf(given.Get("worker"), UINT32_MAX, "a worker")))
        throw CodedError(env_, "SG_LAYOUT", "the memory of sources has another layout");
    }
    TcpListener::Error error;
    std::unique_ptr<TcpReader> reader = TcpReader::Create(std::move(options), &error);
    if (reader == nullptr) throw SystemError(error);
    int status = 0;
    watch_ = Watch::New(env_, std::move(reader), this, &status);
    if (watch_ == nullptr) throw SystemError({-status, std::string("the event loop: ") + uv_strerror(status)});
    losses_ = Napi::Persistent(losses.As<Napi::Object>());
    if (sources.IsObject()) sources_ = Napi::Persistent(sources.As<Napi::Object>());
    on_readable_ = Napi::Persistent(info[1].As<Napi::Function>());
  }
  ~TcpHandle() override {
    if (watch_ != nullptr) watch_->Close();
  }

  // One call of `onReadable`.
  void Readable() {
    Napi::HandleScope scope(env_);
    // The C call: it reports, where the wrapper would abort a process whose worker is being terminated.
    napi_value global = nullptr;
    if (napi_get_global(env_, &global) != napi_ok) return;
    if (napi_make_callback(env_, context_, global, on_readable_.Value(), 0, nullptr, nullptr) == napi_ok) return;
    bool pending = false;
    napi_value thrown = nullptr;
    if (napi_is_exception_pending(env_, &pending) == napi_ok && pending &&
        napi_get_and_clear_last_exception(env_, &thrown) == napi_ok)
      napi_fatal_exception(env_, thrown);
  }

  // The environment ends: the references go with it.
  void Forget() {
    watch_ = nullptr;
    losses_.SuppressDestruct();
    sources_.SuppressDestruct();
    on_readable_.SuppressDestruct();
  }

 private:
  Napi::Error SystemError(const TcpListener::Error& failure) {
    Napi::Error error = Napi::Error::New(env_, failure.message);
    error.Set("errno", Napi::Number::New(env_, failure.code));
    return error;
  }

  // Throws SG_ENGINE_CLOSED.
  Watch& watch() {
    if (watch_ == nullptr) throw CodedError(env_, "SG_ENGINE_CLOSED", "the reader is closed");
    return *watch_;
  }

  // listen(address | undefined, port, reusePort): the port. Throws with `errno`; 0: no address.
  Napi::Value Listen(const Napi::CallbackInfo& info) {
    const std::string address = info[0].IsString() ? info[0].As<Napi::String>().Utf8Value() : "";
    const auto port = static_cast<uint16_t>(NumberOf(info[1], 65535, "a port"));
    TcpListener::Error error;
    const uint16_t bound = watch().reader().Listen(address, port, info[2].ToBoolean().Value(), &error);
    if (bound == 0) throw SystemError(error);
    return Napi::Number::New(env_, bound);
  }

  // read(engine, receivedAtMs): a RunResult; after kBatchFull attach another batch and call again, after kRingFull wait
  // for room in another worker's ring.
  Napi::Value Read(const Napi::CallbackInfo& info) {
    EngineHandle* const engine = HandleOf<EngineHandle>(info[0]);
    const TcpReader::Result result = watch().reader().Read(
        {engine->ReadyRunner(), engine->router(), info[1].IsNumber() ? info[1].ToNumber().DoubleValue() : 0});
    watch().Follow();
    if (result == TcpReader::Result::kNeverFits) throw NeverFits(env_);
    return Napi::Number::New(env_, static_cast<uint32_t>(ResultOf(result)));
  }

  void Resume(const Napi::CallbackInfo&) { watch().Resume(); }
  void Pause(const Napi::CallbackInfo&) { watch().Pause(); }
  void Accept(const Napi::CallbackInfo&) { watch().reader().Accept(); }
  void StopAccepting(const Napi::CallbackInfo&) { watch().reader().StopAccepting(); }
  // finishQuiet(turns, cut)
  void FinishQuiet(const Napi::CallbackInfo& info) {
    watch().reader().FinishQuiet(NumberOf(info[0], UINT32_MAX, "turns"), info[1].ToBoolean().Value());
  }
  // squeeze(on)
  void Squeeze(const Napi::CallbackInfo& info) { watch().reader().Squeeze(info[0].ToBoolean().Value()); }
  // look(idleLooks, recordLooks): whether connections have ended
  Napi::Value Look(const Napi::CallbackInfo& info) {
    const bool ended =
        watch().reader().Look(NumberOf(info[0], UINT32_MAX, "looks"), NumberOf(info[1], UINT32_MAX, "looks"));
    return Napi::Boolean::New(env_, ended);
  }
  // abandon(): bytes that were received and not run
  Napi::Value Abandon(const Napi::CallbackInfo&) {
    return Napi::Number::New(env_, static_cast<double>(watch().reader().Abandon()));
  }
  void Close(const Napi::CallbackInfo&) {
    if (watch_ == nullptr) return;
    watch_->Close();
    watch_ = nullptr;
    losses_.Reset();
    sources_.Reset();
    on_readable_.Reset();
  }

  Napi::Value Listener(const Napi::CallbackInfo&) {
    return Napi::Number::New(env_, watch_ == nullptr ? -1 : watch_->reader().listener());
  }
  Napi::Value Connections(const Napi::CallbackInfo&) {
    return Napi::Number::New(env_, watch_ == nullptr ? 0 : static_cast<double>(watch_->reader().connections()));
  }
  Napi::Value Accepted(const Napi::CallbackInfo&) {
    return Napi::Number::New(env_, watch_ == nullptr ? 0 : static_cast<double>(watch_->reader().accepted()));
  }
  Napi::Value Refused(const Napi::CallbackInfo&) {
    return Napi::Number::New(env_, watch_ == nullptr ? 0 : static_cast<double>(watch_->reader().refused()));
  }
  Napi::Value CountOf(uint64_t (TcpReader::*count)() const) {
    return Napi::Number::New(env_, watch_ == nullptr ? 0 : static_cast<double>((watch_->reader().*count)()));
  }
  Napi::Value RefusedConnections(const Napi::CallbackInfo&) { return CountOf(&TcpReader::refused_connections); }
  Napi::Value RefusedSource(const Napi::CallbackInfo&) { return CountOf(&TcpReader::refused_source); }
  Napi::Value ClosedIdle(const Napi::CallbackInfo&) { return CountOf(&TcpReader::closed_idle); }
  Napi::Value ClosedSlow(const Napi::CallbackInfo&) { return CountOf(&TcpReader::closed_slow); }
  Napi::Value RateWaits(const Napi::CallbackInfo&) { return CountOf(&TcpReader::rate_waits); }
  Napi::Value Resting(const Napi::CallbackInfo&) {
    return Napi::Number::New(env_, watch_ == nullptr ? 0 : static_cast<double>(watch_->reader().resting()));
  }
  Napi::Value UnfinishedBytes(const Napi::CallbackInfo&) {
    return Napi::Number::New(env_, watch_ == nullptr ? 0 : static_cast<double>(watch_->reader().unfinished_bytes()));
  }
  Napi::Value HeldBack(const Napi::CallbackInfo&) {
    return Napi::Number::New(env_, watch_ == nullptr ? 0 : static_cast<double>(watch_->reader().held_back()));
  }
  Napi::Value Gathers(const Napi::CallbackInfo&) {
    return Napi::Boolean::New(env_, watch_ != nullptr && watch_->reader().gathers());
  }

  Napi::Env env_;
  Napi::AsyncContext context_;
  Watch* watch_ = nullptr;        // null once closed
  Napi::ObjectReference losses_;  // owns the cells that framers add to
  Napi::ObjectReference sources_;
  Napi::FunctionReference on_readable_;
};

void Watch::OnReadable(uv_poll_t* poll, int, int) {
  auto* watch = static_cast<Watch*>(poll->data);
  if (watch->handle_ != nullptr) watch->handle_->Readable();
}

void Watch::AtExit(napi_async_cleanup_hook_handle, void* self) {
  auto* watch = static_cast<Watch*>(self);
  if (watch->handle_ != nullptr) watch->handle_->Forget();
  watch->Close();
}

}  // namespace

void InitTcpReader(Napi::Env env, Napi::Object exports) { TcpHandle::Init(env, exports); }

}  // namespace streamgate

#endif
