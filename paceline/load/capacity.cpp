#include "paceline/load/capacity.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <mutex>
#include <numeric>
#include <thread>

#include "paceline/load/engine.h"

namespace paceline {
namespace {

constexpr Duration kSaturate = 3s;            // a closed loop, to know where to begin
constexpr Duration kBase = 2s;                // one connection, to know the latency at rest
constexpr double kFirstShare = 0.2;           // of saturation, the first rate
constexpr double kKeepsUp = 0.99;             // answers / offered over a trial (nighthawk: 0.99)
constexpr double kFewRequests = 3;            // so many may be under way when a trial ends
constexpr double kBacklogT = 4;               // how sure we must be that the backlog grows
constexpr Duration kCoolDown = 5s;            // at most, after a trial that failed
constexpr double kCooled = 2;                 // times the latency at rest
constexpr std::uint64_t kCooledSlack = 2000;  // µs, of a latency at rest that is tiny
constexpr double kResourceOut = 0.9;          // a resource that is used as much is what ran out
constexpr double kLookAt = 0.8;               // of a trial, when the server is looked at

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

/// What several runs at one rate found together.
struct Tried {
  LoadTally tally;
  double offered = 0;  // requests due
  Duration sending{};
  Duration elapsed{};
  std::vector<LoadSecond> seconds;
  std::vector<std::uint64_t> lost;  // of each second: due, but without an end
  std::string doubt;                // of the generator
  bool interrupted = false;
};

std::vector<ShareBlock> blocks_of(const Tried& tried, const CapacityGoal& goal) {
  std::vector<ShareBlock> blocks;
  for (std::size_t i = 0; i < tried.seconds.size(); ++i) {
    const LoadSecond& second = tried.seconds[i];
    ShareBlock block;
    for (const auto& [slot, count] : second.response) {
      block.requests += count;
      const Duration at_least(static_cast<std::int64_t>(HdrHistogram::value_of(slot)) * 1000);
      if (goal.within && at_least > *goal.within) block.bad += count;
    }
    // A failure may be slow as well: counted twice, but never more than there are.
    block.bad = std::min(block.requests, block.bad + second.failed + tried.lost[i]);
    blocks.push_back(block);
  }
  return blocks;
}

bool is_loopback(const LoadTarget& target) {
  return !target.unix_path.empty() || target.host == "localhost" || target.host == "::1" ||
         target.host.starts_with("127.");
}

/// Does what is due and not answered become more and more? Regression over the seconds.
bool backlog_grows(const Tried& tried, double rate) {
  const std::size_t whole = static_cast<std::size_t>(seconds(tried.sending));
  const std::size_t count = std::min(whole, tried.seconds.size());
  if (count < 5) return false;
  std::vector<double> backlog;
  double behind = 0;
  for (std::size_t i = 0; i < count; ++i) {
    behind += rate - static_cast<double>(tried.seconds[i].completed);
    backlog.push_back(behind);
  }
  const auto n = static_cast<double>(count);
  const double x_mean = (n - 1) / 2;
  const double y_mean = std::accumulate(backlog.begin(), backlog.end(), 0.0) / n;
  double sxy = 0;
  double sxx = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const double x = static_cast<double>(i) - x_mean;
    sxy += x * (backlog[i] - y_mean);
    sxx += x * x;
  }
  const double slope = sxy / sxx;
  double squares = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const double off = backlog[i] - y_mean - slope * (static_cast<double>(i) - x_mean);
    squares += off * off;
  }
  const double error = std::sqrt(squares / (n - 2) / sxx);
  const double grown = slope * n;
  return slope > kBacklogT * error && grown > std::max(kFewRequests, (1 - kKeepsUp) * rate * n);
}

