// The log: one line an event, text for people or JSON for machines, to standard error. Writing
// never blocks the caller: lines go through a bounded queue to a writer thread; when the queue
// is full the line is dropped and counted.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "paceline/core/config.h"
#include "paceline/core/result.h"
#include "paceline/core/time.h"

namespace paceline {

enum class LogLevel : std::uint8_t { debug, info, warning, error, off };

/// One `name=value` of a line. Borrows its text until the call returns.
struct LogField {
  std::string_view name;
  std::variant<std::string_view, std::int64_t, double, bool> value;
};

struct LogOptions {
  LogLevel level = LogLevel::info;
  bool json = false;             // "auto" is resolved by the caller: text on a terminal
  std::string role;              // "supervisor", "worker 2": on every line
  int fd = 2;                    // borrowed
  std::size_t queue_max = 8192;  // lines waiting for the writer; then drops
  Duration flush_limit =
      std::chrono::milliseconds(200);  // how long the destructor waits for a stuck reader
};

/// Owned by main; everybody else borrows it. Thread-safe.
class Log {
 public:
  explicit Log(LogOptions options);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  void write(LogLevel level, std::string_view event, std::initializer_list<LogField> fields = {});
  void write(LogLevel level, std::string_view event, std::span<const LogField> fields);
  bool enabled(LogLevel level) const;
  std::uint64_t dropped() const;

 private:
  struct Inside;
  std::unique_ptr<Inside> inside_;
};

/// The keys log.level, log.format, log.access, log.slow.
std::span<const ConfigKey> log_config_keys();
/// Reads them; `role` and the descriptor are the caller's.
Result<LogOptions> log_options(const ConfigSection& config, std::string role, int fd);

/// Which requests reach the access log: "off", "errors" (5xx or slower than log.slow, 500 ms),
/// "all", or "1/100" (every hundredth, and every error).
struct AccessPolicy {
  bool errors = true;
  std::uint32_t every = 0;                         // 0: only errors, 1: all, n: one of n
  Duration slow = std::chrono::milliseconds(500);  // guide: p99 < 500 ms
};
Result<AccessPolicy> access_policy(const ConfigSection& config);

}  // namespace paceline
