#include "paceline/load/selftest.h"

#include <fmt/format.h>

#include <cmath>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "paceline/load/engine.h"
#include "paceline/load/selftest_server.h"

namespace paceline {
namespace {

using State = SelftestCheck::State;

// The stall: a server that stands still for kStall of kStallRun. What a user of a random moment
// waited at the quantile p is kStall - (1 - p) * kStallRun; to be met within kStallError.
constexpr Duration kStallRun = 5s;
constexpr Duration kStall = 1s;
constexpr double kStallRate = 500;
constexpr double kStallError = 0.1;
constexpr double kRate = 10'000;  // of the rate's accuracy, and of the release lag
constexpr double kRateError = 0.001;
constexpr std::uint64_t kLagGoal = 100;    // µs at p99, with a core of its own
constexpr std::uint64_t kLagNoisy = 1000;  // µs: more says that the machine is too busy
constexpr Duration kTimeout = 200ms;

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }
double ms(std::uint64_t us) { return static_cast<double>(us) / 1000; }

ArrivalPlan constant(double rate, Duration length) {
  return ArrivalPlan({{.length = length, .from = rate, .to = rate}});
}

/// Halts the server once, a while after it was made.
class Halt {
 public:
  struct When {
    Duration after;
    Duration length;
  };
  Halt(const SelftestServer& server, When when)
      : thread_([this, &server, when](const std::stop_token& stop) {
          pause(stop, when.after);
          server.halt();
          const Time halted = Clock::now();
          pause(stop, when.length);
          server.go_on();
          length_ = Clock::now() - halted;
        }) {}
  /// How long it stood still in the end; waits for that.
  Duration length() {
    thread_.join();
    return length_;
  }

 private:
  void pause(const std::stop_token& stop, Duration length) {
    std::unique_lock lock(mutex_);
    woken_.wait_for(lock, stop, length, [] { return false; });
  }
  std::mutex mutex_;
  std::condition_variable_any woken_;
  Duration length_{};
  std::jthread thread_;  // last: uses what is above
};

class Selftest {
 public:
  Selftest(const SelftestServer& server, const SelftestOptions& options)
      : server_(server), options_(options) {}

  Result<std::vector<SelftestCheck>> run() {
    using Step = Result<SelftestCheck> (Selftest::*)();
    for (const Step step : {&Selftest::counts, &Selftest::delay, &Selftest::stall,
                            &Selftest::timeouts, &Selftest::rate}) {
      if (options_.stop != nullptr && options_.stop->load()) break;
      PACELINE_TRY_VALUE(const SelftestCheck check, (this->*step)());
      tell(check);
      if (step == &Selftest::rate) tell(lag_);
    }
    return std::move(checks_);
  }

 private:
  void tell(const SelftestCheck& check) {
    checks_.push_back(check);
    if (options_.tell) options_.tell(check);
  }

  LoadOptions load(const char* path, std::uint32_t connections) const {
    LoadOptions load;
    load.target = server_.target(path);
    load.connections = connections;
    load.stop = options_.stop;
    return load;
  }

  static SelftestCheck judged(const char* name, bool good, std::string text) {
    return {name, good ? State::passed : State::failed, std::move(text)};
  }

  Result<SelftestCheck> counts() {
    LoadOptions load = this->load("/", 8);
    load.requests = 20'000;
    load.pipeline = 4;
    const std::uint64_t before = server_.requests();
    PACELINE_TRY_VALUE(const LoadResult result, run_load_blocking(load));
    const std::uint64_t served = server_.requests() - before;
    const bool same = result.tally.completed == load.requests && served == load.requests &&
                      result.tally.status[200] == load.requests;
    return judged("counts", same,
                  fmt::format("{} requests asked for, {} counted here, {} by the server",
                              load.requests, result.tally.completed, served));
  }

  Result<SelftestCheck> delay() {
    LoadOptions load = this->load("/slow", 20);
    load.plan = constant(200, 2s);
    PACELINE_TRY_VALUE(const LoadResult result, run_load_blocking(load));
    const auto due = static_cast<std::uint64_t>(SelftestServer::kSlow / 1us);
    const std::uint64_t least = result.tally.response.min();
    const std::uint64_t half = result.tally.response.at(0.5);
    SelftestCheck check =
        judged("delay", least >= due && half <= due + due / 5,
               fmt::format("a server that takes {} ms: at least {:.2f} ms, p50 {:.2f} ms",
                           due / 1000, ms(least), ms(half)));
    if (check.state == State::failed && least >= due) check.state = State::noisy;
    return check;
  }

