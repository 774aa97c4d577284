// app: the main of an application. A function adds routes; run() gives it the command line, the
// configuration, the cluster, and everything below.
//
//   Response hello(Request&) { return Response::text("Hello, world\n"); }
//   int main(int argc, char** argv) {
//     return paceline::run(argc, argv, [](App& app) { app.get("/", &hello); });
//   }
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "paceline/core.h"
#include "paceline/http.h"
#include "paceline/loop.h"
#include "paceline/metrics.h"

namespace paceline {

/// One worker's application, while it is put together: its routes, and what handlers may borrow.
/// Lives as long as the worker; exists in workers only.
class App : public Routes {
 public:
  /// All borrowed.
  struct Parts {
    Loop& loop;
    Log& log;
    const Config& config;
    MetricsBlock& metrics;
    std::size_t slot = 0;  // of this worker
  };
  explicit App(Parts parts) : parts_(parts) {}

  Loop& loop() const { return parts_.loop; }
  Log& log() const { return parts_.log; }
  const Config& config() const { return parts_.config; }
  MetricsBlock& metrics() const { return parts_.metrics; }
  std::size_t slot() const { return parts_.slot; }

 private:
  Parts parts_;
};

/// Adds the routes; runs once in every worker, before it accepts.
using Configure = std::function<void(App& app)>;

/// What a program may say about itself.
struct Program {
  std::string version = {};              // of the application; empty: Paceline's
  std::string_view default_config = {};  // TOML that stands when no file is given
  std::string_view try_line = {};        // shown at start after "try": `curl {url}/`
};

/// The commands of every application: serve, status, stop, init, config. Answers the exit code: 0
/// success, 1 usage, configuration or I/O.
int run(int argc, char** argv, const Configure& configure, const Program& program = {});

/// Paceline's own.
std::string_view version();

}  // namespace paceline
