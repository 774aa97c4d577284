// The chunked transfer coding (RFC 9112 §7.1), both ways. The decoder is a strict automaton over
// bytes: nothing is buffered, so any split of the input gives the same body or the same error.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "paceline/http/parser.h"

namespace paceline {

struct ChunkLimits {
  std::uint64_t body_max = 1 << 20;         // decoded bytes; 413 as soon as a size exceeds it
  std::uint32_t line_max = 1024;            // one size line with its CRLF; 413
  std::uint32_t extension_max = 16 * 1024;  // all extensions of a body; 413 (hyper, Node)
  std::uint32_t trailer_max = 8 * 1024;     // the trailer section; 431
  // Sizes and line ends may take overhead_free bytes and then twice the decoded bytes: a stream of
  // 1-byte chunks ends in 400 after some 5,000 of them, chunks of 3 and more never do.
  std::uint32_t overhead_free = 16 * 1024;
};

struct ChunkStep {
  ParseState state = ParseState::need_more;
  ParseError error = ParseError::none;
  /// Bytes taken from the front of the input; failed: up to the first wrong byte. What lies
  /// behind a complete body is the next request.
  std::size_t consumed = 0;
};

/// Decodes one body. Trailers are validated and dropped: they never become headers.
class ChunkedDecoder {
 public:
  explicit ChunkedDecoder(const ChunkLimits& limits = {}) : limits_(limits) {}

  struct Piece : ChunkStep {
    std::string_view data;  // decoded bytes, a part of the input; may be empty
  };
  /// Takes bytes up to the end of the next run of data. need_more with consumed < bytes.size()
  /// means that more can be decoded from the rest at once. Never call it after complete or failed.
  Piece next(std::string_view bytes);

  struct Compacted : ChunkStep {
    std::size_t size = 0;  // decoded bytes, moved to the front of the input
  };
  /// Decodes all of `bytes` in place. What it did not consume lies where it lay.
  Compacted compact(std::span<char> bytes);

  /// Decoded so far.
  std::uint64_t body_size() const { return body_size_; }

 private:
  enum class State : std::uint8_t {
    size_first,  // at the first digit of a size
    size,
    extension_name,  // behind ';'
    extension_rest,  // in a name
    value_first,     // behind '='
    value,
    quoted,
    quoted_pair,
    quoted_end,
    size_end,  // behind the CR of a size line
    data,
    data_cr,
    data_lf,
    trailer_first,  // at the start of a trailer line
    trailer_name,
    trailer_value,
    trailer_lf,
    end_lf,  // behind the CR that ends the body
    complete,
  };

  ParseError take(char c);
  ParseError take_size(char c);
  ParseError take_extension(char c);
  ParseError take_trailer(char c);
  ParseError after_element(char c, ParseError otherwise);
  ParseError begin_data();

  ChunkLimits limits_;
  std::uint64_t left_ = 0;  // size being read, then data bytes still to come
  std::uint64_t body_size_ = 0;
  std::uint64_t overhead_ = 0;
  std::uint32_t line_ = 0;  // bytes of the current size line
  std::uint32_t extensions_ = 0;
  std::uint32_t trailers_ = 0;
  std::uint8_t digits_ = 0;
  State state_ = State::size_first;
};

/// "1a2b\r\n", to be followed by that many bytes and chunk_end.
class ChunkHead {
 public:
  /// check(): `size` is not 0, since that would end the body.
  explicit ChunkHead(std::uint64_t size);
  std::string_view text() const { return {text_.data() + begin_, text_.size() - begin_}; }

 private:
  std::array<char, 18> text_;
  std::size_t begin_;
};
inline constexpr std::string_view chunk_end = "\r\n";
inline constexpr std::string_view last_chunk = "0\r\n\r\n";

}  // namespace paceline
