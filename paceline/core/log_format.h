// The bytes of one log line: text for people, JSON for machines. Pure: no clock, no descriptor.
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>

#include "paceline/core/log.h"

namespace paceline {

std::string_view to_string(LogLevel level);

struct LogLine {
  std::chrono::system_clock::time_point time;
  LogLevel level = LogLevel::info;
  std::string_view role;
  std::string_view event;
  std::span<const LogField> fields;
};

/// PIPE_BUF: the kernel writes so many bytes in one piece (pipe(7)).
inline constexpr std::size_t kLogLineMax = 4096;

/// `2026-03-01T12:00:00.123Z info worker 2: listening address=127.0.0.1:8000` and a newline.
/// Values with spaces or anything a terminal could take amiss are JSON strings.
std::string log_text(const LogLine& line);
/// `{"time":"…","level":"info","role":"worker 2","event":"listening","address":"…"}` and a newline.
std::string log_json(const LogLine& line);

}  // namespace paceline
