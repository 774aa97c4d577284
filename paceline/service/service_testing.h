// What the tests of the service share: a folder, a keeper and workers on one loop with real
// sockets and a real database, and a client that speaks HTTP.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <array>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "paceline/http.h"
#include "paceline/service.h"

namespace paceline::service_testing {

inline Result<ServiceConfig> parse(std::string text, const std::string& folder = "/nowhere") {
  ConfigRegistry registry;
  add_service_config(registry);
  PACELINE_TRY_VALUE(const Config config, Config::load(registry, {.file_name = "app.toml",
                                                                  .file_text = std::move(text),
                                                                  .environment = {},
                                                                  .sets = {}}));
  return service_config(config, folder);
}

class Folder {
 public:
  Folder() {
    path_ = ::testing::TempDir() + "paceline-service-XXXXXX";
    check(mkdtemp(path_.data()) != nullptr, "mkdtemp");
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const std::string& path() const { return path_; }
  std::string file(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  std::string path_;
};

/// A response as the client saw it.
struct Seen {
  unsigned status = 0;
  std::string head;
  std::string body;
  std::string header(std::string_view name) const {
    const std::size_t at = head.find("\r\n" + std::string(name) + ": ");
    if (at == std::string::npos) return {};
    const std::size_t begin = at + name.size() + 4;
    return head.substr(begin, head.find("\r\n", begin) - begin);
  }
};

/// A worker: its own link, cache, database handle and server.
struct Worker {
  Worker(Loop& loop, Log& log, Versions versions, const Folder& folder, std::string_view name,
         const ServiceConfig& config, KeeperLinkOptions options)
      : link(loop, folder.file("keeper.sock"), options) {
    auto created = DataService::create(
        {.loop = loop, .versions = versions, .keeper = link, .log = log, .metrics = nullptr},
        config);
    check(created.has_value(), created ? "" : created.error().message);
    service = std::move(*created);
    service->add_to(routes);
    path = folder.file(name);
    listener = std::move(*listen_unix(path));
    server = std::make_unique<Server>(Server::Parts{loop, routes, log, nullptr, {}});
    check(server->listen(listener.get()).has_value(), "listen");
  }
  ~Worker() { server->unlisten(listener.get()); }
  KeeperLink link;
  std::unique_ptr<DataService> service;
  Routes routes;
  std::string path;
  Fd listener;
  std::unique_ptr<Server> server;
};

class Cluster {
 public:
  explicit Cluster(std::string config_text = std::string(default_config()),
                   KeeperLinkOptions link_options = {})
      : loop(kernel),
        log({.level = LogLevel::off, .role = "test"}),
        table_(new(std::align_val_t{64}) std::byte[Versions::bytes()]()),
        versions(*Versions::create({table_, Versions::bytes()})),
        link_options_(link_options) {
    auto parsed = parse(std::move(config_text), folder.path());
    check(parsed.has_value(), parsed ? "" : parsed.error().message);
    config = std::move(*parsed);
    config.durability = Durability::process;
    listener = std::move(*listen_unix(folder.file("keeper.sock")));
    start();
  }
  ~Cluster() {
    workers.clear();
    keeper.reset();
    ::operator delete[](table_, std::align_val_t{64});
  }
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  void start() {
    auto started = start_keeper({.loop = loop,
                                 .listen_fd = listener.get(),
                                 .versions = versions,
                                 .log = log,
                                 .metrics = nullptr},
                                config);
    check(started.has_value(), started ? "" : started.error().message);
    keeper = std::move(*started);
  }
  Worker& add_worker() {
    const std::string name = "worker" + std::to_string(workers.size()) + ".sock";
    workers.push_back(
        std::make_unique<Worker>(loop, log, versions, folder, name, config, link_options_));
    return *workers.back();
  }

  /// One request on a connection of its own: "PUT /data/42", header lines, body.
  Seen ask(Worker& worker, std::string_view line, std::string_view body = {},
           std::string_view headers = {}) {
    return loop.run_until_done(exchange(worker.path, request(line, body, headers)));
  }
  static std::string request(std::string_view line, std::string_view body,
                             std::string_view headers) {
    std::string text(line);
    text += " HTTP/1.1\r\nHost: test\r\nConnection: close\r\n";
    text += headers;
    if (!body.empty()) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    return text.append("\r\n").append(body);
  }
  Task<Seen> exchange(std::string path, std::string text) {
    Stream stream(loop, std::move(*connect_unix(path)));
    Result<void> written = co_await stream.write_all(text);
    std::string answer;
    std::array<char, 4096> bytes;
    while (written) {
      Result<std::size_t> read = co_await stream.read_some(bytes, Deadline::after(loop.now(), 10s));
      if (!read || *read == 0) break;
      answer.append(bytes.data(), *read);
    }
    Seen seen;
    const std::size_t end = answer.find("\r\n\r\n");
    if (end == std::string::npos) co_return seen;
    seen.head = answer.substr(0, end + 2);
    seen.body = answer.substr(end + 4);
    seen.status = static_cast<unsigned>(std::stoi(answer.substr(9, 3)));
    co_return seen;
  }

  Folder folder;
  RealKernel kernel;
  Loop loop;
  Log log;

 private:
  std::byte* table_;

 public:
  Versions versions;
  ServiceConfig config;
  Fd listener;
  std::unique_ptr<Keeper> keeper;
  std::vector<std::unique_ptr<Worker>> workers;

 private:
  KeeperLinkOptions link_options_;
};

}  // namespace paceline::service_testing
