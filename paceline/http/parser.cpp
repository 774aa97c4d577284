#include "paceline/http/parser.h"

#include <algorithm>

#include "paceline/http/characters.h"
#include "paceline/http/fields.h"
#include "paceline/http/quick_head.h"
#include "paceline/http/scan.h"
#include "paceline/http/target.h"
#include "paceline/http/words.h"

namespace paceline {

namespace {

constexpr std::uint32_t offset_max = 65535;  // what RequestHead::Slice can hold

/// After "http://" or "https://", in any case; empty when it is something else.
std::string_view without_scheme(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (characters::same_ignoring_case(target.substr(0, scheme.size()), scheme)) {
      return target.substr(scheme.size());
    }
  }
  return {};
}

struct VersionFault {
  const char* at;    // the first wrong byte, or the end of the bytes
  ParseError error;  // none: right as far as it goes
};

/// Reads "HTTP/1.1" CRLF byte by byte, to name the first wrong one.
[[gnu::noinline]] VersionFault find_version_fault(const char* at, const char* end) {
  constexpr std::string_view wanted = "HTTP/1.1\r\n";
  for (std::size_t i = 0; i < wanted.size(); ++i, ++at) {
    if (at == end) break;
    if (*at == wanted[i] || (i == 7 && *at == '0')) continue;
    if (*at == '\n') return {at, ParseError::bare_lf};
    if (i == 9) return {at - 1, ParseError::bare_cr};
    const bool other_version = (i == 5 || i == 7) && characters::is(*at, characters::digit);
    return {at, other_version ? ParseError::version : ParseError::version_syntax};
  }
  return {at, ParseError::none};
}

}  // namespace

/// One call of parse_request_head(). A line is read within a window: the bytes that are there and
/// that its limit allows. Running out of the window means "need more" or "too long".
class RequestHeadParser {
 public:
  RequestHeadParser(std::string_view bytes, const ParserLimits& limits, RequestHead& head)
      : base_(bytes.data()),
        size_(bytes.size()),
        head_max_(std::min(limits.head_max, offset_max)),
        line_max_(std::min(limits.line_max, offset_max)),
        header_max_(std::min(limits.header_max, offset_max)),
        headers_max_(std::min<std::uint32_t>(limits.headers_max, RequestHead::headers_max)),
        limits_(limits),
        head_(head) {}

  [[gnu::always_inline]] ParseStatus run() {
    Phase phase = head_.phase_;
    if (phase < Phase::header_start) {
      if (!request_line(phase)) return status_;
      phase = Phase::header_start;
    } else {
      at_ = base_ + head_.at_;
    }
    while (true) {
      if (phase == Phase::header_start) at_ = QuickHead::lines({base_, size_}, at_, limits_, head_);
      if (!header_line(phase)) return status_;
      phase = Phase::header_start;
    }
  }

 private:
  using Phase = RequestHead::Phase;
  using Slice = RequestHead::Slice;

  struct Window {
    const char* end;
    ParseError too_long;  // none: the bytes ended, not the limit
  };

  // Each step returns true to go on; false when status_ is the answer.
  bool request_line(Phase phase);
  bool leading_line();
  bool method(const Window& window);
  bool end_method(const char* start, const char* end);
  bool path(const Window& window);
  bool query(const Window& window);
  bool version(const Window& window);
  bool finish_request_line();
  static bool absolute_target(const char* base, RequestHead& head);
  bool header_line(Phase phase);
  ParseError note_header(const char* name, std::size_t size, std::string_view value);
  ParseError note_host(std::string_view value);
  ParseError note_length(std::string_view value);
  ParseError note_encoding(std::string_view value);
  ParseError note_expect(std::string_view value);
  void note(KnownHeader kind);
  bool finish();

  std::uint16_t offset(const char* at) const { return static_cast<std::uint16_t>(at - base_); }
  static Slice slice(const char* base, const char* from, const char* to) {
    return {static_cast<std::uint16_t>(from - base), static_cast<std::uint16_t>(to - from)};
  }

  Window window(std::uint32_t line_max, ParseError line_error) const {
    const std::uint32_t line_limit = head_.line_ + line_max;
    const std::uint32_t limit = std::min(line_limit, head_max_);
    if (size_ < limit) return {base_ + size_, ParseError::none};
    return {base_ + limit, line_limit <= head_max_ ? line_error : ParseError::head_long};
  }

