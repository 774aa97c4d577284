#include "paceline/app/bench_view.h"

#include <langinfo.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <clocale>
#include <cmath>
#include <cstdio>

namespace paceline::app {
namespace {

constexpr std::uint64_t kLineEvery = 5;    // seconds, where the output is no terminal
constexpr std::size_t kHistogramRows = 8;  // as wide as there are decades, and no wider
constexpr std::size_t kGraph = 30;         // columns of a sparkline

TopValue seconds_at(const HdrHistogram& histogram, double quantile) {
  if (histogram.empty()) return {};
  return static_cast<double>(histogram.at(quantile)) / 1e6;
}

std::string quantiles(const HdrHistogram& histogram) {
  return "p50 " + show_seconds(seconds_at(histogram, 0.5)) + "  p95 " +
         show_seconds(seconds_at(histogram, 0.95)) + "  p99 " +
         show_seconds(seconds_at(histogram, 0.99)) + "  max " +
         show_seconds(seconds_at(histogram, 1));
}

/// "#####-----"; `share` from 0 to 1.
std::string bar(double share, std::size_t width, Glyphs glyphs) {
  const auto full = static_cast<std::size_t>(
      std::lround(std::clamp(share, 0.0, 1.0) * static_cast<double>(width)));
  std::string out;
  for (std::size_t i = 0; i < width; ++i) {
    if (glyphs == Glyphs::unicode) {
      out += i < full ? "█" : "·";
    } else {
      out += i < full ? '#' : '.';
    }
  }
  return out;
}

std::string time_line(const BenchProgress& progress, const LoadOptions& options, Glyphs glyphs) {
  const bool counted = !options.plan && options.requests > 0;
  const Duration length = options.plan ? options.plan->length() : options.duration;
  const Duration passed = std::chrono::seconds(progress.seconds);
  const double share = counted ? static_cast<double>(progress.completed + progress.failed) /
                                     static_cast<double>(options.requests)
                               : std::chrono::duration<double>(passed) / length;
  std::string out = format_duration(passed) + " of ";
  out += counted ? show_count(static_cast<double>(options.requests)) + " requests"
                 : format_duration(length);
  return out + "  " + bar(share, kGraph, glyphs);
}

/// Rows by the logarithm of the time, from the least to the largest.
void add_histogram(std::vector<std::string>& lines, const HdrHistogram& histogram, Glyphs glyphs) {
  if (histogram.empty()) return;
  const double low = std::log(std::max(1.0, static_cast<double>(histogram.min())));
  const double high = std::max(low + 0.01, std::log(static_cast<double>(histogram.max())));
  std::array<std::uint64_t, kHistogramRows> counts{};
  std::array<double, kHistogramRows> ends{};
  std::uint64_t before = 0;
  for (std::size_t row = 0; row < kHistogramRows; ++row) {
    const double share = static_cast<double>(row + 1) / kHistogramRows;
    ends[row] = std::exp(low + (high - low) * share);
    const std::uint64_t up_to = row + 1 == kHistogramRows
                                    ? histogram.count()
                                    : histogram.count_to(static_cast<std::uint64_t>(ends[row]));
    counts[row] = up_to - std::min(before, up_to);
    before = up_to;
  }
  const double most = static_cast<double>(std::ranges::max(counts));
  for (std::size_t row = 0; row < kHistogramRows; ++row) {
    const std::string end = show_seconds(ends[row] / 1e6);
    const std::string count = show_count(static_cast<double>(counts[row]));
    lines.push_back(
        "  to " + std::string(8 - std::min<std::size_t>(8, end.size()), ' ') + end + "  " +
        bar(most > 0 ? static_cast<double>(counts[row]) / most : 0, kGraph, glyphs) + " " + count);
  }
}

std::string status_line(const BenchProgress& progress) {
  std::string out;
  for (std::size_t i = 0; i < progress.status.size(); ++i) {
    if (progress.status[i] == 0) continue;
    if (!out.empty()) out += ", ";
    out += std::to_string(i) + ": " + show_count(static_cast<double>(progress.status[i]));
  }
  return "status       " + out;
}

/// The first `columns` characters of UTF-8.
std::string cut(const std::string& line, std::size_t columns) {
  std::size_t width = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const bool begins = (static_cast<unsigned char>(line[i]) & 0xC0U) != 0x80;
    if (begins && width++ == columns) return line.substr(0, i);
  }
  return line;
}

Glyphs terminal_glyphs() {
  std::setlocale(LC_CTYPE, "");
  return std::string_view(::nl_langinfo(CODESET)) == "UTF-8" ? Glyphs::unicode : Glyphs::ascii;
}

}  // namespace

