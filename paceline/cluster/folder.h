// The instance folder and its lock: one instance a folder.
#pragma once

#include <sys/types.h>

#include <string>

#include "paceline/core.h"

namespace paceline {

/// Owns the lock of an instance's folder. The lock lives in an open file that every child
/// inherits, so a folder with an orphan in it is still taken.
class InstanceFolder {
 public:
  /// Creates the folder (0700, parents too), locks it, writes `pid`. A lock whose owner just died
  /// is waited for, at most kOrphanWait. Code::conflict names the pid that holds it.
  static Result<InstanceFolder> open(const std::string& path);
  InstanceFolder(InstanceFolder&&) = default;
  InstanceFolder& operator=(InstanceFolder&&) = delete;
  /// Removes the pid file; the lock file stays, since removing it would race with a new owner.
  ~InstanceFolder();

  const std::string& path() const { return path_; }  // absolute
  std::string control_path() const { return path_ + "/control.sock"; }
  int lock_fd() const { return lock_.get(); }
  /// How long opening listeners should retry an address in use: the last instance was killed and
  /// the kernel may still be closing its sockets. 0 after a clean stop.
  Duration address_patience() const { return patience_; }

 private:
  static constexpr Duration kOrphanWait = 2s;
  InstanceFolder() = default;
  Result<void> lock();
  Result<void> write_pid();
  std::string path_;
  Fd lock_;
  Duration patience_{0};
};

/// What the file `pid` of a folder says, or 0.
pid_t read_instance_pid(const std::string& folder);

}  // namespace paceline
