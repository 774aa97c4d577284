#include "paceline/loop/offload.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <csignal>
#include <system_error>

namespace paceline {

OffloadPool::OffloadPool(Loop& loop, OffloadOptions options)
    : loop_(loop), options_(options), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  check(static_cast<bool>(wake_), "eventfd");
  check(loop_.add(*this, wake_.get(), EPOLLIN).has_value(), "watch eventfd");
}

OffloadPool::~OffloadPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_there_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  loop_.remove(*this, wake_.get());
  for (std::unique_ptr<Job>& job : done_) hand_back(std::move(job));
  for (std::unique_ptr<Job>& job : queue_) hand_back(std::move(job));
}

std::size_t OffloadPool::waiting() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

/// Takes the job, unless it answers false.
bool OffloadPool::submit(std::unique_ptr<Job>& job) {
  const bool can_run = threads_.size() >= options_.threads || start_thread() || !threads_.empty();
  {
    const std::lock_guard lock(mutex_);
    if (!can_run || queue_.size() >= options_.queue_max) {
      ++refused_;
      return false;
    }
    queue_.push_back(std::move(job));
  }
  work_there_.notify_one();
  return true;
}

/// False when the system has no thread left to give.
bool OffloadPool::start_thread() {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);  // signals belong to the loop's thread
  pthread_sigmask(SIG_SETMASK, &all, &before);
  bool started = true;
  try {
    threads_.emplace_back([this] { work(); });
  } catch (const std::system_error&) {
    started = false;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return started;
}

void OffloadPool::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    work_there_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (stopping_) return;
    std::unique_ptr<Job> job = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    job->execute();
    lock.lock();
    done_.push_back(std::move(job));
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
  }
}

void OffloadPool::ready(std::uint32_t /*events*/) {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto drained = ::read(wake_.get(), &count, sizeof count);
  std::vector<std::unique_ptr<Job>> done;
  {
    const std::lock_guard lock(mutex_);
    done.swap(done_);
  }
  for (std::unique_ptr<Job>& job : done) hand_back(std::move(job));
}

/// To the caller, who goes on; dropped if there is none any more.
void OffloadPool::hand_back(std::unique_ptr<Job> job) {
  if (job->waiter == nullptr) return;
  Waiter& waiter = *job->waiter;
  std::unique_ptr<Job>& home = *job->home;
  home = std::move(job);
  loop_.make_ready(waiter);
}

}  // namespace paceline
