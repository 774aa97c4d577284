// The writing side: one block of shared memory per seat, and typed handles into it.
#pragma once

#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

#include "paceline/core.h"
#include "paceline/metrics/histogram.h"
#include "paceline/metrics/info.h"

namespace paceline {

/// `route="/data/{id}"`. The order in which labels are given does not matter.
struct MetricLabel {
  std::string_view name;
  std::string_view value;
};

// The handles below point into a block and are as cheap to copy as a pointer. Only the thread
// that owns the block may use them: one writer makes a plain load and store enough. A handle that
// points nowhere (default-made, or the block was full) swallows what it is given.

/// Only rises. A counter of time holds nanoseconds and its name ends in `_seconds_total`.
class Counter {
 public:
  Counter() = default;
  void add(std::uint64_t n = 1) {
    if (!kMetricsOn || !cell_) return;
    cell_->store(cell_->load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void add(Duration time) { add(static_cast<std::uint64_t>(time.count())); }
  explicit operator bool() const { return cell_ != nullptr; }

 private:
  friend class MetricsBlock;
  explicit Counter(std::atomic<std::uint64_t>* cell) : cell_(cell) {}
  std::atomic<std::uint64_t>* cell_ = nullptr;
};

/// Rises and falls. A gauge of time holds nanoseconds and its name ends in `_seconds`; one of a
/// share holds billionths and its name ends in `_ratio`.
class Gauge {
 public:
  Gauge() = default;
  void set(std::int64_t value) {
    if (!kMetricsOn || !cell_) return;
    cell_->store(std::bit_cast<std::uint64_t>(value), std::memory_order_relaxed);
  }
  void set(Duration time) { set(std::int64_t{time.count()}); }
  void set_ratio(double share) { set(static_cast<std::int64_t>(share * 1e9)); }
  void add(std::int64_t n) {
    if (!kMetricsOn || !cell_) return;
    const std::uint64_t old = cell_->load(std::memory_order_relaxed);
    cell_->store(old + std::bit_cast<std::uint64_t>(n), std::memory_order_relaxed);
  }
  explicit operator bool() const { return cell_ != nullptr; }

 private:
  friend class MetricsBlock;
  explicit Gauge(std::atomic<std::uint64_t>* cell) : cell_(cell) {}
  std::atomic<std::uint64_t>* cell_ = nullptr;
};

/// Durations; its name ends in `_seconds`. Negative ones count as zero.
class Histogram {
 public:
  Histogram() = default;
  void record(Duration time, std::uint64_t times = 1) {
    if (!kMetricsOn || !cells_) return;
    const std::uint64_t ns = time.count() > 0 ? static_cast<std::uint64_t>(time.count()) : 0;
    bump(cells_[0], ns * times);
    bump(cells_[1 + HistogramScale::bucket(ns)], times);
  }
  /// Makes one record the series' example, in place of the former: the request to look for in the
  /// log. For a few a second; ids longer than 32 bytes are no examples.
  void example(Duration time, std::chrono::system_clock::time_point at, std::string_view id);
  bool operator==(const Histogram&) const = default;
  explicit operator bool() const { return cells_ != nullptr; }

 private:
  friend class MetricsBlock;
  explicit Histogram(std::atomic<std::uint64_t>* cells) : cells_(cells) {}
  static void bump(std::atomic<std::uint64_t>& cell, std::uint64_t n) {
    cell.store(cell.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  std::atomic<std::uint64_t>* cells_ = nullptr;
};

/// How much a block can hold. What does not fit is dropped and counted; the page of memory behind
/// a series is only taken when the series is written.
struct MetricsLimits {
  std::uint32_t series_max = 1024;     // 256 B each
  std::uint32_t histograms_max = 512;  // of them; 2 KiB each: 64 routes by 8 statuses
};

/// The bytes to reserve for one seat: 1.4 MiB by default.
std::size_t metrics_block_bytes(MetricsLimits limits = {});

/// One seat's block, as its one writer sees it. Handles live as long as the mapped bytes, not as
/// this object. Finding a series is a scan: declare series at start, or once per new label value.
class MetricsBlock {
 public:
  /// Formats the bytes anew, at any time; series of a former process are gone from them (a
  /// reader that saw them keeps them in its totals). `bytes` is borrowed, aligned to 8 and at
  /// least metrics_block_bytes(limits) long, else Code::invalid.
  static Result<MetricsBlock> create(std::span<std::byte> bytes, MetricsLimits limits = {});
  /// Goes on where the seat's former process stopped: its counters and histograms keep their
  /// values, its gauges become zero. Code::corrupt if the bytes are no sound block; then create()
  /// one. The former process must be gone.
  static Result<MetricsBlock> attach(std::span<std::byte> bytes);

  /// The series of this metric with these labels, made if it is not there. Nowhere-pointing when
  /// the block is full or the text too long (name and labels together at most 240 bytes); such
  /// a series is counted as dropped. Another kind, other label names than the declared ones, or a
  /// name that Prometheus would refuse is a bug. `info` is not kept.
  Counter counter(const MetricInfo& info, std::initializer_list<MetricLabel> labels = {});
  /// MetricKind::gauge or gauge_max.
  Gauge gauge(const MetricInfo& info, std::initializer_list<MetricLabel> labels = {});
  Histogram histogram(const MetricInfo& info, std::initializer_list<MetricLabel> labels = {});

  std::uint32_t series() const { return series_; }

 private:
  MetricsBlock(std::span<std::atomic<std::uint64_t>> words, MetricsLimits limits);
  std::atomic<std::uint64_t>* cells(const MetricInfo& info,
                                    std::initializer_list<MetricLabel> labels);

  std::span<std::atomic<std::uint64_t>> words_;
  std::uint32_t series_max_ = 0;
  std::uint32_t cells_max_ = 0;
  // Private copies: what other processes could have changed is not read again.
  std::uint32_t series_ = 0;
  std::uint32_t cells_used_ = 0;
};

}  // namespace paceline
