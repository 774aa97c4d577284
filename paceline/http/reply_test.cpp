#include "paceline/http/reply.h"

#include <gtest/gtest.h>

#include <string>

namespace paceline {
namespace {

struct Read {
  ReplyStatus status;
  ReplyHead head;
  std::string bytes;  // what the head refers to
};

/// Arrives `step` bytes at a time, each time at a fresh address.
Read read(std::string_view bytes, std::size_t step, const ParserLimits& limits = {}) {
  Read result;
  std::size_t given = 0;
  do {
    given = std::min(bytes.size(), given + step);
    std::string storage(bytes.substr(0, given));
    result.status = parse_reply_head(storage, limits, result.head);
    result.bytes = std::move(storage);
    result.head.rebase(result.bytes.data());
  } while (result.status.state == ParseState::need_more && given < bytes.size());
  return result;
}

Read complete(std::string_view bytes) {
  Read whole = read(bytes, bytes.size());
  EXPECT_EQ(whole.status.state, ParseState::complete) << bytes;
  EXPECT_EQ(read(bytes, 1).status, whole.status) << bytes;
  EXPECT_EQ(read(bytes, 7).status, whole.status) << bytes;
  whole.head.rebase(whole.bytes.data());
  return whole;
}

void expect_failed(std::string_view bytes, ReplyError error, std::uint32_t at,
                   const ParserLimits& limits = {}) {
  const ReplyStatus expected{ParseState::failed, error, at};
  for (const std::size_t step : {bytes.size(), std::size_t{1}, std::size_t{5}}) {
    const ReplyStatus status = read(bytes, step, limits).status;
    EXPECT_EQ(status, expected) << bytes << " in steps of " << step << ": " << explain(status.error)
                                << " at " << status.bytes;
  }
}

TEST(ReplyHead, IsStatusHeadersAndFraming) {
  const Read read = complete(
      "HTTP/1.1 200 OK\r\nContent-Type:text/plain\r\nCONTENT-LENGTH:  12 \r\nEmpty:\r\n\r\nrest");
  EXPECT_EQ(read.status.bytes, 74u);
  EXPECT_EQ(read.head.status(), 200u);
  EXPECT_EQ(read.head.version_minor(), 1u);
  EXPECT_EQ(read.head.header_count(), 3u);
  EXPECT_EQ(read.head.find("content-type"), "text/plain");
  EXPECT_EQ(read.head.find("Empty"), "");
  EXPECT_EQ(read.head.find("Date"), std::nullopt);
  EXPECT_EQ(read.head.content_length(), 12u);
  EXPECT_EQ(read.head.framing(Method::get), Framing::length);
  EXPECT_TRUE(read.head.keep_alive(Method::get));
  EXPECT_FALSE(read.head.interim());
}

TEST(ReplyHead, FramingFollowsRfc9112) {
  const auto framing = [](std::string_view bytes, Method asked = Method::get) {
    return complete(bytes).head.framing(asked);
  };
  EXPECT_EQ(framing("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), Framing::chunked);
  EXPECT_EQ(framing("HTTP/1.1 200 OK\r\n\r\n"), Framing::until_close);
  EXPECT_EQ(framing("HTTP/1.1 204 No Content\r\n\r\n"), Framing::none);
  EXPECT_EQ(framing("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"), Framing::none);
  EXPECT_EQ(framing("HTTP/1.1 100 Continue\r\n\r\n"), Framing::none);
  EXPECT_EQ(framing("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Method::head), Framing::none);
  EXPECT_EQ(framing("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n"),
            Framing::length);
}

TEST(ReplyHead, SaysWhetherTheConnectionGoesOn) {
  const auto goes_on = [](std::string_view head, Method asked = Method::get) {
    return complete(head).head.keep_alive(asked);
  };
  EXPECT_TRUE(goes_on("HTTP/1.1 204 \r\n\r\n"));
  EXPECT_FALSE(goes_on("HTTP/1.1 200 OK\r\n\r\n"));  // its body ends with the connection
  EXPECT_TRUE(goes_on("HTTP/1.1 200 OK\r\n\r\n", Method::head));
  EXPECT_FALSE(goes_on("HTTP/1.1 204 \r\nConnection: x, Close\r\n\r\n"));
  EXPECT_FALSE(goes_on("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_TRUE(goes_on("HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: Keep-Alive\r\n\r\n"));
  EXPECT_FALSE(goes_on("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"));
}

TEST(ReplyHead, InterimAnswersAreToldApart) {
  EXPECT_TRUE(complete("HTTP/1.1 103 Early Hints\r\n\r\n").head.interim());
  EXPECT_FALSE(complete("HTTP/1.1 101 Switching\r\n\r\n").head.interim());
}

TEST(ReplyHead, TheReasonMayBeMissing) {
  EXPECT_EQ(complete("HTTP/1.1 404\r\n\r\n").head.status(), 404u);
  EXPECT_EQ(complete("HTTP/1.1 999 \r\n\r\n").head.status(), 999u);
  EXPECT_EQ(complete("HTTP/1.0 500 a\tb\xff\r\n\r\n").head.status(), 500u);
}

TEST(ReplyHead, WhatIsWrongIsNamedAtItsByte) {
  expect_failed("HTTX", ReplyError::status_line, 3);
  expect_failed("SSH-2.0-x\r\n", ReplyError::status_line, 0);
  expect_failed("HTTP/2.0 200\r\n", ReplyError::version, 5);
  expect_failed("HTTP/1.2 200\r\n", ReplyError::version, 7);
  expect_failed("HTTP/1.1 2x0\r\n", ReplyError::status_line, 10);
  expect_failed("HTTP/1.1 099 \r\n", ReplyError::status, 9);
  expect_failed("HTTP/1.1 2000\r\n", ReplyError::status_line, 12);
  expect_failed("HTTP/1.1 200 OK\n", ReplyError::line_end, 15);
  expect_failed("HTTP/1.1 200 OK\rX", ReplyError::line_end, 15);
  expect_failed("HTTP/1.1 200 O\x01", ReplyError::status_line, 14);
  expect_failed("HTTP/1.1 200 OK\r\na b: c\r\n", ReplyError::header_name, 18);
  expect_failed("HTTP/1.1 200 OK\r\na: b\r\n c\r\n", ReplyError::header_name, 23);
  expect_failed("HTTP/1.1 200 OK\r\n: b\r\n", ReplyError::header_name, 17);
  expect_failed("HTTP/1.1 200 OK\r\na: b\x7f", ReplyError::header_value, 21);
  expect_failed("HTTP/1.1 200 OK\r\na: b\n", ReplyError::line_end, 21);
  expect_failed("HTTP/1.1 200 OK\r\n\rx", ReplyError::line_end, 17);
}

TEST(ReplyHead, FramingThatContradictsItselfIsRefused) {
  const std::string head = "HTTP/1.1 200 OK\r\n";
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  const std::string length = "Content-Length: 3\r\n";
  expect_failed(head + chunked + length, ReplyError::content_length, 61);
  expect_failed(head + length + chunked, ReplyError::content_length, 55);
  expect_failed(head + length + "Content-Length: 4\r\n", ReplyError::content_length, 52);
  expect_failed(head + "Content-Length: -1\r\n", ReplyError::content_length, 33);
  expect_failed(head + "Content-Length:\r\n", ReplyError::content_length, 32);
  expect_failed(head + chunked + chunked, ReplyError::transfer_encoding, 64);
  expect_failed(head + "Transfer-Encoding: gzip, chunked\r\n", ReplyError::transfer_encoding, 36);
  expect_failed("HTTP/1.0 200 OK\r\n" + chunked, ReplyError::transfer_encoding, 36);
}

TEST(ReplyHead, EveryLimitHolds) {
  const ParserLimits tight{.line_max = 24, .header_max = 16, .head_max = 64, .headers_max = 2};
  const std::string head = "HTTP/1.1 200 OK\r\n";
  expect_failed("HTTP/1.1 200 " + std::string(20, 'x'), ReplyError::line_long, 24, tight);
  expect_failed(head + std::string(20, 'x'), ReplyError::header_long, 33, tight);
  expect_failed(head + "a: b\r\na: b\r\na: b\r\n", ReplyError::headers_many, 29, tight);
  const ParserLimits short_head{.head_max = 30};
  expect_failed(head + "a: " + std::string(20, 'x'), ReplyError::head_long, 30, short_head);
}

TEST(ReplyHead, AHundredHeadersAreTaken) {
  std::string bytes = "HTTP/1.1 204 \r\n";
  for (std::size_t i = 0; i < ReplyHead::headers_max; ++i) bytes += "a: b\r\n";
  EXPECT_EQ(complete(bytes + "\r\n").head.header_count(), 100u);
  expect_failed(bytes + "a: b\r\n\r\n", ReplyError::headers_many, 615);
}

/// The body's bytes, then '|' and what the reader did not take.
std::string body(ReplyBody reader, std::string_view bytes, std::size_t step) {
  std::string out;
  ReplyBody::Piece piece;
  std::size_t at = 0;
  do {
    piece = reader.next(bytes.substr(at, step));
    out += piece.data;
    at += piece.consumed;
    if (piece.state == ParseState::failed) return out + "!";
  } while (piece.state == ParseState::need_more && at < bytes.size());
  if (piece.state == ParseState::need_more) {
    return out + (reader.end() == ReplyError::none ? "$" : "~");
  }
  return out + "|" + std::string(bytes.substr(at));
}

void expect_body(Framing framing, std::uint64_t length, std::string_view bytes,
                 std::string_view expected) {
  for (const std::size_t step : {std::size_t{1}, std::size_t{4}, bytes.size() + 1}) {
    EXPECT_EQ(body(ReplyBody(framing, length), bytes, step), expected) << bytes << " by " << step;
  }
}

TEST(ReplyBody, EndsWhereItsFramingSays) {
  expect_body(Framing::none, 5, "next", "|next");
  expect_body(Framing::length, 5, "hellonext", "hello|next");
  expect_body(Framing::length, 0, "next", "|next");
  expect_body(Framing::length, 9, "hello", "hello~");  // the peer lied about the length
  expect_body(Framing::chunked, 0, "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: v\r\n\r\nnext",
              "abcde|next");
  expect_body(Framing::chunked, 0, "3\r\nab", "ab~");
  expect_body(Framing::chunked, 0, "3\r\nabcd", "abc!");
  expect_body(Framing::until_close, 0, "hello", "hello$");
}

TEST(ReplyBody, OneByteChunksAreNoReasonToRefuseAnAnswer) {
  std::string bytes;
  for (int i = 0; i < 20'000; ++i) bytes += "1\r\nx\r\n";
  EXPECT_EQ(body(ReplyBody(Framing::chunked, 0), bytes + "0\r\n\r\n", 777),
            std::string(20'000, 'x') + "|");
}

TEST(ReplyError, EachHasItsSentence) {
  for (std::size_t i = 0; i < reply_error_count; ++i) {
    EXPECT_FALSE(explain(static_cast<ReplyError>(i)).empty());
  }
}

}  // namespace
}  // namespace paceline
