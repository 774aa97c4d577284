// The life of a connection, and how a complete request is answered.
#include "paceline/http/connection.h"

#include <algorithm>
#include <exception>

#include "paceline/http/problem.h"
#include "paceline/http/status.h"

namespace paceline {
namespace {

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
    : server_(server), fd_(fd), idle_node_(*this), node_(*this) {
  const Time now = server_.loop_.now();
  born_until_ = Time::max();
  if (const Duration age = server_.options_.age_max; age > Duration::zero()) {
    born_until_ = now + age / 10 * 9 + age / 5 / 1000 * (server_.random_() % 1000);
  }
  began_ = idle_since_ = now;
  deadline(server_.options_.header_timeout);
  server_.idle_.push_back(idle_node_);
}

HttpConnection::~HttpConnection() = default;

void HttpConnection::change_interest(std::uint32_t events) {
  interest_ = static_cast<std::uint16_t>(events);
  server_.loop_.modify(*this, fd_, events);
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
    server_.handler_timeouts_.add();
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
    gone();
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
  (state_ == State::body ? server_.body_timeouts_ : server_.header_timeouts_).add();
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

// --- Connection: answers ------------------------------------------------------------------------

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
  if (found != RouteMatch::Kind::found) [[unlikely]]
    return dispatch_unmatched(exchange, found);
  exchange.route = request.match_.route;
  const Routes::Entry& entry = server_.routes_.entries()[exchange.route];
  request.route_ = entry.path;
  server_.loop_.doing(entry.path.c_str());
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

HttpConnection::Step HttpConnection::dispatch_unmatched(Exchange& exchange, RouteMatch::Kind kind) {
  exchange.route = server_.series_.size() - 2;
  exchange.request.route_ = "unmatched";
  exchange.response = unmatched(exchange.request, kind);
  answer(exchange, exchange.response);
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

/// What a handler answered cannot be sent: its mistake, and only this request's loss.
void HttpConnection::replace_faulty(Exchange& exchange, Response& response) {
  server_.log_.write(LogLevel::error, "handler answered what cannot be sent",
                     {{"what", is_status(response.status()) ? "a header" : "a status"},
                      {"status", static_cast<std::int64_t>(response.status())},
                      {"route", exchange.request.route_},
                      {"id", exchange.request.id()}});
  response = Response::problem(500);
}

/// Problems, failures, and what cannot be sent.
void HttpConnection::prepare_unusual(Exchange& exchange, Response& response) {
  if (!is_status(response.status()) || response.is_faulty()) replace_faulty(exchange, response);
  if (response.status() >= 500) ++server_.counts_.failed;
  if (!response.is_problem()) return;
  std::string body;
  append_problem(body, {.status = response.status(),
                        .detail = response.body(),
                        .code = response.problem_code(),
                        .request_id = exchange.request.id()});
  response.body(std::move(body));
  response.content_type(problem_content_type);
}

void HttpConnection::answer_error(Exchange& exchange, unsigned status, std::string_view detail) {
  exchange.response = Response::problem(status, detail);
  if (status == 503) exchange.response.header("Retry-After", "1");
  answer(exchange, exchange.response);
}

/// A message that is not HTTP as we take it: one answer, then the connection ends.
void HttpConnection::refuse(Exchange& exchange, ParseError error, unsigned status) {
  server_.count_rejected(error);
  exchange.route = server_.series_.size() - 1;
  exchange.request.received_ = started_;
  exchange.request.serial_ = ++server_.serial_;
  exchange.request.id_.clear();
  exchange.request.head_.reset_but_method();  // an answer to HEAD has no body
  close_after_ = true;
  exchange.response = Response::problem(status, explain(error));
  answer(exchange, exchange.response);
  input_.clear();
  pinned_ = true;  // what follows is not a request
  exchange.response.reset();
  if (exchange_ != nullptr) release_exchange();
  set_state(State::idle);
}

}  // namespace paceline
