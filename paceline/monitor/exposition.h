// Metrics as text: Prometheus' format 0.0.4 and OpenMetrics 1.0.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "paceline/metrics.h"

namespace paceline {

/// What is known about metrics by name: help, and the bounds of classic buckets.
class MetricCatalogue {
 public:
  void add(std::span<const MetricInfo> infos);
  /// More bounds for one histogram, such as those of the goals; exact if the scale has them.
  void add_bounds(std::string_view name, std::span<const Duration> bounds);
  /// Null for a metric that nobody declared: an application's own.
  const MetricInfo* find(std::string_view name) const;
  /// Rising; those of a request for a metric without any.
  std::span<const Duration> bounds(std::string_view name) const;

 private:
  std::map<std::string_view, const MetricInfo*> infos_;
  std::map<std::string, std::vector<Duration>, std::less<>> bounds_;
};

enum class MetricsFormat : std::uint8_t { prometheus, openmetrics };

/// What an Accept header asks for: the one with the higher weight, Prometheus' own in doubt.
MetricsFormat negotiate_format(std::string_view accept);
std::string_view content_type(MetricsFormat format);

/// Writes one exposition: HELP and TYPE once a family.
class Exposition {
 public:
  /// `series_max`: more are left out and counted. `created`: since when counters and histograms
  /// count, in Unix seconds, for OpenMetrics; nothing if it is not known.
  Exposition(MetricsFormat format, const MetricCatalogue& catalogue, std::size_t series_max,
             std::optional<double> created = {});
  /// A series with its value; all series of one name must follow one another. `more` are labels
  /// (`worker="0"`) to put before its own.
  void add(const MetricKey& key, const MetricValue& value, std::string_view more = {});
  std::size_t series() const { return series_; }
  std::size_t left_out() const { return left_out_; }
  /// The text; OpenMetrics ends with its mark.
  std::string take();

 private:
  struct Bound {
    std::size_t end;  // the first bucket of HistogramScale that is not below it
    Duration at;
    std::string label;  // le="0.2"
  };
  void begin_family(std::string_view name, MetricKind kind);
  void begin_sample(std::string_view name, std::string_view suffix, std::string_view labels,
                    std::string_view more, std::string_view last = {});
  void end_sample(std::uint64_t value);
  void end_sample(double value);
  void histogram(const MetricKey& key, const MetricValue& value, std::string_view more);
  void created(const MetricKey& key, std::string_view more);
  void exemplar(const MetricValue& value, Duration above, Duration to);

  MetricsFormat format_;
  const MetricCatalogue& catalogue_;
  std::size_t series_max_;
  std::optional<double> created_;
  std::string text_;
  std::string family_;
  double unit_ = 1;
  std::vector<Bound> bounds_;  // of the family
  std::size_t series_ = 0;
  std::size_t left_out_ = 0;
};

/// A number as both formats want it: 0.2, 1e-06, 17.
void append_number(std::string& out, double value);

}  // namespace paceline
