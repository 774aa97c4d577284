#include "paceline/monitor/sinks.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "paceline/monitor/alert_body.h"

namespace paceline {
namespace {

/// Answers one request a connection with the statuses given, then with 200. Status 0 hangs until
/// the receiver is destroyed.
class Receiver {
 public:
  explicit Receiver(std::vector<int> statuses) : statuses_(std::move(statuses)) {
    listener_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* name = reinterpret_cast<sockaddr*>(&address);
    check(::bind(listener_.get(), name, size) == 0 && ::listen(listener_.get(), 16) == 0);
    check(::getsockname(listener_.get(), name, &size) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~Receiver() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  /// Waits for that many requests, and returns their texts.
  std::vector<std::string> wait(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(30), [&] { return seen_.size() >= count; });
    return seen_;
  }

 private:
  void serve() {
    std::vector<Fd> hanging;
    while (true) {
      Fd peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!peer) return;
      const std::string text = read_request(peer.get());
      int status = 200;
      {
        const std::lock_guard lock(mutex_);
        if (seen_.size() < statuses_.size()) status = statuses_[seen_.size()];
        seen_.push_back(text);
      }
      changed_.notify_all();
      const std::string answer = "HTTP/1.1 " + std::to_string(status) +
                                 " X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
      if (status == 0) {
        hanging.push_back(std::move(peer));
      } else if (::write(peer.get(), answer.data(), answer.size()) < 0) {
        return;
      }
    }
  }

  static std::string read_request(int fd) {
    std::string text;
    std::array<char, 4096> buffer{};
    while (true) {
      const std::size_t head = text.find("\r\n\r\n");
      const std::size_t length = text.find("Content-Length: ");
      if (head != std::string::npos && length != std::string::npos &&
          text.size() >= head + 4 + std::stoul(text.substr(length + 16))) {
        return text;
      }
      const ssize_t n = ::read(fd, buffer.data(), buffer.size());
      if (n <= 0) return text;
      text.append(buffer.data(), static_cast<std::size_t>(n));
    }
  }

