#include "paceline/monitor/exposition.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace paceline {
namespace {

constexpr std::string_view kTotal = "_total";
constexpr std::string_view kOpenMetrics = "application/openmetrics-text";
constexpr double kNanosecond = 1e-9;

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

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

/// The weight of one media range of an Accept header.
double weight_of(std::string_view range) {
  const std::size_t at = range.find(";q=");
  if (at == std::string_view::npos) return 1;
  double weight = 0;
  const std::string_view text = range.substr(at + 3);
  std::from_chars(text.data(), text.data() + text.size(), weight);
  return weight;
}

}  // namespace

void MetricCatalogue::add(std::span<const MetricInfo> infos) {
  for (const MetricInfo& info : infos) {
    infos_[info.name] = &info;
    if (!info.bounds.empty()) add_bounds(info.name, info.bounds);
  }
}

void MetricCatalogue::add_bounds(std::string_view name, std::span<const Duration> bounds) {
  std::vector<Duration>& all = bounds_[std::string(name)];
  all.insert(all.end(), bounds.begin(), bounds.end());
  std::ranges::sort(all);
  all.erase(std::ranges::unique(all).begin(), all.end());
}

const MetricInfo* MetricCatalogue::find(std::string_view name) const {
  const auto found = infos_.find(name);
  return found == infos_.end() ? nullptr : found->second;
}

std::span<const Duration> MetricCatalogue::bounds(std::string_view name) const {
  const auto found = bounds_.find(name);
  return found == bounds_.end() ? std::span<const Duration>(kRequestBounds) : found->second;
}

MetricsFormat negotiate_format(std::string_view accept) {
  double open = 0;
  double plain = 0;
  while (!accept.empty()) {
    const std::size_t end = std::min(accept.find(','), accept.size());
    std::string range(trimmed(accept.substr(0, end)));
    std::erase(range, ' ');
    const double weight = weight_of(range);
    if (range.starts_with(kOpenMetrics)) {
      open = std::max(open, weight);
    } else if (range.starts_with("text/plain")) {
      plain = std::max(plain, weight);
    }
    accept.remove_prefix(std::min(end + 1, accept.size()));
  }
  return open > 0 && open >= plain ? MetricsFormat::openmetrics : MetricsFormat::prometheus;
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
  // Exponents from where Prometheus itself writes them: labels of equal bounds must be equal texts.
  const double size = std::abs(value);
  const bool plain = size == 0 || (size >= 1e-4 && size < 1e21);
  std::array<char, 64> digits;
  const std::to_chars_result written =
      plain ? std::to_chars(digits.begin(), digits.end(), value, std::chars_format::fixed)
            : std::to_chars(digits.begin(), digits.end(), value, std::chars_format::scientific);
  out.append(digits.data(), written.ptr);
}

Exposition::Exposition(MetricsFormat format, const MetricCatalogue& catalogue,
                       std::size_t series_max, std::optional<double> created)
    : format_(format),
      catalogue_(catalogue),
      series_max_(series_max),
      created_(format == MetricsFormat::openmetrics ? created : std::nullopt) {
  text_.reserve(std::size_t{256} << 10);
}

void Exposition::begin_family(std::string_view name, MetricKind kind) {
  if (name == family_) return;
  family_ = name;
  unit_ = metric_unit(name);
  // OpenMetrics names the family of a counter without the suffix that its samples have.
  std::string_view shown = name;
  if (format_ == MetricsFormat::openmetrics && kind == MetricKind::counter &&
      shown.ends_with(kTotal)) {
    shown.remove_suffix(kTotal.size());
  }
  if (const MetricInfo* info = catalogue_.find(name); info != nullptr && !info->help.empty()) {
    text_.append("# HELP ").append(shown).append(" ").append(info->help).append("\n");
  }
  text_.append("# TYPE ").append(shown).append(" ").append(type_word(kind)).append("\n");
  bounds_.clear();
  if (kind != MetricKind::histogram) return;
  for (const Duration at : catalogue_.bounds(name)) {
    Bound& bound = bounds_.emplace_back();
    bound.end = HistogramScale::bucket(static_cast<std::uint64_t>(at.count()));
    bound.at = at;
    bound.label = "le=\"";
    append_number(bound.label, seconds(at));
    bound.label += '"';
  }
}

