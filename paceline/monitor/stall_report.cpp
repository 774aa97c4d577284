#include "paceline/monitor/stall_report.h"

#include <unistd.h>

#include <algorithm>

#include "paceline/monitor/self_metric.h"

namespace paceline {
namespace {

constexpr std::string_view kUnknown = "unknown";
constexpr std::string_view kOther = "other";

double milliseconds(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

std::string lines(const std::vector<std::string>& stack) {
  std::string text;
  for (const std::string& frame : stack) {
    if (!text.empty()) text += '\n';
    text += frame;
  }
  return text;
}

/// One line for the log: the callers of callers matter less, and a line has an end.
std::string one_line(const std::vector<std::string>& stack) {
  constexpr std::size_t kFrames = 12;
  std::string text;
  for (std::size_t i = 0; i < std::min(stack.size(), kFrames); ++i) {
    text += (i == 0 ? "" : " < ") + stack[i];
  }
  return text;
}

}  // namespace

StallReport::StallReport(Log& log, MetricsBlock& metrics, std::span<std::byte> ring)
    : log_(log), metrics_(metrics) {
  if (ring.empty()) return;
  Result<StallRing> attached = StallRing::attach(ring);
  if (attached) ring_ = *attached;
}

void StallReport::stalled(const Stall& stall) {
  // The ring first: whoever sees the counter finds the stall, too.
  if (ring_) {
    sequence_ = ring_->begin({.sequence = 0,
                              .pid = static_cast<std::uint64_t>(::getpid()),
                              .began = stall.began,
                              .duration = stall.duration,
                              .state = StallRecord::State::ongoing,
                              .route = stall.doing,
                              .site = stall.site,
                              .stack = lines(stall.stack)});
  }
  {
    const std::lock_guard lock(mutex_);
    told_.push_back(stall.site.empty() ? std::string(kUnknown) : stall.site);
  }
  warn(stall);
}

void StallReport::warn(const Stall& stall) {
  if (stall.began - minute_began_ >= std::chrono::minutes(1)) {
    minute_began_ = stall.began;
    warnings_ = 0;
  }
  warned_ = warnings_ < warnings_max;
  if (!warned_) {
    ++left_out_;
    return;
  }
  ++warnings_;
  const std::string stack = one_line(stall.stack);
  std::vector<LogField> fields = {{"ms", milliseconds(stall.duration)}};
  if (!stall.doing.empty()) fields.push_back({"route", std::string_view(stall.doing)});
  if (!stall.site.empty()) fields.push_back({"site", std::string_view(stall.site)});
  if (left_out_ > 0) fields.push_back({"not_logged", std::exchange(left_out_, 0)});
  if (!stack.empty()) fields.push_back({"stack", std::string_view(stack)});
  log_.write(LogLevel::warning, "event loop stalled", std::span<const LogField>(fields));
}

void StallReport::goes_on(const Stall& stall) {
  if (ring_) ring_->update(sequence_, stall.duration, StallRecord::State::ongoing);
}

void StallReport::ended(const Stall& stall) {
  if (ring_) ring_->update(sequence_, stall.duration, StallRecord::State::over);
  if (warned_) {
    log_.write(LogLevel::info, "event loop goes on", {{"ms", milliseconds(stall.duration)}});
  }
}

void StallReport::publish() {
  std::vector<std::string> told;
  {
    const std::lock_guard lock(mutex_);
    told.swap(told_);
  }
  for (const std::string& site : told) {
    const auto known = [this](std::string_view name) {
      return std::ranges::find(sites_, name, &std::pair<std::string, Counter>::first);
    };
    auto at = known(site);
    if (at == sites_.end() && sites_.size() < sites_max) {
      sites_.emplace_back(site, metrics_.counter(loop_metric::stalls, {{"site", site}}));
      at = sites_.end() - 1;
    }
    if (at == sites_.end()) {
      metrics_.counter(loop_metric::stalls, {{"site", kOther}}).add();
    } else {
      at->second.add();
    }
  }
}

}  // namespace paceline
