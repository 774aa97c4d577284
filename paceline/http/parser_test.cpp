#include "paceline/http/parser.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "paceline/http/split_testing.h"

namespace paceline {
namespace {

using testing::describe;
using testing::parse_bytewise;
using testing::parse_randomly;
using testing::parse_whole;
using testing::Parsed;

using namespace std::string_literals;

/// Parses `bytes` in every manner; all must agree.
Parsed parse(const std::string& bytes, const ParserLimits& limits = {}) {
  const Parsed whole = parse_whole(bytes, limits);
  EXPECT_EQ(parse_bytewise(bytes, limits), whole) << "byte by byte: " << bytes.substr(0, 200);
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    EXPECT_EQ(parse_randomly(bytes, seed, seed * 5, limits), whole)
        << "seed " << seed << ": " << bytes.substr(0, 200);
  }
  return whole;
}

/// A request with these lines after the request line, and a Host.
std::string with_headers(const std::string& lines) {
  return "POST /data HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n";
}

std::string with_line(const std::string& line) { return line + "\r\nHost: a\r\n\r\n"; }

struct Case {
  std::string bytes;
  ParseError error;  // none: accepted
};

void expect_all(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    const Parsed parsed = parse(c.bytes);
    EXPECT_EQ(to_string(parsed.status.error), to_string(c.error)) << c.bytes.substr(0, 200);
    if (c.error == ParseError::none) {
      EXPECT_EQ(parsed.status.state, ParseState::complete) << c.bytes;
      EXPECT_EQ(parsed.status.bytes, c.bytes.size()) << c.bytes;
    } else {
      EXPECT_EQ(parsed.status.state, ParseState::failed) << c.bytes.substr(0, 200);
    }
  }
}

void expect_header_errors(ParseError error, const std::vector<std::string>& headers) {
  std::vector<Case> cases;
  for (const std::string& lines : headers) cases.push_back({with_headers(lines), error});
  expect_all(cases);
}

TEST(RequestParser, FindsEveryPartOfAPlainRequest) {
  const std::string bytes =
      "GET /data/42?after=7&x HTTP/1.1\r\nHost: example.org:8000\r\nUser-Agent:  wrk \t\r\n"
      "If-None-Match: \"a\"\r\naccept: */*\r\nX-Empty:\r\n\r\nnext";
  EXPECT_EQ(parse(bytes).head,
            "GET|method=GET|target=/data/42?after=7&x|path=/data/42|query=after=7&x"
            "|host=example.org:8000|version=1|length=none|chunked=no|keep_alive=yes|continue=no"
            "|Host=example.org:8000|User-Agent=wrk|If-None-Match=\"a\"|accept=*/*|X-Empty="
            "|known0=*/*|known4=\"a\"");
  EXPECT_EQ(parse(bytes).status.bytes, bytes.size() - 4);
}

TEST(RequestParser, FindsHeadersInAnyCase) {
  const std::string bytes = with_headers("X-Thing: one\r\nx-thing: two\r\n");
  RequestHead head;
  ASSERT_EQ(parse_request_head(bytes, {}, head).state, ParseState::complete);
  EXPECT_EQ(head.find("X-THING"), "one");
  EXPECT_EQ(head.find("host"), "a");
  EXPECT_EQ(head.find("absent"), std::nullopt);
  EXPECT_EQ(head.find(KnownHeader::if_match), std::nullopt);
}

TEST(RequestParser, RecognisesTheKnownHeaders) {
  const std::string bytes = with_headers(
      "ACCEPT: 0\r\nCache-control: 1\r\ncontent-Type: 2\r\nIF-MATCH: 3\r\nif-None-match: 4\r\n"
      "X-Request-ID: 5\r\nx-request-id: later\r\nX-Request_ID: other\r\nAccepts: other\r\n");
  RequestHead head;
  ASSERT_EQ(parse_request_head(bytes, {}, head).state, ParseState::complete);
  for (std::size_t i = 0; i < known_header_count; ++i) {
    EXPECT_EQ(head.find(static_cast<KnownHeader>(i)), std::to_string(i));
  }
}

TEST(RequestParser, GoesOnWithThePipelinedRequestBehind) {
  const std::string bytes =
      "GET /a HTTP/1.1\r\nHost: a\r\nIf-Match: x\r\n\r\nGET /b HTTP/1.1\r\nHost: b\r\n\r\n";
  RequestHead head;
  const ParseStatus first = parse_request_head(bytes, {}, head);
  ASSERT_EQ(first.state, ParseState::complete);
  EXPECT_EQ(head.path(), "/a");
  ASSERT_EQ(parse_request_head(bytes.substr(first.bytes), {}, head).state, ParseState::complete);
  EXPECT_EQ(head.header_count(), 1u);
  EXPECT_EQ(head.find(KnownHeader::if_match), std::nullopt);
}

