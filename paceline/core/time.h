// Time is passed in: functions take `Time now`, they do not read a clock. Monotonic everywhere,
// except where a person reads it.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "paceline/core/result.h"

namespace paceline {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;
using Duration = std::chrono::nanoseconds;
using namespace std::chrono_literals;  // NOLINT: 30s reads better than seconds(30) everywhere

/// A point in monotonic time until which somebody waits. Travels down the calls.
struct Deadline {
  Time at = Time::max();
  static Deadline never() { return {}; }
  /// A sum beyond the clock's range is never.
  static Deadline after(Time now, Duration d) {
    return d >= Time::max() - now ? never() : Deadline{now + d};
  }
  bool passed(Time now) const { return now >= at; }
  Deadline sooner(Deadline other) const { return at < other.at ? *this : other; }
};

/// "250ms", "1h30m", "2s", "0"; units ns us ms s m h d. A bare number other than 0 is an error.
Result<Duration> parse_duration(std::string_view text);
/// The shortest exact form: 1h30m, 250ms, 0s.
std::string format_duration(Duration duration);

/// 2026-03-01T12:00:00.123Z, always UTC and milliseconds (RFC 3339).
std::string format_rfc3339(std::chrono::system_clock::time_point time);
/// Sun, 01 Mar 2026 12:00:00 GMT (RFC 9110 §5.6.7).
std::string format_http_date(std::chrono::system_clock::time_point time);

}  // namespace paceline