void judge(const CapacityOptions& options, const Tried& tried, CapacityTrial& trial) {
  trial.goals.clear();
  trial.goal.clear();
  trial.verdict = TrialVerdict::passed;
  // What is allowed to be missing of the answers, and of what was sent while it was due.
  const double missing = (1 - kKeepsUp) * tried.offered + kFewRequests;
  const auto lacks = [&](std::uint64_t count) {
    return static_cast<double>(count) + missing < tried.offered;
  };
  double worst = 0;
  for (const CapacityGoal& goal : options.goals) {
    const ShareBound bound = share_bound(blocks_of(tried, goal));
    trial.goals.push_back(bound);
    const double ratio = bound.share / goal.share_max;
    if (bound.lower > goal.share_max && ratio > worst) {
      worst = ratio;
      trial.verdict = TrialVerdict::failed;
      trial.goal = goal.text;
      trial.reason = fmt::format("{:.2f} % are not within {}", bound.share * 100, goal.text);
    } else if (trial.verdict == TrialVerdict::passed && bound.upper > goal.share_max) {
      trial.verdict = TrialVerdict::unproved;
      trial.goal = goal.text;
      trial.reason = fmt::format("{}: {:.2f} %, between {:.2f} % and {:.2f} %", goal.text,
                                 bound.share * 100, bound.lower * 100, bound.upper * 100);
    }
  }
  const bool slow = lacks(tried.tally.sent_in_time) || lacks(tried.tally.completed) ||
                    backlog_grows(tried, trial.rate);
  if (slow && trial.verdict != TrialVerdict::failed) {
    trial.verdict = TrialVerdict::failed;
    trial.goal = "keeps up";
    trial.reason = "the server falls behind: what is due and not answered becomes more and more";
  }
  // A generator that is late makes answers look late, never the other way round.
  if (!tried.doubt.empty() && trial.verdict == TrialVerdict::failed) {
    trial.verdict = TrialVerdict::invalid;
    trial.reason = tried.doubt;
  }
}

class CapacityRun {
 public:
  explicit CapacityRun(const CapacityOptions& options)
      : options_(options), end_(Clock::now() + options.time_max) {}

  Result<CapacityResult> run() {
    PACELINE_TRY(preflight());
    if (!result_.stopped.empty() || stopped()) return std::move(result_);
    CapacitySearch search({.start = std::max(1.0, result_.saturation * kFirstShare),
                           .saturation = result_.saturation,
                           .rate_max = options_.rate_max,
                           .width = options_.width});
    while (const auto step = search.next()) {
      if (stopped()) break;
      PACELINE_TRY_VALUE(const CapacityTrial trial, try_rate(*step));
      result_.trials.push_back(trial);
      if (options_.tell) options_.tell(trial);
      if (result_.interrupted) break;
      const bool invalid = trial.verdict == TrialVerdict::invalid;
      // A generator that was disturbed once is not at its limit.
      if (invalid && retried_ != step->rate) {
        retried_ = step->rate;
        continue;
      }
      search.note(*step, !invalid && trial.verdict != TrialVerdict::failed);
      cool_down(trial);
    }
    conclude(search);
    return std::move(result_);
  }

 private:
  bool stopped() {
    if (options_.load.stop != nullptr && options_.load.stop->load()) {
      result_.interrupted = true;
    } else if (Clock::now() >= end_) {
      result_.stopped = "it took longer than " + format_duration(options_.time_max);
    }
    return result_.interrupted || !result_.stopped.empty();
  }

  LoadOptions closed(std::uint32_t connections, Duration duration) const {
    LoadOptions load = options_.load;
    load.plan.reset();
    load.requests = 0;
    load.pipeline = 1;
    load.warmup = Duration{0};
    load.duration = duration;
    load.connections = connections;
    load.threads = std::min(load.threads, connections);
    return load;
  }

  Result<void> preflight() {
    PACELINE_TRY_VALUE(const LoadResult rest, run_load_blocking(closed(1, kBase)));
    if (rest.tally.completed == 0) {
      const auto& failures = rest.tally.failures;
      return fail(Code::unavailable,
                  "no answer: " + (failures.empty() ? "none in " + format_duration(kBase)
                                                    : failures[0].text()));
    }
    result_.base_p50 = rest.tally.response.at(0.5);
    result_.shares_host = is_loopback(options_.load.target);
    Tried tried;
    add(rest, tried);
    for (const CapacityGoal& goal : options_.goals) {
      const ShareBound bound = share_bound(blocks_of(tried, goal));
      if (bound.lower <= goal.share_max) continue;
      result_.stopped =
          fmt::format("{} is missed at rest already: {:.0f} % of {} answers to one connection",
                      goal.text, bound.share * 100, tried.tally.completed);
      result_.binding = goal.text;
      return {};
    }
    PACELINE_TRY_VALUE(const LoadResult all,
                       run_load_blocking(closed(options_.load.connections, kSaturate)));
    result_.saturation = all.rate_achieved();
    result_.expected_rate = options_.expected_rate;
    return {};
  }

