// Load tests by scripts, with the interface of wrk's: Lua states on LuaJIT, one beside the threads
// and one for each of them. docs/reference/bench.md has what a script can do.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "paceline/core.h"
#include "paceline/load/meter.h"
#include "paceline/load/options.h"

namespace paceline {

class LoadScript {
 public:
  /// `#latency` in done(): how many distinct values there are, as in wrk, or how many in all, as in
  /// wrk2.
  enum class Sizes : std::uint8_t { distinct, all };
  struct Source {
    std::string file;
    std::string url;                // the test's; args[0] of init()
    std::vector<std::string> args;  // args[1], args[2], …
    LoadMeter::Options meter = {};
    Sizes sizes = Sizes::distinct;
  };

  /// Runs the file in every state, then setup() and init() for each thread, and asks for a first
  /// request, as wrk does. Fills options.hooks, and options.pipeline with the number of requests
  /// that request() gives at once. The script must outlive the test. Code::invalid has Lua's
  /// message, and on further lines a traceback.
  static Result<std::unique_ptr<LoadScript>> load_blocking(Source source, LoadOptions& options);
  ~LoadScript();

  std::vector<const LoadMeter*> meters() const;
  /// A function that failed in a thread ended the test: the first one's message and traceback.
  Result<void> outcome() const;
  /// Calls done(), if the script has it.
  Result<void> done(const LoadSummary& summary, const HdrHistogram& latency);

 private:
  struct Inside;
  explicit LoadScript(std::unique_ptr<Inside> inside);
  std::unique_ptr<Inside> inside_;
};

}  // namespace paceline
