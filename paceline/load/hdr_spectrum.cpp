#include <fmt/format.h>

#include <cmath>

#include "paceline/load/hdr_histogram.h"

namespace paceline {
namespace {

constexpr double kTicksPerHalf = 5;

/// The next percentile to print: five steps each time the distance to 100 halves.
double next_percentile(double percentile) {
  const double halvings = std::floor(std::log2(100.0 / (100.0 - percentile))) + 1;
  return percentile + 100.0 / (kTicksPerHalf * std::exp2(halvings));
}

void append_line(std::string& out, double value, double share, std::uint64_t count) {
  out += fmt::format("{:12.3f} {:12f} {:12d} {:>12.2f}\n", value, share, count, 1 / (1 - share));
}

}  // namespace

std::string hdr_spectrum(const HdrHistogram& histogram, double scale) {
  std::string out = fmt::format("{:>12} {:>12} {:>12} {:>12}\n\n", "Value", "Percentile",
                                "TotalCount", "1/(1-Percentile)");
  const std::uint64_t total = histogram.count();
  std::uint64_t seen = 0;
  double wanted = 0;
  for (std::size_t slot = 0; seen < total; ++slot) {
    const std::uint64_t here = histogram.in_slot(slot);
    if (here == 0) continue;
    seen += here;
    const double value =
        static_cast<double>(HdrHistogram::value_of(slot) + HdrHistogram::width_of(slot) - 1) /
        scale;
    const double reached = 100.0 * static_cast<double>(seen) / static_cast<double>(total);
    bool again = true;
    while (again && wanted <= reached) {
      append_line(out, value, wanted / 100.0, seen);
      wanted = next_percentile(wanted);
      again = seen < total;  // of the last value only one line before 100 %
    }
    if (seen == total) append_line(out, value, 1.0, seen);
  }
  out += fmt::format("#[Mean    = {:12.3f}, StdDeviation   = {:12.3f}]\n", histogram.mean() / scale,
                     histogram.deviation() / scale);
  out += fmt::format("#[Max     = {:12.3f}, Total count    = {:12d}]\n",
                     static_cast<double>(histogram.max()) / scale, total);
  out += fmt::format("#[Buckets = {:12d}, SubBuckets     = {:12d}]\n", HdrHistogram::buckets,
                     HdrHistogram::sub_buckets);
  return out;
}

}  // namespace paceline
