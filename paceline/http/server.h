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

/// Why a connection or request ended badly; labels of paceline_http_rejected_total.
struct ServerCounts {
  std::uint64_t connections = 0;  // open now
  std::uint64_t accepted = 0;
  std::uint64_t requests = 0;
  std::uint64_t failed = 0;               // answered 5xx
  std::uint64_t aborted = 0;              // cut by us: write stalled, producer failed
  std::uint64_t refused_connections = 0;  // connections_max
  std::uint64_t accept_errors = 0;        // descriptors or memory ran out
};

class HttpConnection;
struct Exchange;
class Listener;

class Server {
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
    char* reserve(std::size_t bytes);
    void commit(std::size_t bytes) { size_ += bytes; }
    void append(std::string_view bytes);
    std::string_view view() const { return {data_.get(), size_}; }
    bool empty() const { return size_ == 0; }
    void clear() { size_ = 0; }

   private:
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

  /// An answer in the output whose duration is known once it is written.
  struct Pending {
    Histogram histogram;
    Time received;
    std::size_t route;
    std::uint64_t serial;
    std::size_t bytes;
    unsigned status;
    std::string_view method;
    std::string_view cache_level;
    std::string id;  // the client's, if it sent one
  };

  void accepted(int fd);
  void log_access(const Pending& entry, Duration took);
  bool make_room();
  void bury(HttpConnection& connection);
  void reap();
  std::unique_ptr<Exchange> take_exchange();
  void give_exchange(std::unique_ptr<Exchange> exchange);
  std::string_view head_start(unsigned status);
  void refresh_date();
  Histogram series(std::size_t route, unsigned status);
  void count_rejected(ParseError error);

  Loop& loop_;
  const Routes& routes_;
  Log& log_;
  MetricsBlock* metrics_;
  AccessPolicy access_;
  ServerOptions options_;
  ServerCounts counts_;
  Event emptied_;
  bool draining_ = false;
  std::minstd_rand random_;
  std::uint64_t serial_;       // of requests; starts at random
  std::uint32_t sampled_ = 0;  // for AccessPolicy::every

  std::vector<std::unique_ptr<Listener>> listeners_;
  struct Node : ListNode {
    explicit Node(HttpConnection& c) : connection(c) {}
    HttpConnection& connection;
  };
  List<Node> all_;
  List<Node> idle_;  // longest idle first
  std::vector<HttpConnection*> dead_;

  std::unique_ptr<Exchange> scratch_;  // what requests that answer at once are parsed into
  std::vector<std::unique_ptr<Exchange>> exchanges_;
  std::array<char, 65536> input_;
  Output output_;
  std::vector<Pending> pending_;
  Time date_until_;
  std::string date_line_;
  std::string ok_start_;     // "HTTP/1.1 200 OK\r\nDate: …\r\n"
  std::string other_start_;  // the same for the status asked for last
  unsigned other_status_ = 0;

  std::vector<RouteSeries> series_;  // by route, then 404/405, then refused heads
  std::array<std::uint64_t, parse_error_count> rejected_{};
  std::array<Counter, parse_error_count> rejected_counters_;
  Gauge connections_gauge_;
  Counter accepted_counter_;
  Counter sent_bytes_;
  Counter received_bytes_;
};

}  // namespace paceline
