// Numbers as `paceline top` writes them: short, with a unit, "-" for unknown.
#pragma once

#include <deque>
#include <string>

#include "paceline/app/top_snapshot.h"

namespace paceline::app {

std::string show_rate(TopValue per_second);  // "0.3", "42", "12.3k"
std::string show_count(TopValue count);      // "42", "12.3k"
std::string show_seconds(TopValue seconds);  // "310us", "12.3ms", "1.25s"
std::string show_bytes(TopValue bytes);      // "512", "1.2M"; binary units
std::string show_ratio(TopValue ratio);      // "0.05%", "42%"
std::string show_age(TopValue seconds);      // "12s", "3m", "2h", "5d"

/// The glyphs of bars, from empty to full.
enum class Glyphs : std::uint8_t { unicode, ascii };

/// The newest values, the last one at the right, `width` columns; `top` is a full bar, zero: the
/// largest value is. Unknown values leave a gap.
std::string sparkline(const std::deque<TopValue>& values, std::size_t width, double top,
                      Glyphs glyphs);

}  // namespace paceline::app
