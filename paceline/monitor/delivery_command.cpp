#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "paceline/loop.h"
#include "paceline/monitor/delivery.h"

extern char** environ;  // NOLINT: POSIX says so

namespace paceline {
namespace {

constexpr Duration kLook = std::chrono::milliseconds(100);  // between two looks at the stop mark

/// Everything posix_spawn wants to know; released when it goes.
class Spawn {
 public:
  Spawn() {
    posix_spawn_file_actions_init(&actions_);
    posix_spawnattr_init(&attributes_);
  }
  Spawn(const Spawn&) = delete;
  Spawn& operator=(const Spawn&) = delete;
  ~Spawn() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }

  /// The pid, leader of a group of its own, with default signals; or an errno.
  Result<pid_t> start(const std::vector<std::string>& command, int input) {
    posix_spawn_file_actions_adddup2(&actions_, input, STDIN_FILENO);
    posix_spawn_file_actions_addopen(&actions_, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    std::vector<std::string> words = command;
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    pid_t pid = 0;
    const int error =
        ::posix_spawnp(&pid, arguments.front(), &actions_, &attributes_, arguments.data(), environ);
    if (error != 0) return fail_errno("start " + command.front(), error);
    return pid;
  }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

Result<Fd> input_file(const std::string& input) {
  Fd file(::memfd_create("paceline-alert", MFD_CLOEXEC));
  if (!file) return fail_errno("memfd_create");
  std::size_t written = 0;
  while (written < input.size()) {
    const ssize_t n = ::write(file.get(), input.data() + written, input.size() - written);
    if (n < 0) return fail_errno("write the alert");
    written += static_cast<std::size_t>(n);
  }
  ::lseek(file.get(), 0, SEEK_SET);
  return file;
}

/// True when the process ended in time.
bool ended_in_time(int pidfd, Duration timeout, const StopMark& stop) {
  const Time end = Clock::now() + timeout;
  while (true) {
    const Duration left = std::min(end - Clock::now(), kLook);
    if (left <= Duration::zero() || stop.reached()) return false;
    pollfd wait{.fd = pidfd, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&wait, 1, static_cast<int>(left / std::chrono::milliseconds(1)) + 1);
    if (ready > 0) return true;
  }
}

}  // namespace

Attempt run_command_blocking(const std::vector<std::string>& command, const std::string& input,
                             Duration timeout, const StopMark& stop) {
  const Result<Fd> file = input_file(input);
  if (!file) return {.result = Delivery::again, .why = file.error().text()};
  Spawn spawn;
  const Result<pid_t> pid = spawn.start(command, file->get());
  if (!pid) {
    const bool later = pid.error().os == EAGAIN || pid.error().os == ENOMEM;
    return {.result = later ? Delivery::again : Delivery::refused, .why = pid.error().text()};
  }
  const Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, *pid, 0)));
  const bool ended = pidfd && ended_in_time(pidfd.get(), timeout, stop);
  if (!ended) ::kill(-*pid, SIGKILL);
  int status = 0;
  ::waitpid(*pid, &status, 0);
  if (!ended) {
    return {.result = Delivery::again, .why = "it ran longer than " + format_duration(timeout)};
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  const ExitStatus exit{.code = WIFEXITED(status) ? WEXITSTATUS(status) : 0,
                        .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0};
  return {.result = Delivery::again, .why = "it ended with " + exit.text()};
}

}  // namespace paceline
