// One second of work three times: /block stops everybody else in the worker, /offload and /wait
// stop nobody. Event loop monitoring names the first (docs/guide/event-loop-monitoring.md).
#include <charconv>
#include <memory>
#include <string>

#include "paceline/app.h"

using namespace paceline;

namespace {

std::chrono::milliseconds asked(const Request& request) {
  const std::string_view text = request.param(0);
  unsigned short ms = 0;
  std::from_chars(text.data(), text.data() + text.size(), ms);
  return std::chrono::milliseconds(ms);
}

/// Stands for a long computation.
[[gnu::noinline]] std::uint64_t compute(std::chrono::milliseconds how_long) {
  std::uint64_t rounds = 0;
  for (const Time end = Clock::now() + how_long; Clock::now() < end;) ++rounds;
  return rounds;
}

Response answer(std::uint64_t rounds) { return Response::text(std::to_string(rounds) + "\n"); }

/// What not to do.
Response block(Request& request) { return answer(compute(asked(request))); }

Task<Response> wait(Request& request) {
  const std::chrono::milliseconds how_long = asked(request);
  co_await request.loop().sleep(how_long);
  co_return answer(0);
}

Task<Response> offload(OffloadPool& pool, Request& request) {
  const std::chrono::milliseconds how_long = asked(request);
  const Result<std::uint64_t> rounds = co_await pool.run([how_long] { return compute(how_long); });
  if (!rounds) co_return Response::problem(503);
  co_return answer(*rounds);
}

}  // namespace

int main(int argc, char** argv) {
  return run(argc, argv, [](App& app) {
    // Shared: the handler below is copied, and lives as long as the worker.
    const auto pool = std::make_shared<OffloadPool>(app.loop());
    app.get("/block/{ms}", &block);
    app.get("/wait/{ms}", &wait);
    app.get("/offload/{ms}", [pool](Request& request) { return offload(*pool, request); });
  });
}
