#include "paceline/loop/offload.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <csignal>

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
}

std::size_t OffloadPool::waiting() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

bool OffloadPool::submit(std::unique_ptr<Job> job) {
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() >= options_.queue_max) {
      ++refused_;
      return false;
    }
    queue_.push_back(std::move(job));
  }
  if (threads_.size() < options_.threads) {
    // Signals belong to the loop's thread.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    threads_.emplace_back([this] { work(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  work_there_.notify_one();
  return true;
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
  for (std::unique_ptr<Job>& job : done) {
    if (job->waiter == nullptr) continue;
    Waiter& waiter = *job->waiter;
    std::unique_ptr<Job>& home = *job->home;
    home = std::move(job);
    loop_.make_ready(waiter);
  }
}

}  // namespace paceline
