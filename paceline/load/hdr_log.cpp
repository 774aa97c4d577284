#include "paceline/load/hdr_log.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

namespace paceline {
namespace {

using Seconds = std::chrono::duration<double>;
// A first start that is this much before the log's own start is an offset (format 1.3).
constexpr Seconds kYear = std::chrono::days(365);

double seconds(Duration duration) { return Seconds(duration).count(); }

std::optional<double> number(std::string_view text) {
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || !(value > -1e12 && value < 1e12)) return {};
  return value;
}

/// The number in "#[StartTime: 1441812279.474 (seconds since epoch), …]".
std::optional<double> comment_time(std::string_view line, std::string_view name) {
  if (!line.starts_with(name)) return {};
  line.remove_prefix(name.size());
  while (line.starts_with(' ')) line.remove_prefix(1);
  return number(line.substr(0, line.find_first_of(" ])")));
}

Duration duration_of(double value) { return std::chrono::duration_cast<Duration>(Seconds(value)); }

std::string_view take_field(std::string_view& line) {
  const std::size_t comma = line.find(',');
  const std::string_view field = line.substr(0, comma);
  line.remove_prefix(comma == std::string_view::npos ? line.size() : comma + 1);
  return field;
}

/// Times as they stand; parse_hdr_log() makes them offsets.
struct Row {
  double start = 0;
  HdrInterval interval;
};

Result<Row> parse_row(std::string_view line) {
  Row row;
  if (line.starts_with("Tag=")) row.interval.tag = take_field(line).substr(4);
  const std::optional<double> start = number(take_field(line));
  const std::optional<double> length = number(take_field(line));
  const std::optional<double> largest = number(take_field(line));
  // Offsets beyond a hundred years would leave the clock's range.
  if (!start || !length || !largest || *length < 0 || *length > 3e9) {
    return fail(Code::corrupt, "expected start, length, maximum, histogram");
  }
  PACELINE_TRY_VALUE(row.interval.histogram, decode_hdr(line));
  row.start = *start;
  row.interval.length = duration_of(*length);
  return row;
}

}  // namespace

std::string hdr_log_head(std::chrono::system_clock::time_point start) {
  const double since_epoch = Seconds(start.time_since_epoch()).count();
  return fmt::format(
      "#[Histogram log format version 1.3]\n"
      "#[StartTime: {:.3f} (seconds since epoch), {}]\n"
      "#[BaseTime: {:.3f} (seconds since epoch)]\n"
      "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\","
      "\"Interval_Compressed_Histogram\"\n",
      since_epoch, format_rfc3339(start), since_epoch);
}

std::string hdr_log_row(const HdrInterval& interval) {
  const std::string tag = interval.tag.empty() ? "" : "Tag=" + interval.tag + ",";
  return fmt::format(
      "{}{:.3f},{:.3f},{:.3f},{}\n", tag, seconds(interval.start), seconds(interval.length),
      static_cast<double>(interval.histogram.max()) / 1000.0, encode_hdr(interval.histogram));
}

std::string format_hdr_log(const HdrLog& log) {
  std::string out = hdr_log_head(log.start);
  for (const HdrInterval& interval : log.intervals) out += hdr_log_row(interval);
  return out;
}

Result<HdrLog> parse_hdr_log(std::string_view text) {
  std::optional<double> start_time;
  std::optional<double> base_time;
  std::vector<Row> rows;
  for (std::size_t line_number = 1; !text.empty(); ++line_number) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.starts_with('#')) {
      if (const auto time = comment_time(line, "#[StartTime:")) start_time = time;
      if (const auto time = comment_time(line, "#[BaseTime:")) base_time = time;
      continue;
    }
    if (line.empty() || line.starts_with('"')) continue;
    Result<Row> row = parse_row(line);
    if (!row) {
      return fail(Code::corrupt, fmt::format("line {}: {}", line_number, row.error().message));
    }
    rows.push_back(std::move(*row));
  }
  HdrLog log;
  const double first = rows.empty() ? 0 : rows.front().start;
  const double start = start_time.value_or(base_time.value_or(first));
  if (!base_time) base_time = first < start - kYear.count() ? start : 0;
  // Whole milliseconds, which is what the format has: a double of today has no nanoseconds.
  log.start += std::chrono::milliseconds(static_cast<std::int64_t>(start * 1000 + 0.5));
  for (Row& row : rows) {
    const double offset = *base_time + row.start - start;
    if (!(offset > -3e9 && offset < 3e9)) return fail(Code::corrupt, "a start out of range");
    const double milliseconds = offset * 1000 + (offset < 0 ? -0.5 : 0.5);
    row.interval.start = std::chrono::milliseconds(static_cast<std::int64_t>(milliseconds));
    log.intervals.push_back(std::move(row.interval));
  }
  return log;
}

}  // namespace paceline
