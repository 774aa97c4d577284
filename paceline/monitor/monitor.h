// The monitor: one process that reads what all others publish in shared memory, and answers
// operators about it. It asks nobody, so it answers while every worker is stopped or stuck.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "paceline/cluster.h"
#include "paceline/core.h"
#include "paceline/http.h"
#include "paceline/loop.h"
#include "paceline/metrics.h"
#include "paceline/monitor/self.h"

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
    const SharedRegion& stalls;
    const SharedRegion& history;  // a part "history" of History::bytes()
    std::string name;             // of the program: "paceline"
    std::string dir;              // of the instance
    std::string config_hash;      // tells two configurations apart
    ListenAddress listen;         // where operators reach it, with its real port
    SelfOptions workers;          // how workers watch themselves
    MetricsBlock& block;          // of this process
    /// What is measured, beside what lower modules and the monitor itself declare.
    std::vector<std::span<const MetricInfo>> metric_infos = {};
  };
  /// Errors: a token file that others can read, a configuration that cannot work.
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
