// The connection's writing half: answers into the server's output, one send per event, and how a
// connection ends.
#include <algorithm>
#include <charconv>
#include <climits>
#include <cstring>
#include <utility>

#include "paceline/http/connection.h"
#include "paceline/http/status.h"
#include "paceline/http/words.h"

namespace paceline {
namespace {

/// "00" to "99".
constexpr std::array<char, 200> two_digits = [] {
  std::array<char, 200> text{};
  for (std::size_t i = 0; i < 100; ++i) {
    text[2 * i] = static_cast<char>('0' + i / 10);
    text[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return text;
}();

/// Writes into reserved bytes; the caller reserved enough.
class Writer {
 public:
  explicit Writer(char* at) : at_(at) {}
  void put(std::string_view bytes) {
    if (!bytes.empty()) at_ = words::copy(at_, bytes.data(), bytes.size());
  }
  void line_end() {
    at_[0] = '\r';
    at_[1] = '\n';
    at_ += 2;
  }
  void put(std::size_t number) {
    if (number - 10 < 90) {
      std::memcpy(at_, two_digits.data() + 2 * number, 2);
      at_ += 2;
    } else {
      at_ = std::to_chars(at_, at_ + 20, number).ptr;
    }
  }
  /// Whole blocks whatever the size: copies of a fixed size need no call. Room for 256 bytes.
  void put(const std::array<char, 256>& bytes, std::size_t size) {
    std::memcpy(at_, bytes.data(), 128);
    if (size > 128) std::memcpy(at_ + 128, bytes.data() + 128, 128);
    at_ += size;
  }
  char* at() const { return at_; }

 private:
  char* at_;
};

constexpr Duration kExamplePause = std::chrono::milliseconds(250);  // four a second in a worker
constexpr std::size_t kHeadRoom = 512;  // the start, a long content type's line, line ends
constexpr Duration kIdleGrain = 1s;     // the idle ones are in order to within this

/// An assignment of an empty string would keep the memory.
void free_bytes(std::string& bytes) { std::string().swap(bytes); }

}  // namespace

std::string_view Request::id() {
  if (!id_.empty()) return id_;
  const auto plain = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '_' || c == '.' || c == ':' || c == '/' || c == '+' || c == '=';
  };
  const std::string_view sent = head_.find(KnownHeader::request_id).value_or("");
  if (!sent.empty() && sent.size() <= 64 && std::ranges::all_of(sent, plain)) {
    id_ = sent;
  } else {
    id_ = format_request_id(serial_);
  }
  return id_;
}

std::string format_request_id(std::uint64_t serial) {
  // The serial counts up from a random start; spread it, so that ids do not look like a count.
  std::uint64_t mixed = serial * 0x9E3779B97F4A7C15U;
  mixed ^= mixed >> 32;
  std::string id(16, '0');
  for (std::size_t i = 16; i-- > 0; mixed >>= 4) id[i] = "0123456789abcdef"[mixed & 15];
  return id;
}

// --- Answers ------------------------------------------------------------------------------------

/// Head and body into the server's output; how many bytes.
[[gnu::always_inline]] inline std::size_t HttpConnection::serialise(const Exchange& exchange,
                                                                    const Response& response) {
  const RequestHead& head = exchange.request.head_;
  // The drain may have begun while the handler was at work.
  if (server_.draining_) [[unlikely]]
    close_after_ = true;
  const std::string_view type = response.content_type();
  const bool type_short = type.size() <= Server::HeadStart::type_max;
  auto framing = Server::Framing::none;
  auto persistence = Server::Persistence::usual;
  if (chunked_output_) [[unlikely]] {
    framing = Server::Framing::chunked;
  } else if (status_allows_body(response.status()) && !response.producer()) {
    framing = Server::Framing::length;
  }
  if (close_after_) [[unlikely]] {
    persistence = Server::Persistence::close;
  } else if (head.version_minor() == 0) [[unlikely]] {
    persistence = Server::Persistence::keep_alive;
  }
  const Server::HeadStart& start = server_.head_start(
      Server::head_key(response.status(), framing, persistence, type_short ? type.size() : 0),
      type);

  const std::string_view body = response.body();
  const std::string_view lines = response.header_lines();
  const std::string_view prepared = response.prepared_headers();
  Server::Output& output = server_.output_;
  char* const begin =
      output.reserve(kHeadRoom + type.size() + lines.size() + prepared.size() + body.size());
  Writer out(begin);
  out.put(start.bytes, start.size);
  if (framing == Server::Framing::length) [[likely]] {
    out.put(body.size());
    out.line_end();
  }
  if (!type_short) [[unlikely]] {
    out.put("Content-Type: ");
    out.put(type);
    out.line_end();
  }
  out.put(lines);
  out.put(prepared);
  out.line_end();
  if (framing == Server::Framing::length && head.method() != Method::head) out.put(body);
  const auto bytes = static_cast<std::size_t>(out.at() - begin);
  output.commit(bytes);
  return bytes;
}

[[gnu::always_inline]] inline void HttpConnection::note(Exchange& exchange,
                                                        const Response& response,
                                                        std::size_t bytes) {
  if constexpr (!kMetricsOn) return;
  Request& request = exchange.request;
  if (request.head_.find(KnownHeader::request_id)) [[unlikely]] {
    request.id();  // the log has the name that the client gave
  }
  if (server_.pending_count_ == server_.pending_.size()) [[unlikely]] {
    server_.pending_.resize(server_.pending_count_ * 2 + 64);
  }
  Server::Pending& entry = server_.pending_[server_.pending_count_++];
  entry.histogram = server_.series(exchange.route, response.status());
  entry.received = request.received_;
  entry.serial = request.serial_;
  entry.bytes = bytes;
  entry.cache_level = response.cache_level();
  entry.route = static_cast<std::uint32_t>(exchange.route);
  entry.status = static_cast<std::uint16_t>(response.status());
  entry.id_size = static_cast<std::uint8_t>(request.id_.size());
  entry.method = request.method();
  if (!request.id_.empty()) [[unlikely]] {
    entry.id_at = static_cast<std::uint32_t>(server_.ids_.size());
    server_.ids_ += request.id_;
  }
}

void HttpConnection::answer(Exchange& exchange, Response& response) {
  // The subtraction finds failures and what is no status at all.
  if (response.status() - 100 >= 400 || !response.is_usual()) [[unlikely]] {
    prepare_unusual(exchange, response);
  }
  if (response.producer()) [[unlikely]]
    return begin_stream(exchange, response);
  const std::size_t bytes = serialise(exchange, response);
  note(exchange, response, bytes);
}

// --- Streams ------------------------------------------------------------------------------------

void HttpConnection::begin_stream(Exchange& exchange, Response& response) {
  const bool old = exchange.request.head_.version_minor() == 0;
  if (old) close_after_ = true;  // the end of the connection is the end of the body
  own_exchange();
  if (!pinned_) pin();
  const bool body_follows = status_allows_body(response.status());
  chunked_output_ = !old && body_follows;
  exchange.streamed = serialise(exchange, response);
  if (exchange.request.method() == Method::head || !body_follows) {
    note(exchange, response, exchange.streamed);
    chunked_output_ = false;
    return;
  }
  exchange.producer = response.take_producer();
  flush();  // the head goes before what the producer sends by itself
  if (state_ == State::dead) return;
  set_state(State::streaming);
  exchange.producing = exchange.producer(exchange);
  check(exchange.producing.valid(), "a producer gives a task");
  exchange.producing.start();
  if (exchange.producing.done()) return end_stream();
  exchange.producing.then(exchange.completer.handle);
  deadline_of_state();
}

void HttpConnection::end_stream() {
  Exchange& exchange = *exchange_;
  bool complete = false;
  try {
    complete = exchange.producing.take().has_value();
  } catch (...) {
    complete = false;
  }
  exchange.producing.cancel();
  exchange.producer = nullptr;
  if (broken_) return gone();
  if (!complete) return abort();
  if (chunked_output_) {
    server_.output_.append(last_chunk);
    exchange.streamed += last_chunk.size();
  }
  chunked_output_ = false;
  note(exchange, exchange.response, exchange.streamed);
  set_state(State::idle);
}

Task<Result<void>> Exchange::write(std::string_view bytes) {
  HttpConnection& to = *connection;
  if (bytes.empty()) co_return Result<void>{};
  if (to.output_full()) {
    drained.reset();
    const bool in_time = co_await drained.wait();
    check(in_time, "a wait without a deadline");
  }
  if (to.broken_) co_return fail(Code::closed, "the client is gone");
  const bool waited = to.unsent() > 0;
  const std::size_t before = to.output_.size();
  if (to.chunked_output_) {
    to.output_.append(ChunkHead(bytes.size()).text());
  }
  to.output_.append(bytes);
  if (to.chunked_output_) to.output_.append(chunk_end);
  streamed += to.output_.size() - before;
  server.turn_sent_bytes_ += to.output_.size() - before;
  server.loop_.at_turn_end(server);
  if (!to.send_some()) {
    to.broken_ = true;
    co_return fail(Code::closed, "the client is gone");
  }
  if (to.unsent() == 0) {
    to.deadline_of_state();
  } else if (!waited) {
    to.deadline(server.options_.write_timeout);
  }
  to.interest(to.unsent() > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN);
  co_return Result<void>{};
}

// --- Sending ------------------------------------------------------------------------------------

/// One send of all that this event produced; what the socket does not take waits in output_.
[[gnu::always_inline]] inline void HttpConnection::flush() {
  Server::Output& output = server_.output_;
  if (!output.empty()) {
    const std::string_view bytes = output.view();
    server_.turn_sent_bytes_ += bytes.size();
    if (unsent() > 0) {
      output_.append(bytes);
    } else {
      const ssize_t n = server_.loop_.kernel().send(fd_, bytes);
      if (n < 0 && n != -EAGAIN) {
        output.clear();
        server_.record();
        server_.aborted_by_client_.add();
        return die();
      }
      const std::size_t taken = n < 0 ? 0 : static_cast<std::size_t>(n);
      if (taken < bytes.size()) {
        output_.assign(bytes.substr(taken));
        sent_ = 0;
        deadline(server_.options_.write_timeout);
      }
    }
    output.clear();
  }
  server_.record();
}

/// Durations of what was just written: one reading of the clock for all of it.
[[gnu::always_inline]] inline void Server::record() {
  if (pending_count_ == 0) return;
  const Time now = loop_.measure();
  const Pending& first = pending_.front();
  const Duration took = now - first.received;
  if (pending_count_ == 1 && took <= unremarkable_ && first.status < 500 && now < example_at_)
      [[likely]] {
    recorded_[recorded_count_++] = {first.histogram, took};
    if (recorded_count_ == recorded_.size()) turn_ended();
    pending_count_ = 0;
    if (!ids_.empty()) ids_.clear();
  } else {
    record_all(now);
  }
}

void Server::turn_ended() {
  sent_bytes_.add(std::exchange(turn_sent_bytes_, 0));
  received_bytes_.add(std::exchange(turn_received_bytes_, 0));
  for (std::size_t i = 0; i < recorded_count_; ++i)
    recorded_[i].histogram.record(recorded_[i].took);
  recorded_count_ = 0;
}

void Server::record_all(Time now) {
  const AccessPolicy access = access_;
  const unsigned status_bad = access.errors ? 500 : UINT_MAX;
  const Pending* entry = pending_.data();
  const Pending* const end = entry + pending_count_;
  while (entry != end) {
    // Pipelined requests came and went together: one look at the scale for all of them.
    const Pending& first = *entry;
    Histogram histogram = first.histogram;
    const Duration took = now - first.received;
    const bool look_closely = access.every != 0 || access.is_error(200, took);
    do {
      if (look_closely || entry->status >= status_bad) [[unlikely]] {
        if (access.is_error(entry->status, took) || access.is_sample(++sampled_)) {
          log_access(*entry, took);
        }
      }
      ++entry;
    } while (entry != end && entry->received == first.received && entry->histogram == histogram);
    histogram.record(took, static_cast<std::uint64_t>(entry - &first));
  }
  if (now >= example_at_) take_example(pending_.front(), now - pending_.front().received);
  pending_count_ = 0;
  ids_.clear();
}

std::string Server::id_of(const Pending& entry) const {
  return entry.id_size == 0 ? format_request_id(entry.serial)
                            : ids_.substr(entry.id_at, entry.id_size);
}

void Server::take_example(const Pending& entry, Duration took) {
  Histogram histogram = entry.histogram;
  histogram.example(took, std::chrono::system_clock::now(), id_of(entry));
  example_at_ = loop_.measured() + kExamplePause;
}

void Server::log_access(const Pending& entry, Duration took) {
  const std::string id = id_of(entry);
  const double milliseconds = std::chrono::duration<double, std::milli>(took).count();
  std::vector<LogField> fields = {{"id", std::string_view(id)},
                                  {"method", to_string(entry.method)},
                                  {"route", series_[entry.route].route},
                                  {"status", std::int64_t{entry.status}},
                                  {"bytes", static_cast<std::int64_t>(entry.bytes)},
                                  {"ms", milliseconds}};
  if (!entry.cache_level.empty()) fields.push_back({"cache", entry.cache_level});
  const LogLevel level = entry.status >= 500 ? LogLevel::warning : LogLevel::info;
  log_.write(level, "request", std::span<const LogField>(fields));
}

/// False when the client is gone.
bool HttpConnection::send_some() {
  while (unsent() > 0) {
    const ssize_t n =
        server_.loop_.kernel().send(fd_, std::span<const char>(output_).subspan(sent_));
    if (n == -EAGAIN) return true;
    if (n < 0) return false;
    sent_ += static_cast<std::size_t>(n);
    deadline(server_.options_.write_timeout);
  }
  free_bytes(output_);
  sent_ = 0;
  return true;
}

/// The socket takes bytes again.
void HttpConnection::continue_sending() {
  if (!send_some()) return gone();
  deadline_of_state();
  if (state_ == State::streaming) {
    if (!output_full()) exchange_->drained.set();
    return interest(unsent() > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN);
  }
  if (unsent() == 0 && state_ == State::idle && !input_.empty() && !close_after_) {
    return consume({});
  }
  settle();
}

// --- Ends ---------------------------------------------------------------------------------------

/// After every event: writes, then decides what the connection waits for.
void HttpConnection::settle() {
  if (state_ == State::dead) return;
  flush();
  if (state_ == State::dead || state_ == State::lingering) return;
  if (unsent() > 0) {
    idle_node_.unlink();
    const bool more = !output_full() && !close_after_;
    continue_next_ = false;  // continue_sending() goes on when the client has read
    return interest(more ? EPOLLIN | EPOLLOUT : EPOLLOUT);
  }
  if (state_ == State::handling || state_ == State::streaming) {
    idle_node_.unlink();
    // EPOLLIN stays until it bothers: read() masks it.
    return interest(interest_ & ~static_cast<std::uint32_t>(EPOLLOUT));
  }
  if (close_after_) return linger();
  if (continue_next_) {
    server_.loop_.arm(*this, server_.loop_.now() + 1ns);  // behind the others, in the next turn
    return;
  }
  interest(EPOLLIN);
  if (state_ == State::idle) {
    if (!input_.empty()) input_.clear();
    if (input_.capacity() > 64) free_bytes(input_);
    began_ = server_.turn_;
    if (!idle_node_.linked() || began_ - idle_since_ >= kIdleGrain) [[unlikely]] {
      idle_since_ = began_;
      idle_node_.unlink();
      server_.idle_.push_back(idle_node_);
    }
    deadline_at(server_.idle_until_);
  } else {
    idle_node_.unlink();
  }
}

/// Our side ends: what is sent arrives, since we read on until the client closes as well.
void HttpConnection::linger() {
  release_exchange();
  free_bytes(input_);
  idle_node_.unlink();
  if (peer_ended_ || server_.loop_.kernel().shutdown_send(fd_) != 0) return die();
  set_state(State::lingering);
  discarded_ = 0;
  interest(EPOLLIN);
  deadline(server_.options_.linger_timeout);
}

void HttpConnection::discard() {
  const ssize_t n = server_.loop_.kernel().receive(fd_, server_.input_);
  if (n == -EAGAIN || n == -EINTR) return;
  if (n <= 0) return die();
  discarded_ += static_cast<std::size_t>(n);
  if (discarded_ > server_.options_.linger_bytes) die();
}

/// Cut by us, so that the client sees a truncated answer.
void HttpConnection::abort() {
  ++server_.counts_.aborted;
  server_.aborted_by_server_.add();
  die();
}

/// Cut by the client; in the middle of something, unless the connection was idle.
void HttpConnection::gone() {
  if (unsent() > 0 || (state_ != State::idle && state_ < State::lingering)) {
    server_.aborted_by_client_.add();
  }
  die();
}

void HttpConnection::die() {
  if (state_ == State::dead) return;
  set_state(State::dead);
  cancel();
  idle_node_.unlink();
  server_.loop_.remove(*this, fd_);
  server_.loop_.kernel().close(fd_);
  server_.output_.clear();
  server_.record();
  release_exchange();
  server_.bury(*this);
}

}  // namespace paceline
