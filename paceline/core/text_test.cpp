#include "paceline/core/text.h"

#include <gtest/gtest.h>

#include <array>
#include <random>

namespace paceline {
namespace {

TEST(Text, SizesHaveBinaryAndDecimalUnits) {
  EXPECT_EQ(parse_bytes("64MiB").value(), std::uint64_t{64} << 20);
  EXPECT_EQ(parse_bytes("1GiB").value(), std::uint64_t{1} << 30);
  EXPECT_EQ(parse_bytes("4KiB").value(), 4096U);
  EXPECT_EQ(parse_bytes("10kB").value(), 10'000U);
  EXPECT_EQ(parse_bytes("512B").value(), 512U);
  EXPECT_EQ(parse_bytes("0").value(), 0U);
}

TEST(Text, SizesWithoutUnitOrTooLargeAreErrors) {
  for (const char* bad : {"", "64", "00x", "MiB", "-1B", "64 MiB", "64mib", "1.5GiB", "99999999TiB",
                          "99999999999999999999B"}) {
    const auto result = parse_bytes(bad);
    ASSERT_FALSE(result) << bad;
    EXPECT_EQ(result.error().code, Code::invalid);
    EXPECT_NE(result.error().message.find("such as \"64MiB\""), std::string::npos);
  }
}

TEST(Text, EverySizeSurvivesFormatAndParse) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 2000; ++i) {
    const std::uint64_t bytes = random() >> (random() % 64);
    EXPECT_EQ(parse_bytes(format_bytes(bytes)).value(), bytes);
  }
  EXPECT_EQ(format_bytes(std::uint64_t{64} << 20), "64MiB");
  EXPECT_EQ(format_bytes(1500), "1500B");
  EXPECT_EQ(format_bytes(0), "0B");
}

TEST(Text, NearestFindsASlipAndRejectsAnotherWord) {
  constexpr std::array<std::string_view, 4> kKeys = {"cache.l1.max", "cache.l1.ttl", "workers",
                                                     "server.listen"};
  EXPECT_EQ(nearest("cache.l1.mx", kKeys), "cache.l1.max");
  EXPECT_EQ(nearest("wrokers", kKeys), "workers");
  EXPECT_EQ(nearest("cache.l1.maximum", kKeys), "cache.l1.max");
  EXPECT_EQ(nearest("telescope", kKeys), "");
  EXPECT_EQ(nearest("", kKeys), "");
  EXPECT_EQ(nearest("x", {}), "");
}

TEST(Text, UnsignedTakesDigitsOnly) {
  EXPECT_EQ(parse_unsigned("18446744073709551615").value(), UINT64_MAX);
  EXPECT_EQ(parse_unsigned("0").value(), 0U);
  for (const char* bad : {"", "+1", "-1", " 1", "1 ", "1x", "0x10", "18446744073709551616"}) {
    EXPECT_FALSE(parse_unsigned(bad)) << bad;
  }
}

TEST(Text, Base64FollowsRfc4648Section10) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64("\xff\xfe\xfd"), "//79");
}

std::string json(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

TEST(Text, JsonStringsEscapeWhatJsonForbids) {
  EXPECT_EQ(json("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(json("a\nb\tc\rd"), R"("a\nb\tc\rd")");
  EXPECT_EQ(json(std::string_view("\0\x1b\x7f", 3)), R"("\u0000\u001b\u007f")");
  EXPECT_EQ(json("\xc2\x9b"
                 "1m"),
            R"("\u009b1m")");
  EXPECT_EQ(json("häß→🎉"), "\"häß→🎉\"");
}

TEST(Text, JsonStringsReplaceBytesThatAreNotUtf8) {
  const std::string bad = "\"\xEF\xBF\xBD\"";
  EXPECT_EQ(json("\xff"), bad);
  EXPECT_EQ(json("\xc3"), bad);                                 // cut short
  EXPECT_EQ(json("\xc0\xaf"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");  // overlong
  EXPECT_EQ(json("\xed\xa0\x80").size(), 2U + 9U);              // a surrogate
  EXPECT_EQ(json("\xf4\x90\x80\x80").size(), 2U + 12U);         // above U+10FFFF
  EXPECT_EQ(json("\xe2\x82x"), "\"\xEF\xBF\xBD\xEF\xBF\xBDx\"");
}

TEST(Text, Utf8IsRecognised) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("häß→🎉"));
  EXPECT_FALSE(is_utf8("a\xff"));
  EXPECT_FALSE(is_utf8("\xe2\x82"));
}

TEST(Text, PrintableKeepsOneShortLine) {
  EXPECT_EQ(printable("plain text"), "plain text");
  EXPECT_EQ(printable("a\nb\x1b[31m\xff"), "a\\x0ab\\x1b[31m\\xff");
  EXPECT_EQ(printable("abcdef", 3), "abc...");
  EXPECT_EQ(printable("abc", 3), "abc");
}

}  // namespace
}  // namespace paceline
