#include "paceline/monitor/host.h"

#include <algorithm>
#include <charconv>

namespace paceline {
namespace {

std::optional<std::uint64_t> number_after(std::string_view text, std::string_view word) {
  const std::size_t at = text.find(word);
  if (at == std::string_view::npos) return {};
  std::string_view rest = text.substr(at + word.size());
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
  if (error != std::errc{}) return {};
  return value;
}

std::optional<std::uint64_t> number_in(const std::string& path) {
  const Result<std::string> text = read_file(path);
  return text ? number_after(*text, "") : std::nullopt;
}

/// What the kernel cannot take back by itself: use without the inactive part of the page cache.
void read_cgroup(const CgroupLimits& limits, HostUse& use) {
  const std::string& folder = limits.memory_folder;
  std::optional<std::uint64_t> used = number_in(folder + "/memory.current");
  if (!used) used = number_in(folder + "/memory.usage_in_bytes");
  if (!used) return;
  const Result<std::string> stat = read_file(folder + "/memory.stat");
  std::optional<std::uint64_t> inactive;
  if (stat) inactive = number_after(*stat, "total_inactive_file ");
  if (stat && !inactive) inactive = number_after(*stat, "inactive_file ");
  use.memory_used = *used - std::min(*used, inactive.value_or(0));
  use.memory_limit = limits.memory;
  use.source = "cgroup";
}

void read_ram(const std::string& root, HostUse& use) {
  constexpr std::uint64_t kKib = 1024;
  const Result<std::string> text = read_file(root + "/proc/meminfo");
  if (!text) return;
  const auto total = number_after(*text, "MemTotal:");
  const auto available = number_after(*text, "MemAvailable:");
  if (!total || !available) return;
  use.memory_used = (*total - std::min(*total, *available)) * kKib;
  use.memory_limit = *total * kKib;
  use.source = "ram";
}

}  // namespace

std::optional<double> parse_pressure(std::string_view text) {
  constexpr std::string_view kField = "avg10=";
  const std::size_t at = text.find(kField);
  if (!text.starts_with("some") || at == std::string_view::npos) return {};
  const std::string_view rest = text.substr(at + kField.size());
  double value = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
  if (error != std::errc{}) return {};
  return value / 100;
}

std::optional<double> HostUse::memory_ratio() const {
  if (!memory_used || !memory_limit || *memory_limit == 0) return {};
  return static_cast<double>(*memory_used) / static_cast<double>(*memory_limit);
}

Host::Host(std::string root) : root_(std::move(root)) {
  limits_.affinity = affinity_cpus();
  limits_.cgroup = read_cgroup_limits(root_);
}

HostUse Host::read() const {
  HostUse use;
  use.cpus = std::min(static_cast<double>(limits_.affinity),
                      limits_.cgroup.quota.value_or(static_cast<double>(limits_.affinity)));
  if (limits_.cgroup.memory) read_cgroup(limits_.cgroup, use);
  if (!use.memory_limit) read_ram(root_, use);
  const auto pressure = [this](const char* what) -> std::optional<double> {
    const Result<std::string> text = read_file(root_ + "/proc/pressure/" + what);
    return text ? parse_pressure(*text) : std::nullopt;
  };
  use.pressure_cpu = pressure("cpu");
  use.pressure_memory = pressure("memory");
  use.pressure_io = pressure("io");
  return use;
}

}  // namespace paceline