  Result<SelftestCheck> stall() {
    LoadOptions load = this->load("/", 20);
    load.plan = constant(kStallRate, kStallRun);
    std::optional<Halt> halt(std::in_place, server_, Halt::When{1500ms, kStall});
    PACELINE_TRY_VALUE(const LoadResult result, run_load_blocking(load));
    const double stood = seconds(halt->length());
    std::string text =
        fmt::format("a server that stands still for {} of {}: ", format_duration(kStall),
                    format_duration(kStallRun));
    bool good = true;
    for (const double quantile : {0.9, 0.95, 0.99}) {
      const double expected = stood - (1 - quantile) * seconds(kStallRun);
      const double found = ms(result.tally.response.at(quantile)) / 1000;
      good &= std::abs(found - expected) <= kStallError * expected;
      text += fmt::format("p{:.0f} {:.2f} s of {:.2f} s, ", quantile * 100, found, expected);
    }
    // The same, asked as wrk and ab ask: the stall is one slow answer a connection.
    load.plan.reset();
    load.duration = kStallRun;
    halt.emplace(server_, Halt::When{1500ms, kStall});
    PACELINE_TRY_VALUE(const LoadResult closed, run_load_blocking(load));
    text += fmt::format("in a closed loop p99 {:.2f} ms", ms(closed.tally.response.at(0.99)));
    return judged("stall", good, std::move(text));
  }

  Result<SelftestCheck> timeouts() {
    LoadOptions load = this->load("/never", 10);
    load.timeout = kTimeout;
    load.plan = constant(100, 1s);
    PACELINE_TRY_VALUE(const LoadResult result, run_load_blocking(load));
    const LoadTally& tally = result.tally;
    const std::uint64_t ends = tally.completed + tally.failed() + tally.unfinished + tally.unsent;
    const bool good = tally.completed == 0 && ends == result.planned() &&
                      tally.response.count() == result.planned() &&
                      tally.lower_bounds == result.planned() &&
                      tally.response.max() >= static_cast<std::uint64_t>(kTimeout / 1us);
    return judged("time-outs", good,
                  fmt::format("a server that never answers: {} due, {} timed out, {} unsent, all "
                              "{} in the histogram as lower bounds, the longest {:.0f} ms",
                              result.planned(), tally.failed(), tally.unsent, tally.lower_bounds,
                              ms(tally.response.max())));
  }

  Result<SelftestCheck> rate() {
    LoadOptions load = this->load("/", 50);
    load.plan = constant(kRate, 3s);
    PACELINE_TRY_VALUE(const LoadResult result, run_load_blocking(load));
    const double due = kRate * 3;
    const auto sent = static_cast<double>(result.tally.sent_in_time);
    const std::uint64_t p50 = result.tally.lag_generator.at(0.5);
    const std::uint64_t p99 = result.tally.lag_generator.at(0.99);
    lag_ = {"release", p99 < kLagGoal ? State::passed : State::noisy,
            fmt::format("at {:.0f}/s requests left {} µs late at p50, {} µs at p99; with a core of "
                        "its own below {} µs",
                        kRate, p50, p99, kLagGoal)};
    SelftestCheck check =
        judged("rate", std::abs(sent - due) <= kRateError * due,
               fmt::format("{:.0f} requests due in 3 s, {:.0f} sent by then", due, sent));
    if (check.state == State::failed && p99 > kLagNoisy) check.state = State::noisy;
    return check;
  }

  const SelftestServer& server_;
  const SelftestOptions& options_;
  std::vector<SelftestCheck> checks_;
  SelftestCheck lag_;
};

}  // namespace

Result<std::vector<SelftestCheck>> run_selftest_blocking(const SelftestOptions& options) {
  PACELINE_TRY_VALUE(const SelftestServer server, SelftestServer::start());
  return Selftest(server, options).run();
}

}  // namespace paceline
