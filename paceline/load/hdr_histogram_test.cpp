#include "paceline/load/hdr_histogram.h"

#include <gtest/gtest.h>

#include <random>

namespace paceline {
namespace {

HdrHistogram of(std::initializer_list<std::uint64_t> values) {
  HdrHistogram histogram;
  for (const std::uint64_t value : values) histogram.record(value);
  return histogram;
}

void expect_equal(const HdrHistogram& a, const HdrHistogram& b) {
  ASSERT_EQ(a.count(), b.count());
  for (std::size_t slot = 0; slot < HdrHistogram::slots; ++slot) {
    ASSERT_EQ(a.in_slot(slot), b.in_slot(slot)) << "slot " << slot;
  }
  EXPECT_EQ(a.min(), b.min());
  EXPECT_EQ(a.max(), b.max());
}

TEST(HdrHistogram, KeepsThreeDigitsOfEveryValue) {
  for (std::uint64_t value = 1; value < HdrHistogram::highest; value += 1 + value / 777) {
    const std::uint64_t low = HdrHistogram::lowest_equal(value);
    const std::uint64_t high = HdrHistogram::highest_equal(value);
    ASSERT_LE(low, value);
    ASSERT_GE(high, value);
    ASSERT_LE(static_cast<double>(high - low), static_cast<double>(value) / 1000.0);
    ASSERT_EQ(HdrHistogram::slot_of(low), HdrHistogram::slot_of(high));
    ASSERT_NE(HdrHistogram::slot_of(high), HdrHistogram::slot_of(high + 1));
  }
}

TEST(HdrHistogram, AnEmptyOneHasZeros) {
  const HdrHistogram empty;
  EXPECT_EQ(empty.min() + empty.max() + empty.at(0.5) + empty.count_to(100), 0u);
  EXPECT_EQ(empty.mean(), 0);
  EXPECT_EQ(empty.deviation(), 0);
}

TEST(HdrHistogram, QuantilesAreTheValuesThatAShareDoesNotExceed) {
  HdrHistogram histogram;
  for (std::uint64_t value = 1; value <= 1000; ++value) histogram.record(value);
  EXPECT_EQ(histogram.at(0.0), 1u);
  EXPECT_EQ(histogram.at(0.5), 500u);
  EXPECT_EQ(histogram.at(0.95), 950u);
  EXPECT_EQ(histogram.at(0.99), 990u);
  EXPECT_EQ(histogram.at(0.999), 999u);
  EXPECT_EQ(histogram.at(1.0), 1000u);
  EXPECT_DOUBLE_EQ(histogram.mean(), 500.5);
  EXPECT_NEAR(histogram.deviation(), 288.675, 0.001);
  EXPECT_EQ(histogram.count_to(200), 200u);
  EXPECT_EQ(histogram.count_to(1u << 31), 1000u);
}

TEST(HdrHistogram, AQuantileOfFewValuesIsNeverBelowItsShare) {
  HdrHistogram histogram;
  for (std::uint64_t value = 1; value <= 10; ++value) histogram.record(value);
  EXPECT_EQ(histogram.at(0.9), 9u);
  EXPECT_EQ(histogram.at(0.92), 10u);
  EXPECT_EQ(histogram.at(0.999), 10u);
}

TEST(HdrHistogram, WhatIsOverAnHourCountsAsAnHour) {
  const HdrHistogram histogram = of({HdrHistogram::highest + 1, UINT64_MAX});
  EXPECT_EQ(histogram.count(), 2u);
  EXPECT_EQ(histogram.max(), HdrHistogram::highest_equal(HdrHistogram::highest));
}

TEST(HdrHistogram, TakesDurationsAndCutsNegativeOnes) {
  HdrHistogram histogram;
  histogram.record(Duration(1999));
  histogram.record(Duration(-5));
  EXPECT_EQ(histogram.min(), 0u);
  EXPECT_EQ(histogram.max(), 1u);
}

TEST(HdrHistogram, CorrectionAddsWhatWasNotAskedMeanwhile) {
  HdrHistogram histogram;
  histogram.record_corrected(1000, 300);
  expect_equal(histogram, of({1000, 700, 400}));
  histogram.record_corrected(500, 300);
  histogram.record_corrected(600, 300);
  histogram.record_corrected(9, 0);
  expect_equal(histogram, of({1000, 700, 400, 500, 600, 300, 9}));
}

TEST(HdrHistogram, MergingIsAdding) {
  HdrHistogram a = of({5, 5000});
  a.add(of({1, 5, 7'000'000}));
  a.add(HdrHistogram());
  expect_equal(a, of({1, 5, 5, 5000, 7'000'000}));
  a.clear();
  EXPECT_TRUE(a.empty());
  a.add(of({3}));
  expect_equal(a, of({3}));
}

TEST(HdrHistogram, ComesBackFromItsEncoding) {
  std::mt19937_64 random(7);
  std::lognormal_distribution<double> latency(6.5, 2.0);
  for (int size : {0, 1, 3, 100, 20'000}) {
    HdrHistogram histogram;
    for (int i = 0; i < size; ++i) histogram.record(static_cast<std::uint64_t>(latency(random)));
    const Result<HdrHistogram> plain = decode_hdr(base64(encode_hdr_plain(histogram)));
    const Result<HdrHistogram> deflated = decode_hdr(encode_hdr(histogram));
    ASSERT_TRUE(plain && deflated);
    expect_equal(*plain, histogram);
    expect_equal(*deflated, histogram);
  }
}

TEST(HdrHistogram, CountsOfEverySizeComeBack) {
  HdrHistogram histogram;
  for (unsigned bits = 0; bits < 63; ++bits) histogram.record(bits * bits, 1ull << bits);
  const Result<HdrHistogram> back = decode_hdr(encode_hdr(histogram));
  ASSERT_TRUE(back);
  expect_equal(*back, histogram);
}

TEST(HdrHistogram, EncodesAsPublished) {
  // Cookie V2 | 0x10, length, offset 0, three digits, 1, 3.6e9, ratio 1.0; then the counts of
  // 0 (once), 1 and 2 (none), 3 (twice): zigzag of 1, -2, 2.
  const std::string bytes = encode_hdr_plain(of({0, 3, 3}));
  const std::string expected(
      "\x1c\x84\x93\x13\0\0\0\x03\0\0\0\0\0\0\0\x03"
      "\0\0\0\0\0\0\0\x01\0\0\0\0\xd6\x93\xa4\0\x3f\xf0\0\0\0\0\0\0\x02\x03\x04",
      43);
  EXPECT_EQ(bytes, expected);
  EXPECT_TRUE(encode_hdr(of({1})).starts_with("HISTFAAA"));
}

TEST(HdrHistogram, WhatIsNoEncodingIsRefused) {
  const std::string whole = encode_hdr(of({1, 20, 300}));
  for (std::size_t size = 0; size + 4 < whole.size(); ++size) {
    EXPECT_FALSE(decode_hdr(whole.substr(0, size))) << size;
  }
  EXPECT_FALSE(decode_hdr("?" + whole));
  std::string bytes = encode_hdr_plain(of({1}));
  bytes[15] = 9;  // digits
  EXPECT_FALSE(decode_hdr(base64(bytes)));
  bytes = encode_hdr_plain(of({1}));
  bytes[7] = static_cast<char>(bytes[7] + 1);  // one count more than there is
  EXPECT_FALSE(decode_hdr(base64(bytes)));
}

TEST(HdrHistogram, ReadsOtherPrecisions) {
  // One digit, 1 to 1000: 32 steps of 1, then 16 of 2. Counts: 20 zeros, 1; 13 zeros, 1 at 36.
  const std::string bytes(
      "\x1c\x84\x93\x13\0\0\0\x04\0\0\0\0\0\0\0\x01"
      "\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\x03\xe8\x3f\xf0\0\0\0\0\0\0\x27\x02\x19\x02",
      44);
  const Result<HdrHistogram> read = decode_hdr(base64(bytes));
  ASSERT_TRUE(read) << read.error().message;
  expect_equal(*read, of({20, 36}));
}

TEST(HdrHistogram, SpectrumHasFiveLinesEachTimeTheRestHalves) {
  HdrHistogram histogram;
  for (std::uint64_t value = 1000; value <= 10'000; value += 1000) histogram.record(value);
  EXPECT_EQ(hdr_spectrum(histogram),
            "       Value   Percentile   TotalCount 1/(1-Percentile)\n\n"
            "       1.000     0.000000            1         1.00\n"
            "       1.000     0.100000            1         1.11\n"
            "       2.000     0.200000            2         1.25\n"
            "       3.001     0.300000            3         1.43\n"
            "       4.001     0.400000            4         1.67\n"
            "       5.003     0.500000            5         2.00\n"
            "       6.003     0.550000            6         2.22\n"
            "       6.003     0.600000            6         2.50\n"
            "       7.003     0.650000            7         2.86\n"
            "       7.003     0.700000            7         3.33\n"
            "       8.003     0.750000            8         4.00\n"
            "       8.003     0.775000            8         4.44\n"
            "       8.003     0.800000            8         5.00\n"
            "       9.007     0.825000            9         5.71\n"
            "       9.007     0.850000            9         6.67\n"
            "       9.007     0.875000            9         8.00\n"
            "       9.007     0.887500            9         8.89\n"
            "       9.007     0.900000            9        10.00\n"
            "      10.007     0.912500           10        11.43\n"
            "      10.007     1.000000           10          inf\n"
            "#[Mean    =        5.502, StdDeviation   =        2.874]\n"
            "#[Max     =       10.007, Total count    =           10]\n"
            "#[Buckets =           22, SubBuckets     =         2048]\n");
}

}  // namespace
}  // namespace paceline
