// Which rate to try next: up until a rate fails, then halving the gap on a logarithmic scale, then
// the two rates at the edge again, then a long look at the one that held. Knows no server.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>

namespace paceline {

/// A second of a trial.
struct ShareBlock {
  std::uint64_t requests = 0;
  std::uint64_t bad = 0;
};

/// The share of bad requests, and where the true one lies: above `lower` and below `upper`, each
/// with 95 % confidence.
struct ShareBound {
  double share = 0;
  double lower = 0;
  double upper = 1;
};

/// Requests of one second fare alike, so the spread of the seconds counts as well as the number of
/// requests. Without a bad one the upper bound is 3 / requests (the rule of three).
ShareBound share_bound(std::span<const ShareBlock> blocks);

enum class TrialPurpose : std::uint8_t { range, bisect, retest, confirm };

struct CapacityStep {
  double rate = 0;  // requests/s
  TrialPurpose purpose = TrialPurpose::range;
};

class CapacitySearch {
 public:
  struct Options {
    double start = 1;           // the first rate
    double saturation = 0;      // what the server answers in a closed loop; 0: unknown
    double rate_max = 0;        // no rate above it; 0: no such limit
    double width = 0.05;        // the edge is found when failed / passed is below 1 + width
    std::uint32_t trials = 60;  // at most
  };
  explicit CapacitySearch(Options options) : options_(options) {}

  /// None when the search is over.
  std::optional<CapacityStep> next() const;
  void note(const CapacityStep& step, bool passed);

  /// The highest rate that more trials passed than failed, below failed(); 0: none.
  double passed() const;
  /// The lowest rate that more trials failed than passed; infinite: none.
  double failed() const;
  /// A rate that also held for as long as a confirmation takes; 0: none.
  double confirmed() const { return confirmed_; }

 private:
  struct Score {
    std::uint32_t passed = 0;
    std::uint32_t failed = 0;
    bool decided(bool good) const { return (good ? passed : failed) >= kAgreeing; }
  };
  static constexpr std::uint32_t kAgreeing = 2;     // trials at each side of the edge
  static constexpr std::uint32_t kConfirmsMax = 4;  // each at 0.95 of the one before
  static constexpr double kConfirmStep = 0.95;
  static constexpr double kLeast = 0.1;  // requests/s

  std::optional<CapacityStep> outwards(double good, double bad) const;
  Options options_;
  std::map<double, Score> scores_;
  std::uint32_t trials_ = 0;
  std::uint32_t confirms_ = 0;
  double confirm_rate_ = 0;
  double confirmed_ = 0;
};

}  // namespace paceline
