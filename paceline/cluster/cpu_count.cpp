#include "paceline/cluster/cpu_count.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <vector>

namespace paceline {
namespace {

constexpr std::size_t kCpusMax = std::size_t{1} << 16;

std::string plural(std::size_t n, std::string_view word) {
  return std::to_string(n).append(" ").append(word).append(n == 1 ? "" : "s");
}

std::string number_text(double value) {
  std::array<char, 32> text{};
  const int n = std::snprintf(text.data(), text.size(), "%.4g", value);
  return {text.data(), static_cast<std::size_t>(n)};
}

std::string cpus_text(const HostLimits& limits) {
  const std::string quota =
      limits.cgroup.quota ? "quota " + number_text(*limits.cgroup.quota) : "no quota";
  return plural(limits.cpus(), "cpu") + " (affinity " + std::to_string(limits.affinity) + ", " +
         quota + ")";
}

/// The rule of a policy, before memory: the count, and the sentence up to it.
WorkerCount by_policy(const WorkerPolicy& policy, const HostLimits& limits) {
  WorkerCount count;
  const std::size_t cpus = limits.cpus();
  count.reason = policy.text() + ": ";
  switch (policy.kind) {
    case WorkerPolicy::Kind::number:
      count.wanted = policy.number;
      count.reason += "the configured number";
      break;
    case WorkerPolicy::Kind::io:
      count.wanted = std::min(cpus * 2, kWorkersMax);
      count.reason += cpus_text(limits) + " * 2";
      break;
    case WorkerPolicy::Kind::automatic:
    case WorkerPolicy::Kind::cpu:
      count.wanted = std::min(std::max<std::size_t>(1, cpus - 1), kWorkersMax);
      count.reason += cpus_text(limits) + (cpus > 1 ? " - 1 for the system" : ", at least 1");
      break;
  }
  return count;
}

}  // namespace

std::size_t affinity_cpus() {
  // The kernel refuses a mask smaller than its own; nobody has more than kCpusMax.
  for (std::size_t cpus = 1024; cpus <= kCpusMax; cpus *= 2) {
    std::vector<cpu_set_t> set(cpus / CPU_SETSIZE);
    const std::size_t bytes = set.size() * sizeof(cpu_set_t);
    if (::sched_getaffinity(0, bytes, set.data()) == 0) {
      return static_cast<std::size_t>(std::max(1, CPU_COUNT_S(bytes, set.data())));
    }
  }
  return static_cast<std::size_t>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
}

std::size_t HostLimits::cpus() const {
  std::size_t cpus = affinity;
  if (cgroup.quota && *cgroup.quota < static_cast<double>(cpus)) {
    cpus = static_cast<std::size_t>(*cgroup.quota);
  }
  return std::max<std::size_t>(1, cpus);
}

HostLimits host_limits() { return {.affinity = affinity_cpus(), .cgroup = read_cgroup_limits()}; }

std::string WorkerPolicy::text() const {
  switch (kind) {
    case Kind::automatic:
      return "auto";
    case Kind::io:
      return "io";
    case Kind::cpu:
      return "cpu";
    case Kind::number:
      break;
  }
  return std::to_string(number);
}

Result<WorkerPolicy> parse_worker_policy(std::string_view text) {
  using Kind = WorkerPolicy::Kind;
  if (text == "auto") return WorkerPolicy{.kind = Kind::automatic};
  if (text == "io") return WorkerPolicy{.kind = Kind::io};
  if (text == "cpu") return WorkerPolicy{.kind = Kind::cpu};
  const Result<std::uint64_t> number = parse_unsigned(text);
  if (!number || *number == 0 || *number > kWorkersMax) {
    return fail(Code::invalid, "workers: \"" + printable(text, 40) +
                                   "\" is no worker count: expected \"auto\", \"io\", \"cpu\" or "
                                   "1 to " +
                                   std::to_string(kWorkersMax));
  }
  return WorkerPolicy{.kind = Kind::number, .number = *number};
}

WorkerCount count_workers(const WorkerPolicy& policy, const HostLimits& limits,
                          std::uint64_t worker_bytes) {
  WorkerCount count = by_policy(policy, limits);
  count.policy = policy.text();
  count.cpus = limits.cpus();
  count.quota = limits.cgroup.quota;
  count.affinity = limits.affinity;
  if (limits.cgroup.memory) {
    const double usable = kWorkerMemoryShare * static_cast<double>(*limits.cgroup.memory);
    const auto cap = static_cast<std::size_t>(usable / static_cast<double>(worker_bytes));
    count.memory_cap = std::max<std::size_t>(1, cap);
    if (count.wanted > *count.memory_cap) {
      const std::string cap_text =
          std::to_string(*count.memory_cap) + " by the memory limit of " +
          number_text(static_cast<double>(*limits.cgroup.memory) / (1 << 20)) + " MiB";
      if (policy.kind == WorkerPolicy::Kind::number) {
        count.reason += ", though it should be " + cap_text;
      } else {
        count.reason += ", capped to " + cap_text;
        count.wanted = *count.memory_cap;
      }
    }
  }
  count.reason += " = " + plural(count.wanted, "worker");
  return count;
}

}  // namespace paceline
