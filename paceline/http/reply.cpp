#include "paceline/http/reply.h"

#include <algorithm>
#include <array>

#include "paceline/http/characters.h"
#include "paceline/http/fields.h"
#include "paceline/http/scan.h"
#include "paceline/http/words.h"

namespace paceline {

namespace {

constexpr std::uint32_t offset_max = 65535;  // what ReplyHead::Slot can hold
constexpr std::size_t status_size = 12;      // "HTTP/1.1 200"

}  // namespace

/// One call of parse_reply_head(). Each step returns true to go on; false when status_ is the
/// answer.
class ReplyHeadParser {
 public:
  ReplyHeadParser(std::string_view bytes, const ParserLimits& limits, ReplyHead& head)
      : base_(bytes.data()), size_(bytes.size()), limits_(limits), head_(head) {}

  ReplyStatus run() {
    if (head_.line_ == 0 && !status_line()) return status_;
    while (header_line()) {
    }
    return status_;
  }

 private:
  struct Window {
    const char* end;
    ReplyError too_long;  // none: the bytes ended, not the limit
  };
  Window window(std::uint32_t line_max, ReplyError line_error) const {
    const std::uint32_t head_max = std::min(limits_.head_max, offset_max);
    const std::uint32_t line_limit = head_.line_ + std::min(line_max, offset_max);
    const std::uint32_t limit = std::min(line_limit, head_max);
    if (size_ < limit) return {base_ + size_, ReplyError::none};
    return {base_ + limit, line_limit <= head_max ? line_error : ReplyError::head_long};
  }
  bool fail_at(ReplyError error, const char* at) {
    head_.finished_ = true;
    status_ = {ParseState::failed, error, static_cast<std::uint32_t>(at - base_)};
    return false;
  }
  bool out_of_bytes(const Window& window) {
    if (window.too_long != ReplyError::none) return fail_at(window.too_long, window.end);
    status_ = {ParseState::need_more, ReplyError::none, static_cast<std::uint32_t>(size_)};
    return false;
  }

  bool status_line();
  bool status_byte(const char* at, std::size_t index);
  bool line_end(const char* at, ReplyError otherwise, const Window& window);
  bool header_line();
  ReplyError note(const char* name, std::size_t size, std::string_view value);
  ReplyError note_length(std::string_view value);

