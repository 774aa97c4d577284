// The collector: the metrics of every process of the instance, by process and merged, and who is
// alive. Reads shared memory only; a process that hangs is read like any other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "paceline/cluster.h"
#include "paceline/core.h"
#include "paceline/metrics.h"

namespace paceline {

/// One process: a slot of the roster, or the supervisor itself.
struct ProcessTotals {
  std::string role;
  std::size_t slot = 0;  // within its role
  MetricsTotals series;  // of both its seats, as MetricsReader merges them
};

class Collector {
 public:
  /// `metrics`: the region with a part "seatN" for every seat and "supervisor". Borrowed.
  explicit Collector(const SharedRegion& metrics);

  /// Reads everything. Without a roster all seats count as live.
  void read(const Roster* roster);

  const MetricsTotals& totals() const { return totals_; }
  /// In the roster's order, the supervisor last.
  const std::vector<ProcessTotals>& processes() const { return processes_; }
  /// Blocks that could not be read, so far.
  std::uint64_t unreadable() const { return unreadable_; }
  std::size_t seats() const { return seats_.size(); }

 private:
  struct Seat {
    explicit Seat(std::span<const std::byte> bytes) : reader(bytes) {}
    SeatReader reader;
    bool ever = false;  // a process has used it
    // What the links below were made for.
    SeatLife life = SeatLife::retired;
    std::size_t linked = 0;
    std::uint64_t incarnation = 0;
  };
  /// Where one series of a seat goes.
  struct Link {
    std::size_t seat;
    std::size_t series;
    MetricValue* process;  // null before there is a roster
    MetricValue* total;
    MetricKind kind;
    SeatLife life;
  };
  void read_seat(Seat& seat);
  bool settled(const Roster* roster);
  void arrange(const Roster* roster);
  void link(std::size_t seat, ProcessTotals* process);
  void add_up();

  std::vector<Seat> seats_;  // the last one is the supervisor's
  MetricsTotals folded_;     // what blocks held that exist no more
  std::size_t slots_ = 0;    // of the roster that the links were made for
  bool arranged_ = false;
  MetricsTotals totals_;
  std::vector<ProcessTotals> processes_;
  std::vector<Link> links_;
  std::uint64_t unreadable_ = 0;
};

/// The sum over all series of that name whose labels contain `label` (`status="200"`; empty: all).
std::uint64_t sum_of_counters(const MetricsTotals& totals, std::string_view name,
                              std::string_view label = {});
/// Likewise; null where there is no such series.
std::int64_t sum_of_gauges(const MetricsTotals& totals, std::string_view name,
                           std::string_view label = {});
HistogramTotals sum_of_histograms(const MetricsTotals& totals, std::string_view name,
                                  std::string_view label = {});
/// The value of a label in a series' printed labels, as it is escaped there; empty without it.
std::string_view label_value(std::string_view labels, std::string_view name);

}  // namespace paceline
