// What a handler reads. All views point into the connection's input and live until the answer is
// complete: during the call of a plain function, to the end of a coroutine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "paceline/core.h"
#include "paceline/http/message.h"
#include "paceline/http/router.h"
#include "paceline/loop.h"

namespace paceline {

class Request {
 public:
  Method method() const { return head_.method(); }
  std::string_view path() const { return head_.path(); }
  std::string_view query() const { return head_.query(); }
  std::string_view target() const { return head_.target(); }
  std::string_view host() const { return head_.host(); }
  /// The first header of that name, in any case.
  std::optional<std::string_view> header(std::string_view name) const { return head_.find(name); }
  std::optional<std::string_view> header(KnownHeader kind) const { return head_.find(kind); }
  /// The body, whole, de-chunked; empty without one.
  std::string_view body() const { return body_; }

  /// The path parameters in their order, still percent-encoded; see decode_segment().
  std::size_t param_count() const { return match_.param_count; }
  std::string_view param(std::size_t index) const { return match_.params[index]; }
  /// The pattern that matched: "/data/{id}".
  std::string_view route() const { return route_; }

  /// The client's X-Request-Id if it is 1 to 64 plain characters, else 16 hexadecimal digits.
  std::string_view id();
  Loop& loop() const { return *loop_; }
  /// When the server gives up on this answer (ServerOptions::handler_timeout).
  Deadline deadline() const { return deadline_; }
  Time received() const { return received_; }

 private:
  friend class HttpConnection;
  friend class Server;
  friend struct Exchange;
  /// An exchange serves one request after the other: what points into the bytes of the one before
  /// must not be moved along with this one's.
  void forget_views() {
    body_ = {};
    match_.param_count = 0;
  }

  // Together what every request writes; the head's headers are a long tail.
  Loop* loop_ = nullptr;
  std::uint64_t serial_ = 0;  // makes the id when nobody sent one
  Time received_;
  Deadline deadline_;
  std::string_view route_;
  std::string_view body_;
  std::string id_;
  RouteMatch match_;
  RequestHead head_;
};

/// 16 hexadecimal digits.
std::string format_request_id(std::uint64_t serial);

}  // namespace paceline
