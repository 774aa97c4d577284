#include "paceline/loop/stream.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace paceline {

Stream::Stream(Loop& loop, Fd fd)
    : loop_(loop), fd_(std::move(fd)), readable_(loop), writable_(loop) {
  // Edge-triggered and always both: one registration for the descriptor's whole life.
  check(loop_.add(*this, fd_.get(), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET).has_value(),
        "watch stream");
}

Stream::~Stream() { loop_.remove(*this, fd_.get()); }

void Stream::ready(std::uint32_t events) {
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) readable_.set();
  if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) writable_.set();
}

Task<Result<std::size_t>> Stream::read_some(std::span<char> into, Deadline deadline) {
  while (true) {
    readable_.reset();
    const ssize_t n = loop_.kernel().receive(fd_.get(), into);
    if (n >= 0) co_return static_cast<std::size_t>(n);
    if (n != -EAGAIN) co_return fail_errno("read", static_cast<int>(-n));
    const bool in_time = co_await readable_.wait(deadline);
    if (!in_time) co_return fail(Code::timeout, "read timed out");
  }
}

Task<Result<void>> Stream::write_all(std::string_view bytes, Deadline deadline) {
  while (!bytes.empty()) {
    writable_.reset();
    const ssize_t n = loop_.kernel().send(fd_.get(), bytes);
    if (n >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
      continue;
    }
    if (n != -EAGAIN) co_return fail_errno("write", static_cast<int>(-n));
    const bool in_time = co_await writable_.wait(deadline);
    if (!in_time) co_return fail(Code::timeout, "write timed out");
  }
  co_return Result<void>{};
}

Task<Result<std::size_t>> Stream::read_line(std::string& buffer, std::size_t limit,
                                            Deadline deadline) {
  std::size_t looked = 0;
  while (true) {
    const std::size_t end = buffer.find('\n', looked);
    looked = buffer.size();
    if (end == std::string::npos ? looked >= limit : end >= limit) {
      co_return fail(Code::exhausted, "line too long");
    }
    if (end != std::string::npos) co_return end + 1;
    std::array<char, 4096> chunk;
    const Result<std::size_t> n = co_await read_some(chunk, deadline);
    PACELINE_CO_TRY(n);
    if (*n == 0) co_return fail(Code::closed, "connection ended within a line");
    buffer.append(chunk.data(), *n);
  }
}

namespace {

/// A sockaddr_un for a path of any length: /proc/self/fd/N/name through the folder's descriptor,
/// since sun_path holds 108 bytes only.
struct UnixAddress {
  Fd folder;
  sockaddr_un address{};
};

Result<UnixAddress> unix_address(const std::string& path) {
  UnixAddress result;
  result.address.sun_family = AF_UNIX;
  std::string name = path;
  if (name.size() >= sizeof result.address.sun_path) {
    const std::size_t slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    result.folder.reset(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!result.folder) return fail_errno("open " + folder);
    name = "/proc/self/fd/" + std::to_string(result.folder.get()) + "/" +
           (slash == std::string::npos ? path : path.substr(slash + 1));
    if (name.size() >= sizeof result.address.sun_path) {
      return fail(Code::invalid, "socket name too long: " + path);
    }
  }
  std::ranges::copy(name, static_cast<char*>(result.address.sun_path));
  return result;
}

Result<Fd> unix_socket() {
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fail_errno("socket");
  return fd;
}

const sockaddr* generic(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

}  // namespace

Result<Fd> connect_unix(const std::string& path) {
  PACELINE_TRY_VALUE(const UnixAddress address, unix_address(path));
  PACELINE_TRY_VALUE(Fd fd, unix_socket());
  if (::connect(fd.get(), generic(address.address), sizeof address.address) != 0) {
    return fail_errno("connect to " + path);
  }
  return fd;
}

Result<Fd> listen_unix(const std::string& path, int backlog) {
  PACELINE_TRY_VALUE(const UnixAddress address, unix_address(path));
  PACELINE_TRY_VALUE(Fd fd, unix_socket());
  if (::bind(fd.get(), generic(address.address), sizeof address.address) != 0) {
    if (errno != EADDRINUSE) return fail_errno("bind " + path);
    struct stat there{};
    const Result<Fd> other = connect_unix(path);
    const bool stale = !other && other.error().os == ECONNREFUSED &&
                       ::lstat(path.c_str(), &there) == 0 && S_ISSOCK(there.st_mode);
    if (!stale) return fail_errno("bind " + path, EADDRINUSE);
    if (::unlink(path.c_str()) != 0) return fail_errno("remove " + path);
    if (::bind(fd.get(), generic(address.address), sizeof address.address) != 0) {
      return fail_errno("bind " + path);
    }
  }
  if (::chmod(path.c_str(), 0600) != 0) return fail_errno("chmod " + path);
  if (::listen(fd.get(), backlog) != 0) return fail_errno("listen on " + path);
  return fd;
}

Acceptor::Acceptor(Loop& loop, int fd, Handler handler)
    : loop_(loop), fd_(fd), handler_(std::move(handler)) {
  check(loop_.add(*this, fd_, EPOLLIN).has_value(), "watch listening socket");
}

Acceptor::~Acceptor() { loop_.remove(*this, fd_); }

void Acceptor::ready(std::uint32_t /*events*/) {
  const int fd = loop_.kernel().accept(fd_);
  if (fd >= 0) return handler_(Fd(fd));
  if (fd == -EMFILE || fd == -ENFILE || fd == -ENOBUFS || fd == -ENOMEM) {
    loop_.modify(*this, fd_, 0);  // it would be ready at once, again and again
    loop_.arm(*this, loop_.now() + kPause);
  }
}

void Acceptor::fire() { loop_.modify(*this, fd_, EPOLLIN); }

}  // namespace paceline