  bool fail_at(ParseError error, const char* at) {
    head_.phase_ = Phase::finished;
    status_ = {ParseState::failed, error, static_cast<std::uint32_t>(at - base_)};
    return false;
  }
  /// The window ended within `phase`; `at` is the first byte to look at again.
  bool out_of_bytes(Phase phase, const char* at, const Window& window) {
    if (window.too_long != ParseError::none) return fail_at(window.too_long, window.end);
    head_.phase_ = phase;
    head_.at_ = offset(at);
    status_ = {ParseState::need_more, ParseError::none, static_cast<std::uint32_t>(size_)};
    return false;
  }

  const char* const base_;
  const std::size_t size_;
  const std::uint32_t head_max_;
  const std::uint32_t line_max_;
  const std::uint32_t header_max_;
  const std::uint32_t headers_max_;
  const ParserLimits& limits_;
  RequestHead& head_;
  const char* at_ = nullptr;
  ParseStatus status_;
};

[[gnu::always_inline]] inline bool RequestHeadParser::request_line(Phase phase) {
  if (phase == Phase::start) {
    at_ = base_;
    if (!leading_line()) return false;
    phase = Phase::method;
  } else {
    at_ = base_ + head_.at_;
  }
  const Window line = window(line_max_, ParseError::line_long);
  switch (phase) {
    case Phase::method:
      if (!method(line)) return false;
      [[fallthrough]];
    case Phase::path:
      if (!path(line)) return false;
      [[fallthrough]];
    case Phase::query:
      if (!query(line)) return false;
      [[fallthrough]];
    default:
      return version(line) && finish_request_line();
  }
}

/// RFC 9112 §2.2: one empty line before the request line is skipped.
[[gnu::always_inline]] inline bool RequestHeadParser::leading_line() {
  const Window all{base_ + size_, ParseError::none};
  if (size_ == 0) return out_of_bytes(Phase::start, at_, all);
  if (*at_ != '\r') [[likely]] {
    return true;
  }
  if (size_ == 1) return out_of_bytes(Phase::start, at_, all);
  if (at_[1] != '\n') return fail_at(ParseError::bare_cr, at_);
  at_ += 2;
  head_.line_ = 2;
  return true;
}

/// Short enough to be read again from its start.
[[gnu::always_inline]] inline bool RequestHeadParser::method(const Window& window) {
  const char* const start = at_;
  if (window.end - start >= 4 && words::load32(start) == words::load32("GET ")) [[likely]] {
    head_.method_ = Method::get;
    return end_method(start, start + 3);
  }
  const char* at = start;
  while (at != window.end && characters::is(*at, characters::token)) {
    if (static_cast<std::size_t>(at - start) == method_size_max) {
      return fail_at(ParseError::method, at);
    }
    ++at;
  }
  if (at == window.end) return out_of_bytes(Phase::method, start, window);
  if (*at != ' ' || at == start) [[unlikely]] {
    if (*at == '\n') return fail_at(ParseError::bare_lf, at);
    return fail_at(*at == '\r' ? ParseError::request_line : ParseError::method, at);
  }
  head_.method_ = method_from({start, at});
  if (head_.method_ == Method::connect) return fail_at(ParseError::connect, start);
  return end_method(start, at);
}

[[gnu::always_inline]] inline bool RequestHeadParser::end_method(const char* start,
                                                                 const char* end) {
  head_.method_text_ = slice(base_, start, end);
  at_ = end + 1;
  head_.target_.at = head_.path_.at = offset(at_);
  return true;
}

[[gnu::always_inline]] inline bool RequestHeadParser::path(const Window& window) {
  const char* at = at_;
  unsigned seen = 0;
  while (at != window.end) {
    const unsigned classes = characters::classes(*at);
    if ((classes & characters::target) == 0) break;
    seen |= classes;
    ++at;
  }
  if ((seen & characters::careful) != 0) head_.careful_ = true;
  if (at == window.end) return out_of_bytes(Phase::path, at, window);
  head_.path_.size = static_cast<std::uint16_t>(offset(at) - head_.path_.at);
  // A '?' is stepped over; whatever else ended the path, query() looks at it.
  if (*at == '?') ++at;
  head_.query_.at = offset(at);
  at_ = at;
  return true;
}

/// Also ends a target that has no query.
[[gnu::always_inline]] inline bool RequestHeadParser::query(const Window& window) {
  const char* at = at_;
  if (head_.query_.at != head_.path_.at + head_.path_.size) {  // path() stepped over a '?'
    while (at != window.end && (characters::is(*at, characters::target) || *at == '?')) ++at;
    if (at == window.end) return out_of_bytes(Phase::query, at, window);
  }
  head_.query_.size = static_cast<std::uint16_t>(offset(at) - head_.query_.at);
  head_.target_.size = static_cast<std::uint16_t>(offset(at) - head_.target_.at);
  if (*at != ' ' || head_.target_.size == 0) [[unlikely]] {
    if (*at == '\n') return fail_at(ParseError::bare_lf, at);
    const bool short_line = *at == '\r' || *at == ' ';
    return fail_at(short_line ? ParseError::request_line : ParseError::target, at);
  }
  at_ = at + 1;
  return true;
}

