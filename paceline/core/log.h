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
  bool json = false;
  std::string role;  // "supervisor", "worker 2": on every line
  int fd = 2;        // borrowed; stays blocking or not, as its other users want it
  /// Lines that wait for the writer, about 350 bytes each; then the oldest is dropped.
  std::size_t queue_max = 8192;
  /// How long the destructor waits for a reader that does not read; then the rest is dropped.
  Duration flush_limit = std::chrono::milliseconds(200);
};

/// Owned by main; everybody else borrows it. Thread-safe. The writer thread takes no signals, and
/// a reader that went away costs lines, not the process (no SIGPIPE). A process that forks without
/// exec must not use its parent's Log. Lines are at most 4096 bytes, so that processes which share
/// a pipe do not mix theirs; a longer one loses its last fields and says `truncated`.
class Log {
 public:
  explicit Log(LogOptions options);
  /// Writes what waits, for at most `flush_limit`. Nobody may be writing any more.
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  void write(LogLevel level, std::string_view event, std::initializer_list<LogField> fields = {});
  void write(LogLevel level, std::string_view event, std::span<const LogField> fields);
  bool enabled(LogLevel level) const;
  /// Lines lost so far: the queue was full, or the descriptor refused them. The log itself says
  /// so too, in its next line.
  std::uint64_t dropped() const;

 private:
  struct Inside;
  std::unique_ptr<Inside> inside_;
};

/// The keys log.level, log.format, log.access, log.slow.
std::span<const ConfigKey> log_config_keys();
/// Reads them; `role` and the descriptor are the caller's. "auto" is text if `fd` is a terminal.
LogOptions log_options(const ConfigSection& config, std::string role, int fd);

/// Which requests reach the access log: "off", "errors" (5xx or slower than log.slow, 500 ms),
/// "all", or "1/100" (every hundredth, and every error).
struct AccessPolicy {
  bool errors = true;
  std::uint32_t every = 0;                         // 0: only errors, 1: all, n: one of n
  Duration slow = std::chrono::milliseconds(500);  // guide: p99 < 500 ms; 0: only 5xx are errors

  bool is_error(unsigned status, Duration took) const {
    return errors && (status >= 500 || (slow > Duration::zero() && took > slow));
  }
  /// `serial` counts the requests of one worker.
  bool is_sample(std::uint64_t serial) const { return every > 0 && serial % every == 0; }
};
Result<AccessPolicy> access_policy(const ConfigSection& config);

}  // namespace paceline
