// The verdict of a tick: goals, alerts, and the one colour that a person looks at first.
#include <algorithm>

#include "paceline/monitor/inside.h"

namespace paceline {
namespace {

/// A loop that is stuck for less is a stall, not an outage.
constexpr double kDownAfter = 1;  // seconds

bool serves(const WorkerView& worker) {
  return worker.state == WorkerState::ready ||
         (worker.state == WorkerState::blocked && worker.blocked < kDownAfter);
}

ServiceState service_state(const View& view) {
  if (view.phase == ClusterPhase::draining) return ServiceState::planned;
  if (view.phase == ClusterPhase::starting) return ServiceState::starting;
  return std::ranges::any_of(view.workers, serves) ? ServiceState::serving : ServiceState::down;
}

/// All goals but that of availability have the same.
Duration goal_window(const Goals& goals) {
  for (const Goal& goal : goals.list) {
    if (goal.metric != GoalMetric::availability) return goal.window;
  }
  return Goal{}.window;
}

/// What the window saw; `availability` is the ledger's to say.
GoalSample sample_of(const Trend& trend, Duration window, const View& view) {
  GoalSample sample;
  sample.memory = view.host.memory_ratio();
  const Reading* before = trend.before(window);
  if (before == nullptr) return sample;
  const Reading& now = trend.newest();
  sample.latency = between(before->latency, now.latency);
  sample.total = now.requests() - std::min(now.requests(), before->requests());
  sample.failed = now.failed() - std::min(now.failed(), before->failed());
  sample.elapsed = now.at - before->at;
  if (sample.elapsed > Duration::zero()) {
    sample.cpu = static_cast<double>((now.cpu - before->cpu).count()) /
                 static_cast<double>(sample.elapsed.count()) / view.host.cpus;
  }
  return sample;
}

std::optional<double> fullest_worker(const View& view) {
  if (view.worker_memory_limit == 0) return {};
  std::int64_t most = 0;
  for (const WorkerView& worker : view.workers) {
    for (const std::string_view kind : {"pss", "rss"}) {
      const auto found = worker.memory.find(kind);
      if (found == worker.memory.end() || found->second == 0) continue;
      most = std::max(most, found->second);
      break;  // pss, where it is known: pages that workers share count once
    }
  }
  return static_cast<double>(most) / static_cast<double>(view.worker_memory_limit);
}

}  // namespace

void Monitor::Inside::hold_against_goals(View& view) {
  const Goals& goals = judge_->goals();
  const Duration window = goal_window(goals);
  JudgeReading reading{.now = now_,
                       .wall = wall_,
                       .sample = sample_of(watcher_.trend(), window, view),
                       .run = run_.id,
                       .requests = {.total = view.total, .failed = view.failed},
                       .state = service_state(view),
                       .loop_lag = {},
                       .worker_memory = fullest_worker(view),
                       .crashes = 0};
  view.headroom = headroom(goals, reading.sample.cpu, view.loop_recent);
  reading.sample.headroom = view.headroom;
  if (view.lag_max) reading.loop_lag = Duration(static_cast<std::int64_t>(*view.lag_max * 1e9));
  for (const WorkerView& worker : view.workers) reading.crashes += worker.restarts;
  for (const AlertNotice& notice : judge_->step(std::move(reading))) {
    const bool fires = notice.state == AlertState::firing;
    std::string text = notice.name + (fires ? " fires" : " is resolved");
    if (!notice.value.empty()) text += ": " + notice.value;
    history_.add_incident({.time = view.time, .kind = "alert", .text = std::move(text)});
  }

  view.expected_rate = goals.expected_rate;
  for (std::size_t i = 0; i < std::min(goals.list.size(), judge_->results().size()); ++i) {
    view.goals.push_back({.goal = goals.list[i], .result = judge_->results()[i]});
  }
  if (goals.find("availability") != nullptr) {
    view.availability = judge_->availability();
    view.slo = goals.slo;
  }
  view.burns.assign(judge_->burns().begin(), judge_->burns().end());
  view.alerts = judge_->alerts();
  judged_ = judge_->series();
}

void Monitor::Inside::decide_state(View& view) {
  view.state = "green";
  const auto worse = [&view](std::string_view state, std::string reason) {
    if (view.state != "red") view.state = state;
    view.reasons.push_back(std::move(reason));
  };
  if (view.phase != ClusterPhase::running) {
    worse("amber", "the instance is " + std::string(to_string(view.phase)));
  } else if (std::ranges::none_of(view.workers, serves)) {
    worse("red", "no worker serves");
  }
  for (const WorkerView& worker : view.workers) {
    if (worker.state == WorkerState::ready) continue;
    std::string reason =
        "worker " + std::to_string(worker.slot) + " is " + std::string(to_string(worker.state));
    if (!worker.doing.empty()) reason += " in " + worker.doing;
    worse("amber", std::move(reason));
  }
  for (const AlertNotice& alert : view.alerts) {
    if (alert.state != AlertState::firing) continue;
    worse(alert.severity == Severity::page ? "red" : "amber",
          alert.value.empty() ? alert.summary : alert.name + ": " + alert.value);
  }
  for (const GoalView& goal : view.goals) {
    if (goal.result.state == GoalState::missed) worse("amber", goal.result.reason);
  }
}

}  // namespace paceline
