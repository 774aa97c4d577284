#include "paceline/loop/stall_watch.h"

#include <pthread.h>

#include <condition_variable>
#include <csignal>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>

#include "paceline/loop/stack.h"

namespace paceline {
namespace {

constexpr int kLooksPerThreshold = 4;      // while it is stuck
constexpr Duration kStackPatience = 50ms;  // for the stuck thread to run its handler

Time time_of(std::uint64_t ns) { return Time(Duration(static_cast<std::int64_t>(ns))); }

bool of_the_language(std::string_view function) {
  return function.starts_with("std::") || function.starts_with("operator ") ||
         function.starts_with("__") || function.starts_with("void std::");
}

}  // namespace

class StallWatch::Inside {
 public:
  Inside(Loop& loop, StallListener& listener, StallWatchOptions options)
      : loop_(loop), listener_(listener), options_(options) {
    // The thread takes no signals: they are the loop's.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::jthread([this](const std::stop_token& stop) { watch(stop); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

 private:
  void watch(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
      const Time next = look();
      woken_.wait_until(lock, stop, next, [] { return false; });
    }
    if (stalled_since_ != 0) end(Clock::now());
  }

  /// Answers when to look again: the present turn, or one that begins right now, cannot be too
  /// long before. So all is well at the price of ten to twenty looks a second, and a stall is seen
  /// the moment it becomes one.
  Time look() {
    const std::uint64_t since = loop_.busy_since().load(std::memory_order_relaxed);
    const Time now = Clock::now();
    if (stalled_since_ != 0 && since != stalled_since_) end(now);
    if (since == 0) return now + options_.threshold;
    if (now < time_of(since) + options_.threshold) return time_of(since) + options_.threshold;
    stall_.duration = now - time_of(since);
    if (stalled_since_ != 0) {
      listener_.goes_on(stall_);
    } else {
      stalled_since_ = since;
      begin(now);
    }
    return now + options_.threshold / kLooksPerThreshold;
  }

  void begin(Time now) {
    const char* doing = loop_.doing();
    stall_.number = ++count_;
    stall_.began = std::chrono::system_clock::now() -
                   std::chrono::duration_cast<std::chrono::system_clock::duration>(stall_.duration);
    stall_.doing = doing != nullptr ? doing : "";
    stall_.site.clear();
    stall_.stack.clear();
    if (may_take_stack(now)) take_stack();
    listener_.stalled(stall_);
  }

  void end(Time now) {
    stall_.duration = now - time_of(stalled_since_);
    stalled_since_ = 0;
    listener_.ended(stall_);
  }

  bool may_take_stack(Time now) {
    if (now - minute_began_ >= 60s) {
      minute_began_ = now;
      stacks_ = 0;
    }
    return stacks_ < options_.stacks_a_minute;
  }

  void take_stack() {
    const StackCopy* copy = taker_.take(kStackPatience);
    // What it shows is of another turn if this one ended meanwhile.
    const bool same = loop_.busy_since().load(std::memory_order_relaxed) == stalled_since_;
    if (copy == nullptr || !same) return;
    ++stacks_;
    for (StackFrame& frame : unwind(*copy, options_.frames_max)) {
      if (stall_.site.empty() && frame.part == StackFrame::Part::program &&
          !of_the_language(frame.function)) {
        stall_.site = frame.function;
      }
      std::string line = std::move(frame.function);
      if (!frame.place.empty()) line += " " + frame.place;
      stall_.stack.push_back(std::move(line));
    }
  }

  Loop& loop_;
  StallListener& listener_;
  StallWatchOptions options_;
  StackTaker taker_;
  Stall stall_;
  std::uint64_t count_ = 0;
  std::uint64_t stalled_since_ = 0;  // the loop's word for the turn that is too long
  Time minute_began_;
  std::size_t stacks_ = 0;
  std::mutex mutex_;
  std::condition_variable_any woken_;
  std::jthread thread_;  // last: uses what is above
};

StallWatch::StallWatch(Loop& loop, StallListener& listener, StallWatchOptions options)
    : inside_(std::make_unique<Inside>(loop, listener, options)) {}
StallWatch::~StallWatch() = default;

}  // namespace paceline
