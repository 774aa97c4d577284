// The other side of the codec: a response as a client reads it. Bytes in; a head, a body's pieces,
// "need more", or a precise error out. As strict as the request parser where two readers could
// count differently. No copy, no allocation, no clock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "paceline/http/chunked.h"
#include "paceline/http/message.h"
#include "paceline/http/parser.h"

namespace paceline {

/// Why a response was refused. The connection must close.
enum class ReplyError : std::uint8_t {
  none,
  status_line,        // not HTTP-VERSION SP three digits [SP reason] CRLF
  version,            // not HTTP/1.0 or HTTP/1.1
  status,             // below 100
  line_end,           // CR without LF, or LF without CR
  line_long,          // status line over ParserLimits::line_max
  header_name,        // not a token directly followed by ':'; a folded line, too
  header_value,       // a control byte
  header_long,        // over ParserLimits::header_max
  headers_many,       // over ParserLimits::headers_max
  head_long,          // over ParserLimits::head_max
  content_length,     // not digits, too large, two different ones, or beside Transfer-Encoding
  transfer_encoding,  // anything but "chunked", or in HTTP/1.0
  chunk,              // the chunked coding is broken
  truncated,          // the peer closed before the end
};
inline constexpr std::size_t reply_error_count = 15;

/// "the chunked coding is broken": completes "the answer was refused: ".
std::string_view explain(ReplyError error);

struct ReplyStatus {
  ParseState state = ParseState::need_more;
  ReplyError error = ReplyError::none;
  /// complete: size of the head. failed: offset of what is wrong. need_more: bytes examined.
  std::uint32_t bytes = 0;

  bool operator==(const ReplyStatus&) const = default;
};

/// How a body ends (RFC 9112 §6.3).
enum class Framing : std::uint8_t { none, length, chunked, until_close };

/// Offsets into the caller's bytes, as RequestHead. Not zeroed: only what the counts cover is read.
class ReplyHead {
 public:
  static constexpr std::size_t headers_max = 100;

  /// Forgets an abandoned head; after a complete or failed one parse_reply_head() does it.
  void reset() {
    content_length_ = 0;
    line_ = status_ = 0;
    count_ = 0;
    version_minor_ = 1;
    has_content_length_ = chunked_ = asks_close_ = asks_keep_alive_ = finished_ = false;
  }
  void rebase(const char* bytes) { base_ = bytes; }

  unsigned status() const { return status_; }
  unsigned version_minor() const { return version_minor_; }
  /// 1xx but 101: the answer itself is still to come.
  bool interim() const { return status_ < 200 && status_ != 101; }
  std::optional<std::uint64_t> content_length() const {
    if (!has_content_length_) return std::nullopt;
    return content_length_;
  }
  /// `asked` is the method of the request that this answers.
  Framing framing(Method asked) const {
    if (asked == Method::head || status_ < 200 || status_ == 204 || status_ == 304) {
      return Framing::none;
    }
    if (chunked_) return Framing::chunked;
    return has_content_length_ ? Framing::length : Framing::until_close;
  }
  /// It says "keep-alive", which an answer to HTTP/1.0 must to be followed by another.
  bool asks_keep_alive() const { return asks_keep_alive_; }
  /// May the connection carry another request, once the body has ended?
  bool keep_alive(Method asked) const {
    return !asks_close_ && (version_minor_ == 1 || asks_keep_alive_) && status_ != 101 &&
           framing(asked) != Framing::until_close;
  }

  std::size_t header_count() const { return count_; }
  HeaderView header(std::size_t index) const {
    const Slot& slot = slots_[index];
    return {{base_ + slot.name, slot.name_size}, {base_ + slot.value, slot.value_size}};
  }
  /// The first header of that name, in any case. Linear.
  std::optional<std::string_view> find(std::string_view name) const;

 private:
  friend class ReplyHeadParser;
  friend ReplyStatus parse_reply_head(std::string_view, const ParserLimits&, ReplyHead&);

  struct Slot {
    std::uint16_t name;
    std::uint16_t name_size;
    std::uint16_t value;
    std::uint16_t value_size;
  };
  const char* base_ = nullptr;
  std::uint64_t content_length_ = 0;
  std::uint32_t line_ = 0;  // where the line begins that is to be read next
  std::uint16_t status_ = 0;
  std::uint8_t count_ = 0;
  std::uint8_t version_minor_ = 1;
  bool has_content_length_ = false;
  bool chunked_ = false;
  bool asks_close_ = false;
  bool asks_keep_alive_ = false;
  bool finished_ = false;
  Slot slots_[headers_max];
};

/// Parses the head at the front of `bytes`. After need_more call again with the same bytes and more
/// behind them, at the same or another address; it goes on at the line it stopped in. An error is
/// found as soon as its byte is there, so the result is the same however the bytes arrive. A
/// status line may lack the space before an empty reason: many servers leave it out.
ReplyStatus parse_reply_head(std::string_view bytes, const ParserLimits& limits, ReplyHead& head);

/// A client that wants a body has asked for it: no bound but what its owner sets.
inline constexpr ChunkLimits reply_chunk_limits{.body_max = INT64_MAX, .overhead_free = UINT32_MAX};

/// Takes one body apart as it arrives.
class ReplyBody {
 public:
  ReplyBody() : ReplyBody(Framing::none, 0) {}
  ReplyBody(const ReplyHead& head, Method asked)
      : ReplyBody(head.framing(asked), head.content_length().value_or(0)) {}
  ReplyBody(Framing framing, std::uint64_t length)
      : framing_(framing), left_(framing == Framing::length ? length : 0) {}

  struct Piece {
    ParseState state = ParseState::need_more;
    ReplyError error = ReplyError::none;
    std::size_t consumed = 0;
    std::string_view data;  // body bytes, a part of the input; may be empty
  };
  /// Up to the end of the next run of body bytes; need_more with consumed < bytes.size() means
  /// that more can be had at once. Call it with no bytes, too: a body may have none. Not after
  /// complete or failed.
  Piece next(std::string_view bytes);
  /// What the peer's close makes of it: complete only for until_close.
  ReplyError end() const {
    return framing_ == Framing::until_close ? ReplyError::none : ReplyError::truncated;
  }
  Framing framing() const { return framing_; }

 private:
  Framing framing_;
  std::uint64_t left_;
  ChunkedDecoder chunks_{reply_chunk_limits};
};

}  // namespace paceline
