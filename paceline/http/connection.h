// One client connection: a state machine that gives its buffers back when idle.
#pragma once

#include <coroutine>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "paceline/http/chunked.h"
#include "paceline/http/request.h"
#include "paceline/http/response.h"
#include "paceline/http/server.h"
#include "paceline/loop.h"

namespace paceline {

/// A coroutine that lives as long as its exchange and tells the connection, each time it is
/// resumed, that the exchange's task is done. What a Task continues with at no cost.
struct Completer {
  struct promise_type {
    Completer get_return_object() {
      return {std::coroutine_handle<promise_type>::from_promise(*this)};
    }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    std::suspend_always final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() const noexcept { check(false, "exception in a completer"); }
  };
  std::coroutine_handle<promise_type> handle;
};

/// One request being answered: pooled by the server, lent to the connection while a head or body
/// is incomplete or a handler is suspended.
struct Exchange final : BodyWriter {
  explicit Exchange(Server& server);
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  ~Exchange();
  /// For the next request; keeps allocations.
  void reset();

  Task<Result<void>> write(std::string_view bytes) override;

  Server& server;
  HttpConnection* connection = nullptr;  // set while a handler or a producer is suspended
  std::size_t head_size = 0;             // of the request's head, at the front of the input
  std::size_t size = 0;                  // head and body, once complete
  std::size_t route = 0;                 // index into Server::series_
  Request request;
  Response response;
  Task<Response> task;
  BodyProducer producer;  // outlives its task, which may refer to it
  Task<Result<void>> producing;
  ChunkedDecoder decoder;
  Event drained;               // output is below its mark, for a producer
  std::size_t body_size = 0;   // de-chunked bytes so far
  std::size_t streamed = 0;    // bytes of the answer so far: head, body and what frames it
  bool continue_sent = false;  // 100 Continue
  Completer completer;

 private:
  static Completer complete(Exchange& exchange);
};

class HttpConnection final : public Watch, public Timer {
 public:
  HttpConnection(Server& server, int fd);
  ~HttpConnection();

 private:
  friend class Server;
  friend struct Exchange;
  enum class State : std::uint8_t {
    idle,       // between requests, nothing buffered
    head,       // part of a head is there
    body,       // the head is there, part of the body is missing
    handling,   // a handler is suspended
    streaming,  // a producer writes the body
    lingering,  // all is sent and our side closed; reads until the client closes too
    dead,       // closed; deleted by Server::reap()
  };

  void ready(std::uint32_t events) override;
  void fire() override;
  void completed();
  void begin_event();

  // Input.
  enum class Step : std::uint8_t { next, stop };
  void read();
  void consume(std::string_view fresh);
  std::size_t process(std::string_view bytes, std::uint32_t& left);
  Step step(std::string_view bytes, std::size_t& used);
  Step body_step(Exchange& exchange, std::string_view bytes, std::size_t& used);
  Step chunked_step(Exchange& exchange);
  Step await_body(Exchange& exchange);
  Step dispatch(Exchange& exchange);
  [[gnu::noinline]] Step suspend(Exchange& exchange, Task<Response> task);
  Step answered(Exchange& exchange);
  [[gnu::noinline]] void take_answer(Exchange& exchange);
  [[gnu::noinline]] void handler_threw(Exchange& exchange);
  [[gnu::noinline]] Step dispatch_unmatched(Exchange& exchange, RouteMatch::Kind kind);
  static Response unmatched(const Request& request, RouteMatch::Kind kind);
  void pin();
  Exchange& own_exchange();
  void release_exchange();
  bool too_slow() const;
  void deadline_of_state();

  // Output.
  void answer(Exchange& exchange, Response& response);
  void prepare_unusual(Exchange& exchange, Response& response);
  void replace_faulty(Exchange& exchange, Response& response);
  void answer_error(Exchange& exchange, unsigned status, std::string_view detail);
  void timed_out(Exchange& exchange, std::string_view detail);
  void refuse(Exchange& exchange, ParseError error, unsigned status);
  std::size_t serialise(const Exchange& exchange, const Response& response);
  void begin_stream(Exchange& exchange, Response& response);
  void end_stream();
  void note(Exchange& exchange, const Response& response, std::size_t bytes);
  void flush();
  bool send_some();
  void continue_sending();
  bool output_full() const { return unsent() > server_.options_.output_max; }
  std::size_t unsent() const { return output_.size() - sent_; }

  // Ends.
  void settle();
  void finish();
  void linger();
  void discard();
  void abort();
  void gone();
  void die();

  /// A request that is neither complete nor answered at once.
  static constexpr bool active(State state) {
    return state == State::body || state == State::handling || state == State::streaming;
  }
  void set_state(State state) {
    if (state == state_) return;
    if (active(state) != active(state_)) [[unlikely]] {
      server_.count_active(active(state) ? 1 : -1);
    }
    state_ = state;
  }
  void interest(std::uint32_t events) {
    if (interest_ != events) [[unlikely]] {
      change_interest(events);
    }
  }
  void change_interest(std::uint32_t events);
  [[gnu::always_inline]] void deadline(Duration after) {
    deadline_at(after > Duration::zero() ? server_.loop_.now() + after : Time::max());
  }
  /// Most deadlines are replaced before they pass: the timer stays where it is and looks again.
  [[gnu::always_inline]] void deadline_at(Time at) {
    deadline_at_ = at;
    if (at != Time::max() && (!armed() || at < Timer::at())) server_.loop_.arm(*this, at);
  }

  Server& server_;
  int fd_;
  State state_ = State::idle;
  bool close_after_ = false;    // no further request on this connection
  bool peer_ended_ = false;     // the client sent its FIN
  bool continue_next_ = false;  // the turn's share is used up, input is left
  bool chunked_output_ = false;
  bool pinned_ = false;  // during process(): the current request was moved into input_
  bool broken_ = false;  // writing failed while a coroutine of ours was running
  std::uint16_t interest_ = 0;
  std::uint32_t served_ = 0;
  Time born_until_;           // when the connection is old enough to close
  Time deadline_at_;          // of the current state; the timer may be armed earlier
  Time began_;                // of the current head or body, or when it became idle
  Time started_;              // of the event being handled; for durations
  std::string_view current_;  // during process(): from the current request on
  std::unique_ptr<Exchange> exchange_;
  std::string input_;   // bytes that wait: a partial request, or what follows a suspended one
  std::string output_;  // bytes the socket did not take
  std::size_t sent_ = 0;
  Time idle_since_;            // when it was placed among the idle
  Server::Node idle_node_;     // among those that are idle
  Server::Node node_;          // among all
  Time body_read_;             // when the last part of the body came
  std::size_t discarded_ = 0;  // while lingering
};

/// What all answers of one event share.
[[gnu::always_inline]] inline void HttpConnection::begin_event() {
  started_ = server_.loop_.measured();
  if (server_.turn_ != server_.loop_.now()) server_.begin_turn();
}

}  // namespace paceline
