#include "spool/spool_thread.h"

#if !defined(_WIN32)

#include <pthread.h>
#include <signal.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <utility>

namespace streamgate {
namespace {

// How long Close waits: what one worker has on its way is at most some ten megabytes a lane.
constexpr std::chrono::seconds kCloseWait{5};

void Do(SpoolRequest* request, SpoolScratch* scratch) {
  SegmentFile& file = *request->file;
  switch (request->kind) {
    case SpoolRequest::Kind::kCreate:
      request->error = file.Create(request->path, request->header);
      break;
    case SpoolRequest::Kind::kOpen:
      request->error = file.Open(request->path);
      break;
    case SpoolRequest::Kind::kAppend:
      request->error = file.Append(request->offset, &request->groups, request->sync, scratch, &request->written);
      break;
    case SpoolRequest::Kind::kTruncate:
      request->error = file.Truncate(request->end);
      break;
    case SpoolRequest::Kind::kScan:
      request->error = file.Scan(request->end, request->sequence, request->expected, scratch, &request->scan);
      break;
    case SpoolRequest::Kind::kRead:
      request->error =
          file.Read(request->offset, request->end, request->epoch, request->sequence, scratch, &request->read);
      break;
    case SpoolRequest::Kind::kClose:
      request->error = file.Close();
      break;
  }
}

}  // namespace

SpoolRequest::~SpoolRequest() { std::free(read.body); }

struct SpoolThread::State {
  explicit State(std::function<void()> done) : on_done(std::move(done)) {}

  void Run();

  std::function<void()> on_done;
  std::mutex mutex;
  std::condition_variable arrived;
  std::condition_variable ended_signal;
  std::vector<std::unique_ptr<SpoolRequest> > waiting;
  std::vector<std::unique_ptr<SpoolRequest> > done;
  bool closing = false;
  bool ended = false;
  std::thread thread;
};

void SpoolThread::State::Run() {
  sigset_t all;
  sigfillset(&all);
  // Signals are the main thread's.
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
#if defined(__linux__)
  pthread_setname_np(pthread_self(), "spool");
#endif
  SpoolScratch scratch;
  std::vector<std::unique_ptr<SpoolRequest> > taken;
  std::unique_lock<std::mutex> lock(mutex);
  for (;;) {
    arrived.wait(lock, [this] { return !waiting.empty() || closing; });
    if (waiting.empty()) break;
    taken.swap(waiting);
    lock.unlock();
    for (std::unique_ptr<SpoolRequest>& request : taken) {
      try {
        Do(request.get(), &scratch);
      } catch (const std::bad_alloc&) {
        request->error = ENOMEM;
      }
      // Lets the batches go.
      request->groups.clear();
      lock.lock();
      done.push_back(std::move(request));
      const bool first = done.size() == 1;
      lock.unlock();
      if (first) on_done();
    }
    taken.clear();
    lock.lock();
  }
  ended = true;
  ended_signal.notify_all();
}

std::unique_ptr<SpoolThread> SpoolThread::Start(std::function<void()> on_done, std::string* error) {
  auto state = std::make_shared<State>(std::move(on_done));
  try {
    state->thread = std::thread([state] { state->Run(); });
  } catch (const std::system_error& failure) {
    *error = failure.what();
    return nullptr;
  }
  return std::unique_ptr<SpoolThread>(new SpoolThread(std::move(state)));
}

SpoolThread::SpoolThread(std::shared_ptr<State> state) : state_(std::move(state)) {}

SpoolThread::~SpoolThread() { Close(); }

void SpoolThread::Submit(std::unique_ptr<SpoolRequest> request) {
  {
    const std::lock_guard<std::mutex> lock(state_->mutex);
    state_->waiting.push_back(std::move(request));
  }
  state_->arrived.notify_one();
}

std::vector<std::unique_ptr<SpoolRequest> > SpoolThread::TakeDone() {
  std::vector<std::unique_ptr<SpoolRequest> > done;
  const std::lock_guard<std::mutex> lock(state_->mutex);
  done.swap(state_->done);
  return done;
}

void SpoolThread::Close() {
  if (closed_) return;
  closed_ = true;
  std::unique_lock<std::mutex> lock(state_->mutex);
  state_->closing = true;
  state_->arrived.notify_one();
  const bool ended = state_->ended_signal.wait_for(lock, kCloseWait, [this] { return state_->ended; });
  lock.unlock();
  if (ended)
    state_->thread.join();
  else
    state_->thread.detach();
}

}  // namespace streamgate

#endif
