#include "paceline/cache/cache.h"

#include <gtest/gtest.h>

#include <list>
#include <memory>
#include <stdexcept>
#include <string>

#include "paceline/cache/testing.h"

namespace paceline {
namespace {

using Value = Cached<std::string>;

/// A source whose answers the test gives, one by one.
class Source {
 public:
  explicit Source(Loop& loop) : loop_(loop) {}
  struct Call {
    explicit Call(Loop& loop) : answered(loop) {}
    Event answered;
    Result<std::string> answer = std::string();
  };

  Cache<std::string>::Loader loader() {
    return [this] { return read(calls_.emplace_back(loop_)); };
  }
  void answer(std::size_t call, Result<std::string> with) {
    Call& at = *std::next(calls_.begin(), static_cast<std::ptrdiff_t>(call));
    at.answer = std::move(with);
    at.answered.set();
  }
  std::size_t calls() const { return calls_.size(); }

 private:
  static Task<Result<std::string>> read(Call& call) {
    co_await call.answered.wait();
    co_return call.answer;
  }
  Loop& loop_;
  std::list<Call> calls_;
};

class CacheTest : public testing::Test {
 protected:
  CacheRead want(std::string_view key, Duration wait = 1s) {
    return {.key = key,
            .hash = versions_.hash(key),
            .tags = tags_,
            .ttl = 1h,
            .deadline = Deadline::after(loop_.now(), wait)};
  }
  Value find(std::string_view key) { return cache_->find(key, versions_.hash(key)); }
  /// A request that is under way: started, and owned by the test.
  Task<Result<Value>> request(std::string_view key, Duration wait = 1s) {
    Task<Result<Value>> task = cache_->get(want(key, wait), source_.loader());
    task.start();
    return task;
  }
  void run(Task<Result<Value>>& task) {
    while (!task.done()) loop_.turn();
  }
  std::string value_of(Task<Result<Value>>& task) {
    run(task);
    Result<Value> result = task.take();
    return result ? **result : "error: " + result.error().message;
  }
  Code code_of(Task<Result<Value>>& task) {
    run(task);
    Result<Value> result = task.take();
    check(!result.has_value());
    return result.error().code;
  }

