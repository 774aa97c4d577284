#include "paceline/http/chunked.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace paceline {
namespace {

using namespace std::string_literals;

struct Decoded {
  ParseState state = ParseState::need_more;
  ParseError error = ParseError::none;
  std::size_t consumed = 0;
  std::string body;

  bool operator==(const Decoded&) const = default;
};

/// Feeds pieces whose sizes `next_step` chooses.
template <class NextStep>
Decoded decode_in_steps(std::string_view bytes, const ChunkLimits& limits, NextStep next_step) {
  ChunkedDecoder decoder(limits);
  Decoded decoded;
  while (decoded.state == ParseState::need_more && decoded.consumed < bytes.size()) {
    const std::size_t rest = bytes.size() - decoded.consumed;
    std::string piece(bytes.substr(decoded.consumed, std::min(rest, next_step(rest))));
    const ChunkedDecoder::Compacted step = decoder.compact(piece);
    decoded.state = step.state;
    decoded.error = step.error;
    decoded.consumed += step.consumed;
    decoded.body += piece.substr(0, step.size);
  }
  EXPECT_EQ(decoder.body_size(), decoded.body.size());
  return decoded;
}

Decoded decode(const std::string& bytes, const ChunkLimits& limits = {}) {
  const Decoded whole = decode_in_steps(bytes, limits, [](std::size_t rest) { return rest; });
  EXPECT_EQ(decode_in_steps(bytes, limits, [](std::size_t) { return std::size_t{1}; }), whole);
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    std::mt19937_64 random(seed);
    EXPECT_EQ(decode_in_steps(bytes, limits,
                              [&](std::size_t) {
                                return std::uniform_int_distribution<std::size_t>(0,
                                                                                  seed * 4)(random);
                              }),
              whole)
        << "seed " << seed;
  }
  return whole;
}

void expect_error(ParseError error, const std::vector<std::string>& bodies) {
  for (const std::string& body : bodies) {
    const Decoded decoded = decode(body);
    EXPECT_EQ(to_string(decoded.error), to_string(error)) << body.substr(0, 200);
    EXPECT_EQ(decoded.state, ParseState::failed) << body.substr(0, 200);
  }
}

TEST(ChunkedDecoder, JoinsTheChunks) {
  const Decoded decoded = decode("5\r\nhello\r\n0006\r\n world\r\n0\r\n\r\nGET / HTTP/1.1\r\n");
  EXPECT_EQ(decoded.state, ParseState::complete);
  EXPECT_EQ(decoded.body, "hello world");
  EXPECT_EQ(decoded.consumed, 29u);
  EXPECT_EQ(decode("0\r\n\r\n").state, ParseState::complete);
  EXPECT_EQ(decode("A\r\n0123456789\r\n000\r\n\r\n").body, "0123456789");
  EXPECT_EQ(decode("1\r\n\n\r\n0\r\n\r\n").body, "\n");
}

TEST(ChunkedDecoder, ReportsDataWithoutCopying) {
  const std::string_view bytes = "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
  ChunkedDecoder decoder;
  const ChunkedDecoder::Piece first = decoder.next(bytes);
  EXPECT_EQ(first.data, "abc");
  EXPECT_EQ(first.data.data(), bytes.data() + 3);
  EXPECT_EQ(first.consumed, 6u);
  const ChunkedDecoder::Piece second = decoder.next(bytes.substr(6));
  EXPECT_EQ(second.data, "de");
  const ChunkedDecoder::Piece third = decoder.next(bytes.substr(6 + second.consumed));
  EXPECT_EQ(third.state, ParseState::complete);
  EXPECT_TRUE(third.data.empty());
}

TEST(ChunkedDecoder, NeedsMoreUntilTheLastByte) {
  const std::string body = "3;a=b\r\nabc\r\n0\r\nX: y\r\n\r\n";
  for (std::size_t size = 0; size < body.size(); ++size) {
    EXPECT_EQ(decode(body.substr(0, size)).state, ParseState::need_more) << size;
  }
  EXPECT_EQ(decode(body).state, ParseState::complete);
}

TEST(ChunkedDecoder, RefusesBadSizes) {
  expect_error(
      ParseError::chunk_size,
      {"0x5\r\nhello\r\n", "+5\r\nhello\r\n", "-2\r\nhello\r\n", " 5\r\nhello\r\n",
       "5 \r\nhello\r\n", "1_0\r\n", "\r\n", "00000000000000005\r\nhello\r\n",
       "FFFFFFFFFFFFFFFF\r\n", "8000000000000000\r\n", ";a\r\n", "g\r\n", "5\t\r\n", "\0\r\n"s});
}

TEST(ChunkedDecoder, RefusesDataThatDoesNotFitItsSize) {
  expect_error(ParseError::chunk_end, {"3\r\nhello\r\n", "5\r\nhelloXX", "5\r\nhello0\r\n\r\n"});
  expect_error(ParseError::bare_lf, {"5\r\nhello\n0\r\n\r\n"});
  expect_error(ParseError::bare_cr, {"5\r\nhello\rX"});
}

TEST(ChunkedDecoder, RefusesBareLineEnds) {
  expect_error(ParseError::bare_lf,
               {"5\nhello\r\n", "\n", "5;a\nhello", "5;\n", "5;a=\n", "5;a=b\n", "5;a=\"\n",
                "5;a=\"\\\n", "5;a=\"b\"\n", "0\r\n\n", "0\r\nX: y\n", "0\r\nX\n"});
  expect_error(ParseError::bare_cr,
               {"5\rhello", "5\r\rhello", "5;a\r\r", "0\r\n\rX", "0\r\nX: y\rZ", "0\r\nX: y\r\r"});
}

