// For tests: a whole server on simulated sockets, and clients that are driven by hand between the
// loop's turns. The kernel's seed decides how bytes are split and how long they travel.
#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <array>
#include <charconv>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "paceline/http.h"

namespace paceline {

/// Counts what lives in handlers' frames.
struct HandlerCounts {
  int alive = 0;     // frames
  int started = 0;   // handlers and producers
  int finished = 0;  // those that came to their end
  int writes = 0;    // of producers, that were accepted
};

struct HandlerFrame {
  explicit HandlerFrame(HandlerCounts& c) : counts(c) {
    ++counts.alive;
    ++counts.started;
  }
  HandlerFrame(const HandlerFrame&) = delete;
  HandlerFrame& operator=(const HandlerFrame&) = delete;
  ~HandlerFrame() { --counts.alive; }
  HandlerCounts& counts;
};

struct TestAnswer {
  unsigned status = 0;
  std::string head;  // with the empty line
  std::string body;
  /// The value of the first header of that name, as it is written; empty if there is none.
  std::string header(std::string_view name) const {
    const std::string start = "\r\n" + std::string(name) + ": ";
    const std::size_t at = head.find(start);
    if (at == std::string::npos) return {};
    const std::size_t begin = at + start.size();
    return head.substr(begin, head.find("\r\n", begin) - begin);
  }
};

/// One client's end.
class TestClient {
 public:
  TestClient(SimulatedKernel& kernel, int fd) : kernel_(kernel), fd_(fd) {}
  ~TestClient() { close(); }
  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;

  void send(std::string_view bytes) { to_send_ += bytes; }
  /// A FIN behind what send() took.
  void finish() { finishing_ = true; }
  void reset() { kernel_.reset(fd_); }
  void close() {
    if (fd_ >= 0) kernel_.close(std::exchange(fd_, -1));
  }
  void stop_reading() { reading_ = false; }
  void go_on_reading() { reading_ = true; }
  bool ended() const { return ended_; }  // the server's FIN, or a reset
  const std::string& received() const { return received_; }

  /// Moves what can be moved now.
  void pump() {
    if (fd_ < 0) return;
    while (!to_send_.empty()) {
      const ssize_t n = kernel_.send(fd_, to_send_);
      if (n <= 0) break;
      to_send_.erase(0, static_cast<std::size_t>(n));
    }
    if (finishing_ && to_send_.empty()) {
      kernel_.shutdown_send(fd_);
      finishing_ = false;
    }
    std::array<char, 65536> into;  // NOLINT: receive fills it
    while (reading_ && !ended_) {
      const ssize_t n = kernel_.receive(fd_, into);
      if (n == -EAGAIN) return;
      if (n <= 0) ended_ = true;
      if (n > 0) received_.append(into.data(), static_cast<std::size_t>(n));
    }
  }

  enum class Body : bool { none, as_framed };
  /// Takes the answer at the front of what came, if it is complete. Body::none for HEAD.
  bool take(TestAnswer& answer, Body body = Body::as_framed) {
    const std::size_t end = received_.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    answer.head = received_.substr(0, end + 4);
    answer.status = static_cast<unsigned>(std::stoul(answer.head.substr(9, 3)));
    std::size_t size = end + 4;
    answer.body.clear();
    const bool bare = body == Body::none || !status_allows_body(answer.status);
    if (!bare && answer.header("Transfer-Encoding") == "chunked") {
      if (!chunks(size, answer.body)) return false;
    } else if (!bare && !answer.header("Content-Length").empty()) {
      const std::size_t length = std::stoul(answer.header("Content-Length"));
      if (received_.size() - size < length) return false;
      answer.body = received_.substr(size, length);
      size += length;
    } else if (!bare) {
      if (!ended_) return false;
      answer.body = received_.substr(size);
      size = received_.size();
    }
    received_.erase(0, size);
    return true;
  }

 private:
  bool chunks(std::size_t& at, std::string& body) const {
    while (true) {
      const std::size_t line = received_.find("\r\n", at);
      if (line == std::string::npos) return false;
      const std::size_t length = std::stoul(received_.substr(at, line - at), nullptr, 16);
      if (received_.size() < line + 2 + length + 2) return false;
      body += received_.substr(line + 2, length);
      at = line + 2 + length + 2;
      if (length == 0) return true;
    }
  }

