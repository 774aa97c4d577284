// For tests: a coroutine that is destroyed at each of its suspension points in turn.
#pragma once

#include "paceline/loop/loop.h"
#include "paceline/loop/simulation.h"
#include "paceline/loop/task.h"

namespace paceline {

/// Counts the objects that live; a frame that is not destroyed keeps its own.
struct Alive {
  explicit Alive(int& count) : count_(&count) { ++*count_; }
  Alive(const Alive& other) : Alive(*other.count_) {}
  Alive& operator=(const Alive&) = delete;
  ~Alive() { --*count_; }

 private:
  int* count_;
};

/// Calls make(loop) for a Task<void>, lets it run for n turns and destroys it there, for n = 0, 1,
/// … until it ends by itself; then turns on, so that what was left behind would show. Answers how
/// many turns the whole task takes. The loop's turns are at most a second apart.
template <class Make>
int destroy_at_every_turn(Make make) {
  for (int n = 0;; ++n) {
    SimulatedKernel kernel;
    Loop loop(kernel);
    Task<void> task = make(loop);
    task.start();
    int turns = 0;
    while (turns < n && !task.done()) {
      loop.turn(loop.now() + std::chrono::seconds(1));
      ++turns;
    }
    const bool ended = task.done();
    if (ended) task.take();
    task.cancel();
    for (int i = 0; i < 3; ++i) loop.turn(loop.now() + std::chrono::seconds(1));
    if (ended) return turns;
  }
}

}  // namespace paceline
