#include "paceline/load/request_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <iterator>

namespace paceline {

Result<std::unique_ptr<RequestLog>> RequestLog::open(const std::string& path) {
  Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!fd) return fail_errno("open " + printable(path));
  return std::unique_ptr<RequestLog>(new RequestLog(std::move(fd), path));
}

RequestLog::RequestLog(Fd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {
  put("due_us\tsent_us\tfirst_us\tend_us\tstatus\tbytes\tconnection\toutcome\n");
  writer_ = std::thread([this] { write(); });
}

RequestLog::~RequestLog() { (void)finish(); }

void RequestLog::Part::add_time(Time time) {
  if (time == Time::min()) {
    buffer_ += "-\t";
  } else {
    fmt::format_to(std::back_inserter(buffer_), "{}\t",
                   std::chrono::round<std::chrono::microseconds>(time - zero_).count());
  }
}

void RequestLog::Part::add(const LoadRecord& record) {
  for (const Time time : {record.due, record.sent, record.first, record.end}) add_time(time);
  fmt::format_to(std::back_inserter(buffer_), "{}\t{}\t{}\t{}\n", record.status, record.bytes,
                 record.connection, record.outcome);
  if (buffer_.size() < buffer_size) return;
  log_.put(std::move(buffer_));
  buffer_.clear();
}

void RequestLog::put(std::string lines) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return pending_size_ < pending_max; });
  pending_size_ += lines.size();
  pending_.push_back(std::move(lines));
  changed_.notify_all();
}

void RequestLog::write() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return ending_ || !pending_.empty(); });
    if (pending_.empty()) return;
    const std::string lines = std::move(pending_.front());
    pending_.pop_front();
    lock.unlock();
    int os = 0;
    for (std::size_t done = 0; done < lines.size() && os == 0;) {
      const ssize_t n = ::write(fd_.get(), lines.data() + done, lines.size() - done);
      if (n >= 0) done += static_cast<std::size_t>(n);
      if (n < 0 && errno != EINTR) os = errno;
    }
    lock.lock();
    if (os_ == 0) os_ = os;
    pending_size_ -= lines.size();
    changed_.notify_all();
  }
}

Result<void> RequestLog::finish() {
  if (writer_.joinable()) {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
      changed_.notify_all();
    }
    writer_.join();
  }
  if (os_ != 0) return fail_errno("write " + printable(path_), os_);
  return {};
}

}  // namespace paceline
