#include "paceline/service/etag.h"

#include <gtest/gtest.h>

namespace paceline {
namespace {

TEST(Etag, NoneMatchComparesWeaklyAndReadsLists) {
  EXPECT_TRUE(none_match_names("*", "\"a\""));
  EXPECT_TRUE(none_match_names("\"a\"", "\"a\""));
  EXPECT_TRUE(none_match_names("W/\"a\"", "\"a\""));
  EXPECT_TRUE(none_match_names("\"x\" , W/\"y,z\",\"a\"", "\"a\""));
  EXPECT_TRUE(none_match_names(", ,\"a\"", "\"a\""));
  EXPECT_FALSE(none_match_names("\"b\"", "\"a\""));
  EXPECT_FALSE(none_match_names("\"*\"", "\"a\""));
  EXPECT_FALSE(none_match_names("", "\"a\""));
}

TEST(Etag, WhatIsMalformedMatchesNothing) {
  EXPECT_FALSE(none_match_names("a", "\"a\""));
  EXPECT_FALSE(none_match_names("\"a", "\"a\""));
  EXPECT_FALSE(none_match_names("w/\"a\"", "\"a\""));
  EXPECT_FALSE(none_match_names("\"x\" \"a\"", "\"a\""));
}

TEST(Etag, MatchKeepsOnlyStrongTagsOfOurForm) {
  const MatchDemand demand =
      parse_if_match("W/\"0000000000000001\", \"0000000000000abc\", \"x\", \"000000000000000G\"");
  EXPECT_FALSE(demand.any);
  ASSERT_EQ(demand.hashes.size(), 1u);
  EXPECT_EQ(demand.hashes[0], 0xabcu);
  EXPECT_TRUE(parse_if_match("*").any);
  EXPECT_TRUE(parse_if_match("garbage").hashes.empty());
}

}  // namespace
}  // namespace paceline