  VersionsInMemory memory_;
  Versions versions_ = memory_.create();
  KeyHash tags_[1] = {versions_.hash("data-list")};
  SimulatedKernel kernel_;
  Loop loop_{kernel_};
  Source source_{loop_};
  std::unique_ptr<Cache<std::string>> cache_ =
      std::make_unique<Cache<std::string>>(loop_, versions_, CacheOptions{.loads_max = 3});
};

TEST_F(CacheTest, OneLoadServesAllWhoAskMeanwhileAndLater) {
  EXPECT_FALSE(find("k"));
  Task<Result<Value>> first = request("k");
  Task<Result<Value>> second = request("k");
  EXPECT_EQ(source_.calls(), 1u);
  source_.answer(0, "Ada");
  EXPECT_EQ(value_of(first), "Ada");
  EXPECT_EQ(value_of(second), "Ada");
  ASSERT_TRUE(find("k"));
  EXPECT_EQ(*find("k"), "Ada");
  EXPECT_EQ(cache_->stats().loads, 1u);
  EXPECT_EQ(cache_->stats().joined, 1u);
  EXPECT_EQ(cache_->loading(), 0u);
}

Task<Result<std::string>> at_once() { co_return "now"; }

TEST_F(CacheTest, ALoaderThatDoesNotWaitCostsNoTurn) {
  Task<Result<Value>> task = cache_->get(want("k"), &at_once);
  task.start();
  ASSERT_TRUE(task.done());
  EXPECT_EQ(value_of(task), "now");
}

TEST_F(CacheTest, CancellingTheFirstCallerLeavesTheLoadRunning) {
  Task<Result<Value>> first = request("k");
  Task<Result<Value>> second = request("k");
  first.cancel();
  source_.answer(0, "Ada");
  EXPECT_EQ(value_of(second), "Ada");
}

TEST_F(CacheTest, ALoadWithoutAnyCallerIsStillStored) {
  request("k").cancel();
  EXPECT_EQ(cache_->loading(), 1u);
  source_.answer(0, "Ada");
  while (cache_->loading() > 0) loop_.turn();
  ASSERT_TRUE(find("k"));
  EXPECT_EQ(*find("k"), "Ada");
}

TEST_F(CacheTest, AWriteDuringALoadSendsLaterCallersToANewLoad) {
  for (KeyHash written : {versions_.hash("k"), tags_[0]}) {
    const std::size_t first_call = source_.calls();
    Task<Result<Value>> before = request("k");
    versions_.raise(written);
    Task<Result<Value>> after = request("k");
    Task<Result<Value>> also_after = request("k");
    ASSERT_EQ(source_.calls(), first_call + 2);
    source_.answer(first_call, "old");
    EXPECT_EQ(value_of(before), "old") << "it asked before the write was acknowledged";
    EXPECT_FALSE(find("k"));
    source_.answer(first_call + 1, "new");
    EXPECT_EQ(value_of(after), "new");
    EXPECT_EQ(value_of(also_after), "new");
    EXPECT_EQ(*find("k"), "new");
    versions_.raise(written);
  }
}

TEST_F(CacheTest, AnOldLoadThatEndsLastDoesNotReplaceTheNewValue) {
  Task<Result<Value>> before = request("k");
  versions_.raise_epoch();
  Task<Result<Value>> after = request("k");
  source_.answer(1, "new");
  EXPECT_EQ(value_of(after), "new");
  source_.answer(0, "old");
  EXPECT_EQ(value_of(before), "old");
  EXPECT_EQ(*find("k"), "new");
}

TEST_F(CacheTest, AnErrorReachesAllWhoWaitAndIsNotStored) {
  Task<Result<Value>> first = request("k");
  Task<Result<Value>> second = request("k");
  source_.answer(0, fail(Code::unavailable, "no database"));
  EXPECT_EQ(code_of(first), Code::unavailable);
  EXPECT_EQ(code_of(second), Code::unavailable);
  EXPECT_FALSE(find("k"));
  EXPECT_EQ(cache_->stats().failed, 1u);
  Task<Result<Value>> third = request("k");
  source_.answer(1, "back");
  EXPECT_EQ(value_of(third), "back");
}

Task<Result<std::string>> throws() {
  throw std::runtime_error("user code");
  co_return "never";
}

TEST_F(CacheTest, AThrownExceptionIsAnErrorOfAllWhoWait) {
  Task<Result<Value>> task = cache_->get(want("k"), &throws);
  task.start();
  EXPECT_EQ(code_of(task), Code::internal);
}

TEST_F(CacheTest, MoreLoadsThanTheLimitAreRefusedButJoiningIsNot) {
  Task<Result<Value>> running[] = {request("a"), request("b"), request("c")};
  Task<Result<Value>> refused = request("d");
  EXPECT_EQ(code_of(refused), Code::exhausted);
  EXPECT_EQ(cache_->stats().exhausted, 1u);
  Task<Result<Value>> joined = request("a");
  source_.answer(0, "1");
  EXPECT_EQ(value_of(joined), "1");
  Task<Result<Value>> next = request("d");
  source_.answer(3, "4");
  EXPECT_EQ(value_of(next), "4");
}

TEST_F(CacheTest, ACallersDeadlineEndsItsWaitAndNotTheLoad) {
  Task<Result<Value>> hasty = request("k", 10ms);
  Task<Result<Value>> patient = request("k", 2s);
  EXPECT_EQ(code_of(hasty), Code::timeout);
  EXPECT_EQ(cache_->loading(), 1u);
  source_.answer(0, "Ada");
  EXPECT_EQ(value_of(patient), "Ada");
  Task<Result<Value>> late = request("other", 0s);
  EXPECT_EQ(code_of(late), Code::timeout);
  EXPECT_EQ(source_.calls(), 1u) << "who is late starts nothing";
  EXPECT_EQ(cache_->stats().timeouts, 2u);
}

TEST_F(CacheTest, ALoadThatHangsIsCancelledAndItsSlotIsFree) {
  Task<Result<Value>> task = request("k", 1h);
  EXPECT_EQ(code_of(task), Code::timeout);
  EXPECT_EQ(cache_->loading(), 0u);
  EXPECT_EQ(cache_->stats().failed, 1u);
}

TEST_F(CacheTest, DestroyingTheCacheCancelsLoadsAndFreesWhoWaits) {
  Task<Result<Value>> first = request("k");
  Task<Result<Value>> second = request("other");
  cache_.reset();
  EXPECT_EQ(code_of(first), Code::cancelled);
  EXPECT_EQ(code_of(second), Code::cancelled);
}

TEST_F(CacheTest, WhatWasReadWithoutWaitingIsKeptUnlessAWriteCameBetween) {
  const CacheRead read = want("k");
  const Stamps before = versions_.capture(read.hash, read.tags);
  EXPECT_EQ(*cache_->keep(read, before, "Ada"), "Ada");
  ASSERT_TRUE(find("k"));
  EXPECT_EQ(*find("k"), "Ada");
  versions_.raise(read.hash);
  EXPECT_EQ(*cache_->keep(read, before, "old"), "old") << "who read it gets it";
  EXPECT_FALSE(find("k"));
}

TEST_F(CacheTest, AValueThatIsNotStorableGoesOnlyToWhoAsked) {
  struct Loose {
    bool kept = false;
    bool storable() const { return kept; }
  };
  Cache<Loose> cache(loop_, versions_, {});
  const CacheRead read = want("k");
  const Stamps stamps = versions_.capture(read.hash, read.tags);
  EXPECT_FALSE(cache.keep(read, stamps, {})->kept);
  EXPECT_FALSE(cache.find("k", read.hash));
  EXPECT_TRUE(cache.keep(read, stamps, {.kept = true})->kept);
  EXPECT_TRUE(cache.find("k", read.hash));
}

TEST_F(CacheTest, KeysThatCannotBeStoredAreStillLoadedOnce) {
  const std::string key(5000, 'k');
  Task<Result<Value>> first = request(key);
  Task<Result<Value>> second = request(key);
  source_.answer(0, "long");
  EXPECT_EQ(value_of(first), "long");
  EXPECT_EQ(value_of(second), "long");
  EXPECT_EQ(source_.calls(), 1u);
  EXPECT_FALSE(find(key));
}

}  // namespace
}  // namespace paceline
