// An application for the tests of the dashboard: a route that is quick, one that blocks its
// worker's loop for as long as it is told, one that fails, and one whose name would be markup if
// anybody took it for HTML.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <thread>

#include "paceline/app.h"

using namespace paceline;

namespace {

constexpr int kBlockMax = 5000;  // ms

Response item(Request&) { return Response::text("an item\n"); }

/// "/report/250" holds the loop for 250 ms: what no handler should do.
Response block_the_loop(Request& request) {
  std::string_view asked = request.param(0);
  int ms = 0;
  std::from_chars(asked.data(), asked.data() + asked.size(), ms);
  std::this_thread::sleep_for(std::chrono::milliseconds(std::clamp(ms, 0, kBlockMax)));
  return Response::text("a report\n");
}

Response fail_always(Request&) { return Response::problem(500); }

}  // namespace

int main(int argc, char** argv) {
  return run(argc, argv, [](App& app) {
    app.get("/item/{id}", &item);
    app.get("/report/{ms}", &block_the_loop);
    app.get("/broken", &fail_always);
    app.get("/&lt;script&gt;alert(1)", &item);
  });
}
