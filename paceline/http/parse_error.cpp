#include <array>

#include "paceline/http/parser.h"

namespace paceline {

namespace {

struct Row {
  ParseError error;
  std::string_view word;
  unsigned status;
  std::string_view sentence;
};

using enum ParseError;

constexpr std::array<Row, parse_error_count> rows = {{
    {none, "none", 200, "Nothing is wrong"},
    {request_line, "request_line", 400, "The request line is not METHOD TARGET VERSION"},
    {method, "method", 400, "The method is not a token of at most 32 characters"},
    {connect, "connect", 501, "CONNECT is not supported"},
    {target, "target", 400, "The request target is malformed"},
    {path, "path", 400, "The path has a broken escape, a control, bad UTF-8 or a dot segment"},
    {line_long, "line_long", 414, "The request line is too long"},
    {version_syntax, "version_syntax", 400, "The request line does not end in an HTTP version"},
    {version, "version", 505, "Only HTTP/1.1 and HTTP/1.0 are spoken here"},
    {bare_cr, "bare_cr", 400, "A CR is not followed by LF"},
    {bare_lf, "bare_lf", 400, "A line ends in LF without CR"},
    {obs_fold, "obs_fold", 400, "A header continues on the next line"},
    {header_name, "header_name", 400, "A header name is not a token directly followed by a colon"},
    {header_value, "header_value", 400, "A header value has a control character"},
    {header_long, "header_long", 431, "A header line is too long"},
    {headers_many, "headers_many", 431, "The request has too many headers"},
    {head_long, "head_long", 431, "The request head is too long"},
    {host_missing, "host_missing", 400, "The Host header is missing"},
    {host_repeated, "host_repeated", 400, "The Host header is given twice"},
    {host, "host", 400, "The Host header is not a host with an optional port"},
    {content_length, "content_length", 400, "Content-Length is not one decimal number"},
    {length_and_chunked, "length_and_chunked", 400,
     "Content-Length and Transfer-Encoding exclude each other"},
    {transfer_encoding, "transfer_encoding", 400, "Transfer-Encoding is malformed"},
    {transfer_coding, "transfer_coding", 501, "The only transfer coding supported is chunked"},
    {expect, "expect", 417, "The only expectation supported is 100-continue"},
    {chunk_size, "chunk_size", 400, "A chunk size is not 1 to 16 hexadecimal digits"},
    {chunk_extension, "chunk_extension", 400, "A chunk extension is malformed"},
    {chunk_line_long, "chunk_line_long", 413, "A chunk line is too long"},
    {chunk_extension_long, "chunk_extension_long", 413, "The chunk extensions are too long"},
    {chunk_end, "chunk_end", 400, "Chunk data is not followed by CRLF"},
    {chunk_overhead, "chunk_overhead", 400, "The chunks are too small for the body"},
    {trailer, "trailer", 400, "A trailer is malformed"},
    {trailer_long, "trailer_long", 431, "The trailers are too long"},
    {body_long, "body_long", 413, "The body is too large"},
}};

consteval bool in_order() {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].error != static_cast<ParseError>(i)) return false;
  }
  return true;
}
static_assert(in_order(), "one row an enumerator, in the enumerators' order");

const Row& row(ParseError error) { return rows[static_cast<std::size_t>(error)]; }

}  // namespace

std::string_view to_string(ParseError error) { return row(error).word; }
unsigned http_status(ParseError error) { return row(error).status; }
std::string_view explain(ParseError error) { return row(error).sentence; }

}  // namespace paceline
