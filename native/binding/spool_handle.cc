// SpoolThread(onDone): the thread that does the file work of a worker's spool lanes, as JavaScript sees it.
//
// Every method but close() takes a request's number, and a file's, both chosen by the caller, and answers by
// onDone(request, errno, value, bytes, body), one call for each request, all that are done in one wake-up. While
// something is on its way the environment's loop is kept alive. The handle owns the thread until close(), which the
// finalizer and the environment's end call as well: what was submitted is done then, and nobody is told.
#include "binding/spool_handle.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "binding/arguments.h"
#include "binding/batch_handle.h"
#include "spool/spool_thread.h"

#if defined(_WIN32)

namespace streamgate {
void InitSpoolThread(Napi::Env, Napi::Object) {}  // the portable spool runs there
}  // namespace streamgate

#else

namespace streamgate {
namespace {

// An ArrayBuffer over `size` bytes from malloc, which it frees; null when that can not be, and then they are freed.
napi_value Adopt(napi_env env, uint8_t* data, size_t size) {
  napi_value buffer = nullptr;
  const auto collected = [](napi_env, void* memory, void*) { std::free(memory); };
  if (napi_create_external_arraybuffer(env, data, size, collected, nullptr, &buffer) == napi_ok) return buffer;
  // A runtime that takes no memory of an addon's own.
  void* copy = nullptr;
  if (napi_create_arraybuffer(env, size, &copy, &buffer) == napi_ok)
    std::memcpy(copy, data, size);
  else
    buffer = nullptr;
  std::free(data);
  return buffer;
}

napi_value CopyOf(napi_env env, const std::vector<std::pair<const void*, size_t> >& parts) {
  size_t size = 0;
  for (const auto& part : parts) size += part.second;
  void* data = nullptr;
  napi_value buffer = nullptr;
  if (napi_create_arraybuffer(env, size, &data, &buffer) != napi_ok) return nullptr;
  auto* at = static_cast<char*>(data);
  for (const auto& part : parts) {
    if (part.second > 0) std::memcpy(at, part.first, part.second);
    at += part.second;
  }
  return buffer;
}

uint64_t Big(const Napi::Value& value, const char* what) {
  uint64_t result = 0;
  bool lossless = false;
  if (napi_get_value_bigint_uint64(value.Env(), value, &result, &lossless) != napi_ok || !lossless)
    throw CodedError(value.Env(), "SG_LAYOUT", std::string(what) + " is no 64-bit BigInt");
  return result;
}

// Offsets and sizes of files.
uint64_t Whole(const Napi::Value& value, const char* what) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  if (!(number >= 0 && number <= 9007199254740991.0))
    throw CodedError(value.Env(), "SG_LAYOUT", std::string(what) + " is no offset");
  return static_cast<uint64_t>(number);
}

class SpoolHandle : public Napi::ObjectWrap<SpoolHandle> {
 public:
  static void Init(Napi::Env env, Napi::Object exports) {
    exports.Set("SpoolThread", DefineClass(env, "SpoolThread",
                                           {
                                               InstanceMethod<&SpoolHandle::Create>("create"),
                                               InstanceMethod<&SpoolHandle::Open>("open"),
                                               InstanceMethod<&SpoolHandle::Append>("append"),
                                               InstanceMethod<&SpoolHandle::Truncate>("truncate"),
                                               InstanceMethod<&SpoolHandle::Scan>("scan"),
                                               InstanceMethod<&SpoolHandle::Read>("read"),
                                               InstanceMethod<&SpoolHandle::CloseFile>("closeFile"),
                                               InstanceMethod<&SpoolHandle::Close>("close"),
                                           }));
  }

  explicit SpoolHandle(const Napi::CallbackInfo& info) : Napi::ObjectWrap<SpoolHandle>(info), env_(info.Env()) {
    if (info.Length() < 1 || !info[0].IsFunction()) throw Napi::TypeError::New(env_, "SpoolThread(onDone)");
    on_done_ = Napi::ThreadSafeFunction::New(env_, info[0].As<Napi::Function>(), "streamgate:spool", 0, 1);
    on_done_.Unref(env_);
    std::string error;
    // As in writer_handle.cc: a thread that was left behind may call when the function is gone; `alive` is cleared
    // first. `this` is used in the environment's thread alone, where it is alive as long as `alive` says so.
    const std::shared_ptr<std::atomic<bool> > alive = alive_;
    thread_ = SpoolThread::Start(
        [alive, tsfn = on_done_, self = this] {
          if (!alive->load()) return;
          tsfn.NonBlockingCall([alive, self](Napi::Env env, Napi::Function callback) {
            if (static_cast<napi_env>(env) != nullptr && alive->load()) self->Deliver(env, callback);
          });
        },
        &error);
    if (thread_ == nullptr) {
      on_done_.Release();
      throw Napi::Error::New(env_, "the spool's thread can not start: " + error);
    }
    // Registered after the thread-safe function's own hook, so it runs before it.
    napi_add_env_cleanup_hook(env_, AtExit, this);
    running_ = true;
  }
  ~SpoolHandle() override { Stop(); }

