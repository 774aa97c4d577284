#include "paceline/monitor/self.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "paceline/monitor/loop_metrics.h"
#include "paceline/monitor/process_metrics.h"
#include "paceline/monitor/process_stats.h"
#include "paceline/monitor/self_metric.h"
#include "paceline/monitor/stall_report.h"

namespace paceline {
namespace {

constexpr std::uint64_t kGib = std::uint64_t{1} << 30;

/// A block of metrics in memory of our own.
class Block {
 public:
  MetricsBlock& operator*() { return *block_; }
  MetricsTotals read() const {
    return read_metrics(std::as_bytes(std::span(words_))).value().series;
  }
  std::int64_t level(std::string_view name, std::string_view labels = "",
                     MetricKind kind = MetricKind::gauge) const {
    return read().at({std::string(name), std::string(labels), kind}).level;
  }
  std::uint64_t count(std::string_view name, std::string_view labels = "") const {
    return read().at({std::string(name), std::string(labels), MetricKind::counter}).count;
  }
  HistogramTotals histogram(std::string_view name) const {
    return read().at({std::string(name), "", MetricKind::histogram}).histogram;
  }

 private:
  std::vector<std::uint64_t> words_ =
      std::vector<std::uint64_t>(metrics_block_bytes() / sizeof(std::uint64_t));
  std::optional<MetricsBlock> block_ =
      MetricsBlock::create(std::as_writable_bytes(std::span(words_))).value();
};

/// A pipe that a log writes to.
class Lines {
 public:
  Lines() {
    std::array<int, 2> ends{};
    check(::pipe(ends.data()) == 0);
    read_.reset(ends[0]);
    write_.reset(ends[1]);
    log_.emplace(LogOptions{.json = true, .role = "test", .fd = write_.get()});
  }
  Log& log() { return *log_; }
  std::string text() {
    log_.reset();  // writes what waits
    write_.reset();
    std::string all;
    std::array<char, 4096> part{};
    for (ssize_t n = 0; (n = ::read(read_.get(), part.data(), part.size())) > 0;) {
      all.append(part.data(), static_cast<std::size_t>(n));
    }
    return all;
  }

