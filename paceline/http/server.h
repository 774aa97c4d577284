// The HTTP server of one worker: accepts from the listening sockets it is lent, parses in place,
// calls handlers, writes once per readable event. All limits are on by default.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "paceline/core.h"
#include "paceline/http/parser.h"
#include "paceline/http/routes.h"
#include "paceline/http/words.h"
#include "paceline/loop.h"
#include "paceline/metrics.h"

namespace paceline {

/// Limits and timeouts; 0 turns a duration off.
struct ServerOptions {
  ParserLimits parser;
  std::uint64_t body_max = std::uint64_t{1} << 20;         // nginx: 1 MiB; then 413
  Duration header_timeout = std::chrono::seconds(10);      // whole head, from its first byte; 408
  Duration body_idle_timeout = std::chrono::seconds(10);   // between two reads of a body; 408
  Duration body_timeout = std::chrono::seconds(60);        // whole body; 408
  std::uint64_t body_rate_min = 256;                       // bytes/s, once 5 s have passed; 408
  Duration handler_timeout = std::chrono::seconds(30);     // then 503, and the handler is cancelled
  Duration keep_alive_timeout = std::chrono::seconds(65);  // idle; above the 60 s of balancers
  Duration write_timeout = std::chrono::seconds(10);       // without progress; cuts the connection
  std::uint32_t requests_max = 10'000;                     // on one connection, then close
  Duration age_max = std::chrono::hours(1);                // of a connection, ± 10 %, then close
  std::uint32_t connections_max = 10'000;                  // more are answered 503 and closed
  std::uint32_t connections_soft = 8'000;                  // above it the oldest idle ones close
  Duration soft_idle_min = std::chrono::seconds(5);        // if they were idle at least that long
  std::uint32_t turn_requests_max = 64;                    // of one connection in one turn
  std::size_t output_max = std::size_t{256} << 10;         // unsent bytes; then reading pauses
  Duration linger_timeout = std::chrono::seconds(1);       // reading on after a close from our side
  std::size_t linger_bytes = std::size_t{64} << 10;
  Duration drain_idle = std::chrono::seconds(1);  // how long an idle connection may still ask
};

/// What this server did; the same counts are metrics.
struct ServerCounts {
  std::uint64_t connections = 0;  // open now
  std::uint64_t accepted = 0;
  std::uint64_t active = 0;  // connections that read a body, wait for a handler, or stream
  std::uint64_t requests = 0;
  std::uint64_t failed = 0;               // answered 5xx
  std::uint64_t aborted = 0;              // cut by us: write stalled, producer failed
  std::uint64_t refused_connections = 0;  // connections_max
  std::uint64_t accept_errors = 0;        // descriptors or memory ran out
};

class HttpConnection;
struct Exchange;
class Listener;

class Server final : TurnEnd {
 public:
  /// All are borrowed and outlive the server. `metrics` may be null.
  struct Parts {
    Loop& loop;
    const Routes& routes;
    Log& log;
    MetricsBlock* metrics = nullptr;
    AccessPolicy access;
  };
  Server(Parts parts, ServerOptions options = {});
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  /// Accepts from a non-blocking listening socket, which stays the caller's.
  Result<void> listen(int fd);
  /// Stops watching it (before any close: descriptions are shared). Unknown ones are ignored.
  void unlisten(int fd);
  void unlisten_all();
  /// Accepts from every socket until its queue is empty: before the last unlisten, so that no
  /// connection is left in a queue that nobody looks at.
  void accept_queued();

  /// From now on every answer closes its connection, and idle ones close after drain_idle.
  /// Accepting goes on until unlisten().
  void drain();
  /// co_await server.drained(deadline): no connection is left.
  Event::Wait drained(Deadline deadline) { return emptied_.wait(deadline); }
  bool draining() const { return draining_; }

  const ServerCounts& counts() const { return counts_; }
  std::uint64_t rejected(ParseError error) const {
    return rejected_[static_cast<std::size_t>(error)];
  }

 private:
  friend class HttpConnection;
  friend class Listener;
  friend struct Exchange;

  /// Unsent output of the connection whose callback runs; grows, is never given back.
  class Output {
   public:
    char* reserve(std::size_t bytes) {
      if (capacity_ - size_ < bytes) [[unlikely]] {
        grow(bytes);
      }
      return data_.get() + size_;
    }
    void commit(std::size_t bytes) { size_ += bytes; }
    void append(std::string_view bytes);
    std::string_view view() const { return {data_.get(), size_}; }
    bool empty() const { return size_ == 0; }
    void clear() { size_ = 0; }

   private:
    void grow(std::size_t bytes);

    std::unique_ptr<char[]> data_;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
  };
  /// Durations of one route, one histogram a status that occurred.
  struct RouteSeries {
    std::string_view route;
    std::string_view method;
    std::vector<std::pair<unsigned, Histogram>> by_status;
  };

  /// An answer in the output whose duration is known once it is written. One cache line, plain
  /// bytes.
  struct Pending {
    Histogram histogram;
    Time received;
    std::uint64_t serial;
    std::size_t bytes;
    std::string_view cache_level;
    std::uint32_t route;
    std::uint32_t id_at;  // into ids_
    std::uint16_t status;
    std::uint8_t id_size;  // 0: nobody asked for the id, it is made from the serial
    Method method;
  };

  /// A duration of this turn, not in its histogram yet.
  struct Recorded {
    Histogram histogram;
    Duration took;
  };
  static constexpr std::size_t kRecordedMax = 256;

