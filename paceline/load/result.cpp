#include "paceline/load/result.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

namespace paceline {
namespace {

// A run is not about the server when we were late ourselves: at the 99th percentile by more than
// 1 ms and 5 % of what is reported, or with a thread that had no time left.
constexpr std::uint64_t kLagMax = 1000;  // µs
constexpr double kLagShare = 0.05;
constexpr double kCpuMax = 0.9;
// Little's law holds for any server, so a run that breaks it has counted or timed wrongly. Looks
// are not independent, and the edges of a run are left out of some of its sums: the difference must
// be above a tenth and what chance explains, in a run that is long enough to tell.
constexpr double kInFlightShare = 0.1;
constexpr double kInFlightDeviations = 6;
constexpr std::uint64_t kLooksMin = 200;
constexpr double kServiceTimesMin = 20;
constexpr double kSentMin = 0.99;  // of what was due, before the plan ended (nighthawk: 0.99)

bool breaks_littles_law(const LoadResult& result, double expected) {
  const LoadTally& tally = result.tally;
  const double service = tally.service.mean();
  const double counted = std::chrono::duration<double, std::micro>(tally.counted).count();
  if (expected < 1 || tally.looks < kLooksMin || counted < kServiceTimesMin * service) return false;
  const double off = std::abs(tally.in_flight - expected);
  return off > kInFlightShare * expected &&
         off > kInFlightDeviations * std::sqrt(tally.in_flight_error);
}

}  // namespace

std::string_view to_string(LoadStage stage) {
  constexpr std::array<std::string_view, load_stage_count> names = {"connect", "read", "write",
                                                                    "timeout"};
  return names[static_cast<std::size_t>(stage)];
}

std::string LoadFailure::text() const {
  if (stage == LoadStage::timeout) return "timeout: no whole answer in time";
  std::string out(to_string(stage));
  if (os != 0) {
    const char* name = ::strerrorname_np(os);
    return out + ": " + ::strerrordesc_np(os) + " (" + (name != nullptr ? name : "?") + ")";
  }
  if (tls.any()) return out + ": " + explain(tls);
  if (unasked) return out + ": the server sent what no request had asked for";
  return out.append(": ").append(explain(reply));
}

HdrSlots slots_of(const HdrHistogram& histogram) {
  HdrSlots slots;
  for (std::size_t slot = histogram.first_slot(); slot < histogram.end_slot(); ++slot) {
    const std::uint64_t count = histogram.in_slot(slot);
    if (count > 0) slots.emplace_back(static_cast<std::uint32_t>(slot), count);
  }
  return slots;
}

void LoadSecond::add(const LoadSecond& other) {
  const auto append = [](auto& to, const auto& from) {
    to.insert(to.end(), from.begin(), from.end());
  };
  completed += other.completed;
  failed += other.failed;
  bytes_read += other.bytes_read;
  append(response, other.response);
  append(unanswered, other.unanswered);
  append(status, other.status);
  classes.resize(std::max(classes.size(), other.classes.size()));
  for (std::size_t i = 0; i < other.classes.size(); ++i) append(classes[i], other.classes[i]);
}

HdrHistogram LoadSecond::histogram() const {
  HdrHistogram made;
  for (const auto& [slot, count] : response) made.record(HdrHistogram::value_of(slot), count);
  return made;
}

void LoadTally::count_failure(LoadFailure failure) {
  const auto known =
      std::ranges::find_if(failures, [&](const LoadFailure& each) { return each.same(failure); });
  if (known == failures.end()) {
    failures.push_back(failure);
  } else {
    known->count += failure.count;
  }
}

void LoadTally::note_lower_bound(Duration seen) {
  ++lower_bounds;
  lower_bound_least = std::min(lower_bound_least, seen);
}

std::uint64_t LoadTally::failed() const {
  return std::accumulate(errors.begin(), errors.end(), std::uint64_t{0});
}

void LoadTally::add(const LoadTally& other) {
  sent += other.sent;
  sent_in_time += other.sent_in_time;
  completed += other.completed;
  unfinished += other.unfinished;
  unsent += other.unsent;
  connects += other.connects;
  bytes_read += other.bytes_read;
  bytes_body += other.bytes_body;
  lower_bounds += other.lower_bounds;
  lower_bound_least = std::min(lower_bound_least, other.lower_bound_least);
  for (std::size_t i = 0; i < status.size(); ++i) status[i] += other.status[i];
  for (std::size_t i = 0; i < errors.size(); ++i) errors[i] += other.errors[i];
  for (const LoadFailure& each : other.failures) count_failure(each);
  response.add(other.response);
  service.add(other.service);
  failed_response.add(other.failed_response);
  connect.add(other.connect);
  handshake.add(other.handshake);
  lag.add(other.lag);
  lag_generator.add(other.lag_generator);
  lag_connections.add(other.lag_connections);
  if (seconds.size() < other.seconds.size()) seconds.resize(other.seconds.size());
  for (std::size_t i = 0; i < other.seconds.size(); ++i) seconds[i].add(other.seconds[i]);
  in_flight += other.in_flight;
  in_flight_error += other.in_flight_error;
  looks += other.looks;
  counted = std::max(counted, other.counted);
  last_answer = std::max(last_answer, other.last_answer);
  cpu_share.insert(cpu_share.end(), other.cpu_share.begin(), other.cpu_share.end());
}

double LoadResult::rate_achieved() const {
  const double seconds = std::chrono::duration<double>(elapsed).count();
  return seconds > 0 ? static_cast<double>(tally.completed) / seconds : 0;
}

bool LoadResult::any_goal(GoalState state) const {
  return std::ranges::any_of(goals,
                             [&](const Judged& each) { return each.verdict.state == state; });
}

double LoadResult::in_flight_expected() const {
  const double us = std::chrono::duration<double, std::micro>(tally.counted).count();
  if (us <= 0) return 0;
  return tally.service.mean() * static_cast<double>(tally.service.count()) / us;
}

std::vector<LoadResult::Doubt> LoadResult::doubts() const {
  std::vector<Doubt> found;
  if (const double expected = in_flight_expected(); breaks_littles_law(*this, expected)) {
    found.push_back(
        {"inconsistent",
         fmt::format("{:.1f} requests were in flight on average, and rate times service "
                     "time gives {:.1f}: the clock or the counts are wrong",
                     tally.in_flight, expected),
         true});
  }
  if (!open) return found;
  const std::uint64_t late = tally.lag_generator.at(0.99);
  const auto allowed = static_cast<double>(tally.response.at(0.99)) * kLagShare;
  const double busiest = tally.cpu_share.empty() ? 0 : *std::ranges::max_element(tally.cpu_share);
  if (late > kLagMax && static_cast<double>(late) > allowed) {
    found.push_back({"generator-limited",
                     fmt::format("requests left up to {} ms late (p99) although a connection was "
                                 "free: the generator, or its machine, was too slow",
                                 static_cast<double>(late) / 1000.0),
                     true});
  } else if (busiest > kCpuMax) {
    found.push_back({"generator-limited",
                     fmt::format("a generator thread was busy {:.0f} % of the time: more threads, "
                                 "or a lower rate",
                                 busiest * 100),
                     true});
  }
  const auto in_time = static_cast<double>(tally.sent_in_time);
  if (planned() > 0 && in_time < kSentMin * static_cast<double>(planned())) {
    found.push_back({"under-delivered",
                     fmt::format("{:.1f} % of what was due could be sent in time: the server is "
                                 "slower than the rate, or needs more connections",
                                 100 * in_time / static_cast<double>(planned()))});
  }
  return found;
}

}  // namespace paceline
