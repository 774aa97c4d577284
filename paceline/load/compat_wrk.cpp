#include "paceline/load/compat_wrk.h"

#include <fmt/format.h>

#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <span>

namespace paceline {
namespace {

constexpr double kNextUnit = 0.85;  // of a unit is enough to write a value in it

/// The value in the last unit of which it is at least 0.85.
std::string in_units(double value, double scale, std::string_view base,
                     std::span<const std::string_view> units, int decimals) {
  std::string_view unit = base;
  for (const std::string_view larger : units) {
    if (value < scale * kNextUnit) break;
    value /= scale;
    unit = larger;
  }
  return fmt::format("{:.{}f}{}", value, decimals, unit);
}

/// Right-aligned without its unit, which is two columns wide.
std::string cell(const std::string& text, std::size_t width) {
  const auto letter = [&](std::size_t from_end) {
    return text.size() >= from_end && std::isalpha(text[text.size() - from_end]) != 0;
  };
  const std::size_t padding = 2U - (letter(1) ? 1U : 0U) - (letter(2) ? 1U : 0U);
  return fmt::format("{:>{}}{:{}}", text, width - padding, "", padding);
}

std::string row(std::string_view name, const LoadStatistic& values, std::string (*text)(double)) {
  return fmt::format("    {:<10}{}{}{}{:8.2f}%\n", name, cell(text(values.mean()), 8),
                     cell(text(values.deviation()), 10),
                     cell(text(static_cast<double>(values.max())), 9), values.near_mean());
}

std::string distribution(const LoadStatistic& latency) {
  std::string out = "  Latency Distribution\n";
  for (const double percent : {50.0, 75.0, 90.0, 99.0}) {
    const auto value = static_cast<double>(latency.percentile(percent));
    out += fmt::format("{:7.0f}%{}\n", percent, cell(wrk_time(value), 10));
  }
  return out;
}

std::string spectrum(const HdrHistogram& latency, std::string_view name) {
  std::string out = fmt::format("  Latency Distribution (HdrHistogram - {})\n", name);
  for (const double percent : {50.0, 75.0, 90.0, 99.0, 99.9, 99.99, 99.999, 100.0}) {
    const auto value = static_cast<double>(latency.at(percent / 100));
    out += fmt::format("{:7.3f}%{}\n", percent, cell(wrk_time(value), 10));
  }
  return out + "\n  Detailed Percentile spectrum:\n" + hdr_spectrum(latency) +
         std::string(58, '-') + "\n";
}

/// Digits, then the unit, which may be anything.
std::optional<std::pair<std::uint64_t, std::string>> number_and_unit(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  std::string unit(end, text.data() + text.size());
  for (char& c : unit) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return std::pair(number, unit);
}

}  // namespace

std::optional<std::uint64_t> parse_wrk_count(std::string_view text) {
  const auto parsed = number_and_unit(text);
  if (!parsed) return std::nullopt;
  auto [number, unit] = *parsed;
  constexpr std::string_view units = "kmgtp";
  if (unit.empty()) return number;
  const std::size_t power = units.find(unit);
  if (unit.size() != 1 || power == std::string_view::npos) return std::nullopt;
  for (std::size_t i = 0; i <= power; ++i) {
    if (number > UINT64_MAX / 1000) return std::nullopt;
    number *= 1000;
  }
  return number;
}

std::optional<Duration> parse_wrk_time(std::string_view text) {
  constexpr std::uint64_t days_max = 30;
  const auto parsed = number_and_unit(text);
  if (!parsed) return std::nullopt;
  std::uint64_t scale = 0;  // in milliseconds
  if (parsed->second.empty() || parsed->second == "s") scale = 1000;
  if (parsed->second == "ms") scale = 1;
  if (parsed->second == "m") scale = 60'000;
  if (parsed->second == "h") scale = 3'600'000;
  if (scale == 0 || parsed->first > days_max * 86'400'000 / scale) return std::nullopt;
  return std::chrono::milliseconds(parsed->first * scale);
}

std::string wrk_time(double us) {
  constexpr std::array<std::string_view, 1> thousands = {"ms"};
  if (us >= 1e6) {
    constexpr std::array<std::string_view, 1> sixties = {"m"};
    return in_units(us / 1e6, 60, "s", sixties, 2);
  }
  return in_units(us, 1000, "us", thousands, 2);
}

std::string wrk_seconds(double seconds) {
  constexpr std::array<std::string_view, 1> units = {"m"};
  const bool whole = seconds == std::floor(seconds) || seconds >= 60;
  return in_units(seconds, 60, "s", units, whole ? 0 : 2);
}

std::string wrk_metric(double value) {
  constexpr std::array<std::string_view, 4> units = {"k", "M", "G", "T"};
  return in_units(value, 1000, "", units, 2);
}

std::string wrk_binary(double bytes) {
  constexpr std::array<std::string_view, 4> units = {"K", "M", "G", "T"};
  return in_units(bytes, 1024, "", units, 2);
}

std::string wrk_heading(std::string_view url, Duration duration, std::uint64_t threads,
                        std::uint64_t connections) {
  return fmt::format("Running {} test @ {}\n  {} threads and {} connections\n",
                     wrk_seconds(std::chrono::duration<double>(duration).count()), url, threads,
                     connections);
}

HdrHistogram wrk_latency(const LoadSummary& summary, std::uint64_t connections) {
  const std::uint64_t each = summary.requests / connections;
  if (each == 0) return summary.service;
  const auto us = static_cast<std::uint64_t>(summary.duration.count()) / 1000;
  return with_omitted(summary.service, us / each);
}

std::string wrk_report(const LoadSummary& summary, const HdrHistogram& latency,
                       const WrkLatency& shape) {
  const LoadStatistic values(latency);
  std::string out =
      fmt::format("  Thread Stats{:>6}{:>11}{:>8}{:>12}\n", "Avg", "Stdev", "Max", "+/- Stdev");
  out += row("Latency", values, &wrk_time);
  out += row("Req/Sec", summary.rates, &wrk_metric);
  if (shape.distribution && shape.open_loop) {
    out += spectrum(latency, "Recorded Latency");
    if (shape.uncorrected) {
      out += "\n" + spectrum(summary.service,
                             "Uncorrected Latency (measured without taking delayed starts into "
                             "account)");
    }
  } else if (shape.distribution) {
    out += distribution(values);
  }
  const double seconds = std::chrono::duration<double>(summary.duration).count();
  out += fmt::format("  {} requests in {}, {}B read\n", summary.requests, wrk_time(seconds * 1e6),
                     wrk_binary(static_cast<double>(summary.bytes)));
  const std::uint64_t connect = summary.error(LoadStage::connect);
  const std::uint64_t read = summary.error(LoadStage::read);
  const std::uint64_t write = summary.error(LoadStage::write);
  const std::uint64_t timeout = summary.error(LoadStage::timeout);
  if (connect + read + write + timeout > 0) {
    out += fmt::format("  Socket errors: connect {}, read {}, write {}, timeout {}\n", connect,
                       read, write, timeout);
  }
  if (summary.status_errors > 0) {
    out += fmt::format("  Non-2xx or 3xx responses: {}\n", summary.status_errors);
  }
  const double per_second = seconds > 0 ? 1 / seconds : 0;
  out += fmt::format("Requests/sec: {:9.2f}\n", static_cast<double>(summary.requests) * per_second);
  return out + fmt::format("Transfer/sec: {:>10}B\n",
                           wrk_binary(static_cast<double>(summary.bytes) * per_second));
}

}  // namespace paceline
