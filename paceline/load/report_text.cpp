#include "paceline/load/report_text.h"

#include <fmt/format.h>

#include <array>

namespace paceline {

std::string time_text(double us) {
  const auto three = [](double value, std::string_view unit) {
    return fmt::format("{:.{}f}{}", value, value < 10 ? 2 : value < 100 ? 1 : 0, unit);
  };
  if (us < 999.5) return fmt::format("{:.0f}us", us);
  if (us < 999'500) return three(us / 1e3, "ms");
  return three(us / 1e6, "s");
}

std::string bytes_text(double bytes) {
  constexpr std::array<std::string_view, 5> units = {"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  for (; bytes >= 1024 && unit + 1 < units.size(); ++unit) bytes /= 1024;
  return fmt::format("{:.{}f} {}", bytes, unit == 0 || bytes >= 100 ? 0 : 1, units[unit]);
}

std::string rate_text(double rate) {
  return fmt::format("{:.{}f}", rate, rate >= 1000 ? 0 : rate >= 10 ? 1 : 3);
}

std::string plural(std::uint64_t count, std::string_view word) {
  return fmt::format("{} {}{}", count, word, count == 1 ? "" : "s");
}

std::string html_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '&') {
      out += "&amp;";
    } else if (c == '"') {
      out += "&quot;";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace paceline
