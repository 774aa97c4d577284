#include "paceline/load/meter.h"

#include <numeric>

namespace paceline {
namespace {

constexpr Duration kRateInterval = std::chrono::milliseconds(100);  // wrk

}  // namespace

void LoadMeter::answered(const LoadSample& sample, const LoadAnswer& answer) {
  (void)answer;
  ++since_tick_;
  if (last_tick_ == Time{}) last_tick_ = sample.sent;
  if (!sample.counted || (options_.batch == Batch::last && !sample.last)) return;
  const Duration took = sample.done - sample.sent;
  if (took > options_.timeout) {
    ++errors_[static_cast<std::size_t>(LoadStage::timeout)];
    return;
  }
  response_.record(sample.done - sample.due);
  service_.record(took);
}

void LoadMeter::failed(const LoadFailure& failure) {
  ++errors_[static_cast<std::size_t>(failure.stage)];
}

void LoadMeter::unfinished(Duration waited) {
  if (waited > options_.timeout) ++errors_[static_cast<std::size_t>(LoadStage::timeout)];
}

void LoadMeter::tick(Time now) {
  const Duration past = now - last_tick_;
  if (past < kRateInterval || since_tick_ == 0) return;
  const double seconds = std::chrono::duration<double>(past).count();
  rates_.push_back(static_cast<std::uint64_t>(static_cast<double>(since_tick_) / seconds));
  since_tick_ = 0;
  last_tick_ = now;
}

LoadSummary::LoadSummary(const LoadResult& result, const std::vector<const LoadMeter*>& meters)
    : duration(result.duration), requests(result.tally.completed), bytes(result.tally.bytes_read) {
  std::vector<std::uint64_t> all_rates;
  for (const LoadMeter* meter : meters) {
    response.add(meter->response_);
    service.add(meter->service_);
    all_rates.insert(all_rates.end(), meter->rates_.begin(), meter->rates_.end());
    for (std::size_t i = 0; i < errors.size(); ++i) errors[i] += meter->errors_[i];
  }
  rates = LoadStatistic(std::move(all_rates));
  const auto& status = result.tally.status;
  status_errors = std::accumulate(status.begin() + 400, status.end(), std::uint64_t{0});
}

}  // namespace paceline
