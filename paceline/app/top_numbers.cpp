#include "paceline/app/top_numbers.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace paceline::app {
namespace {

std::string print(const char* format, double value) {
  std::array<char, 48> text{};
  const int size = std::snprintf(text.data(), text.size(), format, value);
  return {text.data(), std::min(static_cast<std::size_t>(std::max(size, 0)), text.size() - 1)};
}

/// Three digits at most: "0.3", "42", "123".
std::string short_number(double value) {
  if (value == 0) return "0";
  return print(std::abs(value) < 9.95 ? "%.1f" : "%.0f", value);
}

std::string scaled(double value, double step, std::string_view units) {
  std::size_t unit = 0;
  while (std::abs(value) >= 999.5 && unit < units.size()) {
    value /= step;
    ++unit;
  }
  std::string text = unit == 0 ? short_number(value) : print("%.3g", value);
  if (unit > 0) text += units[unit - 1];
  return text;
}

constexpr std::array<std::string_view, 9> kBlocks = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
constexpr std::array<std::string_view, 9> kAscii = {" ", "_", ".", "-", "=", "+", "*", "%", "#"};

}  // namespace

std::string show_rate(TopValue per_second) {
  return per_second ? scaled(*per_second, 1000, "kMGT") : "-";
}

std::string show_count(TopValue count) {
  if (!count) return "-";
  return std::abs(*count) < 9999.5 ? print("%.0f", *count) : scaled(*count, 1000, "kMGT");
}

std::string show_seconds(TopValue seconds) {
  if (!seconds) return "-";
  if (*seconds == 0) return "0";
  if (*seconds < 0.9995e-3) return print("%.0fus", *seconds * 1e6);
  if (*seconds < 0.9995) return print("%.3gms", *seconds * 1e3);
  return print("%.3gs", *seconds);
}

std::string show_bytes(TopValue bytes) {
  if (!bytes) return "-";
  return *bytes < 999.5 ? print("%.0f", *bytes) : scaled(*bytes, 1024, "KMGTP");
}

std::string show_ratio(TopValue ratio) {
  if (!ratio) return "-";
  const double percent = *ratio * 100;
  if (percent == 0) return "0%";
  return print(percent < 0.995 ? "%.2f%%" : percent < 9.95 ? "%.1f%%" : "%.0f%%", percent);
}

std::string show_age(TopValue seconds) {
  if (!seconds) return "-";
  if (*seconds < 60) return print("%.0fs", std::floor(*seconds));
  if (*seconds < 3600) return print("%.0fm", std::floor(*seconds / 60));
  if (*seconds < 2 * 86400) return print("%.0fh", std::floor(*seconds / 3600));
  return print("%.0fd", std::floor(*seconds / 86400));
}

std::string sparkline(const std::deque<TopValue>& values, std::size_t width, double top,
                      Glyphs glyphs) {
  const auto& blocks = glyphs == Glyphs::unicode ? kBlocks : kAscii;
  const std::size_t shown = std::min(width, values.size());
  const auto first = values.end() - static_cast<std::ptrdiff_t>(shown);
  if (top <= 0) {
    for (auto at = first; at != values.end(); ++at) top = std::max(top, at->value_or(0));
  }
  std::string line(width - shown, ' ');
  for (auto at = first; at != values.end(); ++at) {
    std::size_t level = 0;
    if (*at) {
      const double part = top > 0 ? std::clamp(**at / top, 0.0, 1.0) : 0;
      level = std::max<std::size_t>(1, static_cast<std::size_t>(std::lround(part * 8)));
    }
    line += blocks[level];
  }
  return line;
}

}  // namespace paceline::app
