#include "paceline/cluster/folder.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <utility>

namespace paceline {
namespace {

constexpr Duration kAddressPatience = 1s;  // what exit of a killed process may take
constexpr int kRetryMs = 10;

std::string pid_path(const std::string& folder) { return folder + "/pid"; }

/// A zombie answers signal 0 too; its files are closed.
bool is_alive(pid_t pid) {
  if (pid <= 0 || (::kill(pid, 0) != 0 && errno == ESRCH)) return false;
  const Result<std::string> stat = read_file("/proc/" + std::to_string(pid) + "/stat");
  if (!stat) return false;
  const std::size_t name_end = stat->rfind(") ");
  return name_end == std::string::npos || !std::string_view("ZX").contains((*stat)[name_end + 2]);
}

std::unexpected<Error> unusable(const std::string& path, int os) {
  return fail_errno(
      "instance folder " + path + " cannot be used; make it writable or choose another with --dir",
      os);
}

Result<std::string> create_folder(const std::string& path) {
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error).lexically_normal();
  if (error) return unusable(path, error.value());
  std::string name = absolute.string();
  while (name.size() > 1 && name.ends_with('/')) name.pop_back();
  if (std::filesystem::create_directories(name, error)) {
    if (::chmod(name.c_str(), 0700) != 0) return unusable(name, errno);
  }
  if (error) return unusable(name, error.value());
  return name;
}

}  // namespace

pid_t read_instance_pid(const std::string& folder) {
  Result<std::string> text = read_file(pid_path(folder), 64);
  if (!text) return 0;
  while (text->ends_with('\n')) text->pop_back();
  const Result<std::uint64_t> pid = parse_unsigned(*text);
  return pid && *pid < INT32_MAX ? static_cast<pid_t>(*pid) : 0;
}

Result<InstanceFolder> InstanceFolder::open(const std::string& path) {
  InstanceFolder folder;
  PACELINE_TRY_VALUE(folder.path_, create_folder(path));
  PACELINE_TRY(folder.lock());
  if (read_instance_pid(folder.path_) != 0) folder.patience_ = kAddressPatience;
  PACELINE_TRY(folder.write_pid());
  return folder;
}

Result<void> InstanceFolder::lock() {
  const std::string name = path_ + "/lock";
  Fd fd(::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return unusable(path_, errno);
  const Time give_up = Clock::now() + kOrphanWait;
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail_errno("lock " + name);
    const pid_t pid = read_instance_pid(path_);
    if (is_alive(pid) || Clock::now() >= give_up) {
      const std::string who = is_alive(pid) ? "pid " + std::to_string(pid) : "an orphan of it";
      return fail(Code::conflict, "another Paceline (" + who + ") runs in " + path_ +
                                      "; stop it with `paceline stop --dir " + path_ +
                                      "` or choose another folder with --dir");
    }
    ::poll(nullptr, 0, kRetryMs);
  }
  lock_ = std::move(fd);
  return {};
}

Result<void> InstanceFolder::write_pid() {
  const std::string name = pid_path(path_);
  const Fd fd(::open(name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  const std::string text = std::to_string(::getpid()) + "\n";
  if (!fd || ::write(fd.get(), text.data(), text.size()) < 0) return unusable(path_, errno);
  return {};
}

InstanceFolder::~InstanceFolder() {
  if (lock_) ::unlink(pid_path(path_).c_str());
}

}  // namespace paceline
