#include "paceline/http/server.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "paceline/http/connection.h"
#include "paceline/http/metrics.h"
#include "paceline/http/status.h"

namespace paceline {
namespace {

constexpr int kAcceptsPerTurn = 16;  // so that a burst does not starve open connections
constexpr std::size_t kExchangesKept = 256;
constexpr Duration kAcceptPauseMin = std::chrono::milliseconds(5);  // Go: 5 ms doubling to 1 s
constexpr Duration kAcceptPauseMax = std::chrono::seconds(1);
constexpr std::string_view kFullAnswer =
    "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n"
    "Content-Length: 0\r\n\r\n";

Duration unremarkable(const AccessPolicy& access) {
  if (access.every != 0) return Duration::min();
  return access.errors && access.slow > Duration::zero() ? access.slow : Duration::max();
}

}  // namespace

/// One listening socket. When descriptors run out it gives one back that it kept for that, to
/// answer 503, and pauses, so that the loop does not spin.
class Listener final : Watch, Timer {
 public:
  Listener(Server& server, int fd) : server_(server), fd_(fd) { open_spare(); }
  ~Listener() { stop(); }
  int fd() const { return fd_; }

  Result<void> start() {
    PACELINE_TRY(server_.loop_.add(*this, fd_, EPOLLIN));
    watching_ = true;
    return {};
  }
  void accept_queued() {
    while (accept_some() == kAcceptsPerTurn) {
    }
  }
  void stop() {
    cancel();
    if (watching_) server_.loop_.remove(*this, fd_);
    watching_ = false;
  }

