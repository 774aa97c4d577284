// The host as the instance may use it: CPUs, memory against its limit, pressure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "paceline/cluster.h"

namespace paceline {

struct HostUse {
  double cpus = 1;  // what the quota or the affinity allows
  std::optional<std::uint64_t> memory_used;
  std::optional<std::uint64_t> memory_limit;
  std::string source;  // "cgroup" or "ram"
  // Share of the last 10 s in which somebody waited for it (PSI); empty where the system has none.
  std::optional<double> pressure_cpu;
  std::optional<double> pressure_memory;
  std::optional<double> pressure_io;

  std::optional<double> memory_ratio() const;
};

class Host {
 public:
  /// `root` replaces "/" in tests.
  explicit Host(std::string root = "");
  HostUse read() const;

 private:
  std::string root_;
  HostLimits limits_;  // of the start: nobody changes them under a running instance often
};

/// "some avg10=1.53 avg60=…" as 0.0153.
std::optional<double> parse_pressure(std::string_view text);

}  // namespace paceline