  SimulatedKernel& kernel_;
  int fd_;
  std::string to_send_;
  std::string received_;
  bool finishing_ = false;
  bool reading_ = true;
  bool ended_ = false;
};

/// "GET path HTTP/1.1" with Host and `headers`, each with its line end.
inline std::string get(std::string_view path, std::string_view headers = {}) {
  return std::string("GET ").append(path).append(" HTTP/1.1\r\nHost: h\r\n").append(headers) +
         "\r\n";
}
inline std::string post(std::string_view path, std::string_view body) {
  return std::string("POST ").append(path).append(" HTTP/1.1\r\nHost: h\r\nContent-Length: ") +
         std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

// Handlers.

inline Response plain(Request& request) { return Response::text(std::string(request.param(0))); }
inline Response echo(Request& request) { return Response::text(std::string(request.body())); }
inline Response big(Request& request) {
  return Response::text(std::string(std::stoul(std::string(request.param(0))), 'b'));
}
inline Task<Response> at_once(Request& request) {
  co_return Response::text(std::string(request.param(0)));
}
/// Answers what it was asked, from the request's own bytes, after that many milliseconds.
inline Task<Response> later(Request& request) {
  const auto wait = std::chrono::milliseconds(std::stoul(std::string(request.param(0))));
  co_await request.loop().sleep(wait);
  co_return Response::text(std::string(request.param(0)).append(request.body()));
}
inline Task<Response> hang(Request& request, HandlerCounts& counts) {
  const HandlerFrame frame(counts);
  co_await request.loop().sleep(std::chrono::hours(10));
  ++counts.finished;
  co_return Response::text("woke");
}

class ServerTest : public testing::Test {
 protected:
  explicit ServerTest(SimulationOptions simulation = {}) : kernel(simulation) {
    routes.get("/plain/{x}", &plain);
    routes.post("/echo", &echo);
    routes.get("/big/{n}", &big);
    routes.get("/now/{x}", &at_once);
    routes.get("/later/{ms}", &later);
    routes.post("/later/{ms}", &later);
    routes.get("/hang", [this](Request& request) { return hang(request, counts); });
    for (std::uint64_t& word : metrics_words) word = 0;
  }
  ~ServerTest() override {
    clients.clear();
    server.reset();
  }

  void start(ServerOptions options = {}, AccessPolicy access = {}) {
    Result<MetricsBlock> made =
        MetricsBlock::create(std::as_writable_bytes(std::span(metrics_words)));
    ASSERT_TRUE(made);
    metrics = std::make_unique<MetricsBlock>(std::move(*made));
    server = std::make_unique<Server>(Server::Parts{.loop = loop,
                                                    .routes = routes,
                                                    .log = *log,
                                                    .metrics = metrics.get(),
                                                    .access = access},
                                      options);
    listener = kernel.listen();
    ASSERT_TRUE(server->listen(listener));
  }
  TestClient& connect() {
    clients.push_back(std::make_unique<TestClient>(kernel, kernel.connect(listener)));
    return *clients.back();
  }
  void turn(Duration step = std::chrono::microseconds(300)) {
    for (const auto& client : clients) client->pump();
    loop.turn(loop.now() + step);
  }
  /// Turns until `condition`, at most `limit` of simulated time.
  template <class Condition>
  bool until(Condition condition, Duration limit = std::chrono::seconds(5)) {
    const Time end = loop.now() + limit;
    const Duration step = std::max(limit / 10'000, Duration(100us));
    for (int turns = 0; !condition(); ++turns) {
      if (loop.now() >= end) return false;
      turn(step);
      if (turns > 50'000) {
        ADD_FAILURE() << "the loop spins";
        return false;
      }
    }
    return true;
  }
  void run_for(Duration d) {
    const Time end = loop.now() + d;
    until([&] { return loop.now() >= end; }, d);
  }
  TestAnswer answer(TestClient& client, TestClient::Body body = TestClient::Body::as_framed) {
    TestAnswer taken;
    if (!until([&] { return client.take(taken, body); })) taken.status = 0;
    return taken;
  }
  TestAnswer ask(TestClient& client, std::string_view request) {
    client.send(request);
    return answer(client);
  }
  bool closed(TestClient& client, Duration limit = std::chrono::seconds(5)) {
    return until([&] { return client.ended(); }, limit);
  }
  /// What the log holds; ends the server and the log.
  std::string log_text() {
    clients.clear();
    server.reset();
    log.reset();
    return read_all(log_file.get()).value();
  }
  MetricsTotals series() const {
    return read_metrics(std::as_bytes(std::span(metrics_words))).value().series;
  }

  SimulatedKernel kernel;
  Loop loop{kernel};
  Fd log_file{::memfd_create("log", MFD_CLOEXEC)};
  std::unique_ptr<Log> log = std::make_unique<Log>(LogOptions{.fd = log_file.get()});
  std::vector<std::uint64_t> metrics_words =
      std::vector<std::uint64_t>(metrics_block_bytes() / sizeof(std::uint64_t));
  std::unique_ptr<MetricsBlock> metrics;
  HandlerCounts counts;
  Routes routes;
  int listener = -1;
  std::unique_ptr<Server> server;
  std::vector<std::unique_ptr<TestClient>> clients;
};

/// The same with many seeds.
class ServerSeedTest : public ServerTest, public testing::WithParamInterface<std::uint64_t> {
 protected:
  ServerSeedTest() : ServerTest({.seed = GetParam()}) {}
};

}  // namespace paceline
