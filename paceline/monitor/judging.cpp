// The monitor's tick, as far as goals and alerts are concerned.
#include <algorithm>

#include "paceline/monitor/inside.h"

namespace paceline {
namespace {

ServiceState state_of(const Roster& roster) {
  if (roster.phase == ClusterPhase::draining) return ServiceState::planned;
  const bool ready = std::ranges::any_of(roster.slots, [](const RosterSlot& slot) {
    return slot.role == "worker" && slot.state == SlotState::ready;
  });
  if (ready) return ServiceState::serving;
  return roster.phase == ClusterPhase::starting ? ServiceState::starting : ServiceState::down;
}

std::uint64_t run_id(const Roster& roster) {
  return static_cast<std::uint64_t>(roster.started.time_since_epoch().count());
}

/// All goals but that of availability have the same.
Duration goal_window(const Goals& goals) {
  for (const Goal& goal : goals.list) {
    if (goal.metric != GoalMetric::availability) return goal.window;
  }
  return Goal{}.window;
}

std::uint64_t difference(std::uint64_t now, std::uint64_t before) {
  return now - std::min(now, before);
}

template <class T>
void raise(std::optional<T>& highest, T value) {
  highest = highest ? std::max(*highest, value) : value;
}

/// A worker that is stuck publishes nothing: how long it has been says as much as a lag.
void raise_lag(JudgeReading& reading, const WorkerView& worker) {
  const double lag = std::max(worker.lag_max.value_or(0), worker.blocked);
  raise(reading.loop_lag, std::chrono::duration_cast<Duration>(std::chrono::duration<double>(lag)));
}

}  // namespace

bool Monitor::Inside::start_judge(const Roster& roster, WallTime wall) {
  const Duration age = parts_.loop.now() - roster.started;
  const LedgerRun run{.id = run_id(roster),
                      .began = wall - std::chrono::duration_cast<WallTime::duration>(age)};
  const std::string address = parts_.listen.text();
  Result<std::unique_ptr<Judge>> judge =
      Judge::create(alerts_, {.log = parts_.log,
                              .ledger = parts_.dir + "/availability.ledger",
                              .run = run,
                              .now = wall,
                              .origin = {.instance = address, .url = "http://" + address}});
  if (!judge) {
    parts_.log.write(LogLevel::error, "goals are not judged", {{"reason", judge.error().text()}});
    return false;
  }
  judge_ = std::move(*judge);
  return true;
}

JudgeReading Monitor::Inside::judge_reading(const View& view, const Roster& roster,
                                            WallTime wall) const {
  const Reading& newest = watcher_.trend().newest();
  JudgeReading reading{.now = parts_.loop.now(),
                       .wall = wall,
                       .sample = {.memory = view.host.memory_ratio(), .headroom = view.headroom},
                       .run = run_id(roster),
                       .requests = {.total = newest.requests(), .failed = newest.failed()},
                       .state = state_of(roster)};
  const Duration window = goal_window(alerts_.goals);
  if (const Reading* before = watcher_.trend().before(window); before != nullptr) {
    GoalSample& sample = reading.sample;
    sample.latency = between(before->latency, newest.latency);
    sample.total = difference(newest.requests(), before->requests());
    sample.failed = difference(newest.failed(), before->failed());
    sample.elapsed = newest.at - before->at;
    if (sample.elapsed > Duration::zero() && newest.cpu >= before->cpu) {
      const std::chrono::duration<double> used = newest.cpu - before->cpu;
      sample.cpu = used / std::chrono::duration<double>(sample.elapsed) / view.host.cpus;
    }
  }
  for (const WorkerView& worker : view.workers) {
    reading.crashes += worker.restarts;
    raise_lag(reading, worker);
    const auto resident = worker.memory.find("rss");
    if (view.worker_memory_limit == 0 || resident == worker.memory.end()) continue;
    raise(reading.worker_memory,
          static_cast<double>(resident->second) / static_cast<double>(view.worker_memory_limit));
  }
  return reading;
}

void Monitor::Inside::judge_goals(View& view, const Roster& roster) {
  const WallTime wall = std::chrono::system_clock::now();
  if (!judge_ && !start_judge(roster, wall)) return;
  const Goals& goals = judge_->goals();
  view.expected_rate = goals.expected_rate;
  view.headroom = headroom(goals, view.cpu, view.loop_max);
  for (const AlertNotice& notice : judge_->step(judge_reading(view, roster, wall))) {
    const bool fires = notice.state == AlertState::firing;
    history_.add_incident(
        {.time = view.time,
         .kind = "alert",
         .text = notice.name + (fires ? " fires: " : " is resolved: ") + notice.value});
  }
  for (std::size_t i = 0; i < goals.list.size(); ++i) {
    view.goals.push_back({.goal = goals.list[i], .result = judge_->results()[i]});
  }
  if (goals.find("availability") != nullptr) {
    view.availability = judge_->availability();
    view.slo = goals.slo;
  }
  view.burns.assign(judge_->burns().begin(), judge_->burns().end());
  view.alerts = judge_->alerts();
}

}  // namespace paceline
