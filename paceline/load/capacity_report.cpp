// The goals' texts, and what a search for the capacity says.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "paceline/load/capacity.h"
#include "paceline/load/goal.h"

namespace paceline {
namespace {

using Json = nlohmann::ordered_json;

std::string ms(std::uint64_t us) {
  const double value = static_cast<double>(us) / 1000;
  return fmt::format("{:.{}f}", value, value < 10 ? 2 : value < 100 ? 1 : 0);
}

std::string percent(double share) { return fmt::format("{:.0f} %", share * 100); }

std::string rate_text(double rate) { return fmt::format("{:.{}f}", rate, rate < 100 ? 1 : 0); }

std::string headroom_text(const CapacityResult& result) {
  if (!result.has_headroom()) return "";
  const double used = result.expected_rate / result.rate;
  const bool enough = *result.has_headroom();
  return fmt::format(
      "  expected    {}/s: uses {} of the capacity, headroom {}, room to grow x {:.2f}\n"
      "  headroom    {}: the guide asks for {:.1f} x the expected load, {}/s\n",
      rate_text(result.expected_rate), percent(used), percent(1 - used), 1 / used,
      enough ? "enough" : "too little", kHeadroomFactor,
      rate_text(kHeadroomFactor * result.expected_rate));
}

Json trial_json(const CapacityOptions& options, const CapacityTrial& trial) {
  Json goals = Json::array();
  for (std::size_t i = 0; i < trial.goals.size(); ++i) {
    goals.push_back({{"expr", options.goals[i].text},
                     {"bad_share", trial.goals[i].share},
                     {"lower", trial.goals[i].lower},
                     {"upper", trial.goals[i].upper},
                     {"bad_share_max", options.goals[i].share_max}});
  }
  Json server = Json::object();
  for (const ServerShare& share : trial.server) server[share.name] = share.used;
  return {{"purpose", to_string(trial.purpose)},
          {"rate_offered", trial.rate},
          {"rate_achieved", trial.achieved},
          {"duration_s", std::chrono::duration<double>(trial.length).count()},
          {"requests", trial.requests},
          {"latency_us", {{"p50", trial.p50}, {"p95", trial.p95}, {"p99", trial.p99}}},
          {"error_ratio", trial.errors},
          {"generator_lag_us", trial.generator_lag},
          {"generator_cpu", trial.generator_cpu},
          {"goals", goals},
          {"server", server},
          {"verdict", to_string(trial.verdict)},
          {"goal", trial.goal},
          {"reason", trial.reason}};
}

}  // namespace

Result<CapacityGoal> parse_capacity_goal(std::string_view text) {
  PACELINE_TRY_VALUE(const LoadGoal goal, parse_load_goal(text));
  const bool less = goal.compare == LoadCompare::less || goal.compare == LoadCompare::less_equal;
  const bool plain = less && goal.window == Duration{0} && !goal.only && !goal.abort;
  CapacityGoal share{.text = goal.text};
  if (goal.measure == LoadMeasure::quantile) {
    share.share_max = 1 - goal.quantile;
    share.within = Duration(static_cast<std::int64_t>(goal.bound * 1000));
  } else {
    share.share_max = goal.bound;
  }
  const bool known =
      goal.measure == LoadMeasure::quantile || goal.measure == LoadMeasure::error_rate;
  if (!plain || !known) {
    return fail(Code::invalid,
                "a capacity is found for p(99)<500ms and error_rate<0.1%, over all "
                "of a trial, not for " +
                    printable(text, 60));
  }
  if (!(share.share_max > 0 && share.share_max < 1)) {
    return fail(Code::invalid,
                "the share that may miss a goal is above 0 and below 1: " + printable(text, 60));
  }
  return share;
}

std::string capacity_head(std::string_view url, const CapacityOptions& options) {
  std::string goals;
  for (const CapacityGoal& goal : options.goals) goals += (goals.empty() ? "" : ", ") + goal.text;
  return fmt::format(
      "capacity of {}\n"
      "open loop, evenly spaced: percentiles are free of coordinated omission\n"
      "{} thread{}, {} connections; goals: {}\n\n"
      "  {:<8}{:>10}{:>10}{:>9}{:>9}{:>9}{:>9}{:>8}  {}\n",
      url, options.load.threads, options.load.threads == 1 ? "" : "s", options.load.connections,
      goals, "trial", "rate/s", "achieved", "p50 ms", "p95 ms", "p99 ms", "errors", "length",
      "verdict");
}

std::string capacity_row(const CapacityTrial& trial) {
  std::string out =
      fmt::format("  {:<8}{:>10}{:>10}{:>9}{:>9}{:>9}{:>8.2f}%{:>7.0f}s  {}",
                  to_string(trial.purpose), rate_text(trial.rate), rate_text(trial.achieved),
                  ms(trial.p50), ms(trial.p95), ms(trial.p99), trial.errors * 100,
                  std::chrono::duration<double>(trial.length).count(), to_string(trial.verdict));
  if (trial.verdict == TrialVerdict::failed) out += ": " + trial.goal;
  for (const ServerShare& share : trial.server) {
    out += fmt::format(", {} {}", share.name, percent(share.used));
  }
  return out + "\n";
}

std::string capacity_summary(const CapacityOptions& options, const CapacityResult& result) {
  std::string out = "\n";
  if (result.rate > 0) {
    out += fmt::format("  capacity    {}/s", rate_text(result.rate));
    out += result.confirmed ? fmt::format(", confirmed over {}", format_duration(options.confirm))
                            : std::string(", not confirmed: it held for a trial, but not for ") +
                                  format_duration(options.confirm);
    out += "\n";
    if (result.refused_rate > 0) {
      out += fmt::format("  refused     {}/s did not hold for that long either\n",
                         rate_text(result.refused_rate));
    }
  } else {
    out += "  capacity    none: no rate kept the goals\n";
  }
  if (result.failing_rate > 0) {
    out += fmt::format("  fails at    {}/s: {}\n", rate_text(result.failing_rate), result.binding);
  }
  if (!result.limited.empty()) {
    out += "  generator   was the limit above that, so the server may do more: " + result.limited +
           "\n";
  } else if (result.shares_host && result.rate > 0) {
    out += "  generator   on the server's host: without it the server may do more\n";
  }
  if (!result.resource.empty()) out += "  ran out     " + result.resource + "\n";
  out += headroom_text(result);
  for (std::size_t i = result.trials.size(); i-- > 0;) {
    const CapacityTrial& trial = result.trials[i];
    if (trial.purpose != TrialPurpose::confirm || trial.verdict != TrialVerdict::unproved) continue;
    out += "  unproved    too few requests to show more: " + trial.reason + "\n";
    break;
  }
  if (!result.stopped.empty()) out += "  stopped     " + result.stopped + "\n";
  if (result.interrupted) out += "  stopped     interrupted: this is what was done until then\n";
  return out;
}

std::string capacity_json(std::string_view url, const CapacityOptions& options,
                          const CapacityResult& result) {
  Json out = {{"url", url},
              {"capacity", result.rate},
              {"confirmed", result.confirmed},
              {"refused_rate", result.refused_rate},
              {"failing_rate", result.failing_rate},
              {"binding_goal", result.binding},
              {"resource", result.resource},
              {"saturation", result.saturation},
              {"base_p50_us", result.base_p50},
              {"generator_limited", !result.limited.empty()},
              {"shares_host", result.shares_host},
              {"stopped", result.interrupted ? "interrupted" : result.stopped},
              {"expected_rate", result.expected_rate},
              {"threads", options.load.threads},
              {"connections", options.load.connections}};
  if (result.has_headroom()) {
    out["used"] = result.expected_rate / result.rate;
    out["headroom"] = 1 - result.expected_rate / result.rate;
    out["growth"] = result.rate / result.expected_rate;
    out["headroom_enough"] = *result.has_headroom();
  }
  out["trials"] = Json::array();
  for (const CapacityTrial& trial : result.trials)
    out["trials"].push_back(trial_json(options, trial));
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace paceline