TEST(RequestParser, FollowsBytesThatMove) {
  const std::string bytes = with_headers("");
  RequestHead head;
  ASSERT_EQ(parse_request_head(bytes, {}, head).state, ParseState::complete);
  const std::string before = describe(head);
  const std::string moved = bytes + "more";
  const RequestHead copy = [&] {
    RequestHead other = head;
    other.rebase(moved.data());
    return other;
  }();
  EXPECT_EQ(copy.path().data(), moved.data() + 5);
  EXPECT_EQ(describe(copy), before);
}

TEST(RequestParser, AcceptsWhatRfc9112Accepts) {
  const std::string host = "\r\nHost: a\r\n\r\n";
  expect_all({
      {"GET / HTTP/1.1" + host, ParseError::none},
      {"\r\nGET / HTTP/1.1" + host, ParseError::none},
      {"GET / HTTP/1.0\r\n\r\n", ParseError::none},
      {"OPTIONS * HTTP/1.1" + host, ParseError::none},
      {"BREW /pot HTTP/1.1" + host, ParseError::none},
      {"M-!#$%&'*+.^_`|~9 / HTTP/1.1" + host, ParseError::none},
      {std::string(method_size_max, 'M') + " / HTTP/1.1" + host, ParseError::none},
      {"GET http://b:80/x?y HTTP/1.1" + host, ParseError::none},
      {"GET HTTPS://b HTTP/1.1" + host, ParseError::none},
      {"GET /a:b@c;d=e,f(!$'*)~-_[]{}|^` HTTP/1.1" + host, ParseError::none},
      {"GET /%e2%82%ac/%2F/...?a=%zz?b/../%00 HTTP/1.1" + host, ParseError::none},
      {"GET /? HTTP/1.1" + host, ParseError::none},
      {"GET //a//b/ HTTP/1.1" + host, ParseError::none},
      {with_headers("X: \x80\xff tab\there\r\n"), ParseError::none},
      {with_headers("X:" + std::string(40, ' ') + "v" + std::string(40, '\t') + "\r\n"),
       ParseError::none},
  });
}

