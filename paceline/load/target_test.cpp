#include "paceline/load/target.h"

#include <gtest/gtest.h>

namespace paceline {
namespace {

TEST(LoadTarget, IsAUrlTakenApart) {
  const Result<LoadTarget> target = parse_load_target("http://example.org:8080/a/b?c=d#e");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->host, "example.org");
  EXPECT_EQ(target->port, 8080);
  EXPECT_EQ(target->host_header, "example.org:8080");
  EXPECT_EQ(target->path, "/a/b?c=d");
}

TEST(LoadTarget, HasDefaults) {
  EXPECT_EQ(parse_load_target("http://a")->path, "/");
  EXPECT_EQ(parse_load_target("http://a")->port, 80);
  EXPECT_EQ(parse_load_target("http://a:80")->host_header, "a");
  EXPECT_EQ(parse_load_target("http://a?b")->path, "/?b");
  EXPECT_EQ(parse_load_target("http://[::1]:8")->host, "::1");
  EXPECT_EQ(parse_load_target("http://[::1]")->host_header, "[::1]");
}

TEST(LoadTarget, MayBeEncrypted) {
  EXPECT_TRUE(parse_load_target("https://a")->tls);
  EXPECT_EQ(parse_load_target("https://a")->port, 443);
  EXPECT_EQ(parse_load_target("https://a:443")->host_header, "a");
  EXPECT_EQ(parse_load_target("https://a:80")->host_header, "a:80");
  EXPECT_FALSE(parse_load_target("http://a:443")->tls);
}

TEST(LoadTarget, SaysWhatToWriteInstead) {
  const auto message = [](std::string_view url) {
    const Result<LoadTarget> target = parse_load_target(url);
    return target ? "" : target.error().message;
  };
  EXPECT_EQ(message("localhost:8000/"),
            "a URL begins with http:// or https://: http://localhost:8000/");
  EXPECT_EQ(message("ftp://a/"), "http:// and https:// are spoken, not ftp");
  EXPECT_EQ(message("http://a:0/"), "a port is a number from 1 to 65535, not 0");
  EXPECT_EQ(message("http://a:x/"), "a port is a number from 1 to 65535, not x");
  for (const char* wrong : {"http://", "http:///x", "http://u@a/", "http://a b/", "http://a/ b"}) {
    EXPECT_FALSE(parse_load_target(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace paceline
