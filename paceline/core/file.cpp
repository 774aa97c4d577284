#include "paceline/core/file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "paceline/core/text.h"

namespace paceline {
namespace {

constexpr std::size_t kReadLeast = 4096;  // what /proc has is shorter; longer files double it

/// Writes all of it; a disk takes less only when it is full or a signal came.
Result<void> write_whole(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno("write " + path);
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

/// After a rename only this makes the new name survive a power loss.
Result<void> sync_folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  std::string folder = ".";
  if (slash != std::string::npos) folder = slash == 0 ? "/" : path.substr(0, slash);
  const Fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return fail_errno("sync folder " + folder);
  return {};
}

Result<void> write_and_rename(const std::string& temporary, const std::string& path,
                              std::string_view content) {
  Fd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!fd) return fail_errno("create " + temporary);
  PACELINE_TRY(write_whole(fd.get(), content, temporary));
  if (::fsync(fd.get()) != 0) return fail_errno("sync " + temporary);
  fd.reset();
  if (::rename(temporary.c_str(), path.c_str()) != 0) return fail_errno("rename to " + path);
  return {};
}

Result<std::string> read_stream(int fd, const std::string& name, std::size_t limit) {
  std::string content;
  while (true) {
    const std::size_t old = content.size();
    // One byte more than the limit tells "full" from "too long".
    content.resize(old + std::min(std::max(kReadLeast, old), limit - old + 1));
    const ssize_t n = ::read(fd, content.data() + old, content.size() - old);
    const int os = errno;
    content.resize(old + static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    if (n < 0 && os == EINTR) continue;
    if (n < 0) return fail_errno("read " + name, os);
    if (n == 0) return content;
    if (content.size() > limit) {
      return fail(Code::exhausted, "read " + name + ": longer than " + format_bytes(limit));
    }
  }
}

}  // namespace

void Fd::reset(int fd) {
  // EINTR from close means closed on Linux: trying again could close somebody else's.
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

Result<std::string> read_file(const std::string& path, std::size_t limit) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail_errno("open " + path);
  return read_stream(fd.get(), path, limit);
}

Result<void> write_file(const std::string& path, std::string_view content) {
  // The thread id is unique on the host: two writers never share a temporary file. One that a
  // killed process left under the same id is garbage.
  const std::string temporary = path + "." + std::to_string(::gettid()) + ".tmp";
  ::unlink(temporary.c_str());
  Result<void> written = write_and_rename(temporary, path, content);
  if (!written) {
    ::unlink(temporary.c_str());
    return written;
  }
  return sync_folder_of(path);
}

Result<std::string> read_all(int fd, std::size_t limit) {
  std::string content;
  while (true) {
    const std::size_t old = content.size();
    content.resize(old + std::min(std::max(kReadLeast, old), limit - old + 1));
    const ssize_t n =
        ::pread(fd, content.data() + old, content.size() - old, static_cast<off_t>(old));
    const int os = errno;
    content.resize(old + static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    if (n < 0 && os == EINTR) continue;
    if (n < 0) return fail_errno("read descriptor " + std::to_string(fd), os);
    if (n == 0) return content;
    if (content.size() > limit) {
      return fail(Code::exhausted,
                  "read descriptor " + std::to_string(fd) + ": longer than " + format_bytes(limit));
    }
  }
}

}  // namespace paceline
