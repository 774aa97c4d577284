#include "paceline/monitor/exposition.h"

#include <array>
#include <charconv>
#include <cmath>

namespace paceline {
namespace {

constexpr std::string_view kTotal = "_total";

std::string_view type_word(MetricKind kind) {
  switch (kind) {
    case MetricKind::counter:
      return "counter";
    case MetricKind::gauge:
    case MetricKind::gauge_max:
      return "gauge";
    case MetricKind::histogram:
      return "histogram";
  }
  return "unknown";
}

constexpr double kNanosecond = 1e-9;

/// Bounds of duration histograms: OpenTelemetry's 14, the guide's 0.2 s, and finer ones below.
constexpr std::array<double, 18> kBounds = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                            0.05,   0.075, 0.1,    0.2,   0.25, 0.5,
                                            0.75,   1,     2.5,    5,     7.5,  10};

}  // namespace

MetricsFormat negotiate_format(std::string_view accept) {
  return accept.contains("application/openmetrics-text") ? MetricsFormat::openmetrics
                                                         : MetricsFormat::prometheus;
}

std::string_view content_type(MetricsFormat format) {
  return format == MetricsFormat::openmetrics
             ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
             : "text/plain; version=0.0.4; charset=utf-8";
}

void append_number(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "NaN";
    return;
  }
  if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
    return;
  }
  std::array<char, 32> digits;
  const auto [end, error] = std::to_chars(digits.begin(), digits.end(), value);
  out.append(digits.data(), end);
}

void Exposition::family(std::string_view name, MetricKind kind) {
  if (name == family_) return;
  family_ = name;
  // OpenMetrics names the family of a counter without the suffix that its samples have.
  std::string_view shown = name;
  if (format_ == MetricsFormat::openmetrics && kind == MetricKind::counter &&
      shown.ends_with(kTotal)) {
    shown.remove_suffix(kTotal.size());
  }
  text_.append("# TYPE ").append(shown).append(" ").append(type_word(kind)).append("\n");
}

void Exposition::sample(std::string_view name, std::string_view suffix, std::string_view labels,
                        std::string_view more, std::string_view last) {
  text_.append(name).append(suffix);
  bool first = true;
  for (const std::string_view part : {more, labels, last}) {
    if (part.empty()) continue;
    text_.append(first ? "{" : ",").append(part);
    first = false;
  }
  text_ += first ? " " : "} ";
}

void Exposition::histogram(const MetricKey& key, const HistogramTotals& value,
                           std::string_view more) {
  std::string bound;
  const std::uint64_t count = value.count();
  const auto bucket = [&](std::uint64_t below) {
    sample(key.name, "_bucket", key.labels, more, bound);
    text_.append(std::to_string(below)).append("\n");
  };
  for (const double seconds : kBounds) {
    bound = "le=\"";
    append_number(bound, seconds);
    bound += '"';
    bucket(value.count_below(Duration(std::llround(seconds * 1e9))));
  }
  bound = "le=\"+Inf\"";
  bucket(count);
  sample(key.name, "_sum", key.labels, more, {});
  append_number(text_, static_cast<double>(value.sum_ns()) * kNanosecond);
  text_ += '\n';
  sample(key.name, "_count", key.labels, more, {});
  text_.append(std::to_string(count)).append("\n");
}

void Exposition::add(const MetricKey& key, const MetricValue& value, std::string_view more) {
  family(key.name, key.kind);
  ++series_;
  if (key.kind == MetricKind::histogram) return histogram(key, value.histogram, more);
  sample(key.name, {}, key.labels, more, {});
  const bool counts = key.kind == MetricKind::counter;
  const double unit = metric_unit(key.name);
  if (unit == 1) {
    text_ += counts ? std::to_string(value.count) : std::to_string(value.level);
  } else {
    // Billionths, divided: 0.7 * 1e9 / 1e9 is 0.7 again, times 1e-9 it would not be.
    const auto number =
        counts ? static_cast<double>(value.count) : static_cast<double>(value.level);
    append_number(text_, number / std::round(1 / unit));
  }
  text_ += '\n';
}

std::string Exposition::take() {
  if (format_ == MetricsFormat::openmetrics) text_ += "# EOF\n";
  return std::move(text_);
}

}  // namespace paceline
