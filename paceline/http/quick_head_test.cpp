#include "paceline/http/quick_head.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "paceline/core.h"
#include "paceline/http/split_testing.h"

namespace paceline {
namespace {

using namespace std::string_literals;

/// What the wide steps take by themselves; 0 when they leave something to the careful parser.
std::uint32_t quickly(const std::string& bytes, const ParserLimits& limits = {}) {
  RequestHead head;
  head.rebase(bytes.data());
  return QuickHead::parse(bytes, limits, head);
}

TEST(QuickHead, TakesWhatNearlyEveryRequestIs) {
  for (const std::string bytes : {
           "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: 127.0.0.1:9212\r\n\r\n",
           "PUT /data/42 HTTP/1.1\r\nhost: localhost:8000\r\n\r\n",
           "POST /data HTTP/1.1\r\nHOST: api.example.com\r\n\r\n",
           "HEAD /a-long_path/with/more/than/sixteen/bytes HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET / HTTP/1.1\r\nUser-Agent: curl/7.88.1\r\nHost: a:80\r\nAccept:*/*\r\nX:\r\n"
           "Connection: Keep-Alive\r\nAccept-Language: en-US,en;q=0.5\r\n\r\n",
           "DELETE /data/42?x=%20?&y=1 HTTP/1.1\r\n"
           "Host: a-name-with-more-than-sixteen.bytes:1\r\n\r\n",
       }) {
    EXPECT_EQ(quickly(bytes), bytes.size()) << bytes;
    EXPECT_EQ(quickly(bytes + bytes), bytes.size()) << bytes;
    EXPECT_EQ(quickly(bytes.substr(0, bytes.size() - 1)), 0U) << bytes;
  }
}

TEST(QuickHead, LeavesTheUnusualToTheCarefulParser) {
  for (const std::string bytes : {
           "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
           "get / HTTP/1.1\r\nHost: a\r\n\r\n",
           "GETS / HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET /a.b HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET /%41 HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET / HTTP/1.0\r\nHost: a\r\n\r\n",
           "GET / HTTP/1.1\nHost: a\r\n\r\n",
           "GET / HTTP/1.1\r\nHost:a\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: \r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a:\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nAccept:  b\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nAccept: b \r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nX_Y: b\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n",
           "GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n",
       }) {
    EXPECT_EQ(quickly(bytes), 0U) << bytes;
  }
}

TEST(QuickHead, LeavesWhatALimitForbids) {
  const std::string bytes = "GET /0123456 HTTP/1.1\r\nHost: localhost\r\n\r\n";  // 23, 17, 2
  ASSERT_EQ(quickly(bytes, {.line_max = 23, .header_max = 17, .head_max = 42}), bytes.size());
  EXPECT_EQ(quickly(bytes, {.line_max = 22}), 0U);
  EXPECT_EQ(quickly(bytes, {.header_max = 16}), 0U);
  EXPECT_EQ(quickly(bytes, {.head_max = 41}), 0U);
  EXPECT_EQ(quickly(bytes, {.headers_max = 0}), 0U);
}

/// Byte by byte, no wide step ever sees a whole line: then every byte is read with care.
TEST(QuickHead, AgreesWithTheCarefulParserOnMutatedRequests) {
  const std::vector<std::string> seeds = {
      "GET / HTTP/1.1\r\nHost: 127.0.0.1:9212\r\n\r\n",
      "PUT /data/42?a=b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}",
      "DELETE /a_b-c HTTP/1.1\r\nHost: example.com:80\r\nhost: a\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: 127.0.0.1:65535\r\n\r\n",
      "GET / HTTP/1.1\r\nX-Request-Id: a\r\nHost: a:80\r\nConnection: keep-alive\r\n\r\n",
      "GET /a HTTP/1.1\r\naccept: a\r\nAccept: b\r\nIf-None-Match: \"a\"\r\nhost: b\r\n\r\n",
      "GET http://a:1/b HTTP/1.1\r\nHost: c\r\nConnection: close\r\nExpect: 1\r\n\r\n",
      "GET / HTTP/1.0\r\nConnection: keep-alive\r\nCookie: 0123456789abcdef0123\r\n\r\n",
      "POST /data HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
  };
  const std::string bytes_liked = "\r\n :/?.%-_~[]@0159aZ\t\0\x7f\xff*HTP"s;
  const ParserLimits tight{.line_max = 26, .header_max = 24, .head_max = 80, .headers_max = 2};
  std::mt19937_64 random(7);
  const auto below = [&random](std::size_t n) { return random() % n; };
  for (int round = 0; round < 40'000; ++round) {
    std::string bytes = seeds[below(seeds.size())];
    for (std::size_t changes = below(4); changes > 0; --changes) {
      const std::size_t at = below(bytes.size());
      const char byte = bytes_liked[below(bytes_liked.size())];
      switch (below(4)) {
        case 0:
          bytes[at] = byte;
          break;
        case 1:
          bytes.insert(at, 1, byte);
          break;
        case 2:
          bytes.erase(at, 1);
          break;
        default:
          bytes.insert(at, std::string(bytes, below(bytes.size()), below(20)));
      }
      if (bytes.empty()) bytes = " ";
    }
    for (const ParserLimits& limits : {ParserLimits{}, tight}) {
      ASSERT_EQ(testing::parse_whole(bytes, limits), testing::parse_bytewise(bytes, limits))
          << "round " << round << ": " << printable(bytes);
    }
  }
}

}  // namespace
}  // namespace paceline
