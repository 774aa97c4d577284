#include "paceline/http/target.h"

#include <gtest/gtest.h>

#include <string>

namespace paceline {
namespace {

std::string decoded(std::string_view raw) {
  std::string scratch;
  const auto result = decode_segment(raw, scratch);
  return result ? std::string(*result) : "refused";
}

std::string query(std::string_view text, std::string_view name) {
  std::string scratch;
  const auto result = query_value(text, name, scratch);
  if (!result) return "refused";
  return *result ? std::string(**result) : "absent";
}

TEST(Segment, IsDecodedOnceAndWhole) {
  EXPECT_EQ(decoded(""), "");
  EXPECT_EQ(decoded("a+b"), "a+b");
  EXPECT_EQ(decoded("a%2Fb%2fc"), "a/b/c");
  EXPECT_EQ(decoded("%e2%82%ac%F0%9F%98%80"), "€😀");
  EXPECT_EQ(decoded("%2541"), "%41");
}

TEST(Segment, RefusesWhatDecodesToHarm) {
  for (const std::string_view raw :
       {"%", "a%4", "%4g", "%g4", "%00", "a%00b", "%c0%af", "%c1%81", "%e0%80%af", "%ed%a0%80",
        "%f4%90%80%80", "%f5%80%80%80", "%e2%82", "%80", "%e2a%82"}) {
    EXPECT_EQ(decoded(raw), "refused") << raw;
  }
}

TEST(Segment, IsNotCopiedWithoutNeed) {
  const std::string_view raw = "plain";
  std::string scratch;
  EXPECT_EQ(decode_segment(raw, scratch)->data(), raw.data());
}

TEST(Segment, EncodesWhatDecodesToItself) {
  std::string all;
  for (int c = 1; c < 128; ++c) all.push_back(static_cast<char>(c));
  all += "ü€😀";
  std::string encoded;
  append_encoded(encoded, all);
  EXPECT_EQ(decoded(encoded), all);
  EXPECT_EQ(encoded.find_first_of("/?#\r\n \"<>&=+"), std::string::npos);
  std::string out = "/data/";
  append_encoded(out, "a b/c~");
  EXPECT_EQ(out, "/data/a%20b%2Fc~");
}

TEST(Segment, ComparesWithoutDecodingFirst) {
  EXPECT_TRUE(decodes_to("d%61t%61", "data"));
  EXPECT_TRUE(decodes_to("", ""));
  EXPECT_FALSE(decodes_to("data", "dat"));
  EXPECT_FALSE(decodes_to("dat", "data"));
  EXPECT_FALSE(decodes_to("dat%6", "data"));
  EXPECT_FALSE(decodes_to("dat%", "dat"));
}

TEST(Query, FindsAValue) {
  EXPECT_EQ(query("after=7&limit=10", "limit"), "10");
  EXPECT_EQ(query("after=7&limit=10", "after"), "7");
  EXPECT_EQ(query("after=7", "aft"), "absent");
  EXPECT_EQ(query("", "a"), "absent");
  EXPECT_EQ(query("&&a&b=", "a"), "");
  EXPECT_EQ(query("&&a&b=", "b"), "");
  EXPECT_EQ(query("a=b=c", "a"), "b=c");
  EXPECT_EQ(query("%61+b=1", "a b"), "1");
  EXPECT_EQ(query("a=x+y%2B%20z%26", "a"), "x y+ z&");
}

TEST(Query, RefusesAmbiguousAndBrokenValues) {
  EXPECT_EQ(query("a=1&a=1", "a"), "refused");
  EXPECT_EQ(query("a=1&%61=2", "a"), "refused");
  EXPECT_EQ(query("a=%zz", "a"), "refused");
  EXPECT_EQ(query("a=%00", "a"), "refused");
  EXPECT_EQ(query("a=%ff", "a"), "refused");
  EXPECT_EQ(query("b=%zz&%zz=1&a=1", "a"), "1") << "others are not looked at";
}

}  // namespace
}  // namespace paceline
