// The request parser: bytes in; a head, "need more", or a precise error out. Strict RFC 9112: what
// two servers could read differently is refused. No copy, no allocation, no clock.
#pragma once

#include <cstdint>
#include <string_view>

#include "paceline/http/message.h"

namespace paceline {

/// Bounds of one head. Every one is checked before more bytes are asked for, so a caller never
/// buffers more than head_max.
struct ParserLimits {
  std::uint32_t line_max = 8 * 1024;    // request line with its CRLF; 414 (RFC 9112 §3: ≥ 8000)
  std::uint32_t header_max = 8 * 1024;  // one header line with its CRLF; 431 (nginx: 8 KiB)
  std::uint32_t head_max = 16 * 1024;   // the whole head; 431 (Node: 16 KiB); at most 65535
  std::uint32_t headers_max = RequestHead::headers_max;  // 431; at most RequestHead::headers_max
};
/// Longest method token; a longer one is 400 (the longest registered has 17 bytes).
inline constexpr std::size_t method_size_max = 32;

/// Why a message was refused. to_string() gives the word that labels the counter.
enum class ParseError : std::uint8_t {
  none,
  // Head.
  request_line,        // not METHOD SP TARGET SP VERSION CRLF
  method,              // not a token, or too long
  connect,             // CONNECT: we are no tunnel
  target,              // neither /path, http://host/path nor OPTIONS *; a byte that must be encoded
  path,                // broken escape, control, bad UTF-8, `.` or `..` segment
  line_long,           // request line over line_max
  version_syntax,      // not HTTP/digit.digit
  version,             // not 1.0 or 1.1
  bare_cr,             // CR without LF
  bare_lf,             // LF without CR
  obs_fold,            // a header continued on the next line
  header_name,         // not a token directly followed by ':'
  header_value,        // a control byte
  header_long,         // over header_max
  headers_many,        // over headers_max
  head_long,           // over head_max
  host_missing,        // HTTP/1.1 without Host
  host_repeated,       // even if equal
  host,                // empty, with user or path, bad port
  content_length,      // not digits, too large, or repeated
  length_and_chunked,  // Content-Length beside Transfer-Encoding
  transfer_encoding,   // malformed, repeated, in HTTP/1.0, or chunked is not the last
  transfer_coding,     // well-formed, but not just "chunked"
  expect,              // anything but 100-continue
  // Chunked body.
  chunk_size,            // not 1 to 16 hexadecimal digits, or over 2^63-1
  chunk_extension,       // not ;name, ;name=token, ;name="text"
  chunk_line_long,       // over ChunkLimits::line_max
  chunk_extension_long,  // over ChunkLimits::extension_max
  chunk_end,             // data not followed by CRLF
  chunk_overhead,        // far more framing than data
  trailer,               // not a header line
  trailer_long,          // over ChunkLimits::trailer_max
  body_long,             // over ChunkLimits::body_max
};
inline constexpr std::size_t parse_error_count = 34;

/// "bare_lf": the enumerator's own name.
std::string_view to_string(ParseError error);
/// 400, 413, 414, 417, 431, 501 or 505. The connection must close after the answer.
unsigned http_status(ParseError error);
/// One sentence for the problem body: "A line ends in LF without CR".
std::string_view explain(ParseError error);

enum class ParseState : std::uint8_t { complete, need_more, failed };

struct ParseStatus {
  ParseState state = ParseState::need_more;
  ParseError error = ParseError::none;
  /// complete: size of the head. failed: offset of the byte or field that is wrong. need_more:
  /// bytes examined so far.
  std::uint32_t bytes = 0;

  bool operator==(const ParseStatus&) const = default;
};

/// Parses the head at the front of `bytes`. After need_more call again with the same bytes and
/// more behind them, at the same or another address: the work goes on where it stopped, so that
/// the total is linear however the bytes arrive, and the result is the same. An error is found
/// as soon as its byte is there. One empty line before the request line is skipped
/// (RFC 9112 §2.2) and counts as part of the head. `head` refers to `bytes` afterwards.
ParseStatus parse_request_head(std::string_view bytes, const ParserLimits& limits,
                               RequestHead& head);

}  // namespace paceline
