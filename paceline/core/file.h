// Descriptors that close themselves, and the few file calls that several modules need.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "paceline/core/result.h"

namespace paceline {

/// Owns a file descriptor; -1 owns nothing.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) reset(std::exchange(other.fd_, -1));
    return *this;
  }
  ~Fd() { reset(); }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  void reset(int fd = -1);
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

/// The whole file, at most `limit` bytes (more is Code::exhausted).
Result<std::string> read_file(const std::string& path, std::size_t limit = std::size_t{16} << 20);
/// Replaces the file atomically: temporary file, fsync, rename.
Result<void> write_file(const std::string& path, std::string_view content);
/// The rest of a descriptor from its start (pread), for memfds and /proc files.
Result<std::string> read_all(int fd, std::size_t limit = std::size_t{16} << 20);

}  // namespace paceline
