#include "paceline/load/selftest_server.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <utility>

#include "paceline/http.h"
#include "paceline/loop.h"

namespace paceline {

/// What parent and child both see.
struct SelftestServer::Shared {
  std::atomic<std::uint64_t> requests;
};

namespace {

Result<Fd> listening_socket(int& port) {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fail_errno("socket");
  const int one = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);  // inherited by accepted ones
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  if (::bind(fd.get(), generic, size) != 0) return fail_errno("bind a loopback port");
  if (::listen(fd.get(), 1024) != 0) return fail_errno("listen");
  if (::getsockname(fd.get(), generic, &size) != 0) return fail_errno("getsockname");
  port = ntohs(address.sin_port);
  return fd;
}

Task<Response> after(Request& request, Duration delay) {
  co_await request.loop().sleep(delay);
  co_return Response::text("late\n");
}

void serve(int fd, std::atomic<std::uint64_t>& requests) {
  RealKernel kernel;
  Loop loop(kernel);
  Log log({.level = LogLevel::error});
  Routes routes;
  const auto counted = [&requests](auto answer) {
    return [&requests, answer](Request& request) {
      requests.fetch_add(1, std::memory_order_relaxed);
      return answer(request);
    };
  };
  routes.get("/", counted([](Request&) { return Response::text("at once\n"); }));
  routes.get("/slow", counted([](Request& r) { return after(r, SelftestServer::kSlow); }));
  routes.get("/never", counted([](Request& r) { return after(r, 60s); }));
  Server server({.loop = loop, .routes = routes, .log = log, .metrics = nullptr, .access = {}},
                {.handler_timeout = 120s, .requests_max = UINT32_MAX});
  if (server.listen(fd)) loop.run();
}

}  // namespace

Result<SelftestServer> SelftestServer::start() {
  SelftestServer made;
  PACELINE_TRY_VALUE(const Fd fd, listening_socket(made.port_));
  void* memory =
      ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return fail_errno("map shared memory");
  made.shared_ = ::new (memory) Shared{.requests = 0};
  const pid_t parent = ::getpid();
  made.pid_ = ::fork();
  if (made.pid_ < 0) return fail_errno("fork");
  if (made.pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() == parent) serve(fd.get(), made.shared_->requests);
    ::_exit(1);
  }
  return made;
}

SelftestServer::SelftestServer(SelftestServer&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      port_(other.port_),
      shared_(std::exchange(other.shared_, nullptr)) {}

SelftestServer::~SelftestServer() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  if (shared_ != nullptr) ::munmap(shared_, sizeof(Shared));
}

LoadTarget SelftestServer::target(const char* path) const {
  Result<LoadTarget> target = parse_load_target("http://127.0.0.1:" + std::to_string(port_) + path);
  check(target.has_value(), "a URL of our own");
  return *target;
}

std::uint64_t SelftestServer::requests() const { return shared_->requests.load(); }
void SelftestServer::halt() const { ::kill(pid_, SIGSTOP); }
void SelftestServer::go_on() const { ::kill(pid_, SIGCONT); }

}  // namespace paceline
