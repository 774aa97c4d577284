#include "paceline/goals/goal.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

namespace paceline {
namespace {

struct MetricWords {
  std::string_view name;
  GoalMetric metric;
  std::string_view unit;
};
constexpr std::array<MetricWords, 7> kWords = {{
    {"mean", GoalMetric::mean, "s"},
    {"error_rate", GoalMetric::error_rate, "ratio"},
    {"availability", GoalMetric::availability, "ratio"},
    {"cpu", GoalMetric::cpu, "ratio"},
    {"memory", GoalMetric::memory, "ratio"},
    {"headroom", GoalMetric::headroom, "ratio"},
    {"throughput", GoalMetric::throughput, "req/s"},
}};

std::string number(double value, const char* format = "%.6g") {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), format, value);
  return text.data();
}

std::optional<double> parse_number(std::string_view text) {
  double value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (error != std::errc() || end != text.data() + text.size() || !(value >= 0)) return {};
  return value;
}

/// "99.9" as 0.999, the same number as that literal: dividing by 100 would not always give it.
std::optional<double> parse_hundredths(std::string_view text) {
  if (!parse_number(text)) return {};
  const std::string shifted = std::string(text) + "e-2";
  double value = 0;
  std::from_chars(shifted.data(), shifted.data() + shifted.size(), value);
  return value;
}

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

std::string_view word_of(GoalMetric metric) {
  for (const MetricWords& words : kWords) {
    if (words.metric == metric) return words.name;
  }
  return "p95";
}

/// "p95", "p99.9": the quantile, above 0 and below 1.
std::optional<double> parse_quantile(std::string_view word) {
  if (word.size() < 2 || word[0] != 'p') return {};
  const std::optional<double> quantile = parse_hundredths(word.substr(1));
  if (!quantile || *quantile <= 0 || *quantile >= 1) return {};
  return quantile;
}

Result<void> read_metric(std::string_view word, Goal& goal) {
  if (const std::optional<double> quantile = parse_quantile(word)) {
    goal.metric = GoalMetric::latency;
    goal.quantile = *quantile;
    return {};
  }
  std::vector<std::string_view> known = {"p50", "p95", "p99", "p99.9"};
  for (const MetricWords& words : kWords) {
    if (words.name == word) {
      goal.metric = words.metric;
      return {};
    }
    known.push_back(words.name);
  }
  std::string text = "unknown goal metric \"" + printable(word, 40) + "\"; ";
  if (const std::string_view near = nearest(word, known); !near.empty()) {
    return fail(Code::invalid, text.append("did you mean ").append(near).append("?"));
  }
  text += "there are p50 to p99.99";
  for (const MetricWords& words : kWords) text.append(", ").append(words.name);
  return fail(Code::invalid, text);
}

Result<double> parse_bound(GoalMetric metric, std::string_view text) {
  if (goal_unit(metric) == "s") {
    PACELINE_TRY_VALUE(const Duration bound, parse_duration(text));
    return std::chrono::duration<double>(bound).count();
  }
  if (goal_unit(metric) == "ratio") return parse_percent(text);
  const std::string_view digits = text.ends_with("/s") ? text.substr(0, text.size() - 2) : text;
  const std::optional<double> rate = parse_number(trim(digits));
  if (!rate) {
    return fail(Code::invalid,
                "\"" + printable(text, 40) + "\" is not a rate: expected one such as \"1000/s\"");
  }
  return *rate;
}

/// "[10s]" after a metric, cut off `word`.
Result<Duration> take_window(std::string_view& word) {
  const std::size_t open = word.find('[');
  if (open == std::string_view::npos) return Goal{}.window;
  if (word.back() != ']') return fail(Code::invalid, "the window of a goal is not closed by ]");
  PACELINE_TRY_VALUE(const Duration window,
                     parse_duration(word.substr(open + 1, word.size() - open - 2)));
  if (window <= Duration::zero()) return fail(Code::invalid, "the window of a goal is empty");
  word = trim(word.substr(0, open));
  return window;
}

GoalResult judge_value(const Goal& goal, std::optional<double> value, std::string_view missing) {
  if (!value) return {.reason = std::string(missing)};
  const bool met = is_upper_bound(goal.metric) ? *value < goal.bound : *value >= goal.bound;
  if (met) return {.state = GoalState::met, .value = value};
  return {.state = GoalState::missed,
          .value = value,
          .reason = goal.name + " " + format_goal_value(goal.metric, *value) + ", goal " +
                    format_goal_value(goal.metric, goal.bound)};
}

/// Latency and error rate: a share of bad requests against the budget.
GoalResult judge_share(const Goal& goal, const GoalSample& sample) {
  const bool latency = goal.metric == GoalMetric::latency;
  const std::uint64_t total = latency ? sample.latency.count() : sample.total;
  if (total == 0) return {.reason = "no requests"};
  const Duration limit(static_cast<std::int64_t>(std::llround(goal.bound * 1e9)));
  const std::uint64_t bad = latency ? total - sample.latency.count_below(limit) : sample.failed;
  const double share = static_cast<double>(bad) / static_cast<double>(total);
  const double value =
      latency ? std::chrono::duration<double>(sample.latency.quantile(goal.quantile)).count()
              : share;
  const double budget = goal.budget().value_or(0);
  if (share <= budget) return {.state = GoalState::met, .value = value};
  const double needed = budget > 0 ? std::ceil(1 / budget - 1e-6) : 1;
  if (bad < kBadRequestsMin || static_cast<double>(total) < needed) {
    return {.value = value,
            .reason = "insufficient traffic: " + std::to_string(bad) + " of " +
                      std::to_string(total) + " requests are bad; 3 of " + number(needed) +
                      " decide"};
  }
  std::string reason = goal.name + " " + format_goal_value(goal.metric, value) + ", goal " +
                       format_goal_value(goal.metric, goal.bound);
  if (latency) {
    reason += " (" + format_percent(share) + " of " + std::to_string(total) + " took longer)";
  }
  return {.state = GoalState::missed, .value = value, .reason = std::move(reason)};
}

}  // namespace

