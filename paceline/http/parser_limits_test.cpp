// Limits, and the property that arrival does not matter.
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "paceline/http/parser.h"
#include "paceline/http/split_testing.h"

namespace paceline {
namespace {

using testing::parse_bytewise;
using testing::parse_randomly;
using testing::parse_whole;
using testing::Parsed;

Parsed parse(const std::string& bytes, const ParserLimits& limits = {}) {
  const Parsed whole = parse_whole(bytes, limits);
  EXPECT_EQ(parse_randomly(bytes, 7, 4000, limits), whole);
  EXPECT_EQ(parse_randomly(bytes, 8, 300, limits), whole);
  return whole;
}

const std::string start = "GET / HTTP/1.1\r\nHost: a\r\n";

TEST(RequestLimits, ALineMayFillItsLimitAndNotMore) {
  const std::string rest = "GET / HTTP/1.1\r\n";
  const auto line = [&](std::size_t size) {
    return "GET /" + std::string(size - rest.size(), 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n";
  };
  EXPECT_EQ(parse(line(8192)).status.state, ParseState::complete);
  EXPECT_EQ(parse(line(8193)).status.error, ParseError::line_long);
  EXPECT_EQ(parse(line(8193)).status.bytes, 8192u);
  EXPECT_EQ(parse(line(100'000)).status.error, ParseError::line_long);
  EXPECT_EQ(http_status(ParseError::line_long), 414u);
}

TEST(RequestLimits, ALineWithoutEndIsRefusedAtTheLimit) {
  EXPECT_EQ(parse("GET /" + std::string(8192 - 6, 'a')).status.state, ParseState::need_more);
  EXPECT_EQ(parse("GET /" + std::string(8192 - 5, 'a')).status.error, ParseError::line_long);
  EXPECT_EQ(parse("GET /?" + std::string(8192, 'a')).status.error, ParseError::line_long);
  EXPECT_EQ(parse(start + std::string(8191, 'n')).status.state, ParseState::need_more);
  EXPECT_EQ(parse(start + std::string(8192, 'n')).status.error, ParseError::header_long);
}

TEST(RequestLimits, AHeaderMayFillItsLimitAndNotMore) {
  const auto header = [](std::size_t size) {
    return start + "N: " + std::string(size - 5, 'v') + "\r\n\r\n";
  };
  EXPECT_EQ(parse(header(8192)).status.state, ParseState::complete);
  EXPECT_EQ(parse(header(8193)).status.error, ParseError::header_long);
  EXPECT_EQ(parse(header(100'000)).status.error, ParseError::header_long);
  EXPECT_EQ(http_status(ParseError::header_long), 431u);
}

TEST(RequestLimits, AHeadMayFillItsLimitAndNotMore) {
  const auto head = [](std::size_t size) {
    std::string bytes = start;
    while (bytes.size() < size - 1200) bytes += "N: " + std::string(995, 'v') + "\r\n";
    return bytes + "M: " + std::string(size - bytes.size() - 7, 'v') + "\r\n\r\n";
  };
  EXPECT_EQ(parse(head(16384)).status.state, ParseState::complete);
  EXPECT_EQ(parse(head(16384)).status.bytes, 16384u);
  EXPECT_EQ(parse(head(16385)).status.error, ParseError::head_long);
  EXPECT_EQ(parse(head(16386)).status.error, ParseError::head_long);
  EXPECT_EQ(parse(head(60'000)).status.error, ParseError::head_long);
}

TEST(RequestLimits, AHundredHeadersAreEnough) {
  const auto head = [](std::size_t count) {
    std::string bytes = "GET / HTTP/1.1\r\nHost: a\r\n";
    for (std::size_t i = 1; i < count; ++i) bytes += "N: v\r\n";
    return bytes + "\r\n";
  };
  EXPECT_EQ(parse(head(100)).status.state, ParseState::complete);
  EXPECT_EQ(parse(head(101)).status.error, ParseError::headers_many);
  EXPECT_EQ(parse(head(10'000)).status.error, ParseError::headers_many);
  EXPECT_EQ(parse(head(3), {.headers_max = 2}).status.error, ParseError::headers_many);
}

TEST(RequestLimits, AreKeptWhenConfiguredOverWhatAnOffsetHolds) {
  const ParserLimits vast{
      .line_max = 1u << 30, .header_max = 1u << 30, .head_max = 1u << 30, .headers_max = 1u << 30};
  const std::string bytes = start + "N: " + std::string(100'000, 'v');
  EXPECT_EQ(parse(bytes, vast).status.error, ParseError::head_long);
  EXPECT_EQ(parse(bytes, vast).status.bytes, 65535u);
}

/// Valid pieces, and bytes that break them.
std::string random_request(std::mt19937_64& random) {
  const std::string_view pieces[] = {"GET ",
                                     "POST ",
                                     "OPTIONS ",
                                     "/",
                                     "/data/1",
                                     "?a=b",
                                     "*",
                                     "http://h/p",
                                     "%2e",
                                     "..",
                                     " HTTP/1.1",
                                     " HTTP/1.0",
                                     "\r\n",
                                     "\r\n",
                                     "\r\n",
                                     "Host: a",
                                     "Host: b:1",
                                     "Content-Length: 5",
                                     "N: value",
                                     "Connection:",
                                     " close",
                                     " ",
                                     "\t",
                                     "Transfer-Encoding: chunked",
                                     "\r",
                                     "\n",
                                     "\x01",
                                     ":",
                                     "Expect: 100-continue",
                                     "If-Match: \"0123456789abcdef\""};
  const auto pick = [&](std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random);
  };
  if (pick(2) == 0) {  // a good start, so that headers are reached
    std::string bytes = "GET /x?y HTTP/1.1\r\nHost: a\r\n";
    for (std::size_t n = pick(6); n > 0; --n) {
      bytes.append(pieces[pick(std::size(pieces))]).append(pick(4) == 0 ? "" : "\r\n");
    }
    return bytes + "\r\n";
  }
  std::string bytes;
  for (std::size_t n = pick(14); n > 0; --n) bytes += pieces[pick(std::size(pieces))];
  return bytes;
}

TEST(RequestParser, GivesTheSameResultHoweverTheBytesArrive) {
  const ParserLimits tight{.line_max = 40, .header_max = 36, .head_max = 90, .headers_max = 4};
  std::size_t complete = 0;
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    std::mt19937_64 random(seed);
    const std::string bytes = random_request(random);
    for (const ParserLimits& limits : {ParserLimits{}, tight}) {
      const Parsed whole = parse_whole(bytes, limits);
      if (whole.status.state == ParseState::complete) ++complete;
      ASSERT_EQ(parse_bytewise(bytes, limits), whole) << "seed " << seed << ": " << bytes;
      ASSERT_EQ(parse_randomly(bytes, seed, 9, limits), whole) << "seed " << seed << ": " << bytes;
    }
  }
  EXPECT_GT(complete, 100u);
}

TEST(ParseErrors, HaveWordsStatusesAndSentences) {
  for (std::size_t i = 1; i < parse_error_count; ++i) {
    const auto error = static_cast<ParseError>(i);
    EXPECT_FALSE(to_string(error).empty());
    EXPECT_GE(http_status(error), 400u);
    EXPECT_FALSE(explain(error).empty());
  }
  EXPECT_EQ(to_string(ParseError::bare_lf), "bare_lf");
}

}  // namespace
}  // namespace paceline
