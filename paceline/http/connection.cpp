#include "paceline/http/connection.h"

#include <algorithm>
#include <exception>

#include "paceline/http/problem.h"
#include "paceline/http/status.h"

namespace paceline {
namespace {

constexpr Duration kRateGrace = std::chrono::seconds(5);  // before body_rate_min counts

/// `after` from `start`; a duration that is off never ends.
Time limit(Time start, Duration after) {
  return after > Duration::zero() ? Deadline::after(start, after).at : Time::max();
}

}  // namespace

// --- Exchange -----------------------------------------------------------------------------------

Exchange::Exchange(Server& owner)
    : server(owner), drained(owner.loop_), completer(complete(*this)) {
  request.loop_ = &owner.loop_;
  completer.handle.resume();  // up to its first wait
}

Exchange::~Exchange() {
  task.cancel();
  producing.cancel();
  completer.handle.destroy();
}

void Exchange::reset() {
  task.cancel();
  producing.cancel();
  producer = nullptr;
  request.head_.reset();
  request.id_.clear();
  request.body_ = {};
  response.reset();
  connection = nullptr;
  head_size = size = body_size = 0;
}

Completer Exchange::complete(Exchange& exchange) {
  while (true) {
    co_await std::suspend_always();
    exchange.connection->completed();
  }
}

// --- Connection: life ---------------------------------------------------------------------------

HttpConnection::HttpConnection(Server& server, int fd)
    : server_(server), fd_(fd), node_(*this), idle_node_(*this) {
  const Time now = server_.loop_.now();
  born_until_ = Time::max();
  if (const Duration age = server_.options_.age_max; age > Duration::zero()) {
    born_until_ = now + age / 10 * 9 + age / 5 / 1000 * (server_.random_() % 1000);
  }
  began_ = now;
  deadline(server_.options_.header_timeout);
  server_.idle_.push_back(idle_node_);
}

HttpConnection::~HttpConnection() = default;

void HttpConnection::change_interest(std::uint32_t events) {
  interest_ = static_cast<std::uint16_t>(events);
  server_.loop_.modify(*this, fd_, events);
}

/// What all answers of one event share.
inline void HttpConnection::begin_event() {
  started_ = server_.loop_.measured();
  server_.refresh_date();
  const Duration timeout = server_.options_.handler_timeout;
  server_.handler_deadline_ = timeout > Duration::zero()
                                  ? Deadline::after(server_.loop_.now(), timeout)
                                  : Deadline::never();
}

void HttpConnection::ready(std::uint32_t events) {
  begin_event();
  const bool suspended = state_ == State::handling || state_ == State::streaming;
  if ((events & EPOLLERR) != 0 || ((events & EPOLLHUP) != 0 && suspended)) {
    die();  // reset, or nobody is left to read the answer
  } else if ((events & EPOLLOUT) != 0) {
    continue_sending();  // what there is to read is still there in the next turn
  } else if ((events & (EPOLLIN | EPOLLHUP)) != 0) {
    read();
  }
  server_.reap();
}

void HttpConnection::fire() {
  const Time now = server_.loop_.now();
  begin_event();
  if (continue_next_) {
    continue_next_ = false;
    deadline_at(deadline_at_);
    consume({});
  } else if (now < deadline_at_) {
    deadline_at(deadline_at_);
  } else if (unsent() > 0 || state_ == State::streaming) {
    abort();  // the client does not read, or the producer does not write
  } else if (state_ == State::handling) {
    exchange_->task.cancel();
    answer_error(*exchange_, 503, "The answer took too long.");
    finish();
  } else if (state_ == State::head || state_ == State::body) {
    timed_out(own_exchange(), "The request did not arrive in time.");
    settle();
  } else if (state_ == State::idle) {
    linger();
  } else {
    die();
  }
  server_.reap();
}

/// The exchange's task is done; called by its completer.
void HttpConnection::completed() {
  begin_event();
  if (broken_) {
    die();
  } else if (state_ == State::streaming) {
    end_stream();
    finish();
  } else {
    take_answer(*exchange_);
    finish();
  }
  server_.reap();
}

/// 408, and nothing more on this connection.
void HttpConnection::timed_out(Exchange& exchange, std::string_view detail) {
  exchange.route = server_.series_.size() - 1;
  exchange.request.received_ = began_;
  exchange.request.serial_ = ++server_.serial_;
  exchange.request.id_.clear();  // of the exchange's last request
  close_after_ = true;
  exchange.response = Response::problem(408, detail);
  answer(exchange, exchange.response);
  release_exchange();
  input_.clear();
  pinned_ = true;
  set_state(State::idle);
}

/// A suspended request was answered: go on with what the client sent behind it.
void HttpConnection::finish() {
  if (exchange_ == nullptr || state_ == State::streaming) return settle();
  input_.erase(0, exchange_->size);
  release_exchange();
  set_state(State::idle);
  if (input_.empty() || close_after_) {
    settle();
  } else {
    consume({});
  }
}

// --- Connection: input --------------------------------------------------------------------------

[[gnu::always_inline]] inline HttpConnection::Step HttpConnection::step(std::string_view bytes,
                                                                        std::size_t& used) {
  Exchange& exchange = exchange_ != nullptr ? *exchange_ : *server_.scratch_;
  if (state_ == State::body) return body_step(exchange, bytes, used);
  const ParseStatus status =
      parse_request_head(bytes, server_.options_.parser, exchange.request.head_);
  if (status.state == ParseState::complete) [[likely]] {
    exchange.head_size = status.bytes;
    exchange.request.received_ = started_;
    if (exchange.request.head_.has_body()) {
      exchange.request.forget_views();
      set_state(State::body);
      began_ = server_.loop_.now();
      exchange.body_size = 0;
      exchange.continue_sent = false;
      exchange.decoder = ChunkedDecoder(ChunkLimits{.body_max = server_.options_.body_max});
      return body_step(exchange, bytes, used);
    }
    exchange.request.body_ = {};
    exchange.size = status.bytes;
    used = exchange.size;
    return dispatch(exchange);
  }
  if (status.state == ParseState::failed) {
    refuse(exchange, status.error, http_status(status.error));
    return Step::stop;
  }
  if (state_ == State::idle) {  // the first bytes of a head
    set_state(State::head);
    began_ = server_.loop_.now();
    deadline_of_state();
  }
  own_exchange().request.forget_views();
  pin();
  return Step::stop;
}

/// Answers the complete requests at the front of `bytes`; how many bytes they had.
[[gnu::always_inline]] inline std::size_t HttpConnection::process(std::string_view bytes,
                                                                  std::uint32_t& left) {
  std::size_t used = 0;
  while (!bytes.empty()) {
    if (close_after_ || output_full()) break;
    if (left == 0 || server_.output_.view().size() > server_.options_.output_max) {
      continue_next_ = true;
      break;
    }
    --left;
    current_ = bytes;
    std::size_t step_used = 0;
    if (step(bytes, step_used) == Step::stop) break;
    used += step_used;
    bytes.remove_prefix(step_used);
  }
  return used;
}

[[gnu::always_inline]] inline void HttpConnection::read() {
  if (state_ == State::lingering) return discard();
  if (state_ == State::handling || state_ == State::streaming || continue_next_ || output_full() ||
      peer_ended_) {
    interest(interest_ & ~static_cast<std::uint32_t>(EPOLLIN));  // again when it can go on
    return;
  }
  const ssize_t n = server_.loop_.kernel().receive(fd_, server_.input_);
  if (n == -EAGAIN || n == -EINTR) return;
  if (n < 0) return die();
  if (n == 0) {
    peer_ended_ = true;
    if (state_ == State::head || state_ == State::body) close_after_ = true;  // never completes
    if (unsent() == 0) return die();
    close_after_ = true;
    return interest(EPOLLOUT);
  }
  server_.received_bytes_.add(static_cast<std::uint64_t>(n));
  consume({server_.input_.data(), static_cast<std::size_t>(n)});
}

/// Handles what is buffered and `fresh` behind it, then writes what came of it.
void HttpConnection::consume(std::string_view fresh) {
  if (!input_.empty()) input_.append(fresh);
  std::string_view bytes = input_.empty() ? fresh : std::string_view(input_);
  std::uint32_t left = server_.options_.turn_requests_max;
  continue_next_ = false;
  while (true) {
    pinned_ = false;
    const std::size_t used = process(bytes, left);
    if (state_ == State::dead) return;
    if (!pinned_) {
      if (!input_.empty()) {
        input_.erase(0, used);
      } else if (used < bytes.size()) {
        input_.assign(bytes.substr(used));
      }
      break;
    }
    // The last request was copied to the front of input_; if it is answered, go on behind it.
    if (exchange_ != nullptr || continue_next_ || input_.empty()) break;
    bytes = input_;
  }
  settle();
}

HttpConnection::Step HttpConnection::body_step(Exchange& exchange, std::string_view bytes,
                                               std::size_t& used) {
  RequestHead& head = exchange.request.head_;
  head.rebase(bytes.data());
  const std::uint64_t length = head.content_length().value_or(0);
  if (length > server_.options_.body_max) {
    refuse(exchange, ParseError::body_long, 413);
    return Step::stop;
  }
  if (head.chunked()) return chunked_step(exchange);
  if (bytes.size() - exchange.head_size >= length) {
    exchange.request.body_ = bytes.substr(exchange.head_size, length);
    exchange.size = exchange.head_size + length;
    used = exchange.size;
    return dispatch(exchange);
  }
  exchange.body_size = bytes.size() - exchange.head_size;
  return await_body(exchange);
}

/// Decodes in place, so that head and body are one piece of memory whatever the chunks were.
HttpConnection::Step HttpConnection::chunked_step(Exchange& exchange) {
  own_exchange();
  pin();
  const std::size_t raw = exchange.head_size + exchange.body_size;
  const ChunkedDecoder::Compacted part =
      exchange.decoder.compact(std::span<char>(input_).subspan(raw));
  if (part.state == ParseState::failed) {
    refuse(exchange, part.error, http_status(part.error));
    return Step::stop;
  }
  input_.erase(raw + part.size, part.consumed - part.size);
  exchange.request.head_.rebase(input_.data());
  exchange.body_size += part.size;
  current_ = input_;
  if (part.state == ParseState::need_more) return await_body(exchange);
  exchange.size = exchange.head_size + exchange.body_size;
  exchange.request.body_ = current_.substr(exchange.head_size, exchange.body_size);
  return dispatch(exchange);
}

HttpConnection::Step HttpConnection::await_body(Exchange& exchange) {
  if (too_slow()) {
    timed_out(exchange, "The body arrives too slowly.");
    return Step::stop;
  }
  if (exchange.request.head_.expect_continue() && exchange.body_size == 0 &&
      !exchange.continue_sent) {
    server_.output_.append("HTTP/1.1 100 Continue\r\n\r\n");
    exchange.continue_sent = true;
  }
  own_exchange();
  if (!pinned_) pin();
  body_read_ = server_.loop_.now();
  deadline_of_state();
  return Step::stop;
}

/// Below body_rate_min, once the grace has passed; body_timeout bounds the whole.
bool HttpConnection::too_slow() const {
  const Duration spent = server_.loop_.now() - began_;
  if (spent < kRateGrace || exchange_ == nullptr) return false;
  const auto seconds = static_cast<std::uint64_t>(spent / std::chrono::seconds(1));
  return exchange_->body_size < seconds * server_.options_.body_rate_min;
}

/// Until when this state may last. While output waits for the client, write_timeout decides.
void HttpConnection::deadline_of_state() {
  if (unsent() > 0) return;
  const ServerOptions& options = server_.options_;
  if (state_ == State::head) {
    deadline_at(limit(began_, options.header_timeout));
  } else if (state_ == State::body) {
    deadline_at(std::min(limit(body_read_, options.body_idle_timeout),
                         limit(began_, options.body_timeout)));
  } else if (state_ == State::handling) {
    deadline_at(exchange_->request.deadline_.at);
  } else if (state_ == State::streaming) {
    deadline(options.handler_timeout);  // the producer's next piece
  }
}

/// The current request's bytes, and what follows them, to the front of the connection's own
/// buffer; views into them move along.
void HttpConnection::pin() {
  Request& request = exchange_->request;
  const char* before = current_.data();
  if (input_.empty()) {
    input_.assign(current_);
  } else {
    input_.erase(0, static_cast<std::size_t>(current_.data() - input_.data()));
  }
  pinned_ = true;
  current_ = input_;
  request.head_.rebase(input_.data());
  const auto moved = [&](std::string_view view) {
    if (view.empty()) return view;
    return std::string_view(input_).substr(static_cast<std::size_t>(view.data() - before),
                                           view.size());
  };
  request.body_ = moved(request.body_);
  for (std::size_t i = 0; i < request.match_.param_count; ++i) {
    const std::string_view param = moved(request.match_.params[i]);
    request.match_.params[i] = {param.data(), param.size()};
  }
}

/// The scratch exchange becomes this connection's own.
Exchange& HttpConnection::own_exchange() {
  if (exchange_ == nullptr) {
    exchange_ = std::move(server_.scratch_);
    server_.scratch_ = server_.take_exchange();
    exchange_->connection = this;
  }
  return *exchange_;
}

void HttpConnection::release_exchange() {
  if (exchange_ != nullptr) server_.give_exchange(std::move(exchange_));
}

HttpConnection::Step HttpConnection::dispatch(Exchange& exchange) {
  Request& request = exchange.request;
  set_state(State::idle);
  ++served_;
  ++server_.counts_.requests;
  request.serial_ = ++server_.serial_;
  if (!request.id_.empty()) request.id_.clear();
  request.deadline_ = server_.handler_deadline_;
  if (!request.head_.keep_alive() || server_.draining_ ||
      served_ >= server_.options_.requests_max || server_.loop_.now() > born_until_) [[unlikely]] {
    close_after_ = true;
  }
  const RouteMatch::Kind found =
      server_.routes_.router().match(request.method(), request.path(), request.match_);
  if (found != RouteMatch::Kind::found) [[unlikely]] {
    exchange.route = server_.series_.size() - 2;
    request.route_ = "unmatched";
    exchange.response = unmatched(request, found);
    answer(exchange, exchange.response);
    return answered(exchange);
  }
  exchange.route = request.match_.route;
  const Routes::Entry& entry = server_.routes_.entries()[exchange.route];
  request.route_ = entry.path;
  try {
    Task<Response> task = entry.handler(request, exchange.response);
    if (task.valid()) return suspend(exchange, std::move(task));
    answer(exchange, exchange.response);
  } catch (...) {
    handler_threw(exchange);
  }
  if (exchange_ == nullptr && !pinned_) [[likely]] {
    exchange.response.reset();  // lets go of what the answer borrowed
    return Step::next;
  }
  return answered(exchange);
}

Response HttpConnection::unmatched(const Request& request, RouteMatch::Kind kind) {
  if (request.method() == Method::options && request.path() == "*") return Response(204);
  if (request.method() == Method::unknown) {
    return Response::problem(501, "No resource here knows this method.");
  }
  if (kind == RouteMatch::Kind::not_found) return Response::problem(404);
  Response response = Response::problem(405);
  response.header("Allow", allow_header(request.match_.allowed));
  return response;
}

HttpConnection::Step HttpConnection::suspend(Exchange& exchange, Task<Response> task) {
  own_exchange();
  pin();
  exchange.task = std::move(task);
  exchange.task.start();
  if (exchange.task.done()) {
    take_answer(exchange);
    return answered(exchange);
  }
  set_state(State::handling);
  exchange.task.then(exchange.completer.handle);
  deadline_of_state();
  return Step::stop;
}

/// After an answer within process(): the request's bytes are behind us.
HttpConnection::Step HttpConnection::answered(Exchange& exchange) {
  if (state_ == State::streaming || state_ == State::dead) return Step::stop;
  if (!pinned_) {
    if (exchange_ != nullptr)
      release_exchange();
    else
      exchange.response.reset();  // lets go of what the answer borrowed
    return Step::next;
  }
  input_.erase(0, exchange.size);
  release_exchange();
  return Step::stop;  // consume() goes on with what has moved
}

/// The finished task's answer, or 500 if the handler threw.
void HttpConnection::take_answer(Exchange& exchange) {
  try {
    exchange.response = exchange.task.take();
    exchange.task.cancel();
    answer(exchange, exchange.response);
  } catch (...) {
    handler_threw(exchange);
  }
}

/// Inside a catch block: someone else's exception ends here.
void HttpConnection::handler_threw(Exchange& exchange) {
  std::string what = "unknown exception";
  try {
    throw;
  } catch (const std::exception& error) {
    what = error.what();
  } catch (...) {
  }
  server_.log_.write(LogLevel::error, "handler threw",
                     {{"what", std::string_view(what)},
                      {"route", exchange.request.route_},
                      {"id", exchange.request.id()}});
  // Behind a head that is sent only a cut tells that the answer failed.
  if (state_ == State::streaming) return abort();
  answer_error(exchange, 500, {});
}

}  // namespace paceline