  std::vector<int> statuses_;
  Fd listener_;
  std::uint16_t port_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> seen_;
  std::thread thread_;
};

nlohmann::json body_of(const std::string& request) {
  return nlohmann::json::parse(request.substr(request.find("\r\n\r\n") + 4));
}

AlertNotice notice(const std::string& name, AlertState state = AlertState::firing) {
  return {.name = name,
          .severity = Severity::page,
          .state = state,
          .summary = "It is wrong.",
          .value = "7 of 8",
          .began = WallTime(std::chrono::seconds(1'764'000'000)),
          .ended = WallTime(std::chrono::seconds(1'764'000'060))};
}

/// A sink with short pauses, whose log nobody reads.
class SinkTest : public testing::Test {
 protected:
  static SinkConfig quick(SinkKind kind) {
    SinkConfig config{.name = "test", .kind = kind};
    config.pause_first = std::chrono::milliseconds(1);
    config.pause_max = std::chrono::milliseconds(4);
    return config;
  }
  void start(SinkConfig config) {
    sink_ = std::make_unique<Sink>(std::move(config), SinkOrigin{"host:1", "http://host:1"}, log_);
  }
  /// Polls the counts until the condition holds.
  template <class Condition>
  bool eventually(Condition condition) {
    const Time end = Clock::now() + std::chrono::seconds(30);
    while (Clock::now() < end) {
      if (condition(sink_->counts())) return true;
      std::this_thread::yield();
    }
    return false;
  }
  Log log_{LogOptions{.level = LogLevel::off}};
  std::unique_ptr<Sink> sink_;
};

TEST_F(SinkTest, AWebhookGetsTheBodyOfAlertmanager) {
  Receiver receiver({});
  SinkConfig config = quick(SinkKind::webhook);
  config.url = receiver.url() + "/hook";
  config.token = "secret";
  start(config);
  sink_->tell({notice("First"), notice("Second", AlertState::resolved)}, {});
  const auto seen = receiver.wait(2);
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].substr(0, 20), "POST /hook HTTP/1.1\r");
  EXPECT_NE(seen[0].find("Authorization: Bearer secret\r\n"), std::string::npos);
  EXPECT_NE(seen[0].find("Content-Type: application/json\r\n"), std::string::npos);
  const nlohmann::json first = body_of(seen[0]);
  EXPECT_EQ(first["version"], "4");
  EXPECT_EQ(first["status"], "firing");
  EXPECT_EQ(first["receiver"], "test");
  EXPECT_EQ(first["alerts"][0]["labels"]["alertname"], "First");
  EXPECT_EQ(first["alerts"][0]["labels"]["severity"], "page");
  EXPECT_EQ(first["alerts"][0]["startsAt"], "2025-11-24T16:00:00.000Z");
  EXPECT_EQ(first["alerts"][0]["endsAt"], "0001-01-01T00:00:00Z");
  const nlohmann::json second = body_of(seen[1]);
  EXPECT_EQ(second["status"], "resolved");
  EXPECT_EQ(second["alerts"][0]["endsAt"], "2025-11-24T16:01:00.000Z");
  EXPECT_NE(first["alerts"][0]["fingerprint"], second["alerts"][0]["fingerprint"]);
}

TEST_F(SinkTest, A500IsRetriedInOrder) {
  Receiver receiver({500, 503, 429, 200});
  SinkConfig config = quick(SinkKind::webhook);
  config.url = receiver.url();
  start(config);
  sink_->tell({notice("First"), notice("Second")}, {});
  const auto seen = receiver.wait(5);
  ASSERT_EQ(seen.size(), 5U);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(body_of(seen[i])["groupLabels"]["alertname"], "First");
  }
  EXPECT_EQ(body_of(seen[4])["groupLabels"]["alertname"], "Second");
  EXPECT_TRUE(eventually([](const SinkCounts& c) { return c.sent == 2 && c.retried == 3; }));
}

TEST_F(SinkTest, ARefusalIsNotRepeated) {
  Receiver receiver({400, 302});
  SinkConfig config = quick(SinkKind::webhook);
  config.url = receiver.url();
  start(config);
  sink_->tell({notice("First"), notice("Second"), notice("Third")}, {});
  EXPECT_TRUE(eventually([](const SinkCounts& c) { return c.failed == 2 && c.sent == 1; }));
  EXPECT_EQ(receiver.wait(3).size(), 3U);
}

TEST_F(SinkTest, NobodyThereIsGivenUpAfterTheAttempts) {
  SinkConfig config = quick(SinkKind::webhook);
  config.url = Receiver({}).url();  // gone again
  config.attempts_max = 4;
  start(config);
  sink_->tell({notice("First")}, {});
  EXPECT_TRUE(eventually([](const SinkCounts& c) { return c.failed == 1 && c.retried == 3; }));
}

TEST_F(SinkTest, OneThatHangsDropsTheOldestAndEndsInTime) {
  Receiver receiver({0});
  SinkConfig config = quick(SinkKind::webhook);
  config.url = receiver.url();
  config.queue_max = 2;
  start(config);
  sink_->tell({notice("Hangs")}, {});
  EXPECT_EQ(receiver.wait(1).size(), 1U);
  sink_->tell({notice("A"), notice("B"), notice("C"), notice("D")}, {});
  EXPECT_EQ(sink_->counts().dropped, 2U);
  EXPECT_EQ(sink_->counts().waiting, 3U);
  sink_.reset();  // would wait for ten seconds if it did not cut the attempt off
}

TEST_F(SinkTest, ATimeoutIsRetried) {
  Receiver receiver({0});
  SinkConfig config = quick(SinkKind::webhook);
  config.url = receiver.url();
  config.timeout = std::chrono::milliseconds(20);
  start(config);
  sink_->tell({notice("First")}, {});
  EXPECT_TRUE(eventually([](const SinkCounts& c) { return c.sent == 1 && c.retried == 1; }));
}

TEST_F(SinkTest, SeveritiesAreChosen) {
  Receiver receiver({});
  SinkConfig config = quick(SinkKind::webhook);
  config.url = receiver.url();
  config.pages = false;
  start(config);
  AlertNotice ticket = notice("Ticket");
  ticket.severity = Severity::ticket;
  sink_->tell({notice("Page"), ticket}, {});
  const auto seen = receiver.wait(1);
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(body_of(seen[0])["alerts"][0]["labels"]["alertname"], "Ticket");
}

TEST_F(SinkTest, AnAlertmanagerIsToldAgain) {
  Receiver receiver({500});
  SinkConfig config = quick(SinkKind::alertmanager);
  config.url = receiver.url() + "/";
  config.resend = std::chrono::milliseconds(20);
  start(config);
  const AlertNotice pending = notice("Pending", AlertState::pending);
  sink_->tell({notice("First")}, {notice("First"), pending});
  const auto seen = receiver.wait(4);
  ASSERT_GE(seen.size(), 4U);
  EXPECT_EQ(seen[0].substr(0, 29), "POST /api/v2/alerts HTTP/1.1\r");
  for (const std::string& request : seen) {
    const nlohmann::json body = body_of(request);
    ASSERT_EQ(body.size(), 1U);
    EXPECT_EQ(body[0]["labels"]["alertname"], "First");
    EXPECT_GT(body[0]["endsAt"].get<std::string>(), body[0]["startsAt"].get<std::string>());
  }
}

TEST_F(SinkTest, ACommandGetsTheBodyOnStandardInput) {
  std::string folder = testing::TempDir() + "sinkXXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  SinkConfig config = quick(SinkKind::command);
  // The first time it fails: the file is not there yet.
  config.command = {"/bin/sh", "-c",
                    "cat >> \"$0/body\"; mkdir \"$0/once\" 2>/dev/null && exit 3; exit 0", folder};
  start(config);
  sink_->tell({notice("First")}, {});
  EXPECT_TRUE(eventually([](const SinkCounts& c) { return c.sent == 1 && c.retried == 1; }));
  const std::string twice = *read_file(folder + "/body");
  const std::string once = twice.substr(0, twice.size() / 2);
  EXPECT_EQ(once + once, twice);
  EXPECT_EQ(nlohmann::json::parse(once)["alerts"][0]["labels"]["alertname"], "First");
  std::filesystem::remove_all(folder);
}

TEST_F(SinkTest, AnAlertThatGoesOnFiringIsToldAgainUntilItIsResolved) {
  Receiver receiver({});
  SinkConfig config = quick(SinkKind::webhook);
  config.url = receiver.url();
  config.repeat = std::chrono::milliseconds(5);
  start(config);
  const std::vector<AlertNotice> firing = {notice("First")};
  sink_->tell(firing, firing);
  AlertNotice later = firing[0];
  later.value = "8 of 8";
  EXPECT_TRUE(eventually([&](const SinkCounts& counts) {
    sink_->tell({}, {later});  // as in every tick
    return counts.sent >= 3;
  }));
  const std::vector<AlertNotice> resolved = {notice("First", AlertState::resolved)};
  sink_->tell(resolved, resolved);
  EXPECT_TRUE(eventually([](const SinkCounts& counts) { return counts.waiting == 0; }));
  const std::uint64_t all = sink_->counts().sent;
  const Time end = Clock::now() + 4 * config.repeat;
  while (Clock::now() < end) sink_->tell({}, resolved);
  sink_.reset();
  const std::vector<std::string> seen = receiver.wait(static_cast<std::size_t>(all));
  ASSERT_GE(seen.size(), 4U);
  EXPECT_EQ(body_of(seen[0])["alerts"][0]["annotations"]["value"], "7 of 8");
  EXPECT_EQ(body_of(seen[1])["alerts"][0]["annotations"]["value"], "8 of 8");
  EXPECT_EQ(body_of(seen[1])["status"], "firing");
  EXPECT_EQ(body_of(seen.back())["status"], "resolved");
}

TEST_F(SinkTest, WhatIsRepeatedWaitsForWhatIsNew) {
  Receiver receiver({0});  // hangs
  SinkConfig config = quick(SinkKind::webhook);
  config.url = receiver.url();
  config.repeat = std::chrono::nanoseconds(1);
  start(config);
  const std::vector<AlertNotice> firing = {notice("First")};
  sink_->tell(firing, firing);
  EXPECT_EQ(receiver.wait(1).size(), 1U);
  for (int i = 0; i < 1000; ++i) sink_->tell({}, firing);
  EXPECT_EQ(sink_->counts().waiting, 1U);
  EXPECT_EQ(sink_->counts().dropped, 0U);
}

TEST_F(SinkTest, ACommandThatIsNotThereIsRefusedAndOneThatHangsIsKilled) {
  SinkConfig config = quick(SinkKind::command);
  config.command = {"/nonexistent/program"};
  start(config);
  sink_->tell({notice("First")}, {});
  EXPECT_TRUE(eventually([](const SinkCounts& c) { return c.failed == 1 && c.retried == 0; }));
  config.command = {"/bin/sh", "-c", "sleep 1000 & sleep 1000"};
  config.timeout = std::chrono::milliseconds(20);
  config.attempts_max = 2;
  start(config);
  sink_->tell({notice("First")}, {});
  EXPECT_TRUE(eventually([](const SinkCounts& c) { return c.failed == 1; }));
}

Result<std::vector<SinkConfig>> sinks_of(const std::string& text) {
  ConfigRegistry registry;
  registry.add_table("alert", alert_config_keys(), "Who is told.");
  const Result<Config> config =
      Config::load(registry, {.file_name = "app.toml", .file_text = text});
  if (!config) return std::unexpected(config.error());
  return alert_sinks(config->tables("alert"));
}

TEST(SinkConfig, EachTableIsOneReceiver) {
  const auto sinks = sinks_of(
      "[[alert]]\nwebhook = \"https://example.org/hook\"\nseverity = \"page\"\n"
      "[[alert]]\nname = \"am\"\nalertmanager = \"http://127.0.0.1:9093\"\n"
      "[[alert]]\ncommand = [\"/usr/bin/notify\", \"-v\"]\nqueue = 5\ntimeout = \"2s\"\n"
      "repeat = \"0\"\n");
  ASSERT_TRUE(sinks) << sinks.error().message;
  ASSERT_EQ(sinks->size(), 3U);
  EXPECT_EQ((*sinks)[0].name, "webhook1");
  EXPECT_FALSE((*sinks)[0].tickets);
  EXPECT_EQ((*sinks)[1].kind, SinkKind::alertmanager);
  EXPECT_EQ((*sinks)[1].name, "am");
  EXPECT_EQ((*sinks)[2].command, (std::vector<std::string>{"/usr/bin/notify", "-v"}));
  EXPECT_EQ((*sinks)[2].queue_max, 5U);
  EXPECT_EQ((*sinks)[2].repeat, Duration::zero());
  EXPECT_EQ((*sinks)[1].repeat, Duration(4h));
}

TEST(SinkConfig, AllErrorsComeAtOnceWithTheirPlace) {
  const auto sinks = sinks_of(
      "[[alert]]\n[[alert]]\nwebhook = \"ftp://x\"\n"
      "[[alert]]\nwebhook = \"http://x\"\ncommand = \"y\"\n"
      "[[alert]]\nwebhook = \"http://x\"\nrepeat = \"10ms\"\n");
  ASSERT_FALSE(sinks);
  EXPECT_EQ(sinks.error().message,
            "app.toml:1:1: [[alert]] needs exactly one of webhook, alertmanager and command\n"
            "app.toml:3:11: alert.webhook: expected http://… or https://…\n"
            "app.toml:4:1: [[alert]] needs exactly one of webhook, alertmanager and command\n"
            "app.toml:9:10: alert.repeat: expected 0 or at least 1s");
}

}  // namespace
}  // namespace paceline
