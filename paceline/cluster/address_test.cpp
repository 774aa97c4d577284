#include "paceline/cluster/address.h"

#include <gtest/gtest.h>

namespace paceline {
namespace {

TEST(ListenAddress, ReadsAndWritesEveryKind) {
  for (const char* text :
       {"127.0.0.1:8000", "0.0.0.0:0", "[::1]:8000", "[::]:80", "unix:a b.sock", "unix:/run/x:1"}) {
    const Result<ListenAddress> address = parse_listen_address(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->text(), text);
  }
}

TEST(ListenAddress, RefusesNamesAndBadPorts) {
  for (const char* text :
       {"", "8000", "localhost:8000", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1",
        "::1:8000", "[::1]", "[127.0.0.1]:80", "unix:", "[]:1"}) {
    const Result<ListenAddress> address = parse_listen_address(text);
    ASSERT_FALSE(address) << text;
    EXPECT_TRUE(address.error().message.contains("127.0.0.1:8000")) << address.error().message;
  }
}

}  // namespace
}  // namespace paceline
