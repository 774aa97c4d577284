#include "paceline/core/result.h"

#include <gtest/gtest.h>

#include <memory>

namespace paceline {
namespace {

Result<int> half(int n) {
  if (n % 2 != 0) return fail(Code::invalid, "odd");
  return n / 2;
}

Result<void> even(int n) {
  PACELINE_TRY(half(n));
  return {};
}

Result<std::unique_ptr<int>> quarter(int n) {
  PACELINE_TRY_VALUE(const int once, half(n));
  PACELINE_TRY_VALUE(const int twice, half(once));
  return std::make_unique<int>(twice);
}

TEST(Result, TryPassesTheValueOn) {
  EXPECT_TRUE(even(2));
  EXPECT_EQ(*quarter(8).value(), 2);
}

TEST(Result, TryPassesTheErrorOnWithItsFirstPlace) {
  const auto result = quarter(6);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::invalid);
  EXPECT_EQ(result.error().text(), "odd");
  EXPECT_NE(std::string_view(result.error().where.function_name()).find("half"),
            std::string_view::npos);
}

TEST(Result, SystemErrorsSayWhatWasTriedAndWhyItFailed) {
  const Error error = fail_errno("open x", EACCES).error();
  EXPECT_EQ(error.code, Code::denied);
  EXPECT_EQ(error.os, EACCES);
  EXPECT_EQ(error.text(), "open x: Permission denied");
  EXPECT_EQ(fail_errno("bind", EADDRINUSE).error().code, Code::conflict);
  EXPECT_EQ(fail_errno("read", EIO).error().code, Code::io);
}

TEST(Result, EveryCodeHasAName) {
  EXPECT_EQ(to_string(Code::invalid), "invalid");
  EXPECT_EQ(to_string(Code::outcome_unknown), "outcome_unknown");
  EXPECT_EQ(to_string(Code::internal), "internal");
}

TEST(ResultDeathTest, AFailedCheckNamesItsPlaceAndAborts) {
  check(true);
  EXPECT_DEATH(check(false, "queue is linked"), "bug: queue is linked failed at .*result_test.cpp");
}

}  // namespace
}  // namespace paceline
