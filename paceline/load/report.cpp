#include "paceline/load/report.h"

#include <fmt/format.h>

#include <algorithm>

#include "paceline/load/hdr_log.h"
#include "paceline/load/report_text.h"

namespace paceline {
namespace {

std::string plan_text(const LoadOptions& options) {
  const ArrivalPlan& plan = *options.plan;
  std::string rates;
  for (const PlanStep& step : plan.steps()) {
    rates += (rates.empty() ? "" : ", then ") + rate_text(step.from);
    if (step.to != step.from) rates += " to " + rate_text(step.to);
    rates += " requests/s for " + format_duration(step.length);
  }
  return rates + (options.arrivals == ArrivalKind::uniform ? ", evenly spaced" : ", Poisson");
}

std::string mode_line(const LoadOptions& options, const LoadResult& result) {
  if (result.open) {
    return "open loop: " + plan_text(options) + "; percentiles are free of coordinated omission\n";
  }
  const std::string limit = options.requests > 0 ? plural(options.requests, "request")
                                                 : format_duration(options.duration);
  return "closed loop: " + limit +
         ", as fast as answers come; percentiles are of service time, not free of coordinated "
         "omission\n";
}

struct Row {
  std::string_view name;
  const HdrHistogram& histogram;
  std::uint64_t least_bound;  // values from here on are lower bounds
};

std::string row_text(const Row& row) {
  std::string out = fmt::format("  {:<12}", row.name);
  for (const double quantile : {0.5, 0.9, 0.95, 0.99, 0.999, 1.0}) {
    const std::uint64_t us = row.histogram.at(quantile);
    const bool bound = us >= row.least_bound;
    // One column, though three bytes.
    out += fmt::format("{:>{}}", (bound ? "≥" : "") + time_text(static_cast<double>(us)),
                       bound ? 11 : 9);
  }
  return out + fmt::format("{:>9}\n", time_text(row.histogram.mean()));
}

std::string table(const LoadResult& result) {
  const LoadTally& tally = result.tally;
  const std::uint64_t least =
      tally.lower_bounds == 0
          ? UINT64_MAX
          : HdrHistogram::lowest_equal(static_cast<std::uint64_t>(tally.lower_bound_least.count()) /
                                       1000);
  std::string out = fmt::format("  {:<12}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}\n", "", "p50", "p90",
                                "p95", "p99", "p99.9", "max", "mean");
  if (result.open) out += row_text({"response", tally.response, least});
  out += row_text({"service", tally.service, least});
  if (result.open) {
    out += row_text({"lag: ours", tally.lag_generator, UINT64_MAX});
    out += row_text({"lag: busy", tally.lag_connections, least});
  }
  if (!tally.connect.empty()) out += row_text({"connect", tally.connect, UINT64_MAX});
  if (!tally.handshake.empty()) out += row_text({"handshake", tally.handshake, UINT64_MAX});
  if (!tally.failed_response.empty()) out += row_text({"failed", tally.failed_response, least});
  return out;
}

std::string counts_text(const LoadResult& result) {
  const LoadTally& tally = result.tally;
  std::string out = fmt::format("  requests    {} planned, {} sent, {} completed", result.planned(),
                                tally.sent, tally.completed);
  if (tally.failed() > 0) out += fmt::format(", {} failed", tally.failed());
  if (tally.unfinished > 0) out += fmt::format(", {} unfinished", tally.unfinished);
  if (tally.unsent > 0) out += fmt::format(", {} unsent", tally.unsent);
  out += "\n  rate        ";
  if (result.open) out += rate_text(result.rate_offered) + "/s offered, ";
  out += rate_text(result.rate_achieved()) + "/s achieved\n";
  std::string status;
  for (std::size_t i = 0; i < tally.status.size(); ++i) {
    if (tally.status[i] == 0) continue;
    status += fmt::format("{}{}: {}", status.empty() ? "" : ", ", i, tally.status[i]);
  }
  if (!status.empty()) out += "  status      " + status + "\n";
  for (const LoadFailure& each : tally.failures) {
    out += fmt::format("  error       {}, {}\n", each.text(), plural(each.count, "time"));
  }
  const double seconds = std::max(1e-9, std::chrono::duration<double>(result.elapsed).count());
  const auto bytes = static_cast<double>(tally.bytes_read);
  return out +
         fmt::format("  read        {}, {}/s\n", bytes_text(bytes), bytes_text(bytes / seconds));
}

std::string goals_text(const LoadResult& result) {
  std::string out;
  for (const auto& [goal, verdict] : result.goals) {
    out += fmt::format("  {:<12}{}", out.empty() ? "goals" : "", goal.text);
    if (verdict.value) {
      out += ": " + format_load_value(goal, *verdict.value);
      if (goal.window > Duration::zero()) out += " in the worst " + format_duration(goal.window);
    }
    out += ", " + std::string(to_string(verdict.state));
    out += verdict.reason.empty() ? "\n" : " (" + verdict.reason + ")\n";
  }
  if (!result.ended_by.empty()) out += "  ended       by the goal " + result.ended_by + "\n";
  return out;
}

}  // namespace

std::string load_report(std::string_view url, const LoadOptions& options,
                        const LoadResult& result) {
  const LoadTally& tally = result.tally;
  std::string out = fmt::format("load test of {}\n", url);
  out += mode_line(options, result);
  out += fmt::format("{}, {}, {}", plural(options.threads, "thread"),
                     plural(options.connections, "connection"),
                     options.keep_alive ? "kept alive" : "one for each request");
  if (options.pipeline > 1) out += fmt::format(", {} requests at once", options.pipeline);
  if (options.warmup > Duration::zero()) {
    out += ", after a warm-up of " + format_duration(options.warmup);
  }
  if (options.version == LoadVersion::http10) out += ", HTTP/1.0";
  if (!result.tls.protocol.empty()) {
    out += ", " + result.tls.protocol + " with " + result.tls.cipher;
  }
  out += "\n\n" + table(result) + "\n" + counts_text(result);
  out += fmt::format("  in flight   {:.2f} on average; rate times service time: {:.2f}\n",
                     tally.in_flight, result.in_flight_expected());
  const double busiest = tally.cpu_share.empty() ? 0 : *std::ranges::max_element(tally.cpu_share);
  out += fmt::format("  generator   {:.0f} % of a core", busiest * 100);
  if (options.threads > 1) out += " by the busiest thread";
  out += "\n";
  if (tally.lower_bounds > 0) {
    out += fmt::format("  ≥           {} had no end yet and count with what they took so far\n",
                       plural(tally.lower_bounds, "request"));
  }
  out += goals_text(result);
  if (result.interrupted) out += "  verdict     interrupted: this is what was done until then\n";
  const std::vector<LoadResult::Doubt> doubts = result.doubts();
  for (const auto& doubt : doubts) out += "  verdict     " + doubt.name + ": " + doubt.text + "\n";
  if (doubts.empty() && !result.interrupted && result.open) out += "  verdict     valid\n";
  return out;
}

std::string merge_report(const std::vector<NamedHdrLog>& logs, const HdrLog& merged) {
  const auto sum = [](const HdrLog& log) {
    HdrHistogram all;
    for (const HdrInterval& interval : log.intervals) all.add(interval.histogram);
    return all;
  };
  std::size_t width = 8;
  for (const NamedHdrLog& each : logs) width = std::max(width, each.name.size());
  std::string out = fmt::format("{} of {} merged\n\n  {:<{}}{:>11}{:>9}{:>9}{:>9}{:>9}{:>9}\n",
                                plural(logs.size(), "interval log"), format_rfc3339(merged.start),
                                "", width, "requests", "p50", "p95", "p99", "p99.9", "max");
  const auto row = [&](std::string_view name, const HdrHistogram& histogram) {
    out += fmt::format("  {:<{}}{:>11}", name, width, histogram.count());
    for (const double quantile : {0.5, 0.95, 0.99, 0.999, 1.0}) {
      out += fmt::format("{:>9}", time_text(static_cast<double>(histogram.at(quantile))));
    }
    out += "\n";
  };
  for (const NamedHdrLog& each : logs) row(printable(each.name), sum(each.log));
  row("together", sum(merged));
  return out;
}

std::string load_report_hlog(const LoadResult& result) {
  std::string out = hdr_log_head(result.started);
  for (std::size_t i = 0; i < result.tally.seconds.size(); ++i) {
    const Duration start = std::chrono::seconds(i);
    const bool last = i + 1 == result.tally.seconds.size();
    const Duration left = result.elapsed - start;
    out +=
        hdr_log_row({.start = start,
                     .length = last && left > Duration::zero() ? std::min<Duration>(left, 1s) : 1s,
                     .histogram = result.tally.seconds[i].histogram()});
  }
  return out;
}

}  // namespace paceline
