// The same work four times: /block stops everybody else in the worker, and /late does when it has
// waited; /offload and /wait stop nobody. Event loop monitoring names the first two
// (docs/guide/event-loop-monitoring.md).
#include <charconv>
#include <memory>
#include <string>

#include "paceline/app.h"

using namespace paceline;

std::chrono::milliseconds asked(const Request& request) {
  const std::string_view text = request.param(0);
  unsigned short ms = 0;
  std::from_chars(text.data(), text.data() + text.size(), ms);
  return std::chrono::milliseconds(ms);
}

Response answer(std::chrono::milliseconds took) {
  return Response::text(std::to_string(took.count()) + " ms\n");
}

/// Stands for a long computation.
[[gnu::noinline]] std::chrono::milliseconds compute(std::chrono::milliseconds how_long) {
  for (const Time end = Clock::now() + how_long; Clock::now() < end;) {
  }
  return how_long;
}

/// What not to do.
Response block(Request& request) { return answer(compute(asked(request))); }

Task<Response> wait(Request& request) {
  const std::chrono::milliseconds how_long = asked(request);
  co_await request.loop().sleep(how_long);
  co_return answer(how_long);
}

/// No better: a coroutine that goes on does so on the loop.
Task<Response> late(Request& request) {
  const std::chrono::milliseconds how_long = asked(request);
  co_await request.loop().sleep(std::chrono::milliseconds(1));
  co_return answer(compute(how_long));
}

Task<Response> offload(OffloadPool& pool, Request& request) {
  const std::chrono::milliseconds how_long = asked(request);
  const Result<std::chrono::milliseconds> took =
      co_await pool.run([how_long] { return compute(how_long); });
  if (!took) co_return Response::problem(503);
  co_return answer(*took);
}

int main(int argc, char** argv) {
  return run(argc, argv, [](App& app) {
    // Lives as long as the worker: the route holds it.
    const auto pool = std::make_shared<OffloadPool>(app.loop());
    app.get("/block/{ms}", &block);
    app.get("/late/{ms}", &late);
    app.get("/wait/{ms}", &wait);
    app.get("/offload/{ms}", [pool](Request& request) { return offload(*pool, request); });
  });
}
