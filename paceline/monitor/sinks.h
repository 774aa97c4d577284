// Sinks: where alerts are told. Each has a thread and a bounded queue of its own, so that one that
// hangs delays nobody.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "paceline/core.h"
#include "paceline/monitor/alerts.h"

namespace paceline {

enum class SinkKind : std::uint8_t {
  webhook,       // POST, the body of an Alertmanager webhook, version "4"
  alertmanager,  // POST to /api/v2/alerts, again every resend
  command,       // a program, with the webhook's body on standard input
};

/// One `[[alert]]`.
struct SinkConfig {
  std::string name;  // the receiver's name in bodies and metrics
  SinkKind kind = SinkKind::webhook;
  std::string url;                   // of webhook and alertmanager
  std::string token;                 // "Authorization: Bearer …"; empty: none
  std::vector<std::string> command;  // program and arguments; no shell
  bool pages = true;                 // which severities it is told
  bool tickets = true;
  Duration timeout = std::chrono::seconds(10);  // of one attempt
  /// Notices that wait; then the oldest is dropped.
  std::size_t queue_max = 100;
  /// Of one notice; then it has failed. With the pauses below about 17 minutes.
  std::uint32_t attempts_max = 20;
  /// The pause after a failed attempt doubles from the first to the last, a quarter more or less.
  Duration pause_first = std::chrono::seconds(1);
  Duration pause_max = std::chrono::minutes(1);
  /// webhook, command: an alert that goes on firing is told again this often; 0: never. As
  /// Alertmanager's repeat_interval.
  Duration repeat = std::chrono::hours(4);
  /// alertmanager: firing alerts are told again this often, and end four times that later on
  /// their own. Well below Alertmanager's resolve_timeout of 5 minutes.
  Duration resend = std::chrono::minutes(1);
};

/// What every body says about where it comes from.
struct SinkOrigin {
  std::string instance;  // "127.0.0.1:8001": the label `instance`, as Prometheus would set it
  std::string url;       // "http://127.0.0.1:8001": where a person can look
};

struct SinkCounts {
  std::uint64_t sent = 0;
  std::uint64_t retried = 0;  // attempts that failed and were followed by another
  std::uint64_t failed = 0;   // given up: refused by the receiver, or after attempts_max
  std::uint64_t dropped = 0;  // the queue was full
  std::uint64_t waiting = 0;
};

/// Not thread-safe itself; what it starts does not touch the caller's thread.
class Sink {
 public:
  Sink(SinkConfig config, SinkOrigin origin, Log& log);
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;
  /// Tries what waits once, for at most a second; the rest is dropped.
  ~Sink();

  /// Begins the end: the destructor then waits for no more than is left of the second.
  void end();
  /// What changed, and all that is visible. Severities that the sink is not for are left out.
  void tell(const std::vector<AlertNotice>& changed, const std::vector<AlertNotice>& visible);
  SinkCounts counts() const;
  const SinkConfig& config() const;

 private:
  struct Inside;
  std::unique_ptr<Inside> inside_;
};

/// The keys of `[[alert]]`.
std::span<const ConfigKey> alert_config_keys();
/// All errors at once: not exactly one of webhook, alertmanager, command; no http(s) URL.
Result<std::vector<SinkConfig>> alert_sinks(std::span<const ConfigSection> alerts);

}  // namespace paceline
