// Metrics as text: Prometheus' format 0.0.4 and OpenMetrics 1.0.
#pragma once

#include <string>
#include <string_view>

#include "paceline/metrics.h"
#include "paceline/monitor/collector.h"

namespace paceline {

enum class MetricsFormat : std::uint8_t { prometheus, openmetrics };

/// What an Accept header asks for; Prometheus' own format unless OpenMetrics is asked for.
MetricsFormat negotiate_format(std::string_view accept);
std::string_view content_type(MetricsFormat format);

/// Writes one exposition: families in the order of their names, HELP and TYPE once each.
class Exposition {
 public:
  explicit Exposition(MetricsFormat format) : format_(format) {}
  /// A series with its value; all series of one name must follow one another. `more` are labels
  /// (`worker="0"`) to put before its own.
  void add(const MetricKey& key, const MetricValue& value, std::string_view more = {});
  std::size_t series() const { return series_; }
  /// The text; OpenMetrics ends with its mark.
  std::string take();

 private:
  void family(std::string_view name, MetricKind kind);
  void sample(std::string_view name, std::string_view suffix, std::string_view labels,
              std::string_view more, std::string_view last);
  void histogram(const MetricKey& key, const HistogramTotals& value, std::string_view more);

  MetricsFormat format_;
  std::string text_;
  std::string family_;
  std::size_t series_ = 0;
};

/// A number as both formats want it: 0.2, 1e-06, 17.
void append_number(std::string& out, double value);

}  // namespace paceline
