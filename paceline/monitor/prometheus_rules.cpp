// The default rules as Prometheus knows them.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "paceline/monitor/alert_rules.h"

namespace paceline {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kTotal = "paceline_slo_requests_total";
constexpr std::string_view kFailed = "paceline_slo_requests_failed_total";
constexpr std::string_view kDurations = "http_server_request_duration_seconds";
constexpr std::string_view kRecord = "job:paceline_slo_errors:ratio_rate";

/// Prometheus scrapes every 15 to 60 s: below this a rate has too few samples.
constexpr Duration kWindowMin = 5min;

std::string number(double value) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.10g", value);
  return text.data();
}

std::string over(std::string_view function, std::string_view series, Duration window) {
  return std::string(function) + "(" + std::string(series) + "[" + format_duration(window) + "])";
}

std::string sum_over(std::string_view function, std::string_view series, Duration window) {
  return "sum by (job) (" + over(function, series, window) + ")";
}

/// `le` of a bucket as both text formats write it: OpenMetrics gives whole numbers a ".0".
std::string bucket_of(const Goal& goal) {
  const Duration bound = effective_bound(goal);
  std::array<char, 32> digits{};
  const double seconds = std::chrono::duration<double>(bound).count();
  const std::string le(digits.begin(), std::to_chars(digits.begin(), digits.end(), seconds).ptr);
  const bool whole = bound % 1s == Duration::zero();
  return std::string(kDurations) + "_bucket{le" + (whole ? "=~\"" + le + "([.]0)?" : "=\"" + le) +
         "\"}";
}

/// Enough requests in the window to decide, as the monitor itself asks for.
std::string enough(std::string_view total, double budget, Duration window) {
  return sum_over("increase", total, window) + " >= " + number(std::ceil(1 / budget - 1e-6));
}

std::string burn_term(const BurnRule& rule, const Slo& slo) {
  const std::string bound = number(rule.threshold(slo));
  const auto rate = [&](Duration window) {
    return std::string(kRecord) + format_duration(window) + " > " + bound;
  };
  return "(" + rate(rule.short_window) + "\n         and " + rate(rule.long_window) +
         "\n         and " + enough(kTotal, rule.threshold(slo), rule.long_window) +
         "\n         and " + sum_over("increase", kFailed, rule.long_window) +
         " >= " + std::to_string(kBadRequestsMin) + ")";
}

std::string burn_expression(const Slo& slo, Severity severity) {
  std::string text;
  for (const BurnRule& rule : burn_rules(slo)) {
    if (rule.severity != severity) continue;
    text += (text.empty() ? "" : "\n      or ") + burn_term(rule, slo);
  }
  return text;
}

std::string goal_expression(const Goal& goal, const Goals& goals) {
  const Duration window = std::max(goal.window, kWindowMin);
  const std::string count = std::string(kDurations) + "_count";
  const std::string bound = number(goal.bound);
  const auto gauge = [&](std::string_view name) {
    const bool upper = is_upper_bound(goal.metric);
    std::string text = over("avg_over_time", name, window) + (upper ? " > " : " < ") + bound;
    if (goals.expected_rate > 0) {
      text += "\n      and on (job, instance) " + over("rate", kTotal, window) +
              " <= " + number(goals.expected_rate);
    }
    return text;
  };
  switch (goal.metric) {
    case GoalMetric::latency:
      return sum_over("rate", bucket_of(goal), window) + "\n      / " +
             sum_over("rate", count, window) + " < " + number(goal.quantile) + "\n      and " +
             enough(count, *goal.budget(), window);
    case GoalMetric::mean:
      return sum_over("rate", std::string(kDurations) + "_sum", window) + "\n      / " +
             sum_over("rate", count, window) + " >= " + bound;
    case GoalMetric::error_rate:
      return sum_over("rate", kFailed, window) + "\n      / " + sum_over("rate", kTotal, window) +
             " > " + bound + "\n      and " + enough(kTotal, goal.bound, window) + "\n      and " +
             sum_over("increase", kFailed, window) + " >= " + std::to_string(kBadRequestsMin);
    case GoalMetric::cpu:
      return gauge("paceline_cpu_used_ratio");
    case GoalMetric::memory:
      return gauge("paceline_memory_used_ratio");
    case GoalMetric::headroom:
      return gauge("paceline_headroom_ratio");
    case GoalMetric::throughput:
      return sum_over("rate", kTotal, window) + " < " + bound;
    case GoalMetric::availability:
      break;
  }
  return "paceline_availability_ratio < " + bound;
}

std::string expression(const DefaultRule& rule, const AlertOptions& options) {
  switch (rule.cause) {
    case AlertCause::burn:
      return burn_expression(options.goals.slo, rule.rule.severity);
    case AlertCause::goal:
      return goal_expression(options.goals.list[rule.goal], options.goals);
    case AlertCause::loop_lag:
      return "max by (job, instance) (paceline_loop_lag_max_seconds) > " +
             number(std::chrono::duration<double>(options.loop_threshold).count());
    case AlertCause::worker_memory:
      return "paceline_worker_memory_used_ratio > " + number(options.worker_memory_bound);
    case AlertCause::crash_loop:
      return over("increase", "paceline_worker_crashes_total", kCrashWindow) + " > " +
             std::to_string(kCrashesMax);
    case AlertCause::no_worker:
      return "paceline_serving == 0";
  }
  return {};
}

std::string record_rules(const Slo& slo) {
  std::vector<Duration> windows;
  for (const BurnRule& rule : burn_rules(slo)) {
    windows.insert(windows.end(), {rule.short_window, rule.long_window});
  }
  std::ranges::sort(windows);
  const auto again = std::ranges::unique(windows);
  windows.erase(again.begin(), again.end());
  std::string text = "- name: paceline-slo\n";
  // The default of a minute would miss windows that are no longer than that.
  if (windows.front() < kWindowMin) {
    const Duration interval = std::max<Duration>(1s, windows.front() / 5);
    text +=
        "  interval: " + format_duration(std::chrono::floor<std::chrono::milliseconds>(interval)) +
        "\n";
  }
  text += "  rules:\n";
  for (const Duration window : windows) {
    text += "  - record: " + std::string(kRecord) + format_duration(window) + "\n";
    text += "    expr: |-\n      " + sum_over("rate", kFailed, window) + "\n      / " +
            sum_over("rate", kTotal, window) + "\n";
  }
  return text;
}

/// A YAML string in double quotes has the escapes of JSON.
std::string quoted(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

std::string alert_rule(const DefaultRule& rule, const AlertOptions& options) {
  std::string text = "  - alert: " + rule.rule.name + "\n";
  text += "    expr: |-\n      " + expression(rule, options) + "\n";
  if (rule.rule.hold > 0s) text += "    for: " + format_duration(rule.rule.hold) + "\n";
  text += "    labels:\n      severity: " + std::string(to_string(rule.rule.severity)) + "\n";
  text += "    annotations:\n      summary: " + quoted(rule.rule.summary) + "\n";
  return text;
}

}  // namespace

std::string prometheus_rules(const AlertOptions& options) {
  std::string burns;
  std::string others;
  for (const DefaultRule& rule : default_rules(options)) {
    (rule.cause == AlertCause::burn ? burns : others) += alert_rule(rule, options);
  }
  std::string text =
      "# The goals of a Paceline configuration as rules for Prometheus.\n"
      "# Name it under rule_files; scrape the monitor's /metrics with a job of its own.\n"
      "groups:\n";
  if (!burns.empty()) text += record_rules(options.goals.slo) + burns;
  return text + "- name: paceline-goals\n  rules:\n" + others;
}

}  // namespace paceline