  /// How the body's end is told, and whether the connection goes on.
  enum class Framing : std::uint8_t { none, length, chunked };
  enum class Persistence : std::uint8_t { usual, close, keep_alive };
  /// Status, framing, persistence, and the size of the content type, in one word to compare.
  static constexpr std::uint64_t head_key(unsigned status, Framing framing, Persistence persistence,
                                          std::size_t type_size) {
    return status | std::uint64_t{static_cast<std::uint8_t>(framing)} << 16 |
           std::uint64_t{static_cast<std::uint8_t>(persistence)} << 24 |
           std::uint64_t{type_size} << 32;
  }
  /// What an answer begins with: all lines that many answers share, up to Content-Length's number.
  struct HeadStart {
    static constexpr std::size_t bytes_max = 256;
    static constexpr std::size_t type_max = 96;  // what surely fits
    std::uint64_t key = 0;
    std::uint32_t size = 0;
    std::uint32_t type_at = 0;
    std::array<char, bytes_max> bytes;
  };

  void accepted(int fd);
  void log_access(const Pending& entry, Duration took);
  [[gnu::cold, gnu::noinline]] void take_example(const Pending& entry, Duration took);
  std::string id_of(const Pending& entry) const;
  bool make_room();
  void bury(HttpConnection& connection);
  void reap() {
    if (!dead_.empty()) [[unlikely]] {
      delete_dead();
    }
  }
  void delete_dead();
  std::unique_ptr<Exchange> take_exchange();
  void give_exchange(std::unique_ptr<Exchange> exchange);
  /// The start for this key and content type. Made at most once a second each, while few kinds of
  /// answers alternate.
  const HeadStart& head_start(std::uint64_t key, std::string_view content_type) {
    HeadStart& start = starts_[(key ^ key >> 32) % starts_.size()];
    if (start.key != key || !words::same(start.bytes.data() + start.type_at, content_type.data(),
                                         key >> 32)) [[unlikely]] {
      make_start(start, key, content_type);
    }
    return start;
  }
  void make_start(HeadStart& start, std::uint64_t key, std::string_view content_type);
  /// Before the first event of each turn: what all of the turn's answers share.
  [[gnu::noinline]] void begin_turn();
  void make_date();
  void record();
  [[gnu::noinline]] void record_all(Time now);
  /// Cells of metrics are cold between two calls of the system: what a turn counted is added
  /// to them at its end.
  void turn_ended() override;
  /// Most answers have the route and status of the one before.
  Histogram series(std::size_t route, unsigned status) {
    if (route != recent_route_ || status != recent_status_) [[unlikely]] {
      recent_ = find_series(route, status);
      recent_route_ = route;
      recent_status_ = status;
    }
    return recent_;
  }
  Histogram find_series(std::size_t route, unsigned status);
  void declare(MetricsBlock& metrics);
  void count_rejected(ParseError error);
  /// A connection, or with 0 none, began to carry an active request, or ended to.
  [[gnu::cold]] void count_active(std::int64_t change);
  void count_accept_error();

  // What every request touches comes first and lies together: the system's calls between two
  // requests have emptied the first-level cache.
  Loop& loop_;
  const Routes& routes_;
  ServerOptions options_;
  ServerCounts counts_;
  bool draining_ = false;
  std::unique_ptr<Exchange> scratch_;  // what requests that answer at once are parsed into
  std::uint64_t serial_;               // of requests; starts at random
  Time turn_;                          // of which the next two are
  Deadline handler_deadline_;
  Time idle_until_;        // when a connection that became idle is closed
  Time example_at_;        // when a duration may become its histogram's example again
  Duration unremarkable_;  // what takes no longer, and did not fail, is not in the access log
  std::size_t recent_route_ = SIZE_MAX;
  unsigned recent_status_ = 0;
  Histogram recent_;
  std::uint64_t turn_sent_bytes_ = 0;
  std::uint64_t turn_received_bytes_ = 0;
  std::size_t recorded_count_ = 0;
  Output output_;
  std::vector<Pending> pending_;  // the first pending_count_ of them
  std::size_t pending_count_ = 0;
  std::string ids_;  // of pending_
  std::vector<HttpConnection*> dead_;
  std::array<Recorded, kRecordedMax> recorded_;  // the first recorded_count_ of them
  std::array<HeadStart, 8> starts_;

  Log& log_;
  MetricsBlock* metrics_;
  AccessPolicy access_;
  Event emptied_;
  std::minstd_rand random_;
  std::uint32_t sampled_ = 0;  // for AccessPolicy::every

  std::vector<std::unique_ptr<Listener>> listeners_;
  struct Node : ListNode {
    explicit Node(HttpConnection& c) : connection(c) {}
    HttpConnection& connection;
  };
  List<Node> all_;
  List<Node> idle_;  // longest idle first, to within kIdleGrain

  std::vector<std::unique_ptr<Exchange>> exchanges_;
  Time date_until_;
  std::string date_line_;

  std::vector<RouteSeries> series_;  // by route, then 404/405, then refused heads
  std::array<std::uint64_t, parse_error_count> rejected_{};
  std::array<Counter, parse_error_count> rejected_counters_;
  Gauge active_requests_;
  Gauge active_connections_;
  Gauge idle_connections_;
  Counter accepted_counter_;
  Counter refused_counter_;
  Counter accept_errors_counter_;
  Counter aborted_by_client_;
  Counter aborted_by_server_;
  Counter header_timeouts_;
  Counter body_timeouts_;
  Counter handler_timeouts_;
  Counter sent_bytes_;
  Counter received_bytes_;
  std::array<char, 65536> input_;
};

}  // namespace paceline
