#include "paceline/http/chunked.h"

#include <algorithm>
#include <cstring>

#include "paceline/core.h"
#include "paceline/http/characters.h"

namespace paceline {

namespace {

constexpr std::uint8_t digits_max = 16;

ParseError wrong_end(char c, ParseError otherwise) {
  return c == '\n' ? ParseError::bare_lf : otherwise;
}

}  // namespace

ChunkedDecoder::Piece ChunkedDecoder::next(std::string_view bytes) {
  Piece piece;
  while (piece.consumed < bytes.size()) {
    if (state_ == State::data) {
      const std::size_t rest = bytes.size() - piece.consumed;
      const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, rest));
      piece.data = bytes.substr(piece.consumed, size);
      piece.consumed += size;
      left_ -= size;
      body_size_ += size;
      if (left_ == 0) state_ = State::data_cr;
      return piece;
    }
    const ParseError error = take(bytes[piece.consumed]);
    if (error != ParseError::none) {
      piece.state = ParseState::failed;
      piece.error = error;
      return piece;
    }
    ++piece.consumed;
    if (state_ == State::complete) {
      piece.state = ParseState::complete;
      return piece;
    }
  }
  return piece;
}

ChunkedDecoder::Compacted ChunkedDecoder::compact(std::span<char> bytes) {
  Compacted result;
  while (result.state == ParseState::need_more && result.consumed < bytes.size()) {
    const std::string_view rest(bytes.data() + result.consumed, bytes.size() - result.consumed);
    const Piece piece = next(rest);
    if (!piece.data.empty()) {
      std::memmove(bytes.data() + result.size, piece.data.data(), piece.data.size());
    }
    result.size += piece.data.size();
    result.consumed += piece.consumed;
    result.state = piece.state;
    result.error = piece.error;
  }
  return result;
}

ParseError ChunkedDecoder::take(char c) {
  switch (state_) {
    case State::size_first:
    case State::size:
    case State::size_end:
      return take_size(c);
    case State::extension_name:
    case State::extension_rest:
    case State::value_first:
    case State::value:
    case State::quoted:
    case State::quoted_pair:
    case State::quoted_end:
      return take_extension(c);
    case State::data_cr:
      if (c != '\r') return wrong_end(c, ParseError::chunk_end);
      state_ = State::data_lf;
      return ParseError::none;
    case State::data_lf:
      if (c != '\n') return ParseError::bare_cr;
      overhead_ += 2;
      line_ = 0;
      digits_ = 0;
      left_ = 0;
      state_ = State::size_first;
      return ParseError::none;
    case State::trailer_first:
    case State::trailer_name:
    case State::trailer_value:
    case State::trailer_lf:
    case State::end_lf:
      return take_trailer(c);
    case State::data:
    case State::complete:
      break;
  }
  check(false, "a chunk decoder that is complete takes no bytes");
  return ParseError::none;
}

ParseError ChunkedDecoder::take_size(char c) {
  if (++line_ > limits_.line_max) return ParseError::chunk_line_long;
  ++overhead_;
  if (state_ == State::size_end) return c == '\n' ? begin_data() : ParseError::bare_cr;
  if (characters::is(c, characters::hex)) {
    if (++digits_ > digits_max) return ParseError::chunk_size;
    left_ = left_ << 4 | characters::hex_value(c);
    state_ = State::size;
    return ParseError::none;
  }
  if (state_ == State::size_first) return wrong_end(c, ParseError::chunk_size);
  return after_element(c, ParseError::chunk_size);
}

/// Behind a size or an extension: the end of the line, or one more extension.
ParseError ChunkedDecoder::after_element(char c, ParseError otherwise) {
  if (c == '\r') {
    state_ = State::size_end;
    return ParseError::none;
  }
  if (c != ';') return wrong_end(c, otherwise);
  state_ = State::extension_name;
  return ParseError::none;
}

/// ;name  ;name=token  ;name="text", without spaces between (we accept no BWS).
ParseError ChunkedDecoder::take_extension(char c) {
  if (++line_ > limits_.line_max) return ParseError::chunk_line_long;
  if (++extensions_ > limits_.extension_max) return ParseError::chunk_extension_long;
  const bool token = characters::is(c, characters::token);
  switch (state_) {
    case State::extension_name:
      if (!token) return wrong_end(c, ParseError::chunk_extension);
      state_ = State::extension_rest;
      return ParseError::none;
    case State::extension_rest:
      if (token) return ParseError::none;
      if (c != '=') return after_element(c, ParseError::chunk_extension);
      state_ = State::value_first;
      return ParseError::none;
    case State::value_first:
      if (!token && c != '"') return wrong_end(c, ParseError::chunk_extension);
      state_ = token ? State::value : State::quoted;
      return ParseError::none;
    case State::value:
      return token ? ParseError::none : after_element(c, ParseError::chunk_extension);
    case State::quoted:
      if (!characters::is(c, characters::value)) return wrong_end(c, ParseError::chunk_extension);
      if (c == '"') state_ = State::quoted_end;
      if (c == '\\') state_ = State::quoted_pair;
      return ParseError::none;
    case State::quoted_pair:
      if (!characters::is(c, characters::value)) return wrong_end(c, ParseError::chunk_extension);
      state_ = State::quoted;
      return ParseError::none;
    default:
      return after_element(c, ParseError::chunk_extension);
  }
}

ParseError ChunkedDecoder::begin_data() {
  if (left_ > INT64_MAX) return ParseError::chunk_size;
  if (left_ > limits_.body_max || body_size_ > limits_.body_max - left_) {
    return ParseError::body_long;
  }
  if (overhead_ > limits_.overhead_free &&
      overhead_ - limits_.overhead_free > 2 * (body_size_ + left_)) {
    return ParseError::chunk_overhead;
  }
  state_ = left_ == 0 ? State::trailer_first : State::data;
  return ParseError::none;
}

ParseError ChunkedDecoder::take_trailer(char c) {
  if (++trailers_ > limits_.trailer_max) return ParseError::trailer_long;
  switch (state_) {
    case State::trailer_first:
      if (c == '\r') {
        state_ = State::end_lf;
        return ParseError::none;
      }
      if (!characters::is(c, characters::token)) return wrong_end(c, ParseError::trailer);
      state_ = State::trailer_name;
      return ParseError::none;
    case State::trailer_name:
      if (c == ':') state_ = State::trailer_value;
      if (c == ':' || characters::is(c, characters::token)) return ParseError::none;
      return wrong_end(c, ParseError::trailer);
    case State::trailer_value:
      if (c == '\r') state_ = State::trailer_lf;
      if (c == '\r' || characters::is(c, characters::value)) return ParseError::none;
      return wrong_end(c, ParseError::trailer);
    case State::trailer_lf:
      state_ = State::trailer_first;
      return c == '\n' ? ParseError::none : ParseError::bare_cr;
    default:
      state_ = State::complete;
      return c == '\n' ? ParseError::none : ParseError::bare_cr;
  }
}

ChunkHead::ChunkHead(std::uint64_t size) : begin_(text_.size()) {
  check(size != 0, "a chunk of size 0 would end the body");
  constexpr std::string_view digits = "0123456789abcdef";
  text_[--begin_] = '\n';
  text_[--begin_] = '\r';
  for (; size != 0; size >>= 4) text_[--begin_] = digits[size & 0xf];
}

}  // namespace paceline
