// What a handler answers. Small and movable; a plain answer from borrowed bytes allocates nothing.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "paceline/core.h"
#include "paceline/loop.h"

namespace paceline {

/// Where a streamed body is written. Each write is one chunk (HTTP/1.1) or plain bytes up to the
/// close (HTTP/1.0).
class BodyWriter {
 public:
  /// Ends when the bytes are accepted: at once, or when the client has read enough of what came
  /// before. Code::closed when the client is gone.
  virtual Task<Result<void>> write(std::string_view bytes) = 0;

 protected:
  ~BodyWriter() = default;
};
/// Runs after the head is sent. An error (or an exception) cuts the connection, so that the client
/// sees a truncated message and not a complete one.
using BodyProducer = std::function<Task<Result<void>>(BodyWriter& writer)>;

/// Keeps something alive until the answer is in the output buffer: a cache entry whose bytes it
/// borrows. One pointer and how to let it go; no atomics.
class Hold {
 public:
  Hold() = default;
  Hold(void* object, void (*release)(void*)) : object_(object), release_(release) {}
  Hold(Hold&& other) noexcept
      : object_(std::exchange(other.object_, nullptr)), release_(other.release_) {}
  Hold& operator=(Hold&& other) noexcept {
    std::swap(object_, other.object_);
    std::swap(release_, other.release_);
    return *this;
  }
  ~Hold() {
    if (object_ != nullptr) release_(object_);
  }

 private:
  void* object_ = nullptr;
  void (*release_)(void*) = nullptr;
};

class Response {
 public:
  Response() = default;
  explicit Response(unsigned status) : status_(status) {}

  /// `text/plain` from bytes that outlive the answer (a literal).
  static Response text(std::string_view borrowed);
  static Response text(const char* literal) { return text(std::string_view(literal)); }
  static Response text(std::string owned);
  static Response json(std::string owned, unsigned status = 200);
  /// application/problem+json (RFC 9457); the server adds the request id. `detail` is for a person
  /// who sent the request: no secrets.
  /// `code`, a word for programs ("outcome_unknown"), outlives the answer.
  static Response problem(unsigned status, std::string_view detail = {},
                          std::string_view code = {});
  static Response stream(std::string_view content_type, BodyProducer producer);

  unsigned status() const { return status_; }
  Response& status(unsigned status) {
    status_ = status;
    return *this;
  }
  /// `type` outlives the answer; empty: no Content-Type.
  Response& content_type(std::string_view type) {
    content_type_ = type;
    return *this;
  }
  /// Names and values with CR, LF or NUL are a bug (check()): encode what users gave first. The
  /// framing headers, Date and Connection belong to the server.
  Response& header(std::string_view name, std::string_view value);
  /// Header lines that are complete already ("ETag: …\r\nVary: …\r\n"), borrowed until sent.
  Response& prepared_headers(std::string_view lines) {
    prepared_ = lines;
    return *this;
  }
  Response& body(std::string owned);
  Response& borrowed_body(std::string_view bytes) {
    body_ = bytes;
    owns_body_ = false;
    return *this;
  }
  /// Keeps `hold` until the answer is serialised; for borrowed bodies and prepared headers.
  Response& keep(Hold hold) {
    hold_ = std::move(hold);
    return *this;
  }

  /// "l1", "source", …: what the access log calls the cache level; outlives the answer.
  Response& cache_level(std::string_view level) {
    cache_level_ = level;
    return *this;
  }
  std::string_view cache_level() const { return cache_level_; }
  std::string_view problem_code() const { return problem_code_; }

  std::string_view body() const { return owns_body_ ? std::string_view(owned_) : body_; }
  std::string_view content_type() const { return content_type_; }
  std::string_view prepared_headers() const { return prepared_; }
  /// The lines that header() made.
  std::string_view header_lines() const {
    return spilled_.empty() ? std::string_view(lines_.data(), lines_size_)
                            : std::string_view(spilled_);
  }
  const BodyProducer& producer() const { return producer_; }
  BodyProducer take_producer() { return std::move(producer_); }
  bool is_problem() const { return problem_; }
  /// Back to what a new one is, without touching the bytes of the inline header lines.
  void reset();

 private:
  static constexpr std::size_t kInlineLines = 192;  // a cache hit's Cache-Status and a Location fit

  unsigned status_ = 200;
  bool owns_body_ = false;
  bool problem_ = false;
  std::uint16_t lines_size_ = 0;
  std::string_view content_type_;
  std::string_view prepared_;
  std::string_view cache_level_;
  std::string_view problem_code_;
  std::string_view body_;
  std::string owned_;
  std::string spilled_;
  BodyProducer producer_;
  Hold hold_;
  std::array<char, kInlineLines> lines_;  // uninitialised beyond lines_size_
};

}  // namespace paceline