 private:
  static void AtExit(void* self) { static_cast<SpoolHandle*>(self)->Stop(true); }

  void Stop(bool at_exit = false) {
    if (!running_) return;
    running_ = false;
    if (!at_exit) napi_remove_env_cleanup_hook(env_, AtExit, this);
    alive_->store(false);
    thread_->Close();
    thread_.reset();
    files_.clear();
    on_done_.Release();
  }

  // Calls back for everything that is done. By the C calls: they report, where the wrapper would abort a process whose
  // environment is ending.
  void Deliver(napi_env env, napi_value callback) {
    std::vector<std::unique_ptr<SpoolRequest> > done = thread_->TakeDone();
    outstanding_ -= done.size();
    if (outstanding_ == 0) on_done_.Unref(env_);
    napi_value undefined = nullptr;
    if (napi_get_undefined(env, &undefined) != napi_ok) return;
    for (const std::unique_ptr<SpoolRequest>& request : done) {
      napi_handle_scope scope = nullptr;
      if (napi_open_handle_scope(env, &scope) != napi_ok) return;
      napi_value arguments[5] = {undefined, undefined, undefined, undefined, undefined};
      const bool called = napi_create_uint32(env, request->id, &arguments[0]) == napi_ok &&
                          napi_create_int32(env, request->error, &arguments[1]) == napi_ok &&
                          Answer(env, request.get(), arguments) &&
                          napi_call_function(env, undefined, callback, 5, arguments, nullptr) == napi_ok;
      napi_close_handle_scope(env, scope);
      // `this` may have been closed by what was called.
      if (!called) return;
    }
  }

  static bool Answer(napi_env env, SpoolRequest* request, napi_value* arguments) {
    if (request->kind == SpoolRequest::Kind::kAppend)
      return napi_create_uint32(env, request->written, &arguments[2]) == napi_ok;
    if (request->error != 0) return true;
    if (request->kind == SpoolRequest::Kind::kScan) {
      const ScanResult& result = request->scan;
      arguments[3] = CopyOf(
          env, {{&result.scan, sizeof result.scan}, {result.holes.data(), result.holes.size() * sizeof(SegmentHole)}});
      return arguments[3] != nullptr;
    }
    if (request->kind != SpoolRequest::Kind::kRead || !request->read.found) return true;
    ReadGroup& read = request->read;
    arguments[3] = CopyOf(env, {{&read.group.header, sizeof(GroupHeader)}, {read.reason.data(), read.reason.size()}});
    arguments[4] = Adopt(env, std::exchange(read.body, nullptr), read.group.header.body_bytes);
    return arguments[3] != nullptr && arguments[4] != nullptr &&
           napi_create_double(env, static_cast<double>(read.group.end_offset()), &arguments[2]) == napi_ok;
  }

  // request(number, file, …)
  std::unique_ptr<SpoolRequest> Begin(const Napi::CallbackInfo& info, SpoolRequest::Kind kind) {
    if (!running_) throw CodedError(env_, "SG_ENGINE_CLOSED", "the spool's thread is closed");
    auto request = std::make_unique<SpoolRequest>();
    request->kind = kind;
    request->id = NumberOf(info[0], UINT32_MAX, "a request");
    const uint32_t id = NumberOf(info[1], UINT32_MAX, "a file");
    if (kind == SpoolRequest::Kind::kCreate || kind == SpoolRequest::Kind::kOpen) {
      request->file = files_[id] = std::make_shared<SegmentFile>();
    } else {
      const auto found = files_.find(id);
      if (found == files_.end()) throw CodedError(env_, "SG_ENGINE_CLOSED", "the file is closed");
      request->file = found->second;
      if (kind == SpoolRequest::Kind::kClose) files_.erase(found);
    }
    return request;
  }

  void Submit(std::unique_ptr<SpoolRequest> request) {
    if (outstanding_++ == 0) on_done_.Ref(env_);
    thread_->Submit(std::move(request));
  }