TEST(RequestParser, RefusesAMalformedRequestLine) {
  expect_all({
      {with_line("GET"), ParseError::request_line},
      {with_line("GET /"), ParseError::request_line},
      {with_line("GET  / HTTP/1.1"), ParseError::request_line},
      {with_line("GET /  HTTP/1.1"), ParseError::version_syntax},
      {with_line("GET / HTTP/1.1 "), ParseError::version_syntax},
      {with_line("GET /a b HTTP/1.1"), ParseError::version_syntax},
      {with_line(" GET / HTTP/1.1"), ParseError::method},
      {with_line("G(T / HTTP/1.1"), ParseError::method},
      {with_line("GET\t/ HTTP/1.1"), ParseError::method},
      {with_line(std::string(method_size_max + 1, 'M') + " / HTTP/1.1"), ParseError::method},
      {with_line(std::string(100'000, 'M')), ParseError::method},
      {with_line("CONNECT a:443 HTTP/1.1"), ParseError::connect},
      {"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", ParseError::request_line},
      {"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", ParseError::bare_lf},
      {"\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", ParseError::bare_cr},
      {"GET / HTTP/1.1\nHost: a\r\n\r\n", ParseError::bare_lf},
      {"GET /\nHost: a\r\n\r\n", ParseError::bare_lf},
      {"GET / HTTP/1.1\rHost: a\r\n\r\n", ParseError::bare_cr},
      {"\x16\x03\x01\x02", ParseError::method},
  });
}

TEST(RequestParser, RefusesOtherVersions) {
  expect_all({
      {with_line("GET / HTTP/1.2"), ParseError::version},
      {with_line("GET / HTTP/2.0"), ParseError::version},
      {with_line("GET / HTTP/0.9"), ParseError::version},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ParseError::version},
      {with_line("GET / HTTP/11.1"), ParseError::version_syntax},
      {with_line("GET / HTTP/1.10"), ParseError::version_syntax},
      {with_line("GET / http/1.1"), ParseError::version_syntax},
      {with_line("GET / HTTP/1,1"), ParseError::version_syntax},
      {with_line("GET / HTTP/1"), ParseError::version_syntax},
      {with_line("GET / HTTPS/1.1"), ParseError::version_syntax},
  });
}

TEST(RequestParser, RefusesBadTargets) {
  const auto get = [](const std::string& target) {
    return with_line("GET " + target + " HTTP/1.1");
  };
  for (const std::string& target :
       {"*"s,           "x"s,           "a/b"s,         "ftp://a/"s, "http://"s, "http:///x"s,
        "http://u@a/"s, "http://a:x/"s, "http://a,b/"s, "/#f"s,      "/\\"s,     "/\"a\""s,
        "/<a>"s,        "/\x80"s,       "/\x7f"s,       "/\0"s,      "/\x01"s,   "/?\\"s,
        "/?#"s,         "/?\xe9"s,      "?a"s}) {
    EXPECT_EQ(to_string(parse(get(target)).status.error), "target") << target;
  }
  EXPECT_EQ(parse(with_line("OPTIONS ** HTTP/1.1")).status.error, ParseError::target);
}

TEST(RequestParser, RefusesPathsThatDecodeToHarm) {
  const auto get = [](const std::string& target) {
    return with_line("GET " + target + " HTTP/1.1");
  };
  for (const std::string target :
       {"/%",          "/%4",    "/%zz",     "/%00",         "/a%0d%0ab", "/%7f",
        "/%c0%af",     "/%ff",   "/%e2%82",  "/%ed%a0%80",   "/..",       "/../etc",
        "/a/..",       "/a/./b", "/.",       "/%2e%2e/x",    "/.%2E",     "/..%2f",
        "/a%2f..%2fb", "/..%5c", "/a/%2e?x", "http://a/../b"}) {
    EXPECT_EQ(to_string(parse(get(target)).status.error), "path") << target;
  }
}

TEST(RequestParser, LetsTheAbsoluteTargetsHostWin) {
  const auto head = [](const std::string& target, const std::string& method) {
    return parse(method + " " + target + " HTTP/1.1\r\nHost: other\r\n\r\n").head;
  };
  EXPECT_NE(head("http://b.c:80/x/y?z", "GET").find("|path=/x/y|query=z|host=b.c:80|"), -1uz);
  EXPECT_NE(head("http://b?z", "GET").find("|path=/|query=z|host=b|"), -1uz);
  EXPECT_NE(head("http://b", "OPTIONS").find("|path=*|query=|host=b|"), -1uz);
  EXPECT_EQ(parse("GET http://b/ HTTP/1.1\r\n\r\n").status.error, ParseError::host_missing);
}

TEST(RequestParser, RefusesBadHosts) {
  for (const std::string& host :
       {""s,        "user@h"s,   "h/p"s,   "a,b"s,   "a b"s,  "h:"s, "h:x"s,
        "h:65536"s, "h:123456"s, "h:-1"s,  "h:1:2"s, "[::1"s, "[]"s, "[1]"s,
        "[::1]x"s,  "[::1]:"s,   "[::g]"s, "h?"s,    "%41"s,  ":80"s}) {
    const Parsed parsed = parse("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
    EXPECT_EQ(to_string(parsed.status.error), "host") << host;
  }
  for (const std::string host : {"a", "a_b.c-d", "127.0.0.1:8000", "[::1]", "[::1]:8000", "h:0"}) {
    EXPECT_EQ(parse("GET / HTTP/1.1\r\nHost:" + host + "\r\n\r\n").status.state,
              ParseState::complete)
        << host;
  }
  expect_all({
      {"GET / HTTP/1.1\r\n\r\n", ParseError::host_missing},
      {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", ParseError::host_repeated},
      {"GET / HTTP/1.0\r\nHost: a\r\nhOST: b\r\n\r\n", ParseError::host_repeated},
  });
}

TEST(RequestParser, RefusesAmbiguousFraming) {
  expect_header_errors(ParseError::length_and_chunked,
                       {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
                        "transfer-encoding: chunked\r\nX: y\r\ncontent-length: 0\r\n"});
  expect_header_errors(
      ParseError::content_length,
      {"Content-Length: 5\r\nContent-Length: 6\r\n", "Content-Length: 5\r\nContent-Length: 5\r\n",
       "Content-Length: 5,5\r\n", "Content-Length: 5, 6\r\n", "Content-Length: +5\r\n",
       "Content-Length: -0\r\n", "Content-Length: -48\r\n", "Content-Length: 0x5\r\n",
       "Content-Length: 1_0\r\n", "Content-Length: 1 0\r\n", "Content-Length: 5Z\r\n",
       "Content-Length:\r\n", "Content-Length: 00000000000000000005\r\n",
       "Content-Length: 99999999999999999999\r\n", "Content-Length: 9223372036854775808\r\n",
       "Content-Length: 18446744073709551621\r\n"});
  expect_header_errors(ParseError::transfer_encoding,
                       {"Transfer-Encoding: chunked, gzip\r\n", "Transfer-Encoding:\r\n",
                        "Transfer-Encoding: ,chunked\r\n", "Transfer-Encoding: chunked,\r\n",
                        "Transfer-Encoding: chunked;p=1\r\n", "Transfer-Encoding: \"chunked\"\r\n",
                        "Transfer-Encoding: \xa0"
                        "chunked\r\n",
                        "Transfer-Encoding: chunked, chunked\r\n",
                        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"});
  expect_header_errors(ParseError::transfer_coding,
                       {"Transfer-Encoding: gzip\r\n", "Transfer-Encoding: identity\r\n",
                        "Transfer-Encoding: xchunked\r\n", "Transfer-Encoding: gzip, chunked\r\n"});
  expect_header_errors(ParseError::header_value, {"Transfer-Encoding: \x0b"
                                                  "chunked\r\n",
                                                  "Transfer-Encoding: chunked\0\r\n"s});
  expect_header_errors(ParseError::obs_fold, {"Transfer-Encoding: chunked\r\n , gzip\r\n"});
  expect_all(
      {{"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", ParseError::transfer_encoding}});
}

TEST(RequestParser, ReadsFraming) {
  const auto has = [](const std::string& lines, std::string_view part) {
    return parse(with_headers(lines)).head.find(part) != -1uz;
  };
  EXPECT_TRUE(has("Content-Length: 005\r\n", "|length=5|"));
  EXPECT_TRUE(has("Content-Length: 9223372036854775807\r\n", "|length=9223372036854775807|"));
  EXPECT_TRUE(has("TRANSFER-ENCODING:  ChunKed \r\n", "|length=none|chunked=yes|"));
}

TEST(RequestParser, RefusesMalformedHeaders) {
  expect_header_errors(ParseError::header_name,
                       {"Name : v\r\n", ": v\r\n", "Name\r\n", "Na me: v\r\n", "N\xe9: v\r\n",
                        "N(: v\r\n", "N\0: v\r\n"s, "\x01: v\r\n"});
  expect_header_errors(ParseError::header_value,
                       {"N: a\0b\r\n"s, "N: a\x7f\r\n", "N: \x1b[0m\r\n", "N: \x0b\r\n"});
  expect_header_errors(ParseError::obs_fold, {" folded\r\n", "\tfolded\r\n"});
  expect_header_errors(ParseError::bare_lf, {"N: v\n", "N\n", "\n", "N: v\r\n\nX: y\r\n"});
  expect_header_errors(ParseError::bare_cr, {"N: v\rX: y\r\n", "N: v\r\r\n", "\rX: y\r\n"});
  expect_all({
      {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", ParseError::header_name},
      {"GET / HTTP/1.1\r\nHost: a\r\n\rx", ParseError::bare_cr},
  });
}

TEST(RequestParser, NamesThePositionOfTheError) {
  EXPECT_EQ(parse("GET / HTTP/1.1\r\nHost: a\r\nN: a\x01 b\r\n\r\n").status.bytes, 29u);
  EXPECT_EQ(parse("GE(").status.bytes, 2u);
}

TEST(RequestParser, DecidesWhetherTheConnectionMayLive) {
  const auto keeps = [](const std::string& version, const std::string& lines) {
    const std::string head = "GET / HTTP/" + version + "\r\nHost: a\r\n" + lines + "\r\n";
    return parse(head).head.find("|keep_alive=yes|") != -1uz;
  };
  EXPECT_TRUE(keeps("1.1", ""));
  EXPECT_TRUE(keeps("1.1", "Connection: Upgrade\r\n"));
  EXPECT_FALSE(keeps("1.1", "Connection: Close\r\n"));
  EXPECT_FALSE(keeps("1.1", "connection: keep-alive\r\nConnection: x,close\r\n"));
  EXPECT_FALSE(keeps("1.1", "Connection: keep-alive , close\r\n"));
  EXPECT_FALSE(keeps("1.0", ""));
  EXPECT_TRUE(keeps("1.0", "Connection: Keep-Alive\r\n"));
  EXPECT_FALSE(keeps("1.0", "Connection: keep-alive, close\r\n"));
}

TEST(RequestParser, HandlesExpectations) {
  const auto waits = [](const std::string& version, const std::string& lines) {
    const std::string head = "PUT / HTTP/" + version + "\r\nHost: a\r\n" + lines + "\r\n";
    return parse(head).head.find("|continue=yes") != -1uz;
  };
  EXPECT_TRUE(waits("1.1", "Expect: 100-Continue\r\nContent-Length: 1\r\n"));
  EXPECT_TRUE(waits("1.1", "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n"));
  EXPECT_FALSE(waits("1.1", "Expect: 100-continue\r\nContent-Length: 0\r\n"));
  EXPECT_FALSE(waits("1.0", "Expect: 100-continue\r\nContent-Length: 1\r\n"));
  expect_header_errors(ParseError::expect, {"Expect: 200-ok\r\n", "Expect:\r\n"});
}

}  // namespace
}  // namespace paceline
