#include "paceline/load/goal.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace paceline {
namespace {

struct Word {
  std::string_view name;
  LoadMeasure measure;
  double quantile = 0;
};
constexpr std::array<Word, 9> kWords = {{
    {"avg", LoadMeasure::avg},
    {"mean", LoadMeasure::avg},
    {"min", LoadMeasure::min},
    {"max", LoadMeasure::max},
    {"med", LoadMeasure::quantile, 0.5},
    {"count", LoadMeasure::count},
    {"rate", LoadMeasure::rate},
    {"throughput", LoadMeasure::rate},
    {"error_rate", LoadMeasure::error_rate},
}};

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

std::optional<double> number(std::string_view text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, std::chars_format::fixed);
  if (error != std::errc() || stop != end || !(value >= 0)) return {};
  return value;
}

/// "2xx", "404".
Result<StatusClass> parse_status(std::string_view text) {
  const bool hundred = text.size() == 3 && text.substr(1) == "xx";
  const Result<std::uint64_t> value = parse_unsigned(hundred ? text.substr(0, 1) : text);
  const auto status = static_cast<unsigned>(value ? std::min<std::uint64_t>(*value, 1000) : 0);
  if (hundred && status >= 1 && status <= 9) {
    return StatusClass{.from = status * 100, .end = status * 100 + 100};
  }
  if (!hundred && status >= 100 && status <= 999) {
    return StatusClass{.from = status, .end = status + 1};
  }
  return fail(Code::invalid, "a status is 200 or 2xx, not " + printable(text, 40));
}

/// "[10s]" and "{status:2xx}" behind the measure, in any order; they are cut off `left`.
Result<void> take_scope(std::string_view& left, LoadGoal& goal) {
  const std::size_t at = left.find_first_of("[{");
  std::string_view scope = left.substr(std::min(at, left.size()));
  left = trim(left.substr(0, at));
  while (!scope.empty()) {
    const bool window = scope[0] == '[';
    const std::size_t end = scope.find(window ? ']' : '}');
    if (end == std::string_view::npos || (!window && scope[0] != '{')) {
      return fail(Code::invalid, "expected [10s] or {status:2xx}, not " + printable(scope, 40));
    }
    const std::string_view inside = trim(scope.substr(1, end - 1));
    scope = trim(scope.substr(end + 1));
    if (window) {
      PACELINE_TRY_VALUE(goal.window, parse_duration(inside));
      if (goal.window < 1s || goal.window % 1s != Duration{}) {
        return fail(Code::invalid, "a window is whole seconds, not " + printable(inside, 40));
      }
    } else {
      if (!inside.starts_with("status:")) {
        return fail(Code::invalid,
                    "the tag of a goal is {status:2xx}, not {" + printable(inside, 40) + "}");
      }
      PACELINE_TRY_VALUE(goal.only, parse_status(trim(inside.substr(7))));
    }
  }
  return {};
}

Result<void> unknown_measure(std::string_view word) {
  std::vector<std::string_view> known = {"p(95)", "p(99)"};
  for (const Word& each : kWords) known.push_back(each.name);
  std::string text = "unknown measure " + printable(word, 40) + " in a goal; ";
  if (const std::string_view near = nearest(word, known); !near.empty()) {
    return fail(Code::invalid, text.append("did you mean ").append(near).append("?"));
  }
  return fail(Code::invalid,
              text + "there are p(99), avg, min, max, med, count, rate and error_rate");
}

/// "p(99.9)", "p99.9", "avg", "count(5xx)".
Result<void> read_measure(std::string_view word, LoadGoal& goal) {
  if (word.starts_with("count(") && word.ends_with(')')) {
    PACELINE_TRY_VALUE(goal.only, parse_status(word.substr(6, word.size() - 7)));
    word = "count";
  }
  if (word.starts_with('p')) {
    std::string_view digits = word.substr(1);
    if (digits.starts_with('(') && digits.ends_with(')')) {
      digits = digits.substr(1, digits.size() - 2);
    }
    if (const std::optional<double> percent = number(digits)) {
      if (*percent <= 0 || *percent >= 100) {
        return fail(Code::invalid, "a percentile is above 0 and below 100: " + printable(word, 40));
      }
      goal.quantile = *percent / 100;
      return {};
    }
  }
  const auto* known = std::ranges::find(kWords, word, &Word::name);
  if (known == kWords.end()) return unknown_measure(word);
  goal.measure = known->measure;
  goal.quantile = known->quantile;
  return {};
}

/// "<=" and the like, cut off the front of `rest`.
Result<LoadCompare> take_compare(std::string_view& rest) {
  constexpr std::array<std::pair<std::string_view, LoadCompare>, 7> words = {{
      {"===", LoadCompare::equal},
      {"<=", LoadCompare::less_equal},
      {">=", LoadCompare::greater_equal},
      {"==", LoadCompare::equal},
      {"!=", LoadCompare::not_equal},
      {"<", LoadCompare::less},
      {">", LoadCompare::greater},
  }};
  for (const auto& [word, compare] : words) {
    if (!rest.starts_with(word)) continue;
    rest.remove_prefix(word.size());
    return compare;
  }
  return fail(Code::invalid, "a goal compares with <, <=, >, >=, == or !=");
}