void BenchProgress::add(const LoadSecond& second) {
  ++seconds;
  completed += second.completed;
  failed += second.failed;
  last = second;
  last_response = second.histogram();
  response.add(last_response);
  for (const auto& [code, count] : second.status) status[code] += count;
  rates.emplace_back(static_cast<double>(second.completed));
  p99s.push_back(seconds_at(last_response, 0.99));
  if (rates.size() > history_max) {
    rates.pop_front();
    p99s.pop_front();
  }
}

std::vector<std::string> bench_frame(const BenchProgress& progress, const LoadOptions& options,
                                     std::size_t columns, Glyphs glyphs) {
  std::vector<std::string> lines = {time_line(progress, options, glyphs)};
  const auto padded = [](std::string text) {
    if (text.size() < 8) text.resize(8, ' ');
    return text + " ";
  };
  lines.push_back("answers/s    " +
                  padded(show_rate(static_cast<double>(progress.last.completed))) +
                  sparkline(progress.rates, kGraph, 0, glyphs));
  lines.push_back("p99          " + padded(show_seconds(seconds_at(progress.last_response, 0.99))) +
                  sparkline(progress.p99s, kGraph, 0, glyphs));
  lines.push_back("this second  " + quantiles(progress.last_response));
  lines.push_back("all          " + quantiles(progress.response));
  lines.push_back("read         " + show_bytes(static_cast<double>(progress.last.bytes_read)) +
                  "/s");
  lines.push_back("failed       " + show_count(static_cast<double>(progress.last.failed)) +
                  " this second, " + show_count(static_cast<double>(progress.failed)) + " in all");
  lines.push_back(status_line(progress));
  add_histogram(lines, progress.response, glyphs);
  lines.emplace_back("Ctrl-C ends the test with a report");
  for (std::string& line : lines) line = cut(line, columns);
  return lines;
}

std::string bench_line(const BenchProgress& progress) {
  return std::to_string(progress.seconds) + "s  " +
         show_rate(static_cast<double>(progress.last.completed)) + "/s  " +
         quantiles(progress.last_response) + "  " +
         show_count(static_cast<double>(progress.failed)) + " failed in all";
}

BenchView::BenchView(const LoadOptions& options)
    : options_(options), terminal_(::isatty(STDERR_FILENO) != 0) {
  if (terminal_) draw();
}

BenchView::~BenchView() {
  if (drawn_ == 0) return;
  std::fprintf(stderr, "\x1b[%zuA\r\x1b[J", drawn_);
  std::fflush(stderr);
}

void BenchView::second(const LoadSecond& second) {
  progress_.add(second);
  if (terminal_) return draw();
  if (progress_.seconds % kLineEvery != 0) return;
  std::fprintf(stderr, "%s\n", bench_line(progress_).c_str());
}

void BenchView::draw() {
  winsize size{};
  ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size);
  const std::size_t columns = size.ws_col > 1 ? size.ws_col - 1U : 79;
  std::vector<std::string> lines = bench_frame(progress_, options_, columns, terminal_glyphs());
  // What does not fit would scroll, and the next frame could not find its first line.
  if (size.ws_row > 2 && lines.size() > size.ws_row - 2U) lines.resize(size.ws_row - 2U);
  std::string out = drawn_ > 0 ? "\x1b[" + std::to_string(drawn_) + "A\r" : "\r";
  for (const std::string& line : lines) out += "\x1b[2K" + line + "\n";
  out += "\x1b[J";
  drawn_ = lines.size();
  std::fputs(out.c_str(), stderr);
  std::fflush(stderr);
}

}  // namespace paceline::app