  // create(request, file, path, header)
  void Create(const Napi::CallbackInfo& info) {
    const Memory header = BytesOf(info[3], "a header");
    auto request = Begin(info, SpoolRequest::Kind::kCreate);
    request->path = info[2].ToString().Utf8Value();
    request->header.assign(reinterpret_cast<const char*>(header.data), header.size);
    Submit(std::move(request));
  }
  // open(request, file, path)
  void Open(const Napi::CallbackInfo& info) {
    auto request = Begin(info, SpoolRequest::Kind::kOpen);
    request->path = info[2].ToString().Utf8Value();
    Submit(std::move(request));
  }
  // append(request, file, offset, sync, groups): groups as [header, reason, memory, from, to, memory, from, to, …]
  void Append(const Napi::CallbackInfo& info) {
    auto request = Begin(info, SpoolRequest::Kind::kAppend);
    request->offset = Whole(info[2], "offset");
    request->sync = info[3].ToBoolean().Value();
    if (!info[4].IsArray()) throw CodedError(env_, "SG_LAYOUT", "groups are no array");
    const Napi::Array groups = info[4].As<Napi::Array>();
    request->groups.reserve(groups.Length());
    for (uint32_t i = 0; i < groups.Length(); ++i) {
      const Napi::HandleScope scope(env_);
      const Napi::Value given = groups.Get(i);
      if (!given.IsArray()) throw CodedError(env_, "SG_LAYOUT", "a group is no array");
      request->groups.push_back(GroupOf(given.As<Napi::Array>()));
    }
    Submit(std::move(request));
  }
  GroupToWrite GroupOf(const Napi::Array& given) {
    GroupToWrite group;
    const Memory header = BytesOf(given.Get(uint32_t{0}), "a group's header");
    if (header.size != sizeof(GroupHeader)) throw CodedError(env_, "SG_LAYOUT", "a group's header has 64 bytes");
    std::memcpy(&group.header, header.data, sizeof(GroupHeader));
    const Memory reason = BytesOf(given.Get(1), "a reason");
    group.reason.assign(reinterpret_cast<const char*>(reason.data), reason.size);
    uint64_t records = 0;
    uint64_t bytes = 0;
    for (uint32_t i = 2; i + 2 < given.Length(); i += 3) {
      BatchMemory* const batch = BatchOf(given.Get(i));
      group.ranges.emplace_back(batch, NumberOf(given.Get(i + 1), UINT32_MAX, "from"),
                                NumberOf(given.Get(i + 2), batch->header()->records, "to"));
      const uint64_t size = group.ranges.back().RecordBytes();
      if (size == UINT64_MAX) throw CodedError(env_, "SG_LAYOUT", "the batch does not hold these records");
      records += group.ranges.back().to() - group.ranges.back().from();
      bytes += size;
    }
    if (records == 0 || records != group.header.records || bytes != group.header.record_bytes)
      throw CodedError(env_, "SG_LAYOUT", "a group's header does not fit its records");
    return group;
  }
  // truncate(request, file, bytes)
  void Truncate(const Napi::CallbackInfo& info) {
    auto request = Begin(info, SpoolRequest::Kind::kTruncate);
    request->end = Whole(info[2], "bytes");
    Submit(std::move(request));
  }
  // scan(request, file, bytes, passed, expected)
  void Scan(const Napi::CallbackInfo& info) {
    auto request = Begin(info, SpoolRequest::Kind::kScan);
    request->end = Whole(info[2], "bytes");
    request->sequence = Big(info[3], "passed");
    request->expected = Big(info[4], "expected");
    Submit(std::move(request));
  }
  // read(request, file, offset, end, epoch, sequenceMin)
  void Read(const Napi::CallbackInfo& info) {
    auto request = Begin(info, SpoolRequest::Kind::kRead);
    request->offset = Whole(info[2], "offset");
    request->end = Whole(info[3], "end");
    request->epoch = NumberOf(info[4], UINT32_MAX, "epoch");
    request->sequence = Big(info[5], "sequenceMin");
    Submit(std::move(request));
  }
  // closeFile(request, file)
  void CloseFile(const Napi::CallbackInfo& info) { Submit(Begin(info, SpoolRequest::Kind::kClose)); }
  void Close(const Napi::CallbackInfo&) { Stop(); }

  Napi::Env env_;
  std::unique_ptr<SpoolThread> thread_;
  std::unordered_map<uint32_t, std::shared_ptr<SegmentFile> > files_;
  size_t outstanding_ = 0;
  Napi::ThreadSafeFunction on_done_;
  std::shared_ptr<std::atomic<bool> > alive_ = std::make_shared<std::atomic<bool> >(true);
  bool running_ = false;
};

}  // namespace

void InitSpoolThread(Napi::Env env, Napi::Object exports) { SpoolHandle::Init(env, exports); }

}  // namespace streamgate

#endif
