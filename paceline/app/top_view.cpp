#include "paceline/app/top_view.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>

namespace paceline::app {
namespace {

constexpr std::size_t kLabelWidth = 13;
constexpr std::size_t kTextWidth = 46;  // of a key metric; its sparkline has the rest
constexpr std::size_t kReasonLines = 2;
constexpr std::size_t kAlertLines = 3;

/// Lines that are cut at the frame's edge.
class Frame {
 public:
  explicit Frame(std::size_t columns) : columns_(columns) {}

  Frame& line() {
    lines_.emplace_back();
    left_ = columns_;
    return *this;
  }
  Frame& put(std::string_view text, TopStyle style = TopStyle::plain) {
    std::size_t bytes = 0;
    std::size_t used = 0;
    while (bytes < text.size() && used < left_) {
      ++bytes;
      while (bytes < text.size() && (static_cast<unsigned char>(text[bytes]) & 0xC0) == 0x80) {
        ++bytes;
      }
      ++used;
    }
    left_ -= used;
    if (bytes > 0) lines_.back().push_back({std::string(text.substr(0, bytes)), style});
    return *this;
  }
  /// `text` so that it ends in this column.
  Frame& pad_to(std::size_t column) {
    const std::size_t at = columns_ - left_;
    return column > at ? put(std::string(column - at, ' ')) : *this;
  }
  std::size_t left() const { return left_; }
  std::size_t columns() const { return columns_; }
  std::size_t rows() const { return lines_.size(); }
  std::vector<TopLine>& lines() { return lines_; }