  Result<CapacityTrial> try_rate(const CapacityStep& step) {
    CapacityTrial trial{.purpose = step.purpose, .rate = step.rate};
    const bool confirming = step.purpose == TrialPurpose::confirm;
    Tried tried;
    while (true) {
      const Duration left = std::max(options_.trial_max, options_.confirm) - trial.length;
      const Duration look = confirming          ? options_.confirm
                            : trial.length > 0s ? std::min(left, trial.length)
                                                : options_.trial;
      PACELINE_TRY(run_once(step.rate, look, tried, trial));
      judge(options_, tried, trial);
      const bool open = trial.verdict == TrialVerdict::unproved && !confirming;
      if (tried.interrupted || !open || trial.length >= options_.trial_max) break;
    }
    result_.interrupted = tried.interrupted;
    decide_by_majority(trial);
    return trial;
  }

  /// After the longest look a share that is not clearly on either side counts as what it is.
  void decide_by_majority(CapacityTrial& trial) const {
    if (trial.verdict != TrialVerdict::unproved) return;
    for (std::size_t i = 0; i < options_.goals.size(); ++i) {
      if (trial.goals[i].share <= options_.goals[i].share_max) continue;
      trial.verdict = TrialVerdict::failed;
      trial.goal = options_.goals[i].text;
    }
  }

  Result<void> run_once(double rate, Duration length, Tried& tried, CapacityTrial& trial) {
    LoadOptions load = options_.load;
    load.pipeline = 1;
    load.plan = ArrivalPlan({{.length = length, .from = rate, .to = rate}});
    load.warmup = options_.warmup;
    Looker looker(options_.look,
                  options_.warmup + Duration(static_cast<std::int64_t>(
                                        kLookAt * static_cast<double>(length.count()))));
    PACELINE_TRY_VALUE(const LoadResult result, run_load_blocking(load));
    if (auto seen = looker.take(); !seen.empty()) trial.server = std::move(seen);
    add(result, tried);
    const LoadTally& tally = tried.tally;
    trial.length = tried.sending;
    trial.requests = result.planned() + trial.requests;
    trial.achieved = static_cast<double>(tally.completed) / std::max(1e-9, seconds(tried.elapsed));
    trial.p50 = tally.response.at(0.5);
    trial.p95 = tally.response.at(0.95);
    trial.p99 = tally.response.at(0.99);
    trial.errors =
        static_cast<double>(tally.failed_response.count()) / std::max(1.0, tried.offered);
    trial.generator_lag = tally.lag_generator.at(0.99);
    trial.generator_cpu = tally.cpu_share.empty() ? 0 : *std::ranges::max_element(tally.cpu_share);
    return {};
  }

  static void add(const LoadResult& result, Tried& tried) {
    LoadTally tally = result.tally;
    const std::uint64_t lost = tally.unfinished + tally.unsent;
    tried.seconds.insert(tried.seconds.end(), tally.seconds.begin(), tally.seconds.end());
    tried.lost.resize(tried.seconds.size());
    if (!tried.lost.empty()) tried.lost.back() = lost;  // finish() put them into the last one
    tally.seconds.clear();
    tried.tally.add(tally);
    tried.offered += static_cast<double>(result.planned());
    tried.sending += result.duration;
    tried.elapsed += result.elapsed;
    tried.interrupted |= result.interrupted;
    for (const LoadResult::Doubt& doubt : result.doubts()) {
      if (doubt.name == "generator-limited") tried.doubt = doubt.text;
    }
  }

