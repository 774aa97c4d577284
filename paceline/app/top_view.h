// The frame of `paceline top`, as text with styles: a function of snapshot, history and what the
// person chose. No terminal.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "paceline/app/top_numbers.h"
#include "paceline/app/top_snapshot.h"
#include "paceline/app/top_table.h"

namespace paceline::app {

enum class TopStyle : std::uint8_t { plain, dim, bold, good, warn, bad, title };

struct TopSpan {
  std::string text;
  TopStyle style = TopStyle::plain;
};
/// Never wider than the frame.
using TopLine = std::vector<TopSpan>;

/// The key metrics of the last snapshots, for the sparklines.
class TopHistory {
 public:
  static constexpr std::size_t kMax = 240;  // as wide as a terminal gets; 4 minutes
  /// Each snapshot once, by its time.
  void add(const TopSnapshot& snapshot);

  std::deque<TopValue> rate, p95, utilization, errors, in_flight;

 private:
  double last_ = 0;
};

/// What the person chose, and what the frame must say about itself.
struct TopState {
  TopSort sort;
  std::size_t scroll = 0;  // workers above the first one shown
  std::string stale;       // why no newer snapshot came, or empty
  double stale_seconds = 0;
  Glyphs glyphs = Glyphs::unicode;
};

struct TopSize {
  std::size_t columns = 80;
  std::size_t rows = 24;
};

/// The frame for a terminal; the last line has the keys.
std::vector<TopLine> top_frame(const TopSnapshot& snapshot, const TopHistory& history,
                               const TopState& state, TopSize size);
/// The same for `--once`: as many lines as it takes, without sparklines and keys.
std::vector<TopLine> top_once(const TopSnapshot& snapshot, std::size_t columns);

/// Columns of a terminal; text here is ASCII or bars, each one column wide.
std::size_t width_of(std::string_view text);

}  // namespace paceline::app
