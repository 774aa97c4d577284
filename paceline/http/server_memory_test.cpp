#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/socket.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "paceline/http.h"

namespace paceline {
namespace {

Response echo(Request& request) { return Response::text(std::string(request.body())); }

Task<Response> slow_echo(Request& request) {
  co_await request.loop().yield();
  co_return Response::text(std::string(request.body()));
}

/// A server of its own on a real socket, so that the heap holds nothing of a simulation.
class ServerMemory : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "paceline-http-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder = name;
    routes.post("/echo", &echo).post("/slow", &slow_echo);
    Result<Fd> listening = listen_unix(path());
    ASSERT_TRUE(listening);
    listener = std::move(*listening);
    server = std::make_unique<Server>(Server::Parts{.loop = loop, .routes = routes, .log = log});
    ASSERT_TRUE(server->listen(listener.get()));
  }
  void TearDown() override {
    server.reset();
    std::filesystem::remove_all(folder);
  }
  std::string path() const { return (folder / "s").string(); }

  void ask(int fd, std::string_view target) {
    const std::string body(20'000, 'm');
    const std::string request = "POST " + std::string(target) +
                                " HTTP/1.1\r\nHost: h\r\nContent-Length: 20000\r\n\r\n" + body;
    ASSERT_EQ(::send(fd, request.data(), request.size(), 0), static_cast<ssize_t>(request.size()));
    std::size_t got = 0;
    std::array<char, 65536> into;  // NOLINT: recv fills it
    while (got < body.size()) {
      loop.turn(loop.now() + 1ms);
      const ssize_t n = ::recv(fd, into.data(), into.size(), 0);
      if (n > 0) got += static_cast<std::size_t>(n);
    }
    loop.turn(loop.now());
  }

  std::filesystem::path folder;
  RealKernel kernel;
  Loop loop{kernel};
  Log log{{.level = LogLevel::off}};
  Routes routes;
  Fd listener;
  std::unique_ptr<Server> server;
};

// uWebSockets takes 272 bytes; ours are the connection and what malloc adds.
TEST_F(ServerMemory, AnIdleConnectionTakesAtMost512Bytes) {
  constexpr std::size_t kCount = 200;
  std::vector<Fd> clients;
  clients.reserve(kCount + 1);
  clients.push_back(connect_unix(path()).value());
  ask(clients.back().get(), "/echo");  // what the server keeps for all of them
  ask(clients.back().get(), "/slow");
  const std::size_t before = ::mallinfo2().uordblks;
  for (std::size_t i = 0; i < kCount; ++i) {
    clients.push_back(connect_unix(path()).value());
    ask(clients.back().get(), i % 2 == 0 ? "/echo" : "/slow");
  }
  EXPECT_EQ(server->counts().connections, kCount + 1);
  const std::size_t after = ::mallinfo2().uordblks;  // both 0 with a sanitizer's own heap
  const std::size_t each = (after - before) / kCount;
  RecordProperty("bytes_each", static_cast<int>(each));
  EXPECT_LE(each, 512U);
}

}  // namespace
}  // namespace paceline
