// Who watches a load test while it goes on: goals that may end it, a view for people.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <stop_token>
#include <vector>

#include "paceline/load/result.h"

namespace paceline {

class LoadFollower {
 public:
  /// Each second of counting in order, of all threads together, soon after its end; on a thread of
  /// its own. The last, which may be shorter, need not come.
  virtual void second(const LoadSecond& second) = 0;

 protected:
  ~LoadFollower() = default;
};

/// Where generator threads leave their seconds for it. They never wait for the follower.
class LoadBoard {
 public:
  explicit LoadBoard(unsigned threads) : left_(threads) {}
  void put(unsigned thread, LoadSecond second);
  /// Tells the follower of each second that all threads have left here, until `end`.
  void follow(LoadFollower& follower, const std::stop_token& end);

 private:
  bool whole() const;  // every thread has left the next second

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<std::deque<LoadSecond>> left_;  // by thread; a second each, so an hour is small
};

}  // namespace paceline
