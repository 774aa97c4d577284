// The test's side: starting a supervisor, asking it, talking to its workers.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <sstream>

#include "paceline/cluster.h"
#include "paceline/cluster/test_program.h"

namespace paceline::test {
namespace {

constexpr Duration kPatience = 10s;

std::vector<char*> environment_with(std::string& variable) {
  std::vector<char*> result;
  for (char** entry = ::environ; *entry != nullptr; ++entry) result.push_back(*entry);
  result.push_back(variable.data());
  result.push_back(nullptr);
  return result;
}

}  // namespace

Folder::Folder() {
  std::string name = (std::filesystem::temp_directory_path() / "paceline-cluster-XXXXXX").string();
  path_ = ::mkdtemp(name.data());
}

Folder::~Folder() { std::filesystem::remove_all(path_); }

Instance::Instance(const Scenario& scenario)
    : scenario_(scenario), errors_(::memfd_create("errors", MFD_CLOEXEC)) {
  std::array<int, 2> pipe{};
  check(::pipe2(pipe.data(), O_CLOEXEC) == 0, "pipe");
  out_.reset(pipe[0]);
  const Fd write_end(pipe[1]);
  std::string variable = std::string(kScenarioVariable) + "=" + scenario.dir + ";" +
                         scenario.listen + ";" + scenario.workers + ";" + scenario.behaviour + ";" +
                         scenario.drain_timeout;
  const std::vector<char*> environment = environment_with(variable);
  std::string name = "supervisor";
  std::array<char*, 2> arguments = {name.data(), nullptr};
  pid_ = ::fork();
  check(pid_ >= 0, "fork");
  if (pid_ > 0) return;
  ::dup2(write_end.get(), STDOUT_FILENO);
  ::dup2(errors_.get(), STDERR_FILENO);
  ::execve("/proc/self/exe", arguments.data(), environment.data());
  ::_exit(127);
}

Instance::~Instance() {
  if (pid_ <= 0) return;
  if (testing::Test::HasFailure()) std::fputs(errors().c_str(), stderr);
  signal(SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

std::string Instance::wait_started() {
  const Time give_up = Clock::now() + kPatience;
  while (!address_.ends_with('\n') && Clock::now() < give_up) {
    pollfd poll{.fd = out_.get(), .events = POLLIN, .revents = 0};
    if (::poll(&poll, 1, 100) <= 0) continue;
    char letter = 0;
    if (::read(out_.get(), &letter, 1) <= 0) return {};
    address_ += letter;
  }
  if (!address_.empty()) address_.pop_back();
  return address_;
}

std::string Instance::errors() { return read_all(errors_.get()).value_or(""); }

int Instance::wait() {
  int status = 0;
  const bool ended = eventually([&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; });
  if (!ended) return -1000;
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

void Instance::signal(int number) const { ::kill(pid_, number); }

nlohmann::json Instance::status() const {
  const Result<std::string> text = control_request_blocking(scenario_.dir, "status");
  return text ? nlohmann::json::parse(*text) : nlohmann::json();
}

std::vector<pid_t> Instance::worker_pids() const {
  std::vector<pid_t> pids;
  const nlohmann::json all = status();
  if (!all.is_object()) return pids;
  for (const auto& worker : all["workers"]) {
    pids.push_back(worker["pid"].is_null() ? 0 : worker["pid"].get<pid_t>());
  }
  return pids;
}

std::expected<Fd, Failure> connect_to(const std::string& address) {
  const Result<ListenAddress> at = parse_listen_address(address);
  check(at.has_value(), "an address");
  if (at->kind == ListenAddress::Kind::unix_path) {
    Result<Fd> fd = connect_unix(at->host);
    if (!fd) return std::unexpected(Failure::refused);
    ::fcntl(fd->get(), F_SETFL, 0);
    return std::move(*fd);
  }
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval limit{.tv_sec = 10, .tv_usec = 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_port = htons(at->port);
  ::inet_pton(AF_INET, at->host.c_str(), &in.sin_addr);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&in), sizeof in) != 0) {
    return std::unexpected(errno == ECONNREFUSED ? Failure::refused : Failure::reset);
  }
  return fd;
}

void send_line(const Fd& fd, const std::string& line) {
  std::ignore = ::send(fd.get(), line.data(), line.size(), MSG_NOSIGNAL);
}

std::expected<Answer, Failure> read_answer(const Fd& fd) {
  std::string text;
  while (!text.ends_with('\n')) {
    std::array<char, 128> chunk;  // NOLINT: recv fills it
    const ssize_t n = ::recv(fd.get(), chunk.data(), chunk.size(), 0);
    if (n <= 0) return std::unexpected(Failure::reset);
    text.append(chunk.data(), static_cast<std::size_t>(n));
  }
  Answer answer;
  std::istringstream(text) >> answer.pid >> answer.slot >> answer.socket_slot;
  return answer;
}

std::expected<Answer, Failure> request(const Fd& fd, const std::string& line) {
  send_line(fd, line);
  return read_answer(fd);
}

bool eventually(const std::function<bool()>& condition) {
  const Time give_up = Clock::now() + kPatience;
  while (!condition()) {
    if (Clock::now() >= give_up) return false;
    ::poll(nullptr, 0, 5);
  }
  return true;
}

bool gone(pid_t pid) {
  const Result<std::string> stat = read_file("/proc/" + std::to_string(pid) + "/stat");
  return !stat || stat->contains(") Z ");
}

}  // namespace paceline::test
