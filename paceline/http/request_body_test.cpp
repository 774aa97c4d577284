// Requests with bodies that follow each other on one connection: a whole server on simulated
// sockets, whose seed decides where the bytes are split.
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "paceline/http.h"

namespace paceline {
namespace {

Response echo(Request& request) {
  return Response::text(std::string(request.param(0)).append("=").append(request.body()));
}

/// Sends `bytes`, and runs the server until the answer ends with `end`; what came.
std::string exchange(SimulatedKernel& kernel, Loop& loop, int client, std::string_view bytes,
                     std::string_view end) {
  std::string answer;
  const Time limit = kernel.now() + std::chrono::seconds(5);
  while (!answer.ends_with(end) && kernel.now() < limit) {
    if (!bytes.empty()) {
      const ssize_t sent = kernel.send(client, bytes);
      if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    loop.turn(loop.now() + std::chrono::milliseconds(1));
    std::array<char, 4096> chunk;  // NOLINT: receive fills it
    const ssize_t n = kernel.receive(client, chunk);
    if (n > 0) answer.append(chunk.data(), static_cast<std::size_t>(n));
  }
  return answer;
}

std::string put(std::string_view name, std::string_view headers, std::string_view body) {
  std::string text("PUT /");
  text.append(name).append(" HTTP/1.1\r\nHost: x\r\n").append(headers).append("\r\n");
  return text.append(body);
}

class RequestBody : public testing::TestWithParam<std::uint64_t> {};

// A request whose body was not there at once moved the views of the request before it.
TEST_P(RequestBody, AfterAnAnsweredRequestIsItsOwn) {
  SimulatedKernel kernel({.seed = GetParam()});
  Loop loop(kernel);
  Log log({.level = LogLevel::off});
  Routes routes;
  routes.put("/{name}", &echo);
  Server server({loop, routes, log, nullptr, {}});
  const int listener = kernel.listen();
  ASSERT_TRUE(server.listen(listener));
  const int client = kernel.connect(listener);
  const std::string whole = put("first", "Content-Length: 3\r\n", "abc");
  const std::string chunked =
      put("second", "Transfer-Encoding: chunked\r\n", "2\r\nde\r\n1\r\nf\r\n0\r\n\r\n");
  const std::string long_one = put("third", "Content-Length: 100\r\n", std::string(100, 'g'));
  for (int round = 0; round < 3; ++round) {
    EXPECT_TRUE(exchange(kernel, loop, client, whole, "first=abc").ends_with("first=abc"));
    EXPECT_TRUE(exchange(kernel, loop, client, chunked, "second=def").ends_with("second=def"));
    const std::string end = "third=" + std::string(100, 'g');
    EXPECT_TRUE(exchange(kernel, loop, client, long_one, end).ends_with(end));
  }
  const std::string waits = put("fourth", "Expect: 100-continue\r\nContent-Length: 2\r\n", "");
  EXPECT_EQ(exchange(kernel, loop, client, waits, "\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_TRUE(exchange(kernel, loop, client, "hi", "fourth=hi").ends_with("fourth=hi"));
}

INSTANTIATE_TEST_SUITE_P(Seeds, RequestBody, testing::Range<std::uint64_t>(1, 21));

}  // namespace
}  // namespace paceline
