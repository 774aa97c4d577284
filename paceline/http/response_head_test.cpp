#include "paceline/http/response_head.h"

#include <gtest/gtest.h>

#include <string>

#include "paceline/http/problem.h"
#include "paceline/http/status.h"

namespace paceline {
namespace {

using namespace std::string_literals;

TEST(ResponseHead, RefusesWhateverCouldSplitTheAnswer) {
  for (const std::string& name :
       {""s, "A b"s, "A:"s, "A\r\nB"s, "A\n"s, "A\0"s, "\xc3\xa4"s, "(A)"s}) {
    EXPECT_FALSE(is_header_name(name)) << name;
  }
  for (const std::string& value :
       {"a\r\nSet-Cookie: x"s, "a\r"s, "a\nb"s, "\0"s, "\x7f"s, "\x1b"s}) {
    EXPECT_FALSE(is_header_value(value)) << value;
  }
  EXPECT_TRUE(is_header_name("X-Request-Id"));
  EXPECT_TRUE(is_header_value(""));
  EXPECT_TRUE(is_header_value("paceline; hit; ttl=3599\t\xc3\xa4"));
}

TEST(ResponseHead, KeepsFramingForTheServer) {
  EXPECT_TRUE(is_server_header("content-LENGTH"));
  EXPECT_TRUE(is_server_header("Transfer-Encoding"));
  EXPECT_FALSE(is_server_header("Content-Type"));
}

TEST(Status, LinesArePrepared) {
  EXPECT_EQ(status_line(200), "HTTP/1.1 200 OK\r\n");
  EXPECT_EQ(status_line(431), "HTTP/1.1 431 Request Header Fields Too Large\r\n");
  EXPECT_EQ(status_line(299), "HTTP/1.1 299 \r\n");
  EXPECT_EQ(status_line(599), "HTTP/1.1 599 \r\n");
  EXPECT_EQ(reason_phrase(404), "Not Found");
  EXPECT_EQ(reason_phrase(99), "");
  EXPECT_EQ(reason_phrase(1000), "");
}

TEST(Status, KnowsWhichAnswersHaveNoBody) {
  EXPECT_FALSE(status_allows_body(100));
  EXPECT_FALSE(status_allows_body(204));
  EXPECT_FALSE(status_allows_body(304));
  EXPECT_TRUE(status_allows_body(200));
  EXPECT_TRUE(status_allows_body(404));
}

TEST(StatusDeathTest, RefusesCodesThatNoClientReads) {
  EXPECT_DEATH(status_line(99), "100 to 599");
  EXPECT_DEATH(status_line(600), "100 to 599");
}

TEST(Problem, HasTheMembersOfRfc9457) {
  EXPECT_EQ(problem_body(404, "no row \"42\"", "abc"),
            R"({"type":"about:blank","title":"Not Found","status":404,)"
            R"("detail":"no row \"42\"","request_id":"abc"})");
}

TEST(Problem, LeavesOutWhatIsEmpty) {
  std::string out = "before ";
  append_problem(out, {.status = 503, .code = "outcome_unknown"});
  EXPECT_EQ(out, R"(before {"type":"about:blank","title":"Service Unavailable","status":503,)"
                 R"("code":"outcome_unknown"})");
}

}  // namespace
}  // namespace paceline
