#include "paceline/cluster/control.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "paceline/loop.h"

namespace paceline {
namespace {

constexpr std::size_t kAnswerMax = std::size_t{1} << 20;

/// True when `fd` became ready (data, or an end) before the deadline.
bool wait_blocking(int fd, short events, Deadline deadline) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline.at - Clock::now());
    pollfd poll{.fd = fd, .events = events, .revents = 0};
    const int n = ::poll(&poll, 1, static_cast<int>(std::clamp<long>(left.count(), 0, 3'600'000)));
    if (n > 0) return true;
    if (n == 0 && deadline.passed(Clock::now())) return false;
    if (n < 0 && errno != EINTR) return false;
  }
}

struct Connection {
  Fd fd;
  Fd supervisor;  // pidfd
};

std::string absolute(const std::string& dir) {
  std::error_code error;
  const std::filesystem::path path = std::filesystem::absolute(dir, error);
  return error ? dir : path.lexically_normal().string();
}

Result<Connection> connect_control(const std::string& dir) {
  const std::string path = absolute(dir);
  Connection connection;
  Result<Fd> fd = connect_unix(path + "/control.sock");
  if (!fd &&
      (fd.error().os == ENOENT || fd.error().os == ECONNREFUSED || fd.error().os == ENOTDIR)) {
    return fail(Code::not_found, "no Paceline runs in " + path +
                                     "; start one with `paceline serve --dir " + path + "`");
  }
  PACELINE_TRY_VALUE(connection.fd, std::move(fd));
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(connection.fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    return fail_errno("ask who answers in " + path);
  }
  connection.supervisor.reset(static_cast<int>(::syscall(SYS_pidfd_open, peer.pid, 0)));
  return connection;
}

Result<std::string> exchange(const Connection& connection, std::string_view command,
                             Deadline deadline) {
  std::string request = "{\"command\":";
  append_json_string(request, command);
  request += "}\n";
  const int fd = connection.fd.get();
  // A request is far smaller than a socket's buffer.
  if (::send(fd, request.data(), request.size(), MSG_NOSIGNAL) < 0) {
    return fail_errno("send to the control socket");
  }
  std::string answer;
  while (!answer.ends_with('\n')) {
    if (!wait_blocking(fd, POLLIN, deadline)) {
      return fail(Code::timeout, "the supervisor did not answer in time; see its log");
    }
    std::array<char, 4096> chunk;  // NOLINT: recv fills it
    const ssize_t n = ::recv(fd, chunk.data(), chunk.size(), 0);
    if (n < 0 && errno != EAGAIN && errno != EINTR) return fail_errno("read the control socket");
    if (n == 0) return fail(Code::closed, "the supervisor ended before it answered");
    if (n > 0) answer.append(chunk.data(), static_cast<std::size_t>(n));
    if (answer.size() > kAnswerMax) return fail(Code::exhausted, "the answer is too long");
  }
  answer.pop_back();
  return answer;
}

/// Of the instance that answered with this status; none, then the grace alone counts.
Duration drain_timeout(const std::string& status) {
  const nlohmann::json json = nlohmann::json::parse(status, nullptr, false);
  const nlohmann::json::json_pointer path("/supervisor/drain_timeout_s");
  if (json.is_discarded() || !json.contains(path) || !json[path].is_number()) return {};
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(json[path]));
}

}  // namespace

Result<std::string> control_request_blocking(const std::string& dir, std::string_view command,
                                             Duration timeout) {
  PACELINE_TRY_VALUE(const Connection connection, connect_control(dir));
  return exchange(connection, command, Deadline::after(Clock::now(), timeout));
}

Result<std::string> stop_instance_blocking(const std::string& dir, Duration grace) {
  PACELINE_TRY_VALUE(const std::string status, control_request_blocking(dir, "status"));
  PACELINE_TRY_VALUE(const Connection connection, connect_control(dir));
  const Deadline deadline = Deadline::after(Clock::now(), drain_timeout(status) + grace);
  PACELINE_TRY_VALUE(std::string answer, exchange(connection, "stop", deadline));
  if (connection.supervisor && !wait_blocking(connection.supervisor.get(), POLLIN, deadline)) {
    return fail(Code::timeout, "the supervisor answered but did not end");
  }
  return answer;
}

}  // namespace paceline