 private:
  std::size_t columns_;
  std::size_t left_ = 0;
  std::vector<TopLine> lines_;
};

TopStyle state_style(std::string_view state) {
  if (state == "green" || state == "met") return TopStyle::good;
  if (state == "amber" || state == "pending") return TopStyle::warn;
  if (state == "red" || state == "missed" || state == "firing") return TopStyle::bad;
  return TopStyle::dim;
}

std::string upper(std::string text) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return text;
}

void put_header(Frame& frame, const TopSnapshot& snapshot, const TopState& state) {
  const bool stale = !state.stale.empty();
  const std::string word =
      stale ? "STALE " + show_age(state.stale_seconds)
            : upper(snapshot.state.empty() ? std::string("unknown") : snapshot.state);
  frame.line().put("paceline " + snapshot.version, TopStyle::bold);
  frame.put("  " + snapshot.listen + "  up " + show_age(snapshot.uptime));
  if (!snapshot.phase.empty() && snapshot.phase != "running") {
    frame.put("  " + snapshot.phase, TopStyle::warn);
  }
  const std::size_t width = width_of(word);
  if (frame.left() > width) frame.pad_to(frame.columns() - width);
  frame.put(word, stale ? TopStyle::bad : state_style(snapshot.state));
  if (stale) {
    frame.line().put(" " + state.stale, TopStyle::bad);
    return;
  }
  for (std::size_t i = 0; i < std::min(kReasonLines, snapshot.reasons.size()); ++i) {
    frame.line().put(" " + snapshot.reasons[i], state_style(snapshot.state));
  }
}

struct KeyMetric {
  std::string_view label;
  std::string text;
  const std::deque<TopValue>* history;
  double full = 0;  // of the sparkline; 0: its own largest value
};

void put_key_metrics(Frame& frame, const TopSnapshot& s, const TopHistory& history,
                     const TopState& state) {
  const KeyMetric metrics[] = {
      {"throughput",
       show_rate(s.rate) + "/s  in " + show_bytes(s.received) + "/s  out " + show_bytes(s.sent) +
           "/s",
       &history.rate},
      {"latency",
       "p50 " + show_seconds(s.p50) + "  p95 " + show_seconds(s.p95) + "  p99 " +
           show_seconds(s.p99),
       &history.p95},
      {"utilization",
       "cpu " + show_ratio(s.cpu) + "  loop " + show_ratio(s.loop) + "  mem " +
           show_ratio(s.memory) + " of " + show_bytes(s.memory_limit),
       &history.utilization, 1},
      {"errors",
       show_ratio(s.error_ratio) + "  " + show_rate(s.error_rate) + "/s  rejected " +
           show_count(s.rejected),
       &history.errors},
      {"concurrency",
       show_rate(s.concurrency) + " on average  " + show_count(s.in_flight) + " now  " +
           show_count(s.connections) + " connections",
       &history.in_flight},
  };
  for (const KeyMetric& metric : metrics) {
    frame.line().put(metric.label, TopStyle::dim).pad_to(kLabelWidth).put(metric.text);
    if (metric.history->empty()) continue;
    frame.pad_to(kLabelWidth + kTextWidth).put(" ");
    frame.put(sparkline(*metric.history, frame.left(), metric.full, state.glyphs));
  }
}

void put_goals(Frame& frame, const TopSnapshot& snapshot) {
  frame.line().put("goals", TopStyle::dim).pad_to(kLabelWidth);
  for (const TopGoal& goal : snapshot.goals) {
    const std::string text = goal.name + " " + (goal.state == "unknown" ? "?" : goal.state);
    if (frame.left() < width_of(text) + 2) frame.line().pad_to(kLabelWidth);
    frame.put(text, state_style(goal.state)).put("  ");
  }
  frame.line().put("availability", TopStyle::dim).pad_to(kLabelWidth);
  if (!snapshot.availability) {
    frame.put("-");
  } else {
    std::array<char, 32> ratio{};
    std::snprintf(ratio.data(), ratio.size(), "%.5g%%", *snapshot.availability * 100);
    frame.put(ratio.data())
        .put(" in " + show_age(snapshot.availability_period) + ", error budget left " +
             show_ratio(snapshot.budget_left));
  }
  frame.put("  headroom " + show_ratio(snapshot.headroom));
}

void put_alerts(Frame& frame, const TopSnapshot& snapshot) {
  std::size_t shown = 0;
  for (const TopAlert& alert : snapshot.alerts) {
    if (alert.state == "resolved" || shown == kAlertLines) continue;
    frame.line().put(shown++ == 0 ? "alerts" : "", TopStyle::dim).pad_to(kLabelWidth);
    frame.put(alert.name + " " + alert.state, state_style(alert.state));
    if (alert.since) frame.put(" " + show_age(std::max(0.0, snapshot.time - *alert.since)));
    frame.put("  " + alert.summary);
  }
  if (shown == 0) frame.line().put("alerts", TopStyle::dim).pad_to(kLabelWidth).put("none");
}

void put_worker(Frame& frame, const TopWorker& worker) {
  frame.line();
  const bool stuck = worker.state == "blocked" || worker.state == "silent";
  const TopStyle style = stuck                       ? TopStyle::bad
                         : worker.state == "ready"   ? TopStyle::plain
                         : worker.state == "backoff" ? TopStyle::bad
                                                     : TopStyle::warn;
  for (const TableColumn& column : table_columns(frame.columns())) {
    if (worker.blocked_seconds && *worker.blocked_seconds > 0 &&
        column.id == TopColumn::in_flight) {
      frame.put("  blocked " + show_seconds(worker.blocked_seconds) +
                    (worker.doing.empty() ? "" : " in " + worker.doing),
                TopStyle::bad);
      return;
    }
    const std::string cell = table_cell(worker, column);
    const std::size_t width = width_of(cell);
    const std::string gap(column.width - std::min(width, column.width), ' ');
    frame.put(
        column.left ? " " + cell + gap.substr(std::min<std::size_t>(1, gap.size())) : gap + cell,
        style);
  }
}

void put_table_head(Frame& frame, const TopState& state) {
  frame.line();
  for (const TableColumn& column : table_columns(frame.columns())) {
    const std::string title(column.title);
    const std::string gap(column.width - title.size(), ' ');
    const bool chosen = column.id == state.sort.column;
    frame.put(column.left ? " " + title + gap.substr(1) : gap + title,
              chosen ? TopStyle::bold : TopStyle::title);
  }
}

/// Below the workers, in as many rows as they left; none if there is no room for one route.
void put_routes(Frame& frame, const TopSnapshot& snapshot, std::size_t rows) {
  constexpr std::size_t kHeadRows = 2;
  if (snapshot.routes.empty() || rows <= kHeadRows) return;
  const auto right = [&frame](std::size_t column, const std::string& text) {
    frame.pad_to(column - std::min(column, width_of(text))).put(text);
  };
  frame.line();
  frame.line().put("   REQ/S     P95  FAIL  ROUTE", TopStyle::title);
  for (std::size_t i = 0; i < std::min(rows - kHeadRows, snapshot.routes.size()); ++i) {
    const TopRoute& route = snapshot.routes[i];
    frame.line();
    right(8, show_rate(route.rate));
    right(16, show_seconds(route.p95));
    frame.pad_to(16);
    const std::string failed = show_ratio(route.error_ratio);
    frame.put(std::string(6 - std::min<std::size_t>(6, width_of(failed)), ' ') + failed,
              route.error_ratio.value_or(0) > 0 ? TopStyle::bad : TopStyle::plain);
    frame.put("  " + route.method + " " + route.route);
  }
}

}  // namespace

