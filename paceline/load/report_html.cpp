#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "paceline/load/report.h"
#include "paceline/load/report_text.h"

namespace paceline {
namespace {

constexpr double kWidth = 900;
constexpr double kHeight = 280;
constexpr double kLeft = 70;  // room for labels
constexpr double kBottom = 30;
constexpr double kTop = 10;
constexpr std::size_t kPointsMax = 600;  // more would be less than two pixels apart

struct Point {
  double x;
  double y;
};

/// An axis: what a value's place is, from 0 to 1.
struct Axis {
  double from = 0;
  double to = 1;
  double (*scale)(double value) = [](double value) { return value; };

  double place(double value) const {
    const double low = scale(from);
    const double high = scale(to);
    return high > low ? std::clamp((scale(value) - low) / (high - low), 0.0, 1.0) : 0;
  }
};

double logarithm(double value) { return std::log10(std::max(value, 1e-3)); }

class Chart {
 public:
  Chart(std::string title, Axis x, Axis y) : x_(x), y_(y) {
    out_ = fmt::format(
        "<figure><figcaption>{}</figcaption><svg viewBox=\"0 0 {} {}\" role=\"img\" "
        "aria-label=\"{}\">\n",
        html_text(title), kWidth, kHeight, html_text(title));
  }
  void x_label(double value, std::string_view text) {
    const double x = at_x(value);
    out_ += fmt::format(
        "<path class=\"grid\" d=\"M{0:.1f} {1}V{2}\"/>"
        "<text x=\"{0:.1f}\" y=\"{3}\" text-anchor=\"middle\">{4}</text>\n",
        x, kTop, kHeight - kBottom, kHeight - 10, html_text(text));
  }
  void y_label(double value, std::string_view text) {
    const double y = at_y(value);
    out_ += fmt::format(
        "<path class=\"grid\" d=\"M{0} {1:.1f}H{2}\"/>"
        "<text x=\"{3}\" y=\"{4:.1f}\" text-anchor=\"end\">{5}</text>\n",
        kLeft, y, kWidth - 10, kLeft - 8, y + 4, html_text(text));
  }
  void line(std::string_view kind, const std::vector<Point>& points) {
    std::string path;
    for (const Point& point : points) {
      path +=
          fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", at_x(point.x), at_y(point.y));
    }
    out_ += fmt::format("<path class=\"{}\" d=\"{}\"/>\n", kind, path);
  }
  /// What is said where the pointer is.
  void hint(double from, double to, std::string_view text) {
    out_ += fmt::format(
        "<rect x=\"{:.1f}\" y=\"{}\" width=\"{:.2f}\" height=\"{}\"><title>{}</title></rect>\n",
        at_x(from), kTop, std::max(1.0, at_x(to) - at_x(from)), kHeight - kTop - kBottom,
        html_text(text));
  }
  std::string done() && { return std::move(out_) + "</svg></figure>\n"; }

