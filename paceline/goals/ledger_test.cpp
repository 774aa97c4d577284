#include "paceline/goals/ledger.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

namespace paceline {
namespace {

using namespace std::chrono_literals;

/// A folder that is gone when the test ends.
class LedgerTest : public testing::Test {
 protected:
  LedgerTest() {
    std::string name = testing::TempDir() + "ledgerXXXXXX";
    folder_ = ::mkdtemp(name.data());
    path_ = folder_ + "/availability.ledger";
  }
  ~LedgerTest() override { std::filesystem::remove_all(folder_); }

  Ledger open(const Slo& slo = {}) {
    Result<Ledger> ledger = Ledger::open(path_, slo, now_, run_);
    check(ledger.has_value(), "the ledger opens");
    return std::move(*ledger);
  }
  /// `seconds` of `rate` requests a second, `failed` of which fail.
  void serve(Ledger& ledger, int seconds, std::uint64_t rate, std::uint64_t failed,
             ServiceState state = ServiceState::serving) {
    for (int i = 0; i < seconds; ++i) {
      now_ += 1s;
      total_ += rate;
      failed_ += failed;
      ledger.record(
          {.now = now_, .run = run_.id, .total = total_, .failed = failed_, .state = state});
    }
  }
  void new_run() {
    run_ = {.id = run_.id + 1, .began = now_};
    total_ = failed_ = 0;
  }

