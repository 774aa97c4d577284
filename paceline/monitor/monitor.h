// The monitor: one process that reads what all others publish in shared memory, and answers
// operators about it. It asks nobody, so it answers while every worker is stopped or stuck.
#pragma once

#include <memory>
#include <string>

#include "paceline/cluster.h"
#include "paceline/core.h"
#include "paceline/http.h"
#include "paceline/loop.h"

namespace paceline {

class Monitor {
 public:
  /// Borrowed; all outlive the monitor.
  struct Parts {
    Loop& loop;
    Log& log;
    const Config& config;
    const SharedRegion& metrics;
    const SharedRegion& control;
  };
  static Result<std::unique_ptr<Monitor>> create(Parts parts);
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;
  ~Monitor();

  /// Answers on the address that operators were told.
  Result<void> listen(int fd);
  /// Answers on the folder's own socket, whose file mode is its guard: no token is asked for.
  Result<void> listen_local(int fd);
  /// Once a second: looks at everything, judges, remembers.
  void tick();
  /// Ends all streams and accepts no more; true when nothing was left to answer.
  Task<bool> stop(Deadline deadline);

 private:
  class Inside;
  explicit Monitor(std::unique_ptr<Inside> inside);
  std::unique_ptr<Inside> inside_;
};

}  // namespace paceline
