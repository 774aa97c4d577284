#include "paceline/monitor/access.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "paceline/loop.h"

namespace paceline {
namespace {

const std::string kToken = "0123456789abcdef0123456789abcdef";

class Folder {
 public:
  Folder() : path_(::testing::TempDir() + "paceline-access-XXXXXX") {
    check(mkdtemp(path_.data()) != nullptr, "mkdtemp");
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string file(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  std::string path_;
};

/// A server whose every route asks for another need, and a client.
class Door {
 public:
  explicit Door(AccessRules rules) : access_(std::move(rules)) {
    add("/metrics", Access::Need::open);
    add("/livez", Access::Need::open);
    add("/page", Access::Need::page);
    add("/read", Access::Need::read);
    add("/act", Access::Need::act);
    listener_ = std::move(*listen_unix(folder_.file("sock")));
    server_ = std::make_unique<Server>(Server::Parts{loop_, routes_, log_, nullptr, {}});
    check(server_->listen(listener_.get()).has_value(), "listen");
  }
  ~Door() { server_->unlisten(listener_.get()); }

  /// The status of `GET path` with these header lines.
  int ask(std::string_view path, std::string headers = {}) {
    return loop_.run_until_done(talk(std::string(path), std::move(headers)));
  }
  Access& access() { return access_; }
  Loop& loop() { return loop_; }

 private:
  void add(std::string_view path, Access::Need need) {
    routes_.get(path, [this, need, name = std::string(path.substr(1))](Request& request) {
      std::optional<Response> refusal = access_.refuse(request, need, name);
      return refusal ? std::move(*refusal) : Response(204);
    });
  }
  Task<int> talk(std::string path, std::string headers) {
    Stream stream(loop_, std::move(*connect_unix(folder_.file("sock"))));
    if (!headers.contains("Host: ")) headers += "Host: localhost:8001\r\n";
    const std::string request = "GET " + path + " HTTP/1.1\r\n" + headers + "\r\n";
    const Result<void> written = co_await stream.write_all(request);
    check(written.has_value(), "write");
    std::string answer;
    const Result<std::size_t> line = co_await stream.read_line(answer, 4096, Deadline::never());
    check(line.has_value(), "read");
    co_return std::stoi(answer.substr(9, 3));
  }

  Folder folder_;
  RealKernel kernel_;
  Loop loop_{kernel_};
  Log log_{{.level = LogLevel::off, .role = "test"}};
  Access access_;
  Routes routes_;
  Fd listener_;
  std::unique_ptr<Server> server_;
};

AccessRules near() {
  return {.reach = AccessRules::Reach::this_host,
          .host = "127.0.0.1",
          .open_paths = {},
          .token = kToken};
}

AccessRules far() {
  return {.reach = AccessRules::Reach::other_hosts,
          .host = "10.0.0.5",
          .open_paths = {"metrics"},
          .token = kToken};
}

const std::string kBearer = "Authorization: Bearer " + kToken + "\r\n";

TEST(Access, ThisHostReadsWithoutATokenAndActsWithOne) {
  Door door(near());
  for (const std::string_view path : {"/metrics", "/livez", "/page", "/read"}) {
    EXPECT_EQ(door.ask(path), 204) << path;
  }
  EXPECT_EQ(door.ask("/act"), 401);
  EXPECT_EQ(door.ask("/act", kBearer), 204);
}

TEST(Access, AHostHeaderMustNameThisHostWhereNoTokenIsAskedFor) {
  Door door(near());
  for (const std::string_view host : {"localhost", "127.0.0.1:8001", "[::1]:8001", "[::1]"}) {
    EXPECT_EQ(door.ask("/read", "Host: " + std::string(host) + "\r\n"), 204) << host;
  }
  for (const std::string_view host : {"evil.example", "localhost.evil.example", "127.0.0.2"}) {
    EXPECT_EQ(door.ask("/read", "Host: " + std::string(host) + "\r\n"), 403) << host;
    EXPECT_EQ(door.ask("/read", "Host: " + std::string(host) + "\r\n" + kBearer), 403) << host;
  }
}

TEST(Access, OtherHostsNeedTheTokenForAllThatIsNotPublic) {
  Door door(far());
  EXPECT_EQ(door.ask("/metrics"), 204);
  EXPECT_EQ(door.ask("/livez"), 401);
  EXPECT_EQ(door.ask("/read"), 401);
  EXPECT_EQ(door.ask("/act"), 401);
  EXPECT_EQ(door.ask("/page"), 204);  // holds no data
  for (const std::string_view path : {"/metrics", "/livez", "/read", "/act"}) {
    EXPECT_EQ(door.ask(path, kBearer), 204) << path;
  }
  EXPECT_EQ(door.ask("/read", "Host: monitor.example\r\n" + kBearer), 204);
}

TEST(Access, AWrongTokenIsRefusedEvenWhereNoneIsNeeded) {
  Door door(near());
  for (const std::string& value :
       {"Bearer " + kToken + "0", "Bearer " + kToken.substr(1), "Basic " + kToken, kToken}) {
    EXPECT_EQ(door.ask("/read", "Authorization: " + value + "\r\n"), 401) << value;
  }
  EXPECT_EQ(door.ask("/read?token=" + kToken), 400);
  EXPECT_EQ(door.ask("/read?a=1&access_token=x", kBearer), 400);
  EXPECT_EQ(door.ask("/read?tokens=1"), 204);
}

TEST(Access, APageOfAnotherOriginMayNotAsk) {
  Door door(near());
  EXPECT_EQ(door.ask("/read", "Origin: http://localhost:8001\r\n"), 204);
  EXPECT_EQ(door.ask("/read", "Origin: http://localhost:8002\r\n"), 403);
  EXPECT_EQ(door.ask("/act", "Origin: http://evil.example\r\n" + kBearer), 403);
  EXPECT_EQ(door.ask("/read", "Origin: null\r\n"), 403);
}

TEST(Access, ASessionReadsAndActsFromItsOwnPageOnly) {
  Door door(far());
  const std::string cookie = door.access().begin_session(door.loop().now());
  const std::string header = "Cookie: a=b; " + cookie.substr(0, cookie.find(';')) + "; c=d\r\n";
  EXPECT_EQ(door.ask("/read", header), 204);
  EXPECT_EQ(door.ask("/act", header), 401);
  EXPECT_EQ(door.ask("/act", header + "Origin: http://localhost:8001\r\n"), 204);
  EXPECT_EQ(door.ask("/act", header + "Origin: http://evil.example\r\n"), 403);
  EXPECT_EQ(door.ask("/read", "Cookie: paceline_session=\r\n"), 401);
}

TEST(Access, ASessionEndsWithItsTimeAndTheOldestMakesRoom) {
  Door door(far());
  const Time now = door.loop().now();
  const auto header = [](const std::string& cookie) {
    return "Cookie: " + cookie.substr(0, cookie.find(';')) + "\r\n";
  };
  const std::string old = door.access().begin_session(now - Access::session_time);
  EXPECT_EQ(door.ask("/read", header(old)), 401);
  const std::string first = door.access().begin_session(now);
  EXPECT_EQ(door.ask("/read", header(first)), 204);
  for (std::size_t i = 0; i < Access::sessions_max; ++i) {
    std::ignore = door.access().begin_session(now + 1s);
  }
  EXPECT_EQ(door.ask("/read", header(first)), 401);
}

TEST(AdminToken, IsMadeOnceForItsOwnerAlone) {
  const Folder folder;
  const std::string path = folder.file("admin.token");
  const Result<std::string> first = admin_token(path);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->size(), 64U);
  struct stat info{};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  EXPECT_EQ(admin_token(path).value(), *first);
  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
  const Result<std::string> open = admin_token(path);
  ASSERT_FALSE(open);
  EXPECT_EQ(open.error().code, Code::denied);
}

TEST(AdminToken, AShortOneIsRefused) {
  const Folder folder;
  const std::string path = folder.file("admin.token");
  std::ofstream(path) << "secret\n";
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  EXPECT_FALSE(admin_token(path));
  EXPECT_FALSE(check_token("with a space in it, and long"));
  EXPECT_TRUE(check_token("sixteen-letters!"));
}

}  // namespace
}  // namespace paceline