Result<double> parse_bound(const LoadGoal& goal, std::string_view text) {
  std::string_view digits = text;
  double unit = 1;
  if (goal.timed()) {
    if (const std::optional<double> milliseconds = number(text)) return *milliseconds * 1000;
    const Result<Duration> time = parse_duration(text);
    if (time) return std::chrono::duration<double, std::micro>(*time).count();
  } else if (goal.measure == LoadMeasure::error_rate && text.ends_with('%')) {
    digits = trim(text.substr(0, text.size() - 1));
    unit = 100;
  } else if (goal.measure == LoadMeasure::rate && text.ends_with("/s")) {
    digits = trim(text.substr(0, text.size() - 2));
  }
  const std::optional<double> value = goal.timed() ? std::nullopt : number(digits);
  if (!value) {
    const std::string_view example = goal.timed()                              ? "500 or 500ms"
                                     : goal.measure == LoadMeasure::error_rate ? "0.1% or 0.001"
                                                                               : "1000";
    return fail(Code::invalid, fmt::format("a goal's bound is a number such as {}, not \"{}\"",
                                           example, printable(text, 40)));
  }
  if (goal.measure == LoadMeasure::error_rate && *value > unit) {
    return fail(Code::invalid, "no share is above 100 %: " + printable(text, 40));
  }
  return *value / unit;
}

/// "abort", "abortOnFail" or "abort:10s" at the end, cut off `rest`.
Result<void> take_abort(std::string_view& rest, LoadGoal& goal) {
  const std::size_t at = rest.find(" abort");
  if (at == std::string_view::npos) return {};
  std::string_view word = trim(rest.substr(at));
  rest = trim(rest.substr(0, at));
  goal.abort = true;
  if (word == "abort" || word == "abortOnFail") return {};
  if (!word.starts_with("abort:")) {
    return fail(Code::invalid, "expected abort or abort:10s, not " + printable(word, 40));
  }
  PACELINE_TRY_VALUE(goal.abort_after, parse_duration(word.substr(6)));
  return {};
}

}  // namespace

bool LoadGoal::holds(double value) const {
  switch (compare) {
    case LoadCompare::less:
      return value < bound;
    case LoadCompare::less_equal:
      return value <= bound;
    case LoadCompare::greater:
      return value > bound;
    case LoadCompare::greater_equal:
      return value >= bound;
    case LoadCompare::equal:
      return value == bound;
    case LoadCompare::not_equal:
      return value != bound;
  }
  return false;
}

Result<LoadGoal> parse_load_goal(std::string_view text) {
  LoadGoal goal;
  text = trim(text);
  goal.text = text;
  const std::size_t at = text.find_first_of("<>=!");
  if (at == std::string_view::npos) {
    return fail(Code::invalid,
                "a goal is such as \"p(99)<500\", not \"" + printable(text, 60) + "\"");
  }
  std::string_view left = trim(text.substr(0, at));
  std::string_view right = text.substr(at);
  PACELINE_TRY(take_scope(left, goal));
  PACELINE_TRY(read_measure(left, goal));
  PACELINE_TRY_VALUE(goal.compare, take_compare(right));
  right = trim(right);
  PACELINE_TRY(take_abort(right, goal));
  PACELINE_TRY_VALUE(goal.bound, parse_bound(goal, right));
  if (goal.measure == LoadMeasure::error_rate && goal.only) {
    return fail(Code::invalid, "error_rate has a status of its own: no tag");
  }
  return goal;
}

std::vector<LoadGoal> guide_load_goals() {
  ConfigRegistry registry;
  registry.add(goals_config_keys());
  const Result<Config> config = Config::load(registry, {});
  check(config.has_value(), "defaults are a configuration");
  const Result<Goals> goals = read_goals(config->top());
  check(goals.has_value(), "default goals are goals");
  std::vector<LoadGoal> found;
  for (const Goal& goal : goals->list) {
    if (goal.metric != GoalMetric::latency && goal.metric != GoalMetric::error_rate) continue;
    const Result<LoadGoal> ours = parse_load_goal(format_goal(goal));
    check(ours.has_value(), "a load test can judge the guide's goals");
    found.push_back(*ours);
  }
  return found;
}

double plain_load_value(const LoadGoal& goal, double value) {
  return goal.timed() ? value / 1000 : value;
}

std::string format_load_value(const LoadGoal& goal, double value) {
  if (goal.timed()) return format_goal_value(GoalMetric::latency, value / 1e6);
  if (goal.measure == LoadMeasure::error_rate) {
    return format_goal_value(GoalMetric::error_rate, value);
  }
  if (goal.measure == LoadMeasure::rate) return format_goal_value(GoalMetric::throughput, value);
  return fmt::format("{:.0f}", value);
}

}  // namespace paceline
