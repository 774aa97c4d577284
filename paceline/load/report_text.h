// Numbers as reports of load tests write them: three digits and a unit.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace paceline {

std::string time_text(double us);                                // "312us", "4.07ms", "1.27s"
std::string bytes_text(double bytes);                            // "1.2 MiB"
std::string rate_text(double rate);                              // "0.200", "12.5", "1200"
std::string html_text(std::string_view text);                    // with < > & " escaped
std::string plural(std::uint64_t count, std::string_view word);  // "1 thread", "2 threads"

}  // namespace paceline