 private:
  double at_x(double value) const { return kLeft + x_.place(value) * (kWidth - 10 - kLeft); }
  double at_y(double value) const {
    return kHeight - kBottom - y_.place(value) * (kHeight - kBottom - kTop);
  }
  Axis x_;
  Axis y_;
  std::string out_;
};

/// The decades of response times between two of them, in µs.
void time_labels(Chart& chart, const Axis& axis) {
  for (double decade = axis.from; decade <= axis.to * 1.001; decade *= 10) {
    chart.y_label(decade, time_text(decade));
  }
}

Axis time_axis(double least, double most) {
  return {.from = std::pow(10, std::floor(std::log10(std::max(least, 1.0)))),
          .to = std::pow(10, std::ceil(std::log10(std::max(most, 10.0)))),
          .scale = logarithm};
}

/// Some seconds together.
struct Stretch {
  double from;
  double to;
  LoadSecond all;
  HdrHistogram histogram;
};

/// The last one ends with the run.
std::vector<Stretch> stretches(const LoadTally& tally, double elapsed) {
  const std::size_t step = (tally.seconds.size() + kPointsMax - 1) / kPointsMax;
  std::vector<Stretch> found;
  for (std::size_t i = 0; i < tally.seconds.size(); i += step) {
    const std::size_t end = std::min(i + step, tally.seconds.size());
    Stretch made{.from = static_cast<double>(i), .to = static_cast<double>(end)};
    for (std::size_t j = i; j < end; ++j) made.all.add(tally.seconds[j]);
    made.histogram = made.all.histogram();
    if (end == tally.seconds.size()) {
      made.to = std::clamp(elapsed, made.from + 0.01, made.to);
    }
    found.push_back(std::move(made));
  }
  return found;
}

void second_labels(Chart& chart, double seconds) {
  const double step = std::max(1.0, std::ceil(seconds / 10));
  for (double at = 0; at <= seconds; at += step) chart.x_label(at, fmt::format("{:.0f}s", at));
}

using Value = std::function<double(const Stretch&)>;

std::vector<Point> points(const std::vector<Stretch>& all, const Value& value) {
  std::vector<Point> found;
  found.reserve(all.size());
  for (const Stretch& each : all) found.push_back({(each.from + each.to) / 2, value(each)});
  return found;
}

std::string latency_chart(const std::vector<Stretch>& all) {
  double least = 1e12;
  double most = 1;
  for (const Stretch& each : all) {
    if (each.histogram.empty()) continue;
    least = std::min(least, static_cast<double>(each.histogram.at(0.5)));
    most = std::max(most, static_cast<double>(each.histogram.max()));
  }
  const Axis y = time_axis(std::min(least, most), most);
  const Axis x{.to = all.back().to};
  Chart chart("Response time by second: p50, p99, maximum", x, y);
  time_labels(chart, y);
  second_labels(chart, x.to);
  const auto at = [](double quantile) {
    return [quantile](const Stretch& each) {
      return static_cast<double>(each.histogram.at(quantile));
    };
  };
  chart.line("max", points(all, at(1)));
  chart.line("p99", points(all, at(0.99)));
  chart.line("p50", points(all, at(0.5)));
  for (const Stretch& each : all) {
    const auto text = [&](double quantile) {
      return time_text(static_cast<double>(each.histogram.at(quantile)));
    };
    chart.hint(each.from, each.to,
               fmt::format("{:.0f}s: p50 {}, p99 {}, max {}, {} completed, {} failed", each.from,
                           text(0.5), text(0.99), text(1), each.all.completed, each.all.failed));
  }
  return std::move(chart).done();
}

std::string rate_chart(const std::vector<Stretch>& all) {
  const auto rate = [](std::uint64_t count, const Stretch& each) {
    return static_cast<double>(count) / (each.to - each.from);
  };
  double most = 1;
  for (const Stretch& each : all) {
    most = std::max({most, rate(each.all.completed, each), rate(each.all.failed, each)});
  }
  const Axis x{.to = all.back().to};
  Chart chart("Per second: answers, failed requests", x, {.to = most});
  for (const double share : {0.0, 0.5, 1.0}) chart.y_label(most * share, rate_text(most * share));
  second_labels(chart, x.to);
  chart.line("p50", points(all, [&](const Stretch& s) { return rate(s.all.completed, s); }));
  chart.line("max", points(all, [&](const Stretch& s) { return rate(s.all.failed, s); }));
  return std::move(chart).done();
}

/// Each step to the right is ten times fewer requests.
std::string spectrum_chart(const HdrHistogram& response) {
  const auto total = static_cast<double>(response.count());
  const Axis x{.from = 1, .to = std::max(10.0, total), .scale = logarithm};
  const Axis y =
      time_axis(static_cast<double>(response.min()), static_cast<double>(response.max()));
  Chart chart("Percentiles of response time", x, y);
  time_labels(chart, y);
  int nines = 0;
  for (double rarity = 1; rarity <= x.to; rarity *= 10, ++nines) {
    chart.x_label(rarity, fmt::format("{:.{}f}%", 100 - 100 / rarity, std::max(0, nines - 2)));
  }
  std::vector<Point> line;
  for (double rarity = 1; rarity < x.to; rarity *= 1.1) {
    line.push_back({rarity, static_cast<double>(response.at(1 - 1 / rarity))});
  }
  line.push_back({x.to, static_cast<double>(response.max())});
  chart.line("p99", line);
  return std::move(chart).done();
}

constexpr std::string_view kStyle = R"(
:root { color-scheme: light dark; --ink: #1b1f24; --faint: #8884; --back: #fff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e6e6; --back: #14171a; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--back);
  max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.3rem; overflow-wrap: anywhere; }
pre { overflow-x: auto; font-size: 13px; }
figure { margin: 1.5rem 0; } figcaption { font-weight: 600; }
svg { width: 100%; height: auto; } text { font-size: 12px; fill: var(--ink); }
path { fill: none; stroke-width: 2; } .grid { stroke: var(--faint); stroke-width: 1; }
.p50 { stroke: #2a78d6; } .p99 { stroke: #b97700; } .max { stroke: #d03b3b; }
rect { fill: transparent; } rect:hover { fill: var(--faint); }
.key span { padding: 0 .8rem 0 0; } .key i { display: inline-block; width: 1rem; height: 3px;
  vertical-align: middle; margin-right: .3rem; }
)";

}  // namespace

std::string load_report_html(std::string_view url, const LoadOptions& options,
                             const LoadResult& result) {
  std::string out = fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width\">\n<title>Load test of {0}</title>\n"
      "<style>{1}</style>\n<h1>Load test of {0}</h1>\n<p>{2}</p>\n<pre>{3}</pre>\n",
      html_text(url), kStyle, format_rfc3339(result.started),
      html_text(load_report(url, options, result)));
  const std::vector<Stretch> all =
      stretches(result.tally, std::chrono::duration<double>(result.elapsed).count());
  if (all.empty()) return out + "<p>No second was counted.</p>\n";
  out +=
      "<p class=\"key\"><span><i style=\"background:#2a78d6\"></i>p50, answers</span>"
      "<span><i style=\"background:#b97700\"></i>p99, percentiles</span>"
      "<span><i style=\"background:#d03b3b\"></i>maximum, failed</span></p>\n";
  out += latency_chart(all) + rate_chart(all);
  if (!result.tally.response.empty()) out += spectrum_chart(result.tally.response);
  return out;
}

}  // namespace paceline
