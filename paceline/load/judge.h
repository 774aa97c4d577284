// Holds a run against its goals, second by second while it goes on and once at its end.
#pragma once

#include <memory>
#include <vector>

#include "paceline/core.h"
#include "paceline/load/goal.h"
#include "paceline/load/result.h"

namespace paceline {

class LoadJudge {
 public:
  /// `classes`: those that the run counted, in which the goals' tags are found.
  LoadJudge(std::vector<LoadGoal> goals, std::vector<StatusClass> classes);
  ~LoadJudge();
  LoadJudge(const LoadJudge&) = delete;
  LoadJudge& operator=(const LoadJudge&) = delete;

  /// The next second; the last one may be shorter.
  void add(const LoadSecond& second, Duration length = std::chrono::seconds(1));
  const std::vector<LoadGoal>& goals() const { return goals_; }
  /// In the order of the goals, over what was added.
  std::vector<LoadVerdict> verdicts() const;
  /// The first goal that asks for the run's end by now.
  const LoadGoal* aborting() const;

 private:
  class Case;
  std::vector<LoadGoal> goals_;
  std::vector<std::unique_ptr<Case>> cases_;
  Duration length_{};
};

/// The classes that these goals need.
std::vector<StatusClass> classes_of(const std::vector<LoadGoal>& goals);
/// A run that is over.
std::vector<LoadVerdict> judge_load(const std::vector<LoadGoal>& goals,
                                    const std::vector<StatusClass>& classes,
                                    const LoadResult& result);

/// How many requests show with 95 % confidence that at most `budget` of all are bad, if none of
/// them is: 59 for 5 %, 299 for 1 %, 2995 for 0.1 %.
std::uint64_t requests_to_decide(double budget);

}  // namespace paceline
