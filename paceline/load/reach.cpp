#include "paceline/load/reach.h"

#include <netdb.h>
#include <poll.h>
#include <sys/un.h>

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <thread>

namespace paceline {
namespace {

constexpr Duration kLook = std::chrono::milliseconds(20);  // how often a stop is looked for

bool stopped(const LoadPatience& patience) {
  return patience.stop != nullptr && patience.stop->load(std::memory_order_relaxed);
}

std::unexpected<Error> cancelled() { return fail(Code::cancelled, "interrupted"); }

/// True when the descriptor is ready for `events`.
Result<bool> wait(int fd, short events, const LoadPatience& patience, Time until) {
  while (true) {
    if (stopped(patience)) return cancelled();
    const Time now = Clock::now();
    if (now >= until) return false;
    pollfd wanted{.fd = fd, .events = events, .revents = 0};
    const auto pause =
        std::chrono::ceil<std::chrono::milliseconds>(std::min<Duration>(until - now, kLook));
    const int ready = ::poll(&wanted, 1, static_cast<int>(pause.count()));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return fail_errno("poll");
  }
}

Result<Fd> connect(const LoadAddress& address, const LoadPatience& patience, Time until) {
  Fd fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fail_errno("socket");
  const std::string what = "connect to " + address.text();
  const auto* to = reinterpret_cast<const sockaddr*>(&address.storage);
  if (::connect(fd.get(), to, address.size) == 0) return fd;
  if (errno != EINPROGRESS) return fail_errno(what);
  PACELINE_TRY_VALUE(const bool ready, wait(fd.get(), POLLOUT, patience, until));
  if (!ready) return fail_errno(what, ETIMEDOUT);
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return fail_errno(what, error);
  return fd;
}

Result<TlsFacts> secure(const TlsContext& tls, int fd, const LoadAddress& address,
                        const LoadPatience& patience, Time until) {
  RealKernel kernel;
  TlsSession session(tls, kernel, fd);
  while (true) {
    const TlsSession::Step step = session.handshake();
    if (step == TlsSession::Step::done) return session.facts();
    if (step == TlsSession::Step::failed) {
      return fail(Code::unavailable, address.text() + ": " + explain(session.problem()));
    }
    PACELINE_TRY_VALUE(const bool ready, wait(fd, POLLIN, patience, until));
    if (!ready) return fail_errno("TLS handshake with " + address.text(), ETIMEDOUT);
    session.wake(false);
  }
}

Result<LoadReached> try_address(const LoadAddress& address, const TlsContext* tls,
                                const LoadPatience& patience) {
  const Time until = Deadline::after(Clock::now(), patience.timeout).at;
  LoadReached reached{.address = address, .tls = {}};
  PACELINE_TRY_VALUE(const Fd fd, connect(address, patience, until));
  if (tls == nullptr) return reached;
  PACELINE_TRY_VALUE(reached.tls, secure(*tls, fd.get(), address, patience, until));
  return reached;
}

Result<LoadAddress> unix_address(const std::string& path) {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  if (path.size() >= sizeof to.sun_path) {
    return fail(Code::invalid, "a Unix socket's path has at most 107 bytes: " + printable(path));
  }
  path.copy(to.sun_path, path.size());
  LoadAddress address;
  std::memcpy(&address.storage, &to, sizeof to);
  address.size = sizeof to;
  return address;
}

/// One call of getaddrinfo(), which nothing can cut short.
struct Lookup {
  std::string host;
  std::string port;
  std::mutex mutex;
  std::condition_variable ended;
  bool done = false;
  int answer = 0;
  int os = 0;
  addrinfo* list = nullptr;

  Lookup(std::string of_host, std::string of_port)
      : host(std::move(of_host)), port(std::move(of_port)) {}
  Lookup(const Lookup&) = delete;
  Lookup& operator=(const Lookup&) = delete;
  ~Lookup() {
    if (list != nullptr) ::freeaddrinfo(list);
  }

  void run() {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int code = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found);
    const int error = errno;
    const std::lock_guard lock(mutex);
    answer = code;
    os = error;
    list = code == 0 ? found : nullptr;
    done = true;
    ended.notify_all();
  }
};

/// The call has a thread of its own, and both own what it works on: whoever gives up waiting leaves
/// it to the thread.
Result<std::shared_ptr<const Lookup>> resolve(const LoadTarget& target,
                                              const LoadPatience& patience) {
  auto lookup = std::make_shared<Lookup>(target.host, std::to_string(target.port));
  std::thread([lookup] { lookup->run(); }).detach();
  std::unique_lock lock(lookup->mutex);
  while (!lookup->ended.wait_for(lock, kLook, [&] { return lookup->done; })) {
    if (stopped(patience)) return cancelled();
  }
  if (lookup->answer == 0) return lookup;
  return fail(Code::not_found, "cannot resolve " + printable(target.host) + ": " +
                                   (lookup->answer == EAI_SYSTEM ? std::strerror(lookup->os)
                                                                 : ::gai_strerror(lookup->answer)));
}

}  // namespace

Result<LoadReached> reach_blocking(const LoadTarget& target, const TlsContext* tls,
                                   LoadPatience patience) {
  if (!target.unix_path.empty()) {
    PACELINE_TRY_VALUE(const LoadAddress address, unix_address(target.unix_path));
    return try_address(address, tls, patience);
  }
  PACELINE_TRY_VALUE(const std::shared_ptr<const Lookup> lookup, resolve(target, patience));
  Result<LoadReached> result = fail(Code::not_found, "no address for " + printable(target.host));
  for (const addrinfo* each = lookup->list; each != nullptr; each = each->ai_next) {
    LoadAddress address;
    std::memcpy(&address.storage, each->ai_addr, each->ai_addrlen);
    address.size = each->ai_addrlen;
    result = try_address(address, tls, patience);
    if (result || result.error().code == Code::cancelled) return result;
  }
  return result;
}

}  // namespace paceline
