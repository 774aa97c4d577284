// For the tests of this module: one program that is test, supervisor, worker and keeper.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <expected>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "paceline/core.h"

namespace paceline::test {

inline constexpr const char* kScenarioVariable = "PACELINE_CLUSTER_TEST";

/// What a supervisor under test runs. Travels in an environment variable.
struct Scenario {
  std::string dir;
  std::string listen = "127.0.0.1:0";
  std::string workers = "2";
  std::string behaviour = "plain";  // of the children, see supervisor_test.cpp
  std::string drain_timeout = "30s";
};

/// A running supervisor, killed at the end if it still lives.
class Instance {
 public:
  explicit Instance(const Scenario& scenario);
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;
  ~Instance();

  /// Waits for the end of the start; empty when it failed.
  std::string wait_started();
  /// What it wrote to standard error, once it has ended.
  std::string errors();
  /// Exit code, or minus the signal.
  int wait();
  void signal(int number) const;
  pid_t pid() const { return pid_; }
  nlohmann::json status() const;
  std::vector<pid_t> worker_pids() const;
  /// "127.0.0.1:41234", from its first line.
  const std::string& address() const { return address_; }

 private:
  Scenario scenario_;
  pid_t pid_ = -1;
  Fd out_;
  Fd errors_;
  std::string address_;
};

/// A folder that is removed at the end.
class Folder {
 public:
  Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// What a worker answers to one request: who it is, and on whose socket it accepted.
struct Answer {
  pid_t pid = 0;
  std::size_t slot = 0;
  std::size_t socket_slot = 0;
};
enum class Failure : std::uint8_t { refused, reset };

/// Blocking; at most 10 s.
std::expected<Fd, Failure> connect_to(const std::string& address);
std::expected<Answer, Failure> request(const Fd& fd, const std::string& line = "GET\n");
std::expected<Answer, Failure> read_answer(const Fd& fd);
void send_line(const Fd& fd, const std::string& line);

/// Looks every few milliseconds; false after 10 s.
bool eventually(const std::function<bool()>& condition);
bool gone(pid_t pid);

/// main() of whatever is not the test itself; nullopt: this process is the test.
std::optional<int> run_role();

}  // namespace paceline::test