  std::string folder_;
  std::string path_;
  WallTime now_ = WallTime(1'764'000'000s);
  LedgerRun run_ = {.id = 1, .began = now_};
  std::uint64_t total_ = 0;
  std::uint64_t failed_ = 0;
};

TEST_F(LedgerTest, WhatWasServedIsShared) {
  Ledger ledger = open();
  EXPECT_EQ(ledger.notice(), "");
  serve(ledger, 600, 10, 0);
  const WindowShare share = ledger.share(now_, 5min);
  EXPECT_NEAR(static_cast<double>(share.total), 3000, 110);
  EXPECT_EQ(share.down, 0s);
  const Availability availability = ledger.availability(now_);
  EXPECT_EQ(availability.total, 6000U);
  EXPECT_EQ(availability.ratio, 1);
  EXPECT_EQ(availability.observed, 600s);
  EXPECT_NEAR(std::chrono::duration<double>(availability.budget).count(), 2592, 1e-3);
}

TEST_F(LedgerTest, AFastBurnPagesAndEndsSoonAfterTheTrouble) {
  Ledger ledger = open();
  const BurnRule quick = burn_rules({})[0];
  serve(ledger, 3600, 10, 0);
  EXPECT_EQ(ledger.burn(quick, now_).state, BurnState::ok);
  int pages_after = 0;
  while (ledger.burn(quick, now_).state != BurnState::firing) {
    serve(ledger, 1, 10, 1);
    ASSERT_LT(++pages_after, 3600);
  }
  // 10 % fail: 1.44 % of an hour is reached after 3600 * 0.144 s.
  EXPECT_NEAR(pages_after, 518, 12);
  int ends_after = 0;
  while (ledger.burn(quick, now_).state == BurnState::firing) {
    serve(ledger, 1, 10, 0);
    ASSERT_LT(++ends_after, 3600);
  }
  EXPECT_LT(ends_after, 300);
}

TEST_F(LedgerTest, EachBurnRateFindsItsKindOfTrouble) {
  struct Case {
    std::uint64_t failed;  // of 10,000 a minute
    std::size_t rule;      // the first that fires, within its long window
  };
  for (const Case& test : {Case{2000, 0}, Case{100, 1}, Case{40, 2}, Case{15, 3}}) {
    Ledger ledger = *Ledger::in_memory({}, now_);
    new_run();
    const auto rules = burn_rules({});
    for (auto passed = 0min; passed < rules[test.rule].long_window; passed += 1min) {
      now_ += 1min;
      total_ += 10'000;
      failed_ += test.failed;
      ledger.record({.now = now_, .run = run_.id, .total = total_, .failed = failed_});
    }
    for (std::size_t i = 0; i < rules.size(); ++i) {
      const bool fires = ledger.burn(rules[i], now_).state == BurnState::firing;
      EXPECT_EQ(fires, i >= test.rule) << test.failed << " by rule " << i;
    }
  }
}

TEST_F(LedgerTest, AfterThePeriodAllIsForgotten) {
  Ledger ledger = open();
  serve(ledger, 60, 10, 10);
  EXPECT_GT(ledger.availability(now_).used, 59s);
  for (int hour = 0; hour < 719; ++hour) {
    now_ += 1h;
    ledger.record({.now = now_, .run = run_.id, .total = total_ += 10, .failed = failed_});
  }
  EXPECT_EQ(ledger.availability(now_).failed, 600U);
  now_ += 2h;
  ledger.record({.now = now_, .run = run_.id, .total = total_, .failed = failed_});
  EXPECT_EQ(ledger.availability(now_).failed, 0U);
  EXPECT_EQ(ledger.availability(now_).ratio, 1);
}

TEST_F(LedgerTest, DowntimeUsesTheBudget) {
  Ledger ledger = open();
  serve(ledger, 100, 10, 0);
  now_ += 2592s;  // no reading for as long as the budget is, and then one that says why
  ledger.record({.now = now_, .run = run_.id, .total = total_, .state = ServiceState::down});
  const Availability availability = ledger.availability(now_);
  EXPECT_EQ(availability.down, 2592s);
  EXPECT_NEAR(availability.budget_left, 0, 1e-9);
  EXPECT_NEAR(availability.ratio, 0.999, 1e-9);
}

TEST_F(LedgerTest, ACrashIsDowntimeUntilTheNextStart) {
  {
    Ledger ledger = open();
    serve(ledger, 60, 10, 0);
  }
  now_ += 5min;
  new_run();
  now_ += 2s;  // until the first reading
  Ledger ledger = open();
  EXPECT_EQ(ledger.availability(now_).down, 5min);
  serve(ledger, 60, 10, 0);
  EXPECT_EQ(ledger.availability(now_).down, 5min);
  EXPECT_EQ(ledger.availability(now_).total, 1200U);
}

TEST_F(LedgerTest, AnOrderlyStopIsPlanned) {
  {
    Ledger ledger = open();
    serve(ledger, 60, 10, 0);
    ledger.stop_planned(now_ += 1s);
  }
  now_ += 5h;
  new_run();
  Ledger ledger = open();
  EXPECT_EQ(ledger.availability(now_).down, 0s);
  EXPECT_EQ(ledger.availability(now_).observed, 60s);
}

TEST_F(LedgerTest, AStartIsWhatTheGapBeforeItWas) {
  {
    Ledger ledger = open();
    serve(ledger, 3, 0, 0, ServiceState::starting);  // the first one
    serve(ledger, 60, 10, 0);
    EXPECT_EQ(ledger.availability(now_).down, 0s);
  }
  now_ += 10s;
  new_run();
  Ledger ledger = open();
  serve(ledger, 3, 0, 0, ServiceState::starting);
  serve(ledger, 60, 10, 0);
  EXPECT_EQ(ledger.availability(now_).down, 13s);
}

TEST_F(LedgerTest, AWriterThatWasAwayMissesNothing) {
  {
    Ledger ledger = open();
    serve(ledger, 60, 10, 0);
  }
  now_ += 10s;  // the monitor is killed; the service goes on
  total_ += 100;
  failed_ += 7;
  Ledger ledger = open();
  serve(ledger, 1, 10, 0);
  const Availability availability = ledger.availability(now_);
  EXPECT_EQ(availability.total, 710U);
  EXPECT_EQ(availability.failed, 7U);
  EXPECT_EQ(availability.down, 0s);
  EXPECT_EQ(availability.observed, 71s);
}

TEST_F(LedgerTest, SurvivesKill9OfItsWriter) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    Ledger ledger = open();
    serve(ledger, 100, 10, 1);
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  now_ += 160s;
  new_run();
  Ledger ledger = open();
  EXPECT_EQ(ledger.notice(), "");
  EXPECT_EQ(ledger.availability(now_).total, 1000U);
  EXPECT_EQ(ledger.availability(now_).failed, 100U);
  EXPECT_EQ(ledger.availability(now_).down, 60s);
}

TEST_F(LedgerTest, ADamagedOrForeignFileIsMovedAside) {
  for (const std::string& content : {std::string("what is this"), std::string(1'065'728, 'x')}) {
    ASSERT_TRUE(write_file(path_, content));
    new_run();
    Ledger ledger = open();
    EXPECT_NE(ledger.notice().find("moved to " + path_ + "."), std::string::npos);
    EXPECT_EQ(ledger.availability(now_).total, 0U);
    serve(ledger, 1, 10, 0);
    EXPECT_EQ(ledger.availability(now_).total, 10U);
  }
  EXPECT_EQ(*read_file(path_ + ".1"), "what is this");
  EXPECT_EQ(read_file(path_ + ".2")->size(), 1'065'728U);
}

TEST_F(LedgerTest, AnotherPeriodStartsAnewAndKeepsTheOldFile) {
  {
    Ledger ledger = open();
    serve(ledger, 60, 10, 0);
  }
  Ledger ledger = open({.period = 30min});
  EXPECT_NE(ledger.notice(), "");
  EXPECT_EQ(ledger.availability(now_).total, 0U);
  EXPECT_TRUE(std::filesystem::exists(path_ + ".1"));
}

TEST_F(LedgerTest, AScaledPeriodBurnsInSeconds) {
  const Slo slo{.period = 30min};
  Ledger ledger = open(slo);
  const BurnRule quick = burn_rules(slo)[0];
  serve(ledger, 10, 50, 0);
  EXPECT_EQ(ledger.burn(quick, now_).state, BurnState::ok);
  serve(ledger, 3, 50, 50);
  EXPECT_EQ(ledger.burn(quick, now_).state, BurnState::firing);
  serve(ledger, 4, 50, 0);
  EXPECT_EQ(ledger.burn(quick, now_).state, BurnState::ok);
}

TEST_F(LedgerTest, AClockThatIsSetBackLosesNothing) {
  Ledger ledger = open();
  serve(ledger, 600, 10, 1);
  now_ -= 5min;
  serve(ledger, 10, 10, 1);
  EXPECT_EQ(ledger.availability(now_ + 5min).total, 6100U);
}

TEST_F(LedgerTest, WithoutAFileThereIsMemory) {
  EXPECT_EQ(Ledger::open(folder_ + "/none/ledger", {}, now_, run_).error().code, Code::not_found);
  Ledger ledger = *Ledger::in_memory({}, now_);
  serve(ledger, 10, 10, 10);
  EXPECT_EQ(ledger.availability(now_).failed, 100U);
}

}  // namespace
}  // namespace paceline