  const char* const base_;
  const std::size_t size_;
  const ParserLimits& limits_;
  ReplyHead& head_;
  ReplyStatus status_;
};

/// The byte at `index` of "HTTP/1.1 200".
bool ReplyHeadParser::status_byte(const char* at, std::size_t index) {
  constexpr std::string_view wanted = "HTTP/1.1 ";
  if (index < wanted.size()) {
    if (*at == wanted[index] || (index == 7 && *at == '0')) return true;
    const bool number = (index == 5 || index == 7) && characters::is(*at, characters::digit);
    return fail_at(number ? ReplyError::version : ReplyError::status_line, at);
  }
  if (!characters::is(*at, characters::digit)) return fail_at(ReplyError::status_line, at);
  if (index == wanted.size() && *at == '0') return fail_at(ReplyError::status, at);
  return true;
}

/// At the CR that should end a line; goes on behind it.
bool ReplyHeadParser::line_end(const char* at, ReplyError otherwise, const Window& window) {
  if (*at != '\r') return fail_at(*at == '\n' ? ReplyError::line_end : otherwise, at);
  if (at + 1 == window.end) return out_of_bytes(window);
  if (at[1] != '\n') return fail_at(ReplyError::line_end, at);
  head_.line_ = static_cast<std::uint32_t>(at + 2 - base_);
  return true;
}

bool ReplyHeadParser::status_line() {
  const Window line = window(limits_.line_max, ReplyError::line_long);
  for (std::size_t i = 0; i < status_size; ++i) {
    if (base_ + i == line.end) return out_of_bytes(line);
    if (!status_byte(base_ + i, i)) return false;
  }
  head_.version_minor_ = base_[7] == '1' ? 1 : 0;
  unsigned status = 0;
  for (std::size_t i = 9; i < status_size; ++i) {
    status = status * 10 + characters::hex_value(base_[i]);
  }
  head_.status_ = static_cast<std::uint16_t>(status);
  const char* at = base_ + status_size;
  if (at == line.end) return out_of_bytes(line);
  if (*at == ' ') {
    at = scan::value_end(at, line.end, base_);
    if (at == line.end) return out_of_bytes(line);
  }
  return line_end(at, ReplyError::status_line, line);
}

/// One header line, or the empty line that ends the head.
bool ReplyHeadParser::header_line() {
  const Window line = window(limits_.header_max, ReplyError::header_long);
  const char* const name = base_ + head_.line_;
  if (name == line.end) return out_of_bytes(line);
  if (*name == '\r') {
    if (!line_end(name, ReplyError::line_end, line)) return false;
    head_.finished_ = true;
    status_ = {ParseState::complete, ReplyError::none, head_.line_};
    return false;
  }
  if (head_.count_ >= std::min<std::uint32_t>(limits_.headers_max, ReplyHead::headers_max)) {
    return fail_at(ReplyError::headers_many, name);
  }
  const char* const colon = scan::name_end(name, line.end);
  if (colon == line.end) return out_of_bytes(line);
  if (*colon != ':' || colon == name) {
    return fail_at(*colon == '\n' ? ReplyError::line_end : ReplyError::header_name, colon);
  }
  const char* const end = scan::value_end(colon + 1, line.end, base_);
  if (end == line.end) return out_of_bytes(line);
  if (!line_end(end, ReplyError::header_value, line)) return false;

  const std::string_view value = fields::trimmed({colon + 1, end});
  const auto size = static_cast<std::size_t>(colon - name);
  const char* const at = value.empty() ? colon + 1 : value.data();
  head_.slots_[head_.count_++] = {
      static_cast<std::uint16_t>(name - base_), static_cast<std::uint16_t>(size),
      static_cast<std::uint16_t>(at - base_), static_cast<std::uint16_t>(value.size())};
  const ReplyError error = note(name, size, value);
  return error == ReplyError::none || fail_at(error, at);
}

/// What decides framing and the connection's life.
ReplyError ReplyHeadParser::note(const char* name, std::size_t size, std::string_view value) {
  if (size == 14 && words::is_name(name, "content-length")) return note_length(value);
  if (size == 10 && words::is_name(name, "connection")) {
    const fields::ConnectionOptions options = fields::connection(value);
    head_.asks_close_ |= options.close;
    head_.asks_keep_alive_ |= options.keep_alive;
  }
  if (size == 17 && words::is_name(name, "transfer-encoding")) {
    if (head_.has_content_length_) return ReplyError::content_length;
    const bool right = fields::transfer_encoding(value) == ParseError::none;
    if (!right || head_.chunked_ || head_.version_minor_ == 0) return ReplyError::transfer_encoding;
    head_.chunked_ = true;
  }
  return ReplyError::none;
}

ReplyError ReplyHeadParser::note_length(std::string_view value) {
  const std::optional<std::uint64_t> length = fields::content_length(value);
  if (!length || head_.chunked_) return ReplyError::content_length;
  if (head_.has_content_length_ && head_.content_length_ != *length) {
    return ReplyError::content_length;
  }
  head_.has_content_length_ = true;
  head_.content_length_ = *length;
  return ReplyError::none;
}

ReplyStatus parse_reply_head(std::string_view bytes, const ParserLimits& limits, ReplyHead& head) {
  if (head.finished_) head.reset();
  head.base_ = bytes.data();
  return ReplyHeadParser(bytes, limits, head).run();
}

std::optional<std::string_view> ReplyHead::find(std::string_view name) const {
  for (std::size_t i = 0; i < count_; ++i) {
    const HeaderView each = header(i);
    if (characters::same_ignoring_case(each.name, name)) return each.value;
  }
  return std::nullopt;
}

ReplyBody::Piece ReplyBody::next(std::string_view bytes) {
  switch (framing_) {
    case Framing::none:
      return {.state = ParseState::complete};
    case Framing::until_close:
      return {.consumed = bytes.size(), .data = bytes};
    case Framing::length: {
      const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
      left_ -= size;
      return {.state = left_ == 0 ? ParseState::complete : ParseState::need_more,
              .consumed = size,
              .data = bytes.substr(0, size)};
    }
    case Framing::chunked:
      break;
  }
  const ChunkedDecoder::Piece piece = chunks_.next(bytes);
  const bool failed = piece.state == ParseState::failed;
  return {.state = piece.state,
          .error = failed ? ReplyError::chunk : ReplyError::none,
          .consumed = piece.consumed,
          .data = piece.data};
}

std::string_view explain(ReplyError error) {
  constexpr std::array<std::string_view, reply_error_count> words = {
      "nothing is wrong",
      "it does not begin with a status line of HTTP/1",
      "it is neither HTTP/1.0 nor HTTP/1.1",
      "the status is below 100",
      "a line ends in CR or LF alone",
      "the status line is too long",
      "a header line does not begin with a name and a colon",
      "a header value has a control byte",
      "a header line is too long",
      "there are too many headers",
      "the head is too long",
      "Content-Length is no number, or contradicts the rest of the head",
      "Transfer-Encoding is not just \"chunked\"",
      "the chunked coding is broken",
      "the connection ended before the answer did",
  };
  return words[static_cast<std::size_t>(error)];
}

}  // namespace paceline