 private:
  void open_spare() { spare_.reset(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

  void ready(std::uint32_t /*events*/) override { accept_some(); }

  /// How many; fewer than kAcceptsPerTurn when the queue is empty.
  int accept_some() {
    for (int i = 0; i < kAcceptsPerTurn; ++i) {
      const int fd = server_.loop_.kernel().accept(fd_);
      if (fd >= 0) {
        pause_ = kAcceptPauseMin;
        server_.accepted(fd);
        continue;
      }
      if (fd == -EMFILE || fd == -ENFILE || fd == -ENOBUFS || fd == -ENOMEM) out_of(fd);
      if (fd == -ECONNABORTED || fd == -EINTR) continue;  // concerns one client only
      return i;
    }
    return kAcceptsPerTurn;
  }

  void out_of(int error) {
    server_.count_accept_error();
    if (error == -EMFILE && spare_) {
      spare_.reset();
      const int fd = server_.loop_.kernel().accept(fd_);
      if (fd >= 0) {
        server_.loop_.kernel().send(fd, kFullAnswer);
        server_.loop_.kernel().close(fd);
      }
      open_spare();
    }
    server_.loop_.remove(*this, fd_);
    watching_ = false;
    server_.loop_.arm(*this, server_.loop_.now() + pause_);
    pause_ = std::min(pause_ * 2, kAcceptPauseMax);
  }

  void fire() override {
    if (!start()) server_.loop_.arm(*this, server_.loop_.now() + pause_);
  }

  Server& server_;
  int fd_;
  Fd spare_;
  bool watching_ = false;
  Duration pause_ = kAcceptPauseMin;
};

Server::Server(Parts parts, ServerOptions options)
    : loop_(parts.loop),
      routes_(parts.routes),
      options_(options),
      serial_((std::uint64_t{std::random_device()()} << 32) | std::random_device()()),
      unremarkable_(unremarkable(parts.access)),
      log_(parts.log),
      metrics_(parts.metrics),
      access_(parts.access),
      emptied_(parts.loop),
      random_(std::random_device()()) {
  emptied_.set();
  make_date();
  begin_turn();
  scratch_ = take_exchange();
  for (const Routes::Entry& entry : routes_.entries()) {
    series_.push_back({entry.path, to_string(entry.method), {}});
  }
  series_.push_back({"unmatched", "_OTHER", {}});
  series_.push_back({"refused", "_OTHER", {}});
  if (metrics_ != nullptr) declare(*metrics_);
}

void Server::declare(MetricsBlock& metrics) {
  using namespace http_metric;  // NOLINT: a list of them
  active_requests_ = metrics.gauge(active_requests);
  active_connections_ = metrics.gauge(connections, {{"state", "active"}});
  idle_connections_ = metrics.gauge(connections, {{"state", "idle"}});
  accepted_counter_ = metrics.counter(connections_total, {{"result", "accepted"}});
  refused_counter_ = metrics.counter(connections_total, {{"result", "refused_limit"}});
  accept_errors_counter_ = metrics.counter(connections_total, {{"result", "refused_fd"}});
  aborted_by_client_ = metrics.counter(requests_aborted, {{"by", "client"}});
  aborted_by_server_ = metrics.counter(requests_aborted, {{"by", "server"}});
  header_timeouts_ = metrics.counter(requests_rejected, {{"reason", "header_timeout"}});
  body_timeouts_ = metrics.counter(requests_rejected, {{"reason", "body_timeout"}});
  handler_timeouts_ = metrics.counter(requests_rejected, {{"reason", "handler_timeout"}});
  sent_bytes_ = metrics.counter(network_bytes, {{"direction", "sent"}});
  received_bytes_ = metrics.counter(network_bytes, {{"direction", "received"}});
}

Server::~Server() {
  listeners_.clear();
  while (!all_.empty()) all_.front().connection.die();
  reap();
  turn_ended();
}

Result<void> Server::listen(int fd) {
  auto listener = std::make_unique<Listener>(*this, fd);
  PACELINE_TRY(listener->start());
  listeners_.push_back(std::move(listener));
  return {};
}

void Server::unlisten(int fd) {
  std::erase_if(listeners_, [fd](const auto& listener) { return listener->fd() == fd; });
}

void Server::unlisten_all() { listeners_.clear(); }

void Server::accept_queued() {
  for (const std::unique_ptr<Listener>& listener : listeners_) listener->accept_queued();
}

void Server::accepted(int fd) {
  ++counts_.accepted;
  if (counts_.connections >= options_.connections_soft && !make_room() &&
      counts_.connections >= options_.connections_max) {
    ++counts_.refused_connections;
    refused_counter_.add();
    loop_.kernel().send(fd, kFullAnswer);
    loop_.kernel().close(fd);
    return;
  }
  auto* connection = new HttpConnection(*this, fd);
  if (!loop_.add(*connection, fd, EPOLLIN)) {
    count_accept_error();
    loop_.kernel().close(fd);
    delete connection;
    return;
  }
  all_.push_back(connection->node_);
  connection->interest_ = EPOLLIN;
  ++counts_.connections;
  accepted_counter_.add();
  count_active(0);
  emptied_.reset();
}

bool Server::make_room() {
  if (idle_.empty()) return false;
  HttpConnection& oldest = idle_.front().connection;
  if (oldest.began_ + options_.soft_idle_min > loop_.now()) return false;
  if (counts_.connections < options_.connections_max) {
    oldest.linger();
  } else {
    oldest.die();  // one that lingers would still count
  }
  reap();
  return true;
}

void Server::drain() {
  draining_ = true;
  begin_turn();
  const Time at = Deadline::after(loop_.now(), options_.drain_idle).at;
  idle_.for_each([at](Node& node) { node.connection.deadline_at(at); });
}

void Server::bury(HttpConnection& connection) {
  connection.node_.unlink();
  dead_.push_back(&connection);
  --counts_.connections;
  count_active(0);
  if (counts_.connections == 0) emptied_.set();
}

void Server::delete_dead() {
  while (!dead_.empty()) {
    HttpConnection* connection = dead_.back();
    dead_.pop_back();
    delete connection;
  }
}

std::unique_ptr<Exchange> Server::take_exchange() {
  if (exchanges_.empty()) return std::make_unique<Exchange>(*this);
  // Trimmed here and not where they come back: there one's own coroutine may still be running.
  if (exchanges_.size() > kExchangesKept) exchanges_.erase(exchanges_.begin());
  std::unique_ptr<Exchange> exchange = std::move(exchanges_.back());
  exchanges_.pop_back();
  return exchange;
}

void Server::give_exchange(std::unique_ptr<Exchange> exchange) {
  exchange->reset();
  exchanges_.push_back(std::move(exchange));
}

void Server::begin_turn() {
  const auto after = [this](Duration limit) {
    return limit > Duration::zero() ? Deadline::after(turn_, limit) : Deadline::never();
  };
  turn_ = loop_.now();
  loop_.at_turn_end(*this);
  handler_deadline_ = after(options_.handler_timeout);
  idle_until_ = after(draining_ ? options_.drain_idle : options_.keep_alive_timeout).at;
  if (turn_ >= date_until_) make_date();
}

void Server::make_date() {
  const auto wall = std::chrono::system_clock::now();
  date_line_ = "Date: " + format_http_date(wall) + "\r\n";
  for (HeadStart& start : starts_) start.key = 0;
  const auto whole = std::chrono::floor<std::chrono::seconds>(wall);
  date_until_ = loop_.now() + (whole + std::chrono::seconds(1) - wall);
}

void Server::make_start(HeadStart& start, std::uint64_t key, std::string_view content_type) {
  const auto framing = static_cast<Framing>(key >> 16 & 0xff);
  const auto persistence = static_cast<Persistence>(key >> 24 & 0xff);
  std::string text(status_line(static_cast<unsigned>(key & 0xffff)));
  text += date_line_;
  if (persistence == Persistence::close) text += "Connection: close\r\n";
  if (persistence == Persistence::keep_alive) text += "Connection: keep-alive\r\n";
  start.type_at = 0;
  if (key >> 32 != 0) {
    text += "Content-Type: ";
    start.type_at = static_cast<std::uint32_t>(text.size());
    text.append(content_type).append("\r\n");
  }
  if (framing == Framing::chunked) text += "Transfer-Encoding: chunked\r\n";
  if (framing == Framing::length) text += "Content-Length: ";
  check(text.size() <= HeadStart::bytes_max, "an answer's start has a bound");
  std::ranges::copy(text, start.bytes.begin());
  start.size = static_cast<std::uint32_t>(text.size());
  start.key = key;
}

Histogram Server::find_series(std::size_t route, unsigned status) {
  RouteSeries& of_route = series_[route];
  for (const auto& [known, histogram] : of_route.by_status) {
    if (known == status) return histogram;
  }
  Histogram made;
  if (metrics_ != nullptr) {
    made = metrics_->histogram(http_metric::request_duration,
                               {{"http_request_method", of_route.method},
                                {"http_route", of_route.route},
                                {"http_response_status_code", std::to_string(status)}});
  }
  of_route.by_status.emplace_back(status, made);
  return made;
}

void Server::count_active(std::int64_t change) {
  counts_.active += static_cast<std::uint64_t>(change);
  const auto active = static_cast<std::int64_t>(counts_.active);
  active_requests_.set(active);
  active_connections_.set(active);
  idle_connections_.set(static_cast<std::int64_t>(counts_.connections) - active);
}

void Server::count_accept_error() {
  ++counts_.accept_errors;
  accept_errors_counter_.add();
}

void Server::count_rejected(ParseError error) {
  const auto index = static_cast<std::size_t>(error);
  ++rejected_[index];
  Counter& counter = rejected_counters_[index];
  if (!counter && metrics_ != nullptr) {
    counter = metrics_->counter(http_metric::requests_rejected, {{"reason", to_string(error)}});
  }
  counter.add();
}

void Server::Output::grow(std::size_t bytes) {
  const std::size_t capacity = std::max({capacity_ * 2, size_ + bytes, std::size_t{65536}});
  std::unique_ptr<char[]> grown(new char[capacity]);
  if (size_ > 0) std::memcpy(grown.get(), data_.get(), size_);
  data_ = std::move(grown);
  capacity_ = capacity;
}

void Server::Output::append(std::string_view bytes) {
  std::memcpy(reserve(bytes.size()), bytes.data(), bytes.size());
  commit(bytes.size());
}

}  // namespace paceline
