#include "paceline/loop/process.h"

#include <pthread.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>

namespace paceline {

Signals::Signals(Loop& loop, std::initializer_list<int> signals, Handler handler)
    : loop_(loop), handler_(std::move(handler)), before_{} {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) sigaddset(&set, signal);
  check(pthread_sigmask(SIG_BLOCK, &set, &before_) == 0, "pthread_sigmask");
  fd_.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  check(static_cast<bool>(fd_), "signalfd");
  check(loop_.add(*this, fd_.get(), EPOLLIN).has_value(), "watch signalfd");
}

Signals::~Signals() {
  loop_.remove(*this, fd_.get());
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void Signals::ready(std::uint32_t /*events*/) {
  std::array<signalfd_siginfo, 8> infos{};
  const ssize_t n = ::read(fd_.get(), infos.data(), sizeof infos);
  if (n <= 0) return;
  const Handler handler = handler_;  // which may destroy us
  for (std::size_t i = 0; i < static_cast<std::size_t>(n) / sizeof infos[0]; ++i) {
    handler(static_cast<int>(infos.at(i).ssi_signo));
  }
}

std::string ExitStatus::text() const {
  if (signal == 0) return "exit code " + std::to_string(code);
  const char* name = sigdescr_np(signal);
  return "signal " + std::to_string(signal) + " (" + (name != nullptr ? name : "unknown") + ")";
}

Result<std::unique_ptr<Child>> Child::watch(Loop& loop, pid_t pid, Handler handler) {
  Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) return fail_errno("pidfd_open " + std::to_string(pid));
  std::unique_ptr<Child> child(new Child(loop, pid, std::move(pidfd), std::move(handler)));
  PACELINE_TRY(loop.add(*child, child->pidfd_.get(), EPOLLIN));
  child->watching_ = true;
  return child;
}

Child::Child(Loop& loop, pid_t pid, Fd pidfd, Handler handler)
    : loop_(loop), pid_(pid), pidfd_(std::move(pidfd)), handler_(std::move(handler)) {}

Child::~Child() {
  if (watching_) loop_.remove(*this, pidfd_.get());
}

Result<void> Child::signal(int number) const {
  if (::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0) < 0) {
    return fail_errno("signal process " + std::to_string(pid_));
  }
  return {};
}

void Child::ready(std::uint32_t /*events*/) {
  siginfo_t info{};
  if (::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED | WNOHANG) != 0) return;
  if (info.si_pid == 0) return;
  loop_.remove(*this, pidfd_.get());
  watching_ = false;
  ExitStatus status;
  (info.si_code == CLD_EXITED ? status.code : status.signal) = info.si_status;
  const Handler handler = std::move(handler_);
  handler(status);
}

}  // namespace paceline