  /// The next trial shall not pay for this one.
  void cool_down(const CapacityTrial& trial) {
    if (trial.verdict != TrialVerdict::failed) return;
    const Time end = Clock::now() + kCoolDown;
    while (Clock::now() < end && !stopped()) {
      const Result<LoadResult> rest = run_load_blocking(closed(1, 200ms));
      if (!rest || rest->tally.completed == 0) continue;
      const auto calm = static_cast<std::uint64_t>(kCooled * static_cast<double>(result_.base_p50));
      if (rest->tally.response.at(0.5) <= calm + kCooledSlack) return;
    }
  }

  void conclude(const CapacitySearch& search) {
    result_.confirmed = search.confirmed() > 0;
    result_.rate = result_.confirmed ? search.confirmed() : search.passed();
    for (const CapacityTrial& trial : result_.trials) {
      const bool at_edge = trial.rate == search.failed();
      if (!at_edge) continue;
      if (trial.verdict == TrialVerdict::failed) result_.failing_rate = trial.rate;
      if (trial.verdict == TrialVerdict::invalid) result_.limited = trial.reason;
    }
    if (result_.failing_rate > 0) result_.limited.clear();
    for (const CapacityTrial& trial : result_.trials) {
      if (trial.purpose != TrialPurpose::confirm || trial.verdict == TrialVerdict::passed) continue;
      if (result_.confirmed || result_.interrupted) continue;
      result_.refused_rate = trial.rate;
      if (trial.verdict == TrialVerdict::invalid) result_.limited = trial.reason;
    }
    for (const CapacityTrial& trial : result_.trials) {
      if (trial.verdict != TrialVerdict::failed) continue;
      if (trial.rate == result_.failing_rate || result_.binding.empty()) {
        result_.binding = trial.goal;
        name_resource(trial);
      }
    }
  }

  void name_resource(const CapacityTrial& trial) {
    result_.resource.clear();
    double most = kResourceOut;
    for (const ServerShare& share : trial.server) {
      if (share.used < most) continue;
      most = share.used;
      result_.resource = share.name;
    }
  }

  /// Looks at the server once, a while after it was made.
  class Looker {
   public:
    Looker(const std::function<std::vector<ServerShare>()>& look, Duration after) {
      if (!look) return;
      thread_ = std::jthread([this, &look, after](const std::stop_token& stop) {
        std::unique_lock lock(mutex_);
        woken_.wait_for(lock, stop, after, [] { return false; });
        if (!stop.stop_requested()) seen_ = look();
      });
    }
    std::vector<ServerShare> take() {
      if (!thread_.joinable()) return {};
      thread_.request_stop();
      thread_.join();
      return std::move(seen_);
    }

   private:
    std::mutex mutex_;
    std::condition_variable_any woken_;
    std::vector<ServerShare> seen_;
    std::jthread thread_;  // last: uses what is above
  };

  const CapacityOptions& options_;
  Time end_;
  double retried_ = 0;  // the rate that was tried once more
  CapacityResult result_;
};

}  // namespace

std::string_view to_string(TrialVerdict verdict) {
  constexpr std::array<std::string_view, 4> names = {"passed", "failed", "unproved", "invalid"};
  return names[static_cast<std::size_t>(verdict)];
}

std::string_view to_string(TrialPurpose purpose) {
  constexpr std::array<std::string_view, 4> names = {"range", "bisect", "retest", "confirm"};
  return names[static_cast<std::size_t>(purpose)];
}

std::vector<CapacityGoal> guide_capacity_goals() {
  return {{.text = "p(95)<200ms", .within = 200ms, .share_max = 0.05},
          {.text = "p(99)<500ms", .within = 500ms, .share_max = 0.01},
          {.text = "error_rate<0.1%", .within = std::nullopt, .share_max = 0.001}};
}

std::optional<bool> CapacityResult::has_headroom() const {
  if (expected_rate <= 0 || rate <= 0 || refused_rate > 0) return std::nullopt;
  return rate >= kHeadroomFactor * expected_rate;
}

Result<CapacityResult> find_capacity_blocking(const CapacityOptions& options) {
  if (options.goals.empty()) return fail(Code::invalid, "a capacity needs a goal to keep");
  if (options.load.connections < options.load.threads) {
    return fail(Code::invalid, fmt::format("{} threads need at least as many connections, not {}",
                                           options.load.threads, options.load.connections));
  }
  return CapacityRun(options).run();
}

}  // namespace paceline
