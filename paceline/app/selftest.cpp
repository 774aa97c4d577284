#include "paceline/app/selftest.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "paceline/app/stop_on_signal.h"
#include "paceline/load.h"

namespace paceline::app {
namespace {

using State = SelftestCheck::State;

void print(const SelftestCheck& check) {
  const char* state = check.state == State::passed ? "ok" : "NOISY";
  if (check.state == State::failed) state = "FAILED";
  std::fputs(fmt::format("  {:<8}{:<11}{}\n", state, check.name, check.text).c_str(), stdout);
  std::fflush(stdout);
}

}  // namespace

int selftest() {
  std::fputs("the load generator, held against a server of its own\n\n", stdout);
  std::fflush(stdout);  // before a child has a copy of what is not written
  const StopOnSignal signals;
  const Result<std::vector<SelftestCheck>> checks =
      run_selftest_blocking({.tell = print, .stop = &signals.stop()});
  if (!checks) {
    std::fprintf(stderr, "bench selftest: %s\n", checks.error().text().c_str());
    return 1;
  }
  if (signals.stop().load()) return 105;
  const auto any = [&](State state) {
    return std::ranges::count(*checks, state, &SelftestCheck::state) > 0;
  };
  if (any(State::failed)) return 1;
  return any(State::noisy) ? 98 : 0;
}

}  // namespace paceline::app