void Exposition::begin_sample(std::string_view name, std::string_view suffix,
                              std::string_view labels, std::string_view more,
                              std::string_view last) {
  text_.append(name).append(suffix);
  bool first = true;
  for (const std::string_view part : {more, labels, last}) {
    if (part.empty()) continue;
    text_.append(first ? "{" : ",").append(part);
    first = false;
  }
  text_ += first ? " " : "} ";
}

void Exposition::end_sample(std::uint64_t value) {
  std::array<char, 24> digits;
  text_.append(digits.data(), std::to_chars(digits.begin(), digits.end(), value).ptr);
  text_ += '\n';
}

void Exposition::end_sample(double value) {
  append_number(text_, value);
  text_ += '\n';
}

/// Behind a series' samples. A counter's suffix makes place for this one.
void Exposition::created(const MetricKey& key, std::string_view more) {
  if (!created_) return;
  std::string_view name = key.name;
  if (key.kind == MetricKind::counter) {
    if (!name.ends_with(kTotal)) return;
    name.remove_suffix(kTotal.size());
  }
  begin_sample(name, "_created", key.labels, more);
  end_sample(*created_);
}

/// Behind the bucket's sample: a record that fell into it.
void Exposition::exemplar(const MetricValue& value, Duration above, Duration to) {
  if (format_ != MetricsFormat::openmetrics) return;
  for (const MetricExample& example : value.examples) {
    if (example.duration < above || example.duration >= to) continue;
    text_.pop_back();  // the line's end
    text_.append(" # {request_id=\"").append(example.id).append("\"} ");
    append_number(text_, seconds(example.duration));
    text_ += ' ';
    append_number(text_, std::round(seconds(example.time.time_since_epoch()) * 1e3) / 1e3);
    text_ += '\n';
    return;
  }
}

void Exposition::histogram(const MetricKey& key, const MetricValue& value, std::string_view more) {
  const std::vector<std::uint64_t>& buckets = value.histogram.buckets();
  std::uint64_t below = 0;
  std::size_t at = 0;
  Duration above = Duration::zero();
  for (const Bound& bound : bounds_) {
    for (; at < std::min(bound.end, buckets.size()); ++at) below += buckets[at];
    begin_sample(family_, "_bucket", key.labels, more, bound.label);
    end_sample(below);
    exemplar(value, above, bound.at);
    above = bound.at;
  }
  for (; at < buckets.size(); ++at) below += buckets[at];
  begin_sample(family_, "_bucket", key.labels, more, "le=\"+Inf\"");
  end_sample(below);
  exemplar(value, above, Duration::max());
  begin_sample(family_, "_sum", key.labels, more);
  end_sample(static_cast<double>(value.histogram.sum_ns()) * kNanosecond);
  begin_sample(family_, "_count", key.labels, more);
  end_sample(below);
  created(key, more);
}

void Exposition::add(const MetricKey& key, const MetricValue& value, std::string_view more) {
  if (series_ >= series_max_) {
    ++left_out_;
    return;
  }
  ++series_;
  begin_family(key.name, key.kind);
  if (key.kind == MetricKind::histogram) return histogram(key, value, more);
  begin_sample(family_, {}, key.labels, more);
  const bool counts = key.kind == MetricKind::counter;
  if (unit_ != 1) {
    // Billionths, divided: 0.7 * 1e9 / 1e9 is 0.7 again, times 1e-9 it would not be.
    const auto number =
        counts ? static_cast<double>(value.count) : static_cast<double>(value.level);
    end_sample(number / std::round(1 / unit_));
  } else if (counts) {
    end_sample(value.count);
  } else {
    text_.append(std::to_string(value.level)).append("\n");
  }
  if (counts) created(key, more);
}

std::string Exposition::take() {
  if (format_ == MetricsFormat::openmetrics) text_ += "# EOF\n";
  return std::move(text_);
}

}  // namespace paceline
