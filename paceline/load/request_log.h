// A line for every request (--log): what happened when, for whoever wants to look at single ones.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "paceline/core.h"

namespace paceline {

/// Times that did not come are Time::min().
struct LoadRecord {
  Time due;
  Time sent = Time::min();
  Time first = Time::min();  // when the first bytes of the answer were read
  Time end = Time::min();
  std::uint32_t connection = 0;
  unsigned status = 0;
  std::uint64_t bytes = 0;          // of the body
  std::string_view outcome = "ok";  // or what went wrong
};

/// The file, and the thread that writes it. Generator threads format lines into buffers of their
/// own; only when the disk is behind by pending_max do they wait for it.
class RequestLog {
 public:
  static constexpr std::size_t buffer_size = std::size_t{256} << 10;
  static constexpr std::size_t pending_max = std::size_t{64} << 20;

  /// Replaces the file.
  static Result<std::unique_ptr<RequestLog>> open(const std::string& path);
  ~RequestLog();
  RequestLog(const RequestLog&) = delete;
  RequestLog& operator=(const RequestLog&) = delete;

  /// A generator thread's side.
  class Part {
   public:
    /// Times are counted from `zero`.
    Part(RequestLog& log, Time zero) : log_(log), zero_(zero) {}
    ~Part() { log_.put(std::move(buffer_)); }
    Part(const Part&) = delete;
    Part& operator=(const Part&) = delete;
    void add(const LoadRecord& record);

   private:
    void add_time(Time time);
    RequestLog& log_;
    Time zero_;
    std::string buffer_;
  };

  /// Waits until all is written; says what could not be.
  Result<void> finish();

 private:
  RequestLog(Fd fd, std::string path);
  void put(std::string lines);
  void write();

  Fd fd_;
  std::string path_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> pending_;
  std::size_t pending_size_ = 0;
  bool ending_ = false;
  int os_ = 0;  // the first write that failed
  std::thread writer_;
};

}  // namespace paceline