 private:
  Fd read_;
  Fd write_;
  std::optional<Log> log_;
};

TEST(ProcessStats, ReadsWhatTheKernelWrites) {
  const auto memory = parse_statm("52345 2048 512 900 0 3000 0\n", 4096);
  ASSERT_TRUE(memory);
  EXPECT_EQ(memory->resident, 2048U * 4096);
  EXPECT_EQ(memory->mapped, 512U * 4096);
  EXPECT_FALSE(parse_statm("52345 x", 4096));
  EXPECT_FALSE(parse_statm("", 4096));

  const auto io = parse_io("rchar: 1\nwchar: 2\nread_bytes: 4096\nwrite_bytes: 8192\n");
  ASSERT_TRUE(io);
  EXPECT_EQ(io->read, 4096U);
  EXPECT_EQ(io->written, 8192U);
  EXPECT_FALSE(parse_io("rchar: 1\n"));

  EXPECT_EQ(parse_pss("5566-7fff ---p 00 [rollup]\nRss:   884 kB\nPss:   385 kB\n"), 385U * 1024);
  EXPECT_FALSE(parse_pss("Rss: 884 kB\n"));

  const std::string stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987 9 9";
  EXPECT_EQ(parse_start_ticks(stat), 987U);
  EXPECT_FALSE(parse_start_ticks("no parenthesis"));
  EXPECT_FALSE(parse_start_ticks("1 (x) S 1"));
}

TEST(ProcessStats, KnowsThisProcess) {
  const std::uint64_t before = open_descriptors();
  const Fd more(::dup(1));
  EXPECT_EQ(open_descriptors(), before + 1);
}

TEST(ProcessMetrics, TellsWhatThisProcessTakes) {
  Block block;
  ProcessMetrics metrics(*block, 64 * kGib, 10s);
  const Time limit = Clock::now() + 20s;
  do {
    metrics.publish(4711);
  } while (metrics.memory().pss == 0 && Clock::now() < limit);  // read by another thread
  EXPECT_GT(metrics.memory().rss, 1U << 20);
  EXPECT_GT(metrics.memory().pss, 0U);
  EXPECT_LE(metrics.memory().external, metrics.memory().rss);
  EXPECT_LE(metrics.memory().heap_used, metrics.memory().heap_total);
  EXPECT_EQ(block.level("paceline_memory_bytes", R"(kind="cache")"), 4711);
  EXPECT_EQ(block.level("paceline_memory_limit_bytes"), static_cast<std::int64_t>(64 * kGib));
  EXPECT_GT(block.count("process_cpu_seconds_total"), 0U);
  EXPECT_GT(block.count("paceline_page_faults_total", R"(kind="minor")"), 0U);
  EXPECT_GT(block.level("process_max_fds"), 2);
  const std::int64_t started = block.level("process_start_time_seconds", "", MetricKind::gauge_max);
  const std::int64_t now = Duration(std::chrono::system_clock::now().time_since_epoch()).count();
  EXPECT_LT(started, now + 1'000'000'000);
  EXPECT_GT(started, now - Duration(1h).count());
}

Task<void> waits(Loop& loop) { co_await loop.sleep(1h); }

TEST(LoopMetrics, RecordsEveryTurnAndTheWorstOfAnInterval) {
  SimulatedKernel kernel;
  Loop loop(kernel);
  Block block;
  LoopMetrics metrics(loop, *block);
  loop.turn(loop.now() + 70ms);  // idle
  struct Work final : Timer {
    explicit Work(SimulatedKernel& k) : kernel(k) {}
    void fire() override { kernel.spend(30ms); }
    SimulatedKernel& kernel;
  } work(kernel);
  loop.arm(work, loop.now() - 5ms);
  loop.turn();
  metrics.end_interval();
  metrics.publish();
  EXPECT_EQ(block.level("paceline_loop_lag_max_seconds", "", MetricKind::gauge_max), 30'000'000);
  EXPECT_EQ(block.level("paceline_loop_utilization_ratio", "", MetricKind::gauge_max), 300'000'000);
  EXPECT_EQ(block.count("paceline_loop_time_seconds_total", R"(state="busy")"), 30'000'000U);
  EXPECT_EQ(block.count("paceline_loop_time_seconds_total", R"(state="idle")"), 70'000'000U);
  EXPECT_EQ(block.count("paceline_loop_iterations_total"), 2U);
  EXPECT_EQ(block.histogram("paceline_loop_iteration_seconds").count(), 2U);
  EXPECT_EQ(block.histogram("paceline_loop_iteration_seconds").count_below(30ms), 1U);
  const HistogramTotals lag = block.histogram("paceline_loop_lag_seconds");
  EXPECT_EQ(lag.count(), 1U);  // only one turn had a timer
  EXPECT_EQ(lag.sum_ns(), 5'000'000U);

  const Task<void> task = waits(loop);
  loop.arm(work, loop.now() + 1h);
  metrics.publish();
  EXPECT_EQ(block.level("paceline_tasks"), 1);
  EXPECT_EQ(block.level("paceline_timers"), 1);
  work.cancel();
  EXPECT_EQ(block.count("paceline_loop_events_waiting_total"), 0U);

  loop.turn(kernel.now() + 10ms);
  metrics.end_interval();
  EXPECT_EQ(block.level("paceline_loop_lag_max_seconds", "", MetricKind::gauge_max), 0);
  EXPECT_EQ(block.level("paceline_loop_utilization_ratio", "", MetricKind::gauge_max), 0);
}

Stall stall(std::uint64_t number, std::string site) {
  return {.number = number,
          .began = std::chrono::system_clock::now(),
          .duration = 120ms,
          .doing = "/slow",
          .site = std::move(site),
          .stack = {"slow a.cpp:1", "main b.cpp:2"}};
}

TEST(StallReport, TellsTheLogTheRingAndACounter) {
  Block block;
  Lines lines;
  std::vector<std::uint64_t> ring(StallRing::bytes() / 8);
  StallReport report(lines.log(), *block, std::as_writable_bytes(std::span(ring)));
  Stall one = stall(1, "slow");
  report.stalled(one);
  one.duration = 150ms;
  report.goes_on(one);
  std::vector<StallRecord> read = read_stalls(std::as_bytes(std::span(ring)));
  ASSERT_EQ(read.size(), 1U);
  EXPECT_EQ(read[0].state, StallRecord::State::ongoing);
  EXPECT_EQ(read[0].duration, 150ms);
  EXPECT_EQ(read[0].pid, static_cast<std::uint64_t>(::getpid()));
  EXPECT_EQ(read[0].stack, "slow a.cpp:1\nmain b.cpp:2");
  one.duration = 200ms;
  report.ended(one);
  read = read_stalls(std::as_bytes(std::span(ring)));
  EXPECT_EQ(read[0].state, StallRecord::State::over);
  report.publish();
  EXPECT_EQ(block.count("paceline_loop_stalls_total", R"(site="slow")"), 1U);
  const std::string text = lines.text();
  EXPECT_NE(text.find("event loop stalled"), text.npos) << text;
  EXPECT_NE(text.find("/slow"), text.npos);
  EXPECT_NE(text.find("slow a.cpp:1 < main b.cpp:2"), text.npos);
  EXPECT_NE(text.find("event loop goes on"), text.npos);
}

TEST(StallReport, WarnsAFewTimesAMinuteAndCountsAll) {
  Block block;
  Lines lines;
  StallReport report(lines.log(), *block, {});
  for (std::uint64_t i = 0; i < 50; ++i) {
    const Stall each = stall(i, "site" + std::to_string(i));
    report.stalled(each);
    report.ended(each);
  }
  report.publish();
  EXPECT_EQ(block.count("paceline_loop_stalls_total", R"(site="other")"),
            50 - StallReport::sites_max);
  Stall later = stall(51, "");
  later.began += 61s;
  report.stalled(later);
  report.publish();
  const std::string text = lines.text();
  std::size_t warnings = 0;
  for (std::size_t at = 0; (at = text.find("event loop stalled", at)) != text.npos; ++at) {
    ++warnings;
  }
  EXPECT_EQ(warnings, StallReport::warnings_max + 1);
  EXPECT_NE(text.find("\"not_logged\":45"), text.npos) << text;
}

TEST(MemoryLimit, IsAShareOfWhatTheHostAllows) {
  const MemoryLimit of_ram = automatic_memory_limit(4, {}, 20 * kGib);
  EXPECT_EQ(of_ram.bytes, 4 * kGib);
  EXPECT_EQ(of_ram.reason, "auto: 80 % of 20GiB (RAM) / 4 workers = 4GiB");
  const MemoryLimit of_cgroup = automatic_memory_limit(1, {.memory = kGib}, 20 * kGib);
  EXPECT_EQ(of_cgroup.reason, "auto: 80 % of 1GiB (cgroup) / 1 worker = 819MiB");
  // "no limit" of cgroup v1 is a number beyond any RAM.
  EXPECT_EQ(automatic_memory_limit(1, {.memory = INT64_MAX}, 10 * kGib).bytes, 8 * kGib);
}

Result<SelfOptions> options_of(std::vector<std::string> sets) {
  ConfigRegistry registry;
  registry.add(self_config_keys());
  Result<Config> config = Config::load(registry, {.sets = std::move(sets)});
  if (!config) return std::unexpected(config.error());
  return self_options(config->top(), 2);
}

TEST(SelfOptions, AreTheGuidesByDefault) {
  const Result<SelfOptions> options = options_of({});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->threshold, 100ms);
  EXPECT_EQ(options->interval, 1s);
  EXPECT_EQ(options->memory_interval, 60s);
  EXPECT_EQ(options->memory_log, SelfOptions::MemoryLog::off);
  EXPECT_GT(options->memory_limit, 0U);
  EXPECT_TRUE(options->memory_reason.starts_with("auto: 80 %")) << options->memory_reason;
}

TEST(SelfOptions, RefuseWhatCannotWork) {
  EXPECT_EQ(options_of({"memory.limit=512MiB"})->memory_limit, 512U << 20);
  EXPECT_EQ(options_of({"memory.limit=0"})->memory_limit, 0U);
  for (const char* bad :
       {"memory.limit=much", "loop.interval=1ms", "memory.interval=0", "loop.threshold=1ms"}) {
    const Result<SelfOptions> options = options_of({bad});
    ASSERT_FALSE(options) << bad;
    EXPECT_EQ(options.error().code, Code::invalid);
    EXPECT_NE(options.error().message.find("--set"), std::string::npos);
  }
  EXPECT_EQ(options_of({"loop.threshold=0"})->threshold, 0s);
}

TEST(SelfMonitor, PublishesWhatItDeclares) {
  RealKernel kernel;
  Loop loop(kernel);
  Block block;
  Lines lines;
  SeatState seat{};
  std::vector<std::uint64_t> ring(StallRing::bytes() / 8);
  {
    SelfMonitor self({.loop = loop,
                      .log = lines.log(),
                      .metrics = *block,
                      .seat = &seat,
                      .stalls = std::as_writable_bytes(std::span(ring))},
                     {.threshold = 20ms,
                      .interval = 10ms,
                      .memory_limit = kGib,
                      .memory_interval = 10ms,
                      .memory_log = SelfOptions::MemoryLog::on});
    struct Work final : Timer {
      void fire() override {
        while (!done()) {
        }
      }
      std::function<bool()> done;
    } work;
    const Time limit = Clock::now() + 20s;
    work.done = [&] {
      EXPECT_NE(seat.busy_since.load(), 0U);
      return !read_stalls(std::as_bytes(std::span(ring))).empty() || Clock::now() > limit;
    };
    loop.arm(work, loop.now());
    loop.turn();
    EXPECT_EQ(seat.busy_since.load(), 0U);
    loop.turn(loop.now() + 10ms);
    self.publish(7);
  }
  EXPECT_NE(seat.alive_at.load(), 0U);
  EXPECT_EQ(read_stalls(std::as_bytes(std::span(ring))).size(), 1U);
  std::set<std::string> declared;
  for (const MetricInfo& info : loop_metrics()) declared.emplace(info.name);
  for (const MetricInfo& info : process_metrics()) declared.emplace(info.name);
  for (const MetricInfo& info : block_metrics()) declared.emplace(info.name);
  std::set<std::string> written;
  for (const auto& [key, value] : block.read()) written.insert(key.name);
  EXPECT_EQ(written, declared);
  const std::string text = lines.text();
  EXPECT_NE(text.find("\"rss_bytes\":"), text.npos) << text;
  EXPECT_NE(text.find("\"limit_bytes\":1073741824"), text.npos) << text;
}

}  // namespace
}  // namespace paceline
