// A request's head as the parser found it: offsets into the caller's bytes, nothing copied. The
// offsets survive a move of the bytes (rebase); they mean nothing once the bytes are overwritten.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "paceline/http/characters.h"

namespace paceline {

/// Methods that have a meaning here. `unknown` is any other valid token:
/// RequestHead::method_text().
enum class Method : std::uint8_t {
  get,
  head,
  post,
  put,
  patch,
  del,
  options,
  trace,
  connect,
  unknown,
};
inline constexpr std::size_t method_count = 10;

/// "GET"; "_OTHER" for unknown, the word metrics use for it.
std::string_view to_string(Method method);
/// Case-sensitive, as RFC 9110 §9.1 demands.
Method method_from(std::string_view token);

struct HeaderView {
  std::string_view name;   // as received; names compare without case
  std::string_view value;  // without the white space around it
};

/// Headers that the parser recognises while it passes, so that nobody searches for them. The
/// framing headers, Host, Connection and Expect have accessors of their own.
enum class KnownHeader : std::uint8_t {
  accept,
  cache_control,
  content_type,
  if_match,
  if_none_match,
  request_id,  // X-Request-Id
};
inline constexpr std::size_t known_header_count = 6;

struct ParserLimits;
struct ParseStatus;

/// Not zeroed when made or reset: only what the counts cover is ever read. Copies are plain bytes
/// (about 0.9 KiB), so one scratch head can serve all connections that are between requests.
class RequestHead {
 public:
  static constexpr std::size_t headers_max = 100;  // Envoy, hyper and h2o: 100

  RequestHead() = default;

  /// Forgets everything: the next bytes are a new request. parse_request_head() does this by
  /// itself after a complete or failed head; only an abandoned one needs the call.
  void reset() {
    content_length_ = 0;
    method_text_ = target_ = path_ = query_ = host_ = {};
    for (std::uint8_t& place : known_) place = 0;
    method_ = Method::unknown;
    version_minor_ = 1;
    count_ = 0;
    has_content_length_ = chunked_ = keep_alive_ = expect_continue_ = false;
    host_seen_ = absolute_ = asks_close_ = asks_keep_alive_ = careful_ = false;
    phase_ = Phase::start;
    line_ = at_ = colon_ = 0;
  }
  void reset_but_method() {
    const Method method = method_;
    reset();
    method_ = method;
  }
  /// The same bytes lie at another address now.
  void rebase(const char* bytes) { base_ = bytes; }

  Method method() const { return method_; }
  std::string_view method_text() const { return text(method_text_); }
  /// The request target as received.
  std::string_view target() const { return text(target_); }
  /// Still percent-encoded, without the query; "/" when an absolute target has none, "*" for
  /// `OPTIONS *`. Decodes to valid UTF-8 without controls, `.` and `..` segments.
  std::string_view path() const {
    if (path_.size != 0) [[likely]] {
      return text(path_);
    }
    return method_ == Method::options ? "*" : "/";
  }
  /// After the first '?', still encoded; empty without one.
  std::string_view query() const { return text(query_); }
  /// Name and port; an absolute target's wins over the Host header. Empty only in HTTP/1.0.
  std::string_view host() const { return text(host_); }
  /// 0 or 1.
  unsigned version_minor() const { return version_minor_; }

  /// Empty when the request has no Content-Length.
  std::optional<std::uint64_t> content_length() const {
    if (!has_content_length_) return std::nullopt;
    return content_length_;
  }
  bool chunked() const { return chunked_; }
  bool has_body() const { return chunked_ || (has_content_length_ && content_length_ != 0); }
  /// May the connection carry another request, as far as the client is concerned? HTTP/1.0 only
  /// with an explicit `Connection: keep-alive`.
  bool keep_alive() const { return keep_alive_; }
  /// The client waits for `100 Continue` before it sends the body. Never in HTTP/1.0, never
  /// without a body.
  bool expect_continue() const { return expect_continue_; }

  std::size_t header_count() const { return count_; }
  HeaderView header(std::size_t index) const {
    const Slot& slot = slots_[index];
    return {{base_ + slot.name, slot.name_size}, {base_ + slot.value, slot.value_size}};
  }
  /// The first header of that kind; no search.
  std::optional<std::string_view> find(KnownHeader kind) const {
    const std::uint8_t place = known_[static_cast<std::size_t>(kind)];
    if (place == 0) return std::nullopt;
    return header(place - 1u).value;
  }
  /// The first header of that name, in any case. Linear.
  std::optional<std::string_view> find(std::string_view name) const;

 private:
  friend class QuickHead;
  friend class RequestHeadParser;
  friend ParseStatus parse_request_head(std::string_view, const ParserLimits&, RequestHead&);

  // Two bytes an offset: a head is never longer than 65535 (ParserLimits::head_max).
  struct Slice {
    std::uint16_t at = 0;
    std::uint16_t size = 0;
  };
  struct Slot {
    std::uint16_t name;
    std::uint16_t name_size;
    std::uint16_t value;
    std::uint16_t value_size;
  };
  enum class Phase : std::uint8_t {
    start,
    method,
    path,
    query,
    version,
    header_start,
    header_name,
    header_value,
    finished,
  };

  std::string_view text(Slice slice) const { return {base_ + slice.at, slice.size}; }

  const char* base_ = nullptr;
  std::uint64_t content_length_ = 0;
  Slice method_text_;
  Slice target_;
  Slice path_;
  Slice query_;
  Slice host_;
  std::uint8_t known_[known_header_count] = {};  // index + 1 of the first one, 0: none
  Method method_ = Method::unknown;
  std::uint8_t version_minor_ = 1;
  std::uint8_t count_ = 0;
  bool has_content_length_ = false;
  bool chunked_ = false;
  bool keep_alive_ = false;
  bool expect_continue_ = false;
  bool host_seen_ = false;
  bool absolute_ = false;
  bool asks_close_ = false;       // Connection: close
  bool asks_keep_alive_ = false;  // Connection: keep-alive
  bool careful_ = false;          // the path has a '.' or '%'

  // Where a head that is not complete goes on.
  Phase phase_ = Phase::start;
  std::uint16_t line_ = 0;   // start of the current line
  std::uint16_t at_ = 0;     // first byte that is not examined
  std::uint16_t colon_ = 0;  // of the current header

  Slot slots_[headers_max];
};

}  // namespace paceline