std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

void TopHistory::add(const TopSnapshot& snapshot) {
  if (snapshot.time <= last_) return;
  last_ = snapshot.time;
  const auto push = [](std::deque<TopValue>& values, TopValue value) {
    values.push_back(value);
    if (values.size() > kMax) values.pop_front();
  };
  push(rate, snapshot.rate);
  push(p95, snapshot.p95);
  const bool known = snapshot.cpu || snapshot.loop;
  push(utilization, known ? TopValue(std::max(snapshot.cpu.value_or(0), snapshot.loop.value_or(0)))
                          : std::nullopt);
  push(errors, snapshot.error_ratio);
  push(in_flight, snapshot.in_flight);
}

std::vector<TopLine> top_frame(const TopSnapshot& snapshot, const TopHistory& history,
                               const TopState& state, TopSize size) {
  Frame frame(size.columns);
  put_header(frame, snapshot, state);
  put_key_metrics(frame, snapshot, history, state);
  put_goals(frame, snapshot);
  put_alerts(frame, snapshot);
  frame.line();
  put_table_head(frame, state);
  const std::vector<TopWorker> workers = sorted_workers(snapshot.workers, state.sort);
  const std::size_t room = size.rows > frame.rows() + 1 ? size.rows - frame.rows() - 1 : 0;
  const std::size_t first = std::min(state.scroll, workers.size() - std::min(room, workers.size()));
  const std::size_t last = std::min(workers.size(), first + room);
  for (std::size_t i = first; i < last; ++i) put_worker(frame, workers[i]);
  if (first == 0 && last == workers.size()) put_routes(frame, snapshot, room - last);
  while (frame.rows() + 1 < size.rows) frame.line();
  std::string keys = "q quit  s/arrows sort: " + std::string(column_title(state.sort.column)) +
                     (state.sort.reverse ? " (reversed)" : "") + "  r reverse  up/down scroll";
  if (workers.size() > room && room > 0) {
    keys += "  " + std::to_string(first + 1) + "-" + std::to_string(last) + " of " +
            std::to_string(workers.size());
  }
  frame.line().put(keys, TopStyle::title);
  std::vector<TopLine> lines = std::move(frame.lines());
  if (lines.size() > size.rows) {  // too low for all: the keys stay
    lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(size.rows) - 1, lines.end() - 1);
  }
  return lines;
}

std::vector<TopLine> top_once(const TopSnapshot& snapshot, std::size_t columns) {
  Frame frame(columns);
  const TopState state;
  put_header(frame, snapshot, state);
  put_key_metrics(frame, snapshot, {}, state);
  put_goals(frame, snapshot);
  put_alerts(frame, snapshot);
  frame.line();
  put_table_head(frame, state);
  for (const TopWorker& worker : snapshot.workers) put_worker(frame, worker);
  put_routes(frame, snapshot, SIZE_MAX);
  return std::move(frame.lines());
}

}  // namespace paceline::app
