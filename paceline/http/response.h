// What a handler answers. Small and movable; a plain answer from borrowed bytes allocates nothing.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <new>
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

  bool holds() const { return object_ != nullptr; }

 private:
  void* object_ = nullptr;
  void (*release_)(void*) = nullptr;
};

class Response {
 public:
  Response() = default;
  explicit Response(unsigned status) { plain_.status = status; }
  Response(Response&& other) noexcept : Response() { *this = std::move(other); }
  /// Exchanges what either side uses and leaves the rest alone: most answers own nothing.
  Response& operator=(Response&& other) noexcept {
    if (plain_.owns_body || other.plain_.owns_body) owned_.swap(other.owned_);
    if (plain_.spilled || other.plain_.spilled) spilled_.swap(other.spilled_);
    std::swap(plain_, other.plain_);
    if (plain_.lines_size != 0) std::memcpy(lines_.data(), other.lines_.data(), plain_.lines_size);
    other.plain_.lines_size = 0;
    if (producer_ || other.producer_) [[unlikely]] {
      producer_.swap(other.producer_);
    }
    hold_ = std::move(other.hold_);
    return *this;
  }
  ~Response() = default;
  /// Becomes what `make` answers, built in place, which spares a move of all fields. When `make`
  /// throws it is a new one.
  template <class Make>
  void become(Make&& make) {
    struct Remake {
      Response* response;
      ~Remake() {
        if (response != nullptr) ::new (response) Response();
      }
    };
    if (owns_anything()) [[unlikely]] {
      std::destroy_at(this);
    }
    Remake remake{this};
    ::new (this) Response(make());
    remake.response = nullptr;
  }

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

  unsigned status() const { return plain_.status; }
  /// From 100 to 599; anything else is answered with 500 and a log line that names the route.
  Response& status(unsigned status) {
    plain_.status = status;
    return *this;
  }
  /// `type` outlives the answer; empty: no Content-Type.
  Response& content_type(std::string_view type) {
    plain_.content_type = type;
    return *this;
  }
  /// A name that is no token, a value with a control character (encode what users gave first) and
  /// a header of the server's own (framing, Date, Connection) make the answer a 500, with a log
  /// line that names the route.
  Response& header(std::string_view name, std::string_view value);
  /// Header lines that are complete already ("ETag: …\r\nVary: …\r\n"), borrowed until sent.
  Response& prepared_headers(std::string_view lines) {
    plain_.prepared = lines;
    return *this;
  }
  Response& body(std::string owned);
  Response& borrowed_body(std::string_view bytes) {
    if (plain_.owns_body) std::string().swap(owned_);
    plain_.body = bytes;
    plain_.owns_body = false;
    return *this;
  }
  /// Keeps `hold` until the answer is serialised; for borrowed bodies and prepared headers.
  Response& keep(Hold hold) {
    hold_ = std::move(hold);
    return *this;
  }

  /// "l1", "source", …: what the access log calls the cache level; outlives the answer.
  Response& cache_level(std::string_view level) {
    plain_.cache_level = level;
    return *this;
  }
  std::string_view cache_level() const { return plain_.cache_level; }
  std::string_view problem_code() const { return plain_.problem_code; }

  std::string_view body() const {
    return plain_.owns_body ? std::string_view(owned_) : plain_.body;
  }
  std::string_view content_type() const { return plain_.content_type; }
  std::string_view prepared_headers() const { return plain_.prepared; }
  /// The lines that header() made.
  std::string_view header_lines() const {
    return plain_.spilled ? std::string_view(spilled_)
                          : std::string_view(lines_.data(), plain_.lines_size);
  }
  const BodyProducer& producer() const { return producer_; }
  BodyProducer take_producer() { return std::move(producer_); }
  bool is_problem() const { return plain_.kind == Kind::problem; }
  /// A header was refused: it cannot be sent.
  bool is_faulty() const { return plain_.kind == Kind::faulty; }
  bool is_usual() const { return plain_.kind == Kind::usual; }
  /// Back to what a new one is; lets go of everything that it held.
  void reset() {
    if (owns_anything()) [[unlikely]] {
      release();
    }
    plain_ = Plain();
  }

 private:
  static constexpr std::size_t kInlineLines = 192;  // a cache hit's Cache-Status and a Location fit

  enum class Kind : std::uint8_t {
    usual,
    problem,
    faulty,  // a header was refused
  };
  /// Copied and reset as a whole.
  struct Plain {
    unsigned status = 200;
    bool owns_body = false;  // the body is owned_, which has no memory otherwise
    Kind kind = Kind::usual;
    bool spilled = false;         // the header lines are spilled_, likewise
    std::uint8_t lines_size = 0;  // of lines_, unless spilled
    std::string_view content_type;
    std::string_view prepared;
    std::string_view cache_level;
    std::string_view problem_code;
    std::string_view body;
  };

  void release();
  /// False: no string has memory of its own, and destruction would do nothing.
  bool owns_anything() const {
    return plain_.owns_body || plain_.spilled || producer_ || hold_.holds();
  }

  Plain plain_;
  std::string owned_;
  std::string spilled_;
  BodyProducer producer_;
  Hold hold_;
  std::array<char, kInlineLines> lines_;  // uninitialised beyond lines_size
};

}  // namespace paceline
