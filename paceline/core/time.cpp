#include "paceline/core/time.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <limits>

#include "paceline/core/text.h"

namespace paceline {
namespace {

struct DurationUnit {
  std::string_view name;
  std::uint64_t ns;
};
// Largest first: format_duration takes them in this order.
constexpr std::array<DurationUnit, 7> kDurationUnits = {{
    {"d", 86'400'000'000'000},
    {"h", 3'600'000'000'000},
    {"m", 60'000'000'000},
    {"s", 1'000'000'000},
    {"ms", 1'000'000},
    {"us", 1'000},
    {"ns", 1},
}};
constexpr auto kNanosecondsMax =
    static_cast<std::uint64_t>(std::numeric_limits<Duration::rep>::max());

std::unexpected<Error> bad_duration(std::string_view text) {
  return fail(Code::invalid, "\"" + printable(text, 40) +
                                 "\" is not a duration: expected numbers with units (ns, us, ms, "
                                 "s, m, h, d) such as \"30s\" or \"1h30m\", or 0");
}

struct CivilTime {
  std::chrono::year_month_day date;
  std::chrono::weekday weekday;
  std::chrono::hh_mm_ss<std::chrono::milliseconds> clock;
};

CivilTime civil_time(std::chrono::system_clock::time_point time) {
  const auto ms = std::chrono::floor<std::chrono::milliseconds>(time);
  const auto day = std::chrono::floor<std::chrono::days>(ms);
  return {std::chrono::year_month_day(day), std::chrono::weekday(day),
          std::chrono::hh_mm_ss<std::chrono::milliseconds>(ms - day)};
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  if (text == "0") return Duration::zero();
  if (text.empty()) return bad_duration(text);
  std::uint64_t total = 0;
  std::string_view rest = text;
  while (!rest.empty()) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    if (error != std::errc{}) return bad_duration(text);
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    const std::string_view name = rest.substr(0, rest.find_first_of("0123456789"));
    const auto unit = std::ranges::find(kDurationUnits, name, &DurationUnit::name);
    if (unit == kDurationUnits.end()) return bad_duration(text);
    if (number > (kNanosecondsMax - total) / unit->ns) return bad_duration(text);
    total += number * unit->ns;
    rest.remove_prefix(name.size());
  }
  return Duration(static_cast<Duration::rep>(total));
}

std::string format_duration(Duration duration) {
  const auto count = duration.count();
  auto rest = static_cast<std::uint64_t>(count);
  std::string out;
  if (count < 0) {
    rest = std::uint64_t{0} - rest;
    out = "-";
  }
  if (rest == 0) return "0s";
  for (const DurationUnit& unit : kDurationUnits) {
    // What is less than a second stands in one unit: 1500us, not 1ms500us.
    const bool part_of_second = unit.ns < 1'000'000'000;
    if (rest < unit.ns || (part_of_second && rest % unit.ns != 0)) continue;
    out += std::to_string(rest / unit.ns).append(unit.name);
    rest %= unit.ns;
  }
  return out;
}

std::string format_rfc3339(std::chrono::system_clock::time_point time) {
  const CivilTime civil = civil_time(time);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
                     static_cast<int>(civil.date.year()), static_cast<unsigned>(civil.date.month()),
                     static_cast<unsigned>(civil.date.day()), civil.clock.hours().count(),
                     civil.clock.minutes().count(), civil.clock.seconds().count(),
                     civil.clock.subseconds().count());
}

std::string format_http_date(std::chrono::system_clock::time_point time) {
  constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed",
                                                     "Thu", "Fri", "Sat"};
  constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const CivilTime civil = civil_time(time);
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
                     kDays.at(civil.weekday.c_encoding()), static_cast<unsigned>(civil.date.day()),
                     kMonths.at(static_cast<unsigned>(civil.date.month()) - 1),
                     static_cast<int>(civil.date.year()), civil.clock.hours().count(),
                     civil.clock.minutes().count(), civil.clock.seconds().count());
}

}  // namespace paceline
