#include "paceline/cluster/generation.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <vector>

namespace paceline {
namespace {

/// Everything the child needs between fork and exec, prepared before: there only
/// async-signal-safe calls are allowed, since other threads (the log's) may hold locks.
struct Launch {
  int program;
  pid_t parent;
  const std::vector<int>& fds;
  std::array<char*, 2> argv;
  std::vector<char*> environment;
};

[[noreturn]] void run_child(const Launch& launch) {
  // The parent may be gone before the request for its signal is in place: look after asking.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != launch.parent) ::_exit(1);
  // Ctrl-C reaches the whole process group, but when to stop is for the supervisor to say.
  for (const int signal : {SIGINT, SIGTERM, SIGPIPE}) ::signal(signal, SIG_IGN);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
  for (const int fd : launch.fds) ::fcntl(fd, F_SETFD, 0);
  ::syscall(SYS_execveat, launch.program, "", launch.argv.data(), launch.environment.data(),
            AT_EMPTY_PATH);
  ::_exit(Generation::kExitNoExec);
}

Result<Fd> sealed_text(std::string_view text) {
  Fd fd(::memfd_create("paceline-config", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return fail_errno("create the configuration's memfd");
  while (!text.empty()) {
    const ssize_t n = ::write(fd.get(), text.data(), text.size());
    if (n < 0) return fail_errno("write the configuration's memfd");
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
  if (::fcntl(fd.get(), F_ADD_SEALS, kSeals) != 0) return fail_errno("seal the configuration");
  return fd;
}

}  // namespace

Result<Generation> Generation::capture(std::uint64_t number, std::string_view config_text) {
  Generation generation;
  generation.number_ = number;
  generation.program_.reset(::open("/proc/self/exe", O_PATH | O_CLOEXEC));
  if (!generation.program_) return fail_errno("open this program (is /proc mounted?)");
  PACELINE_TRY_VALUE(generation.config_, sealed_text(config_text));
  return generation;
}

Result<pid_t> Generation::spawn(const ChildManifest& manifest, const std::string& title) const {
  std::string name = title;
  std::string variable = std::string(kManifestVariable) + "=" + manifest.text();
  const std::vector<int> fds = manifest.fds();
  Launch launch{.program = program_.get(),
                .parent = ::getpid(),
                .fds = fds,
                .argv = {name.data(), nullptr},
                .environment = {variable.data()}};
  for (char** entry = ::environ; *entry != nullptr; ++entry) launch.environment.push_back(*entry);
  launch.environment.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid < 0) return fail_errno("fork " + title);
  if (pid == 0) run_child(launch);
  return pid;
}

}  // namespace paceline