std::string_view goal_unit(GoalMetric metric) {
  if (metric == GoalMetric::latency) return "s";
  for (const MetricWords& words : kWords) {
    if (words.metric == metric) return words.unit;
  }
  return "ratio";
}

bool is_upper_bound(GoalMetric metric) {
  return metric != GoalMetric::availability && metric != GoalMetric::headroom &&
         metric != GoalMetric::throughput;
}

std::optional<double> Goal::budget() const {
  if (metric == GoalMetric::latency) return 1 - quantile;
  if (metric == GoalMetric::error_rate) return bound;
  return {};
}

Result<double> parse_percent(std::string_view text) {
  std::optional<double> ratio;
  if (text == "0") ratio = 0;
  if (text.ends_with('%')) ratio = parse_hundredths(trim(text.substr(0, text.size() - 1)));
  if (ratio && *ratio <= 1) return *ratio;
  return fail(Code::invalid, "\"" + printable(text, 40) +
                                 "\" is not a share: expected 0% to 100% such as \"70%\"");
}

std::string format_percent(double ratio) { return number(ratio * 100) + "%"; }

Result<Goal> parse_goal(std::string_view text) {
  const std::size_t at = text.find_first_of("<>");
  if (at == std::string_view::npos) {
    return fail(Code::invalid, "\"" + printable(text, 60) +
                                   "\" is not a goal: expected one such as \"p95 < 200ms\"");
  }
  const bool equal = at + 1 < text.size() && text[at + 1] == '=';
  Goal goal;
  std::string_view word = trim(text.substr(0, at));
  PACELINE_TRY_VALUE(goal.window, take_window(word));
  PACELINE_TRY(read_metric(word, goal));
  goal.name = word;
  if ((text[at] == '<') != is_upper_bound(goal.metric)) {
    return fail(Code::invalid, goal.name + (text[at] == '<' ? " has a lower bound: >="
                                                            : " has an upper bound: <"));
  }
  PACELINE_TRY_VALUE(goal.bound,
                     parse_bound(goal.metric, trim(text.substr(at + (equal ? 2U : 1U)))));
  return goal;
}

std::string format_goal(const Goal& goal) {
  const std::string word = goal.metric == GoalMetric::latency ? "p" + number(goal.quantile * 100)
                                                              : std::string(word_of(goal.metric));
  const bool time = goal_unit(goal.metric) == "s";
  const Duration duration(static_cast<std::int64_t>(std::llround(time ? goal.bound * 1e9 : 0)));
  return word + (is_upper_bound(goal.metric) ? " < " : " >= ") +
         (time ? format_duration(duration) : format_goal_value(goal.metric, goal.bound));
}

std::string format_goal_value(GoalMetric metric, double value) {
  const std::string_view unit = goal_unit(metric);
  if (unit == "ratio") return number(value * 100, "%.4g") + "%";
  if (unit == "req/s") return number(value) + "/s";
  if (value >= 1) return number(value, "%.4g") + "s";
  if (value >= 1e-3) return number(value * 1e3, "%.4g") + "ms";
  return value > 0 ? number(value * 1e6, "%.4g") + "us" : "0s";
}

double GoalSample::rate() const {
  const double seconds = std::chrono::duration<double>(elapsed).count();
  return seconds > 0 ? static_cast<double>(total) / seconds : 0;
}

std::string_view to_string(GoalState state) {
  switch (state) {
    case GoalState::met:
      return "met";
    case GoalState::missed:
      return "missed";
    case GoalState::unknown:
      break;
  }
  return "unknown";
}

GoalResult evaluate(const Goal& goal, const GoalSample& sample, const GoalContext& context) {
  const bool load_bound = goal.metric == GoalMetric::cpu || goal.metric == GoalMetric::memory ||
                          goal.metric == GoalMetric::headroom;
  if (load_bound && context.expected_rate > 0 && sample.rate() > context.expected_rate) {
    return {.reason = format_goal_value(GoalMetric::throughput, std::round(sample.rate())) +
                      " is above the expected " +
                      format_goal_value(GoalMetric::throughput, context.expected_rate)};
  }
  switch (goal.metric) {
    case GoalMetric::latency:
    case GoalMetric::error_rate:
      return judge_share(goal, sample);
    case GoalMetric::mean: {
      const std::uint64_t count = sample.latency.count();
      if (count == 0) return {.reason = "no requests"};
      return judge_value(
          goal, static_cast<double>(sample.latency.sum_ns()) / 1e9 / static_cast<double>(count),
          {});
    }
    case GoalMetric::availability:
      return judge_value(goal, sample.availability, "no ledger");
    case GoalMetric::cpu:
      return judge_value(goal, sample.cpu, "CPU time is not measured yet");
    case GoalMetric::memory:
      return judge_value(goal, sample.memory, "memory is not measured yet");
    case GoalMetric::headroom:
      return judge_value(goal, sample.headroom, "utilisation is not measured yet");
    case GoalMetric::throughput:
      if (sample.elapsed <= Duration::zero()) return {.reason = "no time passed"};
      return judge_value(goal, sample.rate(), {});
  }
  return {};
}

}  // namespace paceline
