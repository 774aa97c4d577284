// What the monitor remembers in shared memory, so that it survives its own restart: 15 minutes by
// the second, 24 hours by the minute, and the newest incidents.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "paceline/core.h"

namespace paceline {

/// The values of one row; those that are not known are NaN.
enum class Column : std::uint8_t {
  time,  // Unix seconds
  rate,
  p50,
  p95,
  p99,
  error_ratio,
  cpu,
  memory,
  loop,
  lag,
  in_flight,
  connections,
  status_2xx,
  status_3xx,
  status_4xx,
  status_5xx,
  pss,
};
inline constexpr std::size_t kColumns = 17;
inline constexpr std::size_t kHeatRows = 17;
std::string_view to_string(Column column);

/// Where one heat bucket ends and the next begins, in seconds; the last has no end.
inline constexpr std::array<double, kHeatRows - 1> kHeatBounds = {
    0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10};

struct HistoryRow {
  std::array<double, kColumns> values;
  std::array<std::uint32_t, kHeatRows> heat{};  // requests a second by duration

  HistoryRow() { values.fill(std::numeric_limits<double>::quiet_NaN()); }
  double& operator[](Column column) { return values[static_cast<std::size_t>(column)]; }
  double operator[](Column column) const { return values[static_cast<std::size_t>(column)]; }
};

/// Something that happened and that a person may want to know of later.
struct Incident {
  double time = 0;   // Unix seconds
  std::string kind;  // "exit", "stall", "alert", …
  std::string text;
};

/// The one writer is the monitor; its killed predecessor may have written the bytes.
class History {
 public:
  static constexpr std::size_t seconds_max = 900;
  static constexpr std::size_t minutes_max = 1440;
  static constexpr std::size_t incidents_max = 64;
  static constexpr std::size_t slots_max = 1024;

  /// Bytes to reserve.
  static std::size_t bytes();
  /// `bytes` zero, or what another History left; anything else is formatted anew. Code::invalid
  /// when they are too few.
  static Result<History> attach(std::span<std::byte> bytes);

  void add_second(const HistoryRow& row) { add(seconds_at, seconds_max, row); }
  void add_minute(const HistoryRow& row) { add(minutes_at, minutes_max, row); }
  /// Oldest first.
  std::vector<HistoryRow> seconds() const { return rows(seconds_at, seconds_max); }
  std::vector<HistoryRow> minutes() const { return rows(minutes_at, minutes_max); }

  void add_incident(const Incident& incident);
  /// Newest first.
  std::vector<Incident> incidents() const;

  /// A number to remember for each slot of the roster: restarts that were told already.
  std::uint64_t noted(std::size_t slot) const;
  void note(std::size_t slot, std::uint64_t value);
  /// How many monitors have used these bytes.
  std::uint64_t openings() const;

 private:
  static const std::size_t seconds_at;
  static const std::size_t minutes_at;
  explicit History(std::span<std::byte> bytes) : bytes_(bytes) {}
  template <class T>
  T get(std::size_t at) const;
  template <class T>
  void put(std::size_t at, const T& value);
  void add(std::size_t ring, std::size_t rows_max, const HistoryRow& row);
  std::vector<HistoryRow> rows(std::size_t ring, std::size_t rows_max) const;
  std::span<std::byte> bytes_;
};

/// {"schema":1,"resolution_s":…,"heat_bounds_s":[…],"columns":{…},"heat":[[…]]}
std::string history_json(std::span<const HistoryRow> rows, int resolution_seconds);

}  // namespace paceline
