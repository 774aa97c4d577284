// One program for all processes of the tests: without variable the tests, with
// PACELINE_CLUSTER_TEST a supervisor, with the supervisor's own variable a child.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <map>
#include <sstream>

#include "paceline/cluster.h"
#include "paceline/cluster/test_program.h"

namespace paceline::test {
namespace {

/// A child of a supervisor under test. As worker it answers each line with its pid, its slot and
/// the slot of the socket that accepted; "SLOW ms" answers later.
class TestChild {
 public:
  TestChild(Loop& loop, ChildProcess& child) : loop_(loop), child_(child), connections_(loop) {}

  int run() {
    const std::string& behaviour = child_.config_text();
    const bool second = child_.role() == "worker" && child_.slot() == 1;
    const bool replaced = child_.seat() % 2 == 1;
    if (behaviour == "fail" && child_.role() == "keeper") {
      return child_.fail_start("data.db is not a database; choose another");
    }
    if (behaviour == "abort" && second) std::abort();
    child_.start(loop_, {.serve = [this](auto sockets) { watch(sockets); },
                         .adopt = [this](std::size_t, auto sockets) { watch(sockets); },
                         .release = [this](std::size_t, auto sockets) { unwatch(sockets); },
                         .drain = [this] { draining_ = true; },
                         .stop_accepting = [this] { stop(); }});
    if (behaviour == "slow" && replaced) loop_.run_until_done(pause(300ms));
    if (behaviour != "silent" || !second) child_.ready();
    if (behaviour == "crash" && second) loop_.run_until_done(pause(10ms)), std::abort();
    loop_.run();
    return 0;
  }

 private:
  Task<void> pause(Duration time) { co_await loop_.sleep(time); }

  void watch(std::span<const ListenSocket> sockets) {
    for (const ListenSocket& socket : sockets) {
      const std::size_t slot = socket.slot;
      acceptors_[socket.fd] = std::make_unique<Acceptor>(loop_, socket.fd, [this, slot](Fd fd) {
        connections_.spawn(converse(std::move(fd), slot));
      });
    }
  }

  void unwatch(std::span<const ListenSocket> sockets) {
    for (const ListenSocket& socket : sockets) acceptors_.erase(socket.fd);
  }

  void stop() {
    for (const auto& [fd, acceptor] : acceptors_) {
      for (int client = 0; (client = loop_.kernel().accept(fd)) >= 0;) {
        connections_.spawn(converse(Fd(client), child_.slot()));
      }
    }
    acceptors_.clear();
    leaving_ = leave();
    leaving_.start();
  }

  Task<void> leave() {
    const bool drained = co_await connections_.drained();
    check(drained, "no deadline");
    child_.drained();
    loop_.stop();
  }

  Task<void> converse(Fd fd, std::size_t socket_slot) {
    Stream stream(loop_, std::move(fd));
    std::string buffer;
    bool good = true;
    while (good) {
      const Result<std::size_t> n = co_await stream.read_line(buffer, 1024, Deadline::never());
      if (!n) co_return;
      if (buffer.starts_with("SLOW ")) {
        co_await loop_.sleep(std::chrono::milliseconds(std::stoi(buffer.substr(5))));
      }
      buffer.erase(0, *n);
      child_.state().requests.fetch_add(1, std::memory_order_relaxed);
      const std::string answer = std::to_string(::getpid()) + " " + std::to_string(child_.slot()) +
                                 " " + std::to_string(socket_slot) + "\n";
      const Result<void> written = co_await stream.write_all(answer);
      good = written.has_value() && !draining_;
    }
  }

  Loop& loop_;
  ChildProcess& child_;
  Scope connections_;
  std::map<int, std::unique_ptr<Acceptor>> acceptors_;
  bool draining_ = false;
  Task<void> leaving_;
};

int run_child() {
  RealKernel kernel;
  Loop loop(kernel);
  const auto child = ChildProcess::attach();
  if (!child) {
    std::cerr << child.error().text() << std::endl;
    return 1;
  }
  return TestChild(loop, **child).run();
}

Result<StopReport> run_supervisor(const Scenario& scenario) {
  RealKernel kernel;
  Loop loop(kernel);
  Log log(LogOptions{.role = "supervisor"});
  PACELINE_TRY_VALUE(const WorkerPolicy policy, parse_worker_policy(scenario.workers));
  PACELINE_TRY_VALUE(const ListenAddress address, parse_listen_address(scenario.listen));
  PACELINE_TRY_VALUE(const InstanceFolder folder, InstanceFolder::open(scenario.dir));
  const WorkerCount count = count_workers(policy, host_limits());
  PACELINE_TRY_VALUE(
      ListenerGroup listeners,
      ListenerGroup::open(std::span(&address, 1), count.wanted, folder.address_patience()));
  PACELINE_TRY_VALUE(const Duration drain_timeout, parse_duration(scenario.drain_timeout));
  SupervisorOptions options;
  options.version = "test";
  options.config_text = scenario.behaviour;
  options.worker_count = count;
  options.drain_timeout = drain_timeout;
  options.boot_timeout = scenario.behaviour == "silent" ? Duration(300ms) : Duration(10s);
  options.roles = {{.name = "keeper",
                    .sockets = {},
                    .on_death =
                        [](const ChildDeath& death) {
                          // As one write: the log's thread writes there, too.
                          std::cerr << "callback: keeper " + std::to_string(death.pid) + " died\n";
                        }},
                   {.name = "worker",
                    .count = count.wanted,
                    .stage = 1,
                    .listens = RoleSpec::Listens::yes,
                    .sockets = {}}};
  options.on_started = [](const ClusterStatus& status) {
    std::cout << status.listen.at(0) << std::endl;
  };
  Supervisor supervisor(loop, log, folder, listeners, std::move(options));
  return supervisor.run();
}

int run_supervisor_program(const std::string& text) {
  std::istringstream in(text);
  Scenario scenario;
  for (std::string* field : {&scenario.dir, &scenario.listen, &scenario.workers,
                             &scenario.behaviour, &scenario.drain_timeout}) {
    std::getline(in, *field, ';');
  }
  const Result<StopReport> report = run_supervisor(scenario);
  if (report) return 0;
  std::cerr << "paceline: " << report.error().text() << std::endl;
  return 1;
}

}  // namespace

std::optional<int> run_role() {
  if (ChildProcess::requested()) return run_child();
  if (const char* scenario = std::getenv(kScenarioVariable))
    return run_supervisor_program(scenario);
  return std::nullopt;
}

}  // namespace paceline::test

int main(int argc, char** argv) {
  if (const std::optional<int> code = paceline::test::run_role()) return *code;
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
