// The keys loop.* and memory.*.
#include <unistd.h>

#include <algorithm>
#include <array>

#include "paceline/monitor/self.h"

namespace paceline {
namespace {

constexpr std::array<ConfigKey, 5> kKeys = {{
    {.name = "loop.threshold",
     .kind = ConfigKind::duration,
     .fallback = "\"100ms\"",
     .meaning = "A turn of an event loop that takes longer is a stall: one warning with route and "
                "stack, a counter. 0: nobody watches.",
     .guide = "threshold"},
    {.name = "loop.interval",
     .kind = ConfigKind::duration,
     .fallback = "\"1s\"",
     .meaning = "The worst lag and the utilization shown are those of the last interval.",
     .guide = "interval"},
    {.name = "memory.limit",
     .kind = ConfigKind::text,
     .fallback = "\"auto\"",
     .meaning = "Memory that one worker should stay below, shown beside what it uses: a size such "
                "as \"512MiB\"; \"auto\": 80 % of the cgroup's limit or of the RAM, divided among "
                "the workers; \"0\": none.",
     .guide = "max-old-space-size|maxMemory"},
    {.name = "memory.interval",
     .kind = ConfigKind::duration,
     .fallback = "\"60s\"",
     .meaning = "How often memory.log writes; pss is read six times as often.",
     .guide = "memoryInterval"},
    {.name = "memory.log",
     .kind = ConfigKind::boolean,
     .fallback = "false",
     .meaning = "Every process logs its memory: rss, pss, heap, external, cache."},
}};

constexpr Duration kIntervalMin = std::chrono::milliseconds(10);

std::uint64_t ram_bytes() {
  const long pages = ::sysconf(_SC_PHYS_PAGES);
  const long page = ::sysconf(_SC_PAGESIZE);
  return pages > 0 && page > 0
             ? static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page)
             : 0;
}

Result<void> check_durations(const ConfigSection& config) {
  for (const std::string_view key : {"loop.interval", "memory.interval"}) {
    if (config.duration(key) >= kIntervalMin) continue;
    return fail(Code::invalid, config.place(key).text() + ": " + std::string(key) +
                                   " is at least " + format_duration(kIntervalMin));
  }
  const Duration threshold = config.duration("loop.threshold");
  if (threshold == Duration::zero() || threshold >= kIntervalMin) return {};
  return fail(Code::invalid, config.place("loop.threshold").text() +
                                 ": loop.threshold is 0 (off) or at least " +
                                 format_duration(kIntervalMin));
}

}  // namespace

std::span<const ConfigKey> self_config_keys() { return kKeys; }

MemoryLimit automatic_memory_limit(std::size_t workers, const CgroupLimits& cgroup,
                                   std::uint64_t ram) {
  const bool narrow = cgroup.memory && (ram == 0 || *cgroup.memory < ram);
  const std::uint64_t host = narrow ? *cgroup.memory : ram;
  const std::size_t shares = std::max<std::size_t>(workers, 1);
  const auto whole = static_cast<double>(host) * kWorkerMemoryShare;
  const std::uint64_t mib = std::uint64_t{1} << 20;
  const std::uint64_t each = static_cast<std::uint64_t>(whole) / shares / mib * mib;
  return {.bytes = each,
          .reason = "auto: 80 % of " + format_bytes(host / mib * mib) +
                    (narrow ? " (cgroup)" : " (RAM)") + " / " + std::to_string(shares) +
                    (shares == 1 ? " worker = " : " workers = ") + format_bytes(each)};
}

Result<SelfOptions> self_options(const ConfigSection& config, std::size_t workers) {
  PACELINE_TRY(check_durations(config));
  SelfOptions options;
  options.threshold = config.duration("loop.threshold");
  options.interval = config.duration("loop.interval");
  options.memory_interval = config.duration("memory.interval");
  options.memory_log =
      config.boolean("memory.log") ? SelfOptions::MemoryLog::on : SelfOptions::MemoryLog::off;
  const std::string& text = config.text("memory.limit");
  if (text == "auto") {
    MemoryLimit limit = automatic_memory_limit(workers, read_cgroup_limits(), ram_bytes());
    options.memory_limit = limit.bytes;
    options.memory_reason = std::move(limit.reason);
    return options;
  }
  const Result<std::uint64_t> bytes = parse_bytes(text);
  if (!bytes) {
    return fail(Code::invalid,
                config.place("memory.limit").text() +
                    ": memory.limit is \"auto\" or a size such as \"512MiB\", not \"" +
                    printable(text, 40) + "\"");
  }
  options.memory_limit = *bytes;
  options.memory_reason = *bytes == 0 ? "none" : format_bytes(*bytes) + ": configured";
  return options;
}

}  // namespace paceline
