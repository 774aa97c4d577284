#include "paceline/cluster/manifest.h"

#include <gtest/gtest.h>

namespace paceline {
namespace {

ChildManifest example() {
  return {.role = "worker",
          .slot = 2,
          .seat = 5,
          .generation = 7,
          .config = 10,
          .channel = 11,
          .lifetime = 12,
          .lock = 13,
          .regions = {{"control", 14}, {"metrics", 15}},
          .sockets = {{"keeper", 16}},
          .listeners = {{.fd = 17, .slot = 0, .address = 0},
                        {.fd = 18, .slot = ListenSocket::kEverySlot, .address = 1}},
          .dir = "/a b/c=d"};
}

TEST(ChildManifest, SurvivesItsText) {
  const Result<ChildManifest> parsed = ChildManifest::parse(example().text());
  ASSERT_TRUE(parsed) << parsed.error().text();
  EXPECT_EQ(parsed->text(), example().text());
  EXPECT_EQ(parsed->dir, "/a b/c=d");
  EXPECT_EQ(parsed->listeners[1].slot, ListenSocket::kEverySlot);
  EXPECT_EQ(parsed->fds().size(), 9U);
}

TEST(ChildManifest, EveryCutIsRefused) {
  const std::string text = example().text();
  const std::size_t dir = text.find("dir=");
  for (std::size_t n = 0; n < dir + 4; ++n) {
    EXPECT_FALSE(ChildManifest::parse(text.substr(0, n))) << text.substr(0, n);
  }
}

TEST(ChildManifest, RefusesWhatItDoesNotKnow) {
  EXPECT_FALSE(ChildManifest::parse("2 role=worker config=3 channel=4 lifetime=5 dir=/"));
  EXPECT_FALSE(ChildManifest::parse("1 role=worker config=3 channel=4 lifetime=5 x=1 dir=/"));
  EXPECT_FALSE(ChildManifest::parse("1 role=worker config=3 channel=-4 lifetime=5 dir=/"));
}

}  // namespace
}  // namespace paceline