/// Short enough to be read again from its start.
[[gnu::always_inline]] inline bool RequestHeadParser::version(const Window& window) {
  const std::ptrdiff_t size = 10;
  bool one = false;
  bool right = false;
  if (window.end - at_ >= size) [[likely]] {
    const std::uint64_t word = words::load64(at_);
    one = word == words::load64("HTTP/1.1");
    right = (one || word == words::load64("HTTP/1.0")) && at_[8] == '\r' && at_[9] == '\n';
  }
  if (!right) [[unlikely]] {
    const VersionFault fault = find_version_fault(at_, window.end);
    if (fault.error != ParseError::none) return fail_at(fault.error, fault.at);
    return out_of_bytes(Phase::version, at_, window);
  }
  head_.version_minor_ = one ? 1 : 0;
  at_ += size;
  return true;
}

[[gnu::always_inline]] inline bool RequestHeadParser::finish_request_line() {
  const std::string_view target(base_ + head_.target_.at, head_.target_.size);
  head_.line_ = offset(at_);
  if (target.front() != '/') [[unlikely]] {
    const bool asterisk = target == "*" && head_.method_ == Method::options;
    if (!asterisk && !absolute_target(base_, head_)) {
      return fail_at(ParseError::target, target.data());
    }
  }
  if (head_.careful_) {
    const std::string_view path(base_ + head_.path_.at, head_.path_.size);
    if (!is_safe_path(path)) return fail_at(ParseError::path, path.data());
  }
  return true;
}

/// http://host:port/path: its host wins over the Host header (RFC 9112 §3.2.2).
[[gnu::noinline]] bool RequestHeadParser::absolute_target(const char* base, RequestHead& head) {
  const std::string_view target = head.target();
  const std::string_view rest = without_scheme(target);
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
  if (!fields::is_host(authority)) return false;
  const char* const authority_end = authority.data() + authority.size();
  const char* const path_end = base + head.path_.at + head.path_.size;
  head.absolute_ = true;
  head.host_ = slice(base, authority.data(), authority_end);
  head.path_ = slice(base, authority_end, path_end);
  return true;
}

/// One header line, or the empty line that ends the head.
[[gnu::always_inline]] inline bool RequestHeadParser::header_line(Phase phase) {
  const Window line = window(header_max_, ParseError::header_long);
  const char* const start = base_ + head_.line_;
  const char* at = at_;
  if (phase == Phase::header_start) {
    if (at == line.end) return out_of_bytes(Phase::header_start, at, line);
    if (*at == '\r') {
      if (line.end - at < 2) return out_of_bytes(Phase::header_start, at, line);
      if (at[1] != '\n') return fail_at(ParseError::bare_cr, at);
      at_ = at + 2;
      return finish();
    }
    if (head_.count_ >= headers_max_) return fail_at(ParseError::headers_many, at);
  }
  const char* colon = base_ + head_.colon_;
  if (phase != Phase::header_value) {
    at = scan::name_end(at, line.end);
    if (at == line.end) return out_of_bytes(Phase::header_name, at, line);
    if (*at != ':' || at == start) [[unlikely]] {
      if (*at == '\n') return fail_at(ParseError::bare_lf, at);
      const bool folded = at == start && (*at == ' ' || *at == '\t') && head_.count_ != 0;
      return fail_at(folded ? ParseError::obs_fold : ParseError::header_name, at);
    }
    colon = at++;
    head_.colon_ = offset(colon);
  }
  at = scan::value_end(at, line.end, base_);
  if (at == line.end) return out_of_bytes(Phase::header_value, at, line);
  if (*at != '\r') [[unlikely]] {
    return fail_at(*at == '\n' ? ParseError::bare_lf : ParseError::header_value, at);
  }
  if (line.end - at < 2) return out_of_bytes(Phase::header_value, at, line);
  if (at[1] != '\n') return fail_at(ParseError::bare_cr, at);

  const char* value_at = colon + 1;
  if (*value_at == ' ') ++value_at;  // the usual one
  const std::string_view value = fields::trimmed({value_at, at});
  const auto name_size = static_cast<std::size_t>(colon - start);
  const ParseError error = note_header(start, name_size, value);
  if (error != ParseError::none) [[unlikely]] {
    return fail_at(error, colon + 1);
  }
  head_.slots_[head_.count_++] = {offset(start), static_cast<std::uint16_t>(name_size),
                                  offset(value.data()), static_cast<std::uint16_t>(value.size())};
  at_ = at + 2;
  head_.line_ = offset(at_);
  return true;
}

