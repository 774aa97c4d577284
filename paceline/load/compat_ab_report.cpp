// The part of AbHook that is printed.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "paceline/load/compat_ab.h"

namespace paceline {
namespace {

double ms(Duration value) { return std::chrono::duration<double, std::milli>(value).count(); }
std::int64_t rounded_ms(Duration value) { return std::llround(ms(value)); }

/// ab's check that a mean means something, without its rounding to milliseconds.
std::string sanity(std::string_view what, double mean, double median, double deviation) {
  const double apart = std::abs(mean - median);
  if (apart > 2 * deviation) {
    return fmt::format(
        "ERROR: The median and mean for {} are more than twice the standard\n"
        "       deviation apart. These results are NOT reliable.\n",
        what);
  }
  if (apart > deviation) {
    return fmt::format(
        "WARNING: The median and mean for {} are not within a normal deviation\n"
        "        These results are probably not that reliable.\n",
        what);
  }
  return {};
}

}  // namespace

std::string AbHook::report(const LoadResult& result) const {
  std::string out =
      fmt::format("Server Software:        {}\nServer Hostname:        {}\n", server_, test_.host);
  out += fmt::format("Server Port:            {}\n\n", test_.port);
  out += "Document Path:          " + test_.path + "\n";
  out += test_.variable_length ? std::string("Document Length:        Variable\n\n")
                               : fmt::format("Document Length:        {} bytes\n\n", length_);
  out += counts(result) + rates(result);
  if (samples_.empty()) return out;
  out += times();
  if (test_.percentiles && samples_.size() > 1) out += percentiles();
  return out;
}

std::string AbHook::counts(const LoadResult& result) const {
  const LoadTally& tally = result.tally;
  std::string out = fmt::format("Concurrency Level:      {}\n", test_.concurrency);
  out += fmt::format("Time taken for tests:   {:.3f} seconds\n",
                     std::chrono::duration<double>(result.elapsed).count());
  out += fmt::format("Complete requests:      {}\nFailed requests:        {}\n", done(), bad());
  if (bad() > 0) {
    out += fmt::format("   (Connect: {}, Receive: {}, Length: {}, Exceptions: {})\n",
                       connect_errors_, receive_errors_, length_errors_, exceptions_);
  }
  if (write_errors_ > 0) out += fmt::format("Write errors:           {}\n", write_errors_);
  if (status_errors_ > 0) out += fmt::format("Non-2xx responses:      {}\n", status_errors_);
  if (test_.keep_alive) out += fmt::format("Keep-Alive requests:    {}\n", kept_);
  out += fmt::format("Total transferred:      {} bytes\n", tally.bytes_read);
  if (test_.sends_body) {
    out += fmt::format("Total body sent:        {}\n", tally.sent * test_.request.size());
  }
  return out + fmt::format("HTML transferred:       {} bytes\n", tally.bytes_body);
}

std::string AbHook::rates(const LoadResult& result) const {
  const double seconds = std::chrono::duration<double>(result.elapsed).count();
  if (seconds <= 0) return {};
  const auto count = static_cast<double>(done());
  std::string out = fmt::format("Requests per second:    {:.2f} [#/sec] (mean)\n", count / seconds);
  if (count > 0) {
    out += fmt::format("Time per request:       {:.3f} [ms] (mean)\n",
                       test_.concurrency * seconds * 1000 / count);
    out +=
        fmt::format("Time per request:       {:.3f} [ms] (mean, across all concurrent requests)\n",
                    seconds * 1000 / count);
  }
  const double read = static_cast<double>(result.tally.bytes_read) / 1024 / seconds;
  out += fmt::format("Transfer rate:          {:.2f} [Kbytes/sec] received\n", read);
  if (test_.sends_body) {
    const double sent =
        static_cast<double>(result.tally.sent * test_.request.size()) / 1024 / seconds;
    out += fmt::format("                        {:.2f} kb/s sent\n", sent);
    out += fmt::format("                        {:.2f} kb/s total\n", read + sent);
  }
  return out;
}

AbHook::Row AbHook::row(Duration (*value)(const Sample&)) const {
  std::vector<double> values;
  values.reserve(samples_.size());
  for (const Sample& sample : samples_) values.push_back(ms(value(sample)));
  std::ranges::sort(values);
  const std::size_t count = values.size();
  double sum = 0;
  for (const double each : values) sum += each;
  const double mean = sum / static_cast<double>(count);
  double squares = 0;
  for (const double each : values) squares += (each - mean) * (each - mean);
  return {.min = values.front(),
          .mean = mean,
          .deviation = count > 1 ? std::sqrt(squares / static_cast<double>(count - 1)) : 0,
          .median = (values[(count - 1) / 2] + values[count / 2]) / 2,
          .max = values.back()};
}

std::string AbHook::times() const {
  struct Named {
    std::string_view name;
    std::string_view what;
    Row row;
  };
  const Named rows[] = {
      {"Connect:", "the initial connection time", row([](const Sample& s) { return s.connect; })},
      {"Processing:", "the processing time",
       row([](const Sample& s) { return s.total - s.connect; })},
      {"Waiting:", "the waiting time", row([](const Sample& s) { return s.wait; })},
      {"Total:", "the total time", row([](const Sample& s) { return s.total; })}};
  std::string out = "\nConnection Times (ms)\n";
  if (!test_.confidence) {
    out += "              min   avg   max\n";
    for (const auto& [name, what, row] : rows) {
      out += fmt::format("{:<12}{:5.0f} {:5.0f}{:5.0f}\n", name, row.min, row.mean, row.max);
    }
    return out;
  }
  out += "              min  mean[+/-sd] median   max\n";
  for (const auto& [name, what, row] : rows) {
    out += fmt::format("{:<12}{:5.0f} {:4.0f} {:5.1f} {:6.0f} {:7.0f}\n", name, row.min, row.mean,
                       row.deviation, row.median, row.max);
  }
  for (const auto& [name, what, row] : rows) {
    out += sanity(what, row.mean, row.median, row.deviation);
  }
  return out;
}

std::vector<Duration> AbHook::sorted_totals() const {
  std::vector<Duration> totals;
  totals.reserve(samples_.size());
  for (const Sample& sample : samples_) totals.push_back(sample.total);
  std::ranges::sort(totals);
  return totals;
}

std::string AbHook::percentiles() const {
  const std::vector<Duration> totals = sorted_totals();
  std::string out = "\nPercentage of the requests served within a certain time (ms)\n";
  for (const std::size_t percent : {50U, 66U, 75U, 80U, 90U, 95U, 98U, 99U}) {
    const Duration value = totals[totals.size() * percent / 100];
    out += fmt::format("  {}%  {:5}\n", percent, rounded_ms(value));
  }
  return out + fmt::format(" 100%  {:5} (longest request)\n", rounded_ms(totals.back()));
}

std::string AbHook::csv() const {
  const std::vector<Duration> totals = sorted_totals();
  std::string out = "Percentage served,Time in ms\n";
  for (std::size_t percent = 0; percent <= 100 && !totals.empty(); ++percent) {
    const auto exact = 0.5 + static_cast<double>(totals.size() * percent) / 100;
    const std::size_t index =
        percent == 0 ? 0 : std::min(static_cast<std::size_t>(exact), totals.size() - 1);
    out += fmt::format("{},{:.3f}\n", percent, ms(totals[index]));
  }
  return out;
}

/// By total time, as ab sorts them: not by when they were sent.
std::string AbHook::gnuplot() const {
  std::vector<Sample> sorted = samples_;
  std::ranges::sort(sorted, {}, &Sample::total);
  std::string out = "starttime\tseconds\tctime\tdtime\tttime\twait\n";
  for (const Sample& sample : sorted) {
    const auto at = std::chrono::floor<std::chrono::seconds>(
        wall_clock_ + std::chrono::nanoseconds(sample.begun));
    const std::time_t seconds = at.count();
    out +=
        fmt::format("{:%a %b %d %H:%M:%S %Y}\t{}\t{}\t{}\t{}\t{}\n", fmt::localtime(seconds),
                    seconds, rounded_ms(sample.connect), rounded_ms(sample.total - sample.connect),
                    rounded_ms(sample.total), rounded_ms(sample.wait));
  }
  return out;
}

}  // namespace paceline
