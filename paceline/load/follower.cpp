#include "paceline/load/follower.h"

#include <algorithm>

namespace paceline {

bool LoadBoard::whole() const {
  return std::ranges::none_of(left_, [](const auto& of_thread) { return of_thread.empty(); });
}

void LoadBoard::put(unsigned thread, LoadSecond second) {
  const std::lock_guard lock(mutex_);
  left_[thread].push_back(std::move(second));
  if (whole()) changed_.notify_one();
}

void LoadBoard::follow(LoadFollower& follower, const std::stop_token& end) {
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, end, [this] { return whole(); })) {
    LoadSecond all;
    for (auto& of_thread : left_) {
      all.add(of_thread.front());
      of_thread.pop_front();
    }
    lock.unlock();
    follower.second(all);
    lock.lock();
  }
}

}  // namespace paceline
