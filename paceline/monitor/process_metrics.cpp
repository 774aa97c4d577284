#include "paceline/monitor/process_metrics.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <ctime>
#include <string>

#include "paceline/monitor/self_metric.h"

namespace paceline {
namespace {

constexpr int kSlowShare = 1000;  // of the time that one kind of slow reading may take

Fd open_proc(const char* path) { return Fd(::open(path, O_RDONLY | O_CLOEXEC)); }

std::string text_of(const Fd& file) {
  Result<std::string> text = read_all(file.get(), 64 << 10);
  return text ? std::move(*text) : std::string();
}

std::uint64_t cpu_ns() {
  timespec spent{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
  return static_cast<std::uint64_t>(spent.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(spent.tv_nsec);
}

/// Unix time in nanoseconds, or 0.
std::int64_t started_at() {
  const Result<std::string> stat = read_file("/proc/self/stat");
  if (!stat) return 0;
  const std::optional<std::uint64_t> ticks = parse_start_ticks(*stat);
  const long per_second = ::sysconf(_SC_CLK_TCK);
  timespec boot{};
  if (!ticks || per_second <= 0 || ::clock_gettime(CLOCK_BOOTTIME, &boot) != 0) return 0;
  const Duration since_boot = std::chrono::seconds(boot.tv_sec) + Duration(boot.tv_nsec);
  const Duration age =
      since_boot - Duration(std::chrono::seconds(1)) / per_second * static_cast<long>(*ticks);
  return Duration(std::chrono::system_clock::now().time_since_epoch() - age).count();
}

std::int64_t signed_of(std::uint64_t bytes) { return static_cast<std::int64_t>(bytes); }

/// When a kind of reading is due again: not before `every`, and longer if it takes long.
class Pace {
 public:
  explicit Pace(Duration every) : every_(every) {}
  template <class F>
  void run(Time now, F read) {
    if (now < due_) return;
    read();
    const Duration took = Clock::now() - now;
    due_ = now + std::max(every_, took * kSlowShare);
  }

 private:
  Duration every_;
  Time due_;
};

}  // namespace

ProcessMetrics::ProcessMetrics(MetricsBlock& metrics, std::uint64_t memory_limit,
                               Duration pss_every)
    : statm_(open_proc("/proc/self/statm")),
      io_(open_proc("/proc/self/io")),
      page_bytes_(static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE))),
      pss_every_(pss_every) {
  using namespace process_metric;  // NOLINT: a list of them
  series_.cpu = metrics.counter(cpu);
  series_.faults_minor = metrics.counter(page_faults, {{"kind", "minor"}});
  series_.faults_major = metrics.counter(page_faults, {{"kind", "major"}});
  series_.switches_voluntary = metrics.counter(context_switches, {{"kind", "voluntary"}});
  series_.switches_involuntary = metrics.counter(context_switches, {{"kind", "involuntary"}});
  series_.disk_read = metrics.counter(disk_bytes, {{"direction", "read"}});
  series_.disk_written = metrics.counter(disk_bytes, {{"direction", "written"}});
  series_.resident = metrics.gauge(resident);
  series_.virtual_memory = metrics.gauge(virtual_memory);
  series_.open_fds = metrics.gauge(open_fds);
  const auto kind = [&metrics](std::string_view word) {
    return metrics.gauge(process_metric::memory, {{"kind", word}});
  };
  series_.rss = kind("rss");
  series_.pss = kind("pss");
  series_.heap_total = kind("heap_total");
  series_.heap_used = kind("heap_used");
  series_.external = kind("external");
  series_.cache = kind("cache");
  if (memory_limit > 0) metrics.gauge(process_metric::memory_limit).set(signed_of(memory_limit));
  metrics.gauge(start_time).set(started_at());
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0)
    metrics.gauge(max_fds).set(signed_of(files.rlim_cur));

  // The thread takes no signals: they are the loop's.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  slow_ = std::jthread([this](const std::stop_token& stop) { read_slowly(stop); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

ProcessMetrics::~ProcessMetrics() = default;

void ProcessMetrics::read_slowly(std::stop_token stop) {
  Pace heap(1s);
  Pace descriptors(1s);
  Pace pss(std::max(pss_every_, Duration(1s)));
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    const auto store = [](std::atomic<std::uint64_t>& to, std::uint64_t value) {
      to.store(value, std::memory_order_relaxed);
    };
    heap.run(Clock::now(), [&] {
      const HeapBytes bytes = heap_bytes();
      store(heap_total_, bytes.total);
      store(heap_used_, bytes.used);
    });
    descriptors.run(Clock::now(), [&] { store(descriptors_, open_descriptors()); });
    pss.run(Clock::now(), [&] {
      const Result<std::string> rollup = read_file("/proc/self/smaps_rollup");
      store(pss_, rollup ? parse_pss(*rollup).value_or(0) : 0);
    });
    woken_.wait_for(lock, stop, 1s, [] { return false; });
  }
}

void ProcessMetrics::publish(std::uint64_t cache_bytes) {
  publish_memory(cache_bytes);
  publish_usage();
}

void ProcessMetrics::publish_memory(std::uint64_t cache_bytes) {
  const auto load = [](const std::atomic<std::uint64_t>& from) {
    return from.load(std::memory_order_relaxed);
  };
  if (const auto memory = parse_statm(text_of(statm_), page_bytes_)) {
    series_.resident.set(signed_of(memory->resident));
    series_.virtual_memory.set(signed_of(memory->size));
    report_.rss = memory->resident;
    report_.external = memory->mapped;
  }
  report_.pss = load(pss_);
  report_.heap_total = load(heap_total_);
  report_.heap_used = load(heap_used_);
  report_.cache = cache_bytes;
  series_.rss.set(signed_of(report_.rss));
  series_.pss.set(signed_of(report_.pss));
  series_.heap_total.set(signed_of(report_.heap_total));
  series_.heap_used.set(signed_of(report_.heap_used));
  series_.external.set(signed_of(report_.external));
  series_.cache.set(signed_of(report_.cache));
  series_.open_fds.set(signed_of(load(descriptors_)));
}

void ProcessMetrics::publish_usage() {
  Usage now = before_;
  now.cpu_ns = cpu_ns();
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) == 0) {
    now.faults_minor = static_cast<std::uint64_t>(usage.ru_minflt);
    now.faults_major = static_cast<std::uint64_t>(usage.ru_majflt);
    now.voluntary = static_cast<std::uint64_t>(usage.ru_nvcsw);
    now.involuntary = static_cast<std::uint64_t>(usage.ru_nivcsw);
  }
  if (const auto disk = parse_io(text_of(io_))) now.disk = *disk;
  series_.cpu.add(now.cpu_ns - before_.cpu_ns);
  series_.faults_minor.add(now.faults_minor - before_.faults_minor);
  series_.faults_major.add(now.faults_major - before_.faults_major);
  series_.switches_voluntary.add(now.voluntary - before_.voluntary);
  series_.switches_involuntary.add(now.involuntary - before_.involuntary);
  series_.disk_read.add(now.disk.read - before_.disk.read);
  series_.disk_written.add(now.disk.written - before_.disk.written);
  before_ = now;
}

}  // namespace paceline
