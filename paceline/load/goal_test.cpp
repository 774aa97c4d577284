#include "paceline/load/goal.h"

#include <gtest/gtest.h>

#include "paceline/load/judge.h"

namespace paceline {
namespace {

LoadGoal goal(std::string_view text) {
  const Result<LoadGoal> parsed = parse_load_goal(text);
  EXPECT_TRUE(parsed) << text << ": " << parsed.error().message;
  return parsed ? *parsed : LoadGoal{};
}

std::string problem(std::string_view text) {
  const Result<LoadGoal> parsed = parse_load_goal(text);
  return parsed ? "none" : parsed.error().message;
}

TEST(LoadGoal, HasTheWordsOfK6) {
  EXPECT_EQ(goal("p(99)<500").quantile, 0.99);
  EXPECT_EQ(goal("p(99)<500").bound, 500'000);
  EXPECT_EQ(goal("p99.9 <= 1500ms").bound, 1'500'000);
  EXPECT_EQ(goal("p99.9 <= 1500ms").compare, LoadCompare::less_equal);
  EXPECT_EQ(goal("med<20").quantile, 0.5);
  EXPECT_EQ(goal("avg < 20").measure, LoadMeasure::avg);
  EXPECT_EQ(goal("max<=2000").measure, LoadMeasure::max);
  EXPECT_EQ(goal("error_rate<0.1%").bound, 0.001);
  EXPECT_EQ(goal("error_rate<0.001").bound, 0.001);
  EXPECT_EQ(goal("rate>1000").compare, LoadCompare::greater);
  EXPECT_EQ(goal("rate>=1000/s").bound, 1000);
  EXPECT_EQ(goal("count===0").compare, LoadCompare::equal);
  EXPECT_EQ(goal("count!=0").compare, LoadCompare::not_equal);
}

TEST(LoadGoal, HasWindowsTagsAndAnEnd) {
  EXPECT_EQ(goal("p(99)[10s]<500").window, 10s);
  EXPECT_EQ(goal("p(99) {status:2xx} [1m] < 500").window, 1min);
  EXPECT_EQ(goal("p(99){status:2xx}<500").only, (StatusClass{200, 300}));
  EXPECT_EQ(goal("count{status: 404}==0").only, (StatusClass{404, 405}));
  EXPECT_EQ(goal("count(5xx) == 0 abort").only, (StatusClass{500, 600}));
  EXPECT_TRUE(goal("count(5xx) == 0 abortOnFail").abort);
  EXPECT_FALSE(goal("count(5xx) == 0").abort);
  EXPECT_EQ(goal("p(95)<200 abort:30s").abort_after, 30s);
}

TEST(LoadGoal, SaysWhatIsWrong) {
  EXPECT_EQ(problem("fast"), "a goal is such as \"p(99)<500\", not \"fast\"");
  EXPECT_EQ(problem("eror_rate<1%"),
            "unknown measure eror_rate in a goal; did you mean error_rate?");
  EXPECT_EQ(problem("p(100)<5"), "a percentile is above 0 and below 100: p(100)");
  EXPECT_EQ(problem("p(99)=5"), "a goal compares with <, <=, >, >=, == or !=");
  EXPECT_EQ(problem("p(99)<fast"), "a goal's bound is a number such as 500 or 500ms, not \"fast\"");
  EXPECT_EQ(problem("p(99)<"), "a goal's bound is a number such as 500 or 500ms, not \"\"");
  EXPECT_EQ(problem("error_rate<200%"), "no share is above 100 %: 200%");
  EXPECT_EQ(problem("p(99)[1500ms]<5"), "a window is whole seconds, not 1500ms");
  EXPECT_EQ(problem("p(99)[10s<5"), "expected [10s] or {status:2xx}, not [10s");
  EXPECT_EQ(problem("p(99){route:/a}<5"), "the tag of a goal is {status:2xx}, not {route:/a}");
  EXPECT_EQ(problem("count{status:20x}<5"), "a status is 200 or 2xx, not 20x");
  EXPECT_EQ(problem("count<5 abortion"), "expected abort or abort:10s, not abortion");
  EXPECT_EQ(problem("error_rate{status:2xx}<5%"), "error_rate has a status of its own: no tag");
}

TEST(LoadGoal, TheGuidesAreTheDefaultsOfTheService) {
  std::vector<std::string> texts;
  for (const LoadGoal& each : guide_load_goals()) texts.push_back(each.text);
  EXPECT_EQ(texts, (std::vector<std::string>{"p95 < 200ms", "p99 < 500ms", "error_rate < 0.1%"}));
}

/// So many answers with that status after `ms`, or none.
LoadSecond second(std::uint64_t count, std::uint64_t ms, std::uint16_t status = 200) {
  LoadSecond made;
  const HdrSlots slots = {{static_cast<std::uint32_t>(HdrHistogram::slot_of(ms * 1000)), count}};
  made.response = slots;
  if (status == 0) {
    made.unanswered = slots;
  } else {
    made.completed = count;
    made.status = {{status, count}};
  }
  made.classes = {status / 100 == 5 ? slots : HdrSlots{}};
  return made;
}

std::string state(std::string_view text, const std::vector<LoadSecond>& seconds) {
  LoadJudge judge({goal(text)}, {StatusClass{500, 600}});
  for (const LoadSecond& each : seconds) judge.add(each);
  return std::string(to_string(judge.verdicts()[0].state));
}

TEST(LoadJudge, DecidesWhenThereIsEnough) {
  EXPECT_EQ(requests_to_decide(0.05), 59u);
  EXPECT_EQ(requests_to_decide(0.01), 299u);
  EXPECT_EQ(requests_to_decide(0.001), 2995u);
  EXPECT_EQ(state("p(99)<500", {second(299, 10)}), "met");
  EXPECT_EQ(state("p(99)<500", {second(298, 10)}), "unknown");
  EXPECT_EQ(state("p(99)<500", {second(400, 10), second(5, 600)}), "missed");
  EXPECT_EQ(state("p(99)<500", {second(400, 10), second(4, 600)}), "met");
  // Too few to pass, and too many bad ones for chance.
  EXPECT_EQ(state("p(99)<500", {second(10, 600)}), "missed");
  EXPECT_EQ(state("p(99)<500", {second(99, 10), second(1, 600)}), "unknown");
  EXPECT_EQ(state("error_rate<0.1%", {second(2995, 10)}), "met");
  EXPECT_EQ(state("error_rate<0.1%", {second(2000, 10), second(1, 10, 500)}), "unknown");
  EXPECT_EQ(state("error_rate<0.1%", {second(3000, 10), second(4, 10, 500)}), "missed");
  EXPECT_EQ(state("error_rate<0.1%", {second(3000, 10, 404)}), "met");
  EXPECT_EQ(state("p(99)<500", {}), "unknown");
}

TEST(LoadJudge, NoAnswerIsSlowerThanAnyBound) {
  EXPECT_EQ(state("p(95)<500", {second(95, 10), second(5, 1, 0)}), "met");
  EXPECT_EQ(state("p(95)<500", {second(94, 10), second(6, 1, 0)}), "missed");
  EXPECT_EQ(state("max<500", {second(94, 10), second(1, 1, 0)}), "missed");
  EXPECT_EQ(state("error_rate<1%", {second(94, 10), second(6, 1, 0)}), "missed");
  EXPECT_EQ(state("min<500", {second(10, 1, 0)}), "missed");
}

TEST(LoadJudge, CountsFactsPlainly) {
  EXPECT_EQ(state("count==3", {second(2, 10), second(1, 10, 0)}), "met");
  EXPECT_EQ(state("count(5xx)==0", {second(2, 10)}), "met");
  EXPECT_EQ(state("count(5xx)==0", {second(2, 10), second(1, 10, 503)}), "missed");
  EXPECT_EQ(state("rate>=10", {second(15, 1), second(5, 1)}), "met");
  EXPECT_EQ(state("rate>10", {second(15, 1), second(5, 1)}), "missed");
  EXPECT_EQ(state("avg<11", {second(1, 10)}), "met");
  EXPECT_EQ(state("min>10", {second(1, 10)}), "missed");
}

TEST(LoadJudge, AWindowIsAsGoodAsItsWorstPlace) {
  std::vector<LoadSecond> seconds(10, second(100, 10));
  seconds[4] = second(100, 600);
  EXPECT_EQ(state("p(85)<500", seconds), "met");
  EXPECT_EQ(state("p(85)[5s]<500", seconds), "missed");
  EXPECT_EQ(state("p(75)[5s]<500", seconds), "met");
  EXPECT_EQ(state("rate[2s]>=100", seconds), "met");
  EXPECT_EQ(state("p(85)[20s]<500", seconds), "met");  // the run is shorter
  seconds[7] = LoadSecond{};
  EXPECT_EQ(state("rate[2s]>=100", seconds), "missed");
}

TEST(LoadJudge, EndsARunOnlyForWhatCannotHoldAnyMore) {
  const auto ends = [](std::string_view text, const std::vector<LoadSecond>& seconds) {
    LoadJudge judge({goal(text)}, {StatusClass{500, 600}});
    for (const LoadSecond& each : seconds) judge.add(each);
    return judge.aborting() != nullptr;
  };
  EXPECT_TRUE(ends("count(5xx)==0 abort", {second(1, 10, 500)}));
  EXPECT_FALSE(ends("count(5xx)==0", {second(1, 10, 500)}));
  EXPECT_FALSE(ends("count>100 abort", {second(1, 10)}));
  EXPECT_FALSE(ends("count==100 abort", {second(1, 10)}));
  EXPECT_FALSE(ends("p(99)<5 abort:2s", {second(1000, 10)}));
  EXPECT_TRUE(ends("p(99)<5 abort:2s", {second(1000, 10), second(1, 10)}));
}

}  // namespace
}  // namespace paceline