[[gnu::always_inline]] inline void RequestHeadParser::note(KnownHeader kind) {
  std::uint8_t& place = head_.known_[static_cast<std::size_t>(kind)];
  if (place == 0) place = static_cast<std::uint8_t>(head_.count_ + 1);
}

/// The headers that the server needs, told apart by size first.
[[gnu::always_inline]] inline ParseError RequestHeadParser::note_header(const char* name,
                                                                        std::size_t size,
                                                                        std::string_view value) {
  using words::is_name;
  switch (size) {
    case 4:
      if (is_name(name, "host")) return note_host(value);
      break;
    case 6:
      if (is_name(name, "accept")) note(KnownHeader::accept);
      if (is_name(name, "expect")) return note_expect(value);
      break;
    case 8:
      if (is_name(name, "if-match")) note(KnownHeader::if_match);
      break;
    case 10:
      if (is_name(name, "connection")) {
        const fields::ConnectionOptions options = fields::connection(value);
        head_.asks_close_ |= options.close;
        head_.asks_keep_alive_ |= options.keep_alive;
      }
      break;
    case 12:
      if (is_name(name, "content-type")) note(KnownHeader::content_type);
      if (is_name(name, "x-request-id")) note(KnownHeader::request_id);
      break;
    case 13:
      if (is_name(name, "if-none-match")) note(KnownHeader::if_none_match);
      if (is_name(name, "cache-control")) note(KnownHeader::cache_control);
      break;
    case 14:
      if (is_name(name, "content-length")) return note_length(value);
      break;
    case 17:
      if (is_name(name, "transfer-encoding")) return note_encoding(value);
      break;
    default:
      break;
  }
  return ParseError::none;
}

[[gnu::always_inline]] inline ParseError RequestHeadParser::note_host(std::string_view value) {
  if (head_.host_seen_) return ParseError::host_repeated;
  if (!fields::is_host(value)) return ParseError::host;
  head_.host_seen_ = true;
  if (!head_.absolute_) head_.host_ = slice(base_, value.data(), value.data() + value.size());
  return ParseError::none;
}

[[gnu::always_inline]] inline ParseError RequestHeadParser::note_length(std::string_view value) {
  if (head_.chunked_) return ParseError::length_and_chunked;
  const std::optional<std::uint64_t> length = fields::content_length(value);
  if (head_.has_content_length_ || !length) return ParseError::content_length;
  head_.has_content_length_ = true;
  head_.content_length_ = *length;
  return ParseError::none;
}

[[gnu::always_inline]] inline ParseError RequestHeadParser::note_encoding(std::string_view value) {
  if (head_.has_content_length_) return ParseError::length_and_chunked;
  if (head_.chunked_ || head_.version_minor_ == 0) return ParseError::transfer_encoding;
  head_.chunked_ = true;
  return fields::transfer_encoding(value);
}

[[gnu::always_inline]] inline ParseError RequestHeadParser::note_expect(std::string_view value) {
  if (!characters::same_ignoring_case(value, "100-continue")) return ParseError::expect;
  head_.expect_continue_ = head_.version_minor_ == 1;
  return ParseError::none;
}

/// `at_` stands behind the empty line.
[[gnu::always_inline]] inline bool RequestHeadParser::finish() {
  if (!head_.host_seen_ && head_.version_minor_ == 1) {
    return fail_at(ParseError::host_missing, at_ - 2);
  }
  head_.keep_alive_ = !head_.asks_close_ && (head_.version_minor_ == 1 || head_.asks_keep_alive_);
  head_.expect_continue_ = head_.expect_continue_ && head_.has_body();
  head_.phase_ = Phase::finished;
  status_ = {ParseState::complete, ParseError::none, static_cast<std::uint32_t>(at_ - base_)};
  return false;
}

/// Apart from the quick part, which then has the registers to itself.
[[gnu::noinline]] static ParseStatus parse_with_care(std::string_view bytes,
                                                     const ParserLimits& limits,
                                                     RequestHead& head) {
  return RequestHeadParser(bytes, limits, head).run();
}

ParseStatus parse_request_head(std::string_view bytes, const ParserLimits& limits,
                               RequestHead& head) {
  if (head.phase_ == RequestHead::Phase::finished) head.reset();
  head.base_ = bytes.data();
  if (head.phase_ == RequestHead::Phase::start) {
    const std::uint32_t size = QuickHead::parse(bytes, limits, head);
    if (size != 0) [[likely]] {
      return {ParseState::complete, ParseError::none, size};
    }
  }
  return parse_with_care(bytes, limits, head);
}

}  // namespace paceline