TEST(ChunkedDecoder, AcceptsWellFormedExtensions) {
  for (const std::string ext :
       {";a", ";a;b", ";a=b", ";a=\"x\"", ";a=\"x;y\\\"\";c=d", ";a=\"\""}) {
    EXPECT_EQ(decode("1" + ext + "\r\nx\r\n0" + ext + "\r\n\r\n").body, "x") << ext;
  }
}

TEST(ChunkedDecoder, RefusesMalformedExtensions) {
  expect_error(ParseError::chunk_extension,
               {"1;\r\n", "1;\0\r\n"s, "1;[\r\n", "1; a\r\n", "1;a b\r\n", "1;=b\r\n", "1;a=\r\n",
                "1;a=\"x\r\n", "1;a=\"x\"y\r\n", "1;a=\"\x01\"\r\n", "1;a=b=c\r\n", "1;;\r\n"});
}

TEST(ChunkedDecoder, BoundsExtensions) {
  const auto chunk = [](std::size_t line) {
    return "1;" + std::string(line - 4, 'a') + "\r\nx\r\n";
  };
  EXPECT_EQ(decode(chunk(1024)).state, ParseState::need_more);
  EXPECT_EQ(decode(chunk(1025)).error, ParseError::chunk_line_long);
  EXPECT_EQ(decode("1;" + std::string(65536, 'a')).error, ParseError::chunk_line_long);
  std::string many;
  for (int i = 0; i < 17; ++i) many += chunk(1000);
  EXPECT_EQ(decode(many).error, ParseError::chunk_extension_long);
  EXPECT_EQ(http_status(ParseError::chunk_extension_long), 413u);
}

TEST(ChunkedDecoder, BoundsTheBodyBeforeItArrives) {
  const ChunkLimits limits{.body_max = 10};
  EXPECT_EQ(decode("a\r\n0123456789\r\n0\r\n\r\n", limits).state, ParseState::complete);
  EXPECT_EQ(decode("b\r\n", limits).error, ParseError::body_long);
  EXPECT_EQ(decode("9\r\n012345678\r\n2\r\n", limits).error, ParseError::body_long);
  EXPECT_EQ(decode("7fffffffffffffff\r\n", limits).error, ParseError::body_long);
}

TEST(ChunkedDecoder, BoundsFramingThatCarriesNearlyNothing) {
  const auto chunks = [](std::size_t count, const std::string& chunk) {
    std::string body;
    for (std::size_t i = 0; i < count; ++i) body += chunk;
    return body + "0\r\n\r\n";
  };
  EXPECT_EQ(decode(chunks(4000, "1\r\nx\r\n")).state, ParseState::complete);
  EXPECT_EQ(decode(chunks(6000, "1\r\nx\r\n")).error, ParseError::chunk_overhead);
  EXPECT_EQ(decode(chunks(20'000, "3\r\nxyz\r\n")).state, ParseState::complete);
  EXPECT_EQ(decode(chunks(6000, "000000000001\r\nx\r\n")).error, ParseError::chunk_overhead);
}

TEST(ChunkedDecoder, ChecksAndDropsTrailers) {
  const Decoded decoded = decode(
      "1\r\nx\r\n0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nHost: b\r\nX:\r\n\r\n");
  EXPECT_EQ(decoded.state, ParseState::complete);
  EXPECT_EQ(decoded.body, "x");
  expect_error(ParseError::trailer,
               {"0\r\n: v\r\n", "0\r\nX : v\r\n", "0\r\nX\r\n", "0\r\n X: v\r\n",
                "0\r\nX: a\r\n b\r\n", "0\r\nX: \0\r\n"s, "0\r\nX\xe9: v\r\n"});
  expect_error(ParseError::trailer_long, {"0\r\nX: " + std::string(8192, 'v')});
  std::string many = "0\r\n";
  for (int i = 0; i < 2000; ++i) many += "X: y\r\n";
  expect_error(ParseError::trailer_long, {many});
}

TEST(ChunkedDecoder, GivesTheSameBodyHoweverTheBytesArrive) {
  const std::string_view pieces[] = {"1\r\nx\r\n",   "0\r\n",      "\r\n",     "5\r\nhello\r\n",
                                     "a;b=c\r\n",    "0123456789", "X: y\r\n", "\n",
                                     ";a=\"b\"\r\n", "f\r\n"};
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    std::mt19937_64 random(seed);
    std::string body;
    for (std::size_t n = random() % 8; n > 0; --n) body += pieces[random() % std::size(pieces)];
    decode(body, {.body_max = 12, .line_max = 10, .extension_max = 12, .trailer_max = 14});
    ASSERT_FALSE(HasFailure()) << "seed " << seed << ": " << body;
  }
}

TEST(ChunkHead, IsWhatTheDecoderReads) {
  for (const std::uint64_t size : {1u, 9u, 10u, 255u, 4096u}) {
    const std::string data(size, 'd');
    const std::string body = std::string(ChunkHead(size).text()) + data + std::string(chunk_end) +
                             std::string(last_chunk);
    EXPECT_EQ(decode(body).body, data);
  }
  EXPECT_EQ(ChunkHead(0x1a2b).text(), "1a2b\r\n");
  EXPECT_EQ(ChunkHead(UINT64_MAX).text(), "ffffffffffffffff\r\n");
  EXPECT_DEATH(ChunkHead(0), "end the body");
}

}  // namespace
}  // namespace paceline
