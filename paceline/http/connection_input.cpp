// What arrives on a connection: read, cut into requests, bodies awaited.
#include <algorithm>
#include <span>

#include "paceline/http/connection.h"

namespace paceline {
namespace {

constexpr Duration kRateGrace = std::chrono::seconds(5);  // before body_rate_min counts

}  // namespace

void HttpConnection::ready(std::uint32_t events) {
  begin_event();
  const bool suspended = state_ == State::handling || state_ == State::streaming;
  if ((events & EPOLLERR) != 0 || ((events & EPOLLHUP) != 0 && suspended)) {
    gone();  // reset, or nobody is left to read the answer
  } else if ((events & EPOLLOUT) != 0) {
    continue_sending();  // what there is to read is still there in the next turn
  } else if ((events & (EPOLLIN | EPOLLHUP)) != 0) {
    read();
  }
  server_.reap();
}

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
  if (n < 0) return gone();
  if (n == 0) {
    peer_ended_ = true;
    if (state_ == State::head || state_ == State::body) close_after_ = true;  // never completes
    if (unsent() == 0) return gone();
    close_after_ = true;
    return interest(EPOLLOUT);
  }
  server_.turn_received_bytes_ += static_cast<std::uint64_t>(n);
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

}  // namespace paceline
