// Whole clusters of real processes. Behaviours of the children, chosen by Scenario::behaviour:
//   plain   answer                    fail    the keeper says why it cannot start
//   abort   worker 1 before READY     silent  worker 1 never says READY
//   slow    a replacement takes 300 ms to READY
//   crash   worker 1 aborts soon after every READY
#include "paceline/cluster/supervisor.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <set>

#include "paceline/cluster.h"
#include "paceline/cluster/test_program.h"

namespace paceline::test {
namespace {

TEST(Supervisor, StartsAnswersReportsAndStops) {
  const Folder folder;
  const std::string dir = folder.path() + "/" + std::string(120, 'x') + "/instance";
  Instance instance({.dir = dir});
  ASSERT_FALSE(instance.wait_started().empty()) << instance.errors();
  ASSERT_TRUE(request(*connect_to(instance.address())));
  const nlohmann::json status = instance.status();
  EXPECT_EQ(status["dir"], dir);
  EXPECT_EQ(status["supervisor"]["pid"], instance.pid());
  EXPECT_EQ(status["listen"][0], instance.address());
  EXPECT_EQ(status["workers"].size(), 2U);
  EXPECT_EQ(status["workers"][1]["state"], "ready");
  EXPECT_GT(status["keeper"]["pid"], 0);
  EXPECT_TRUE(status["monitor"].is_null());
  EXPECT_EQ(status["worker_count"]["wanted"], 2);
  struct stat info{};
  ASSERT_EQ(::stat(dir.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0700U);
  ASSERT_EQ(::stat((dir + "/control.sock").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  const Result<std::string> answer = stop_instance_blocking(dir, 10s);
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(*answer, R"({"stopped":true,"killed":0})");
  EXPECT_EQ(instance.wait(), 0) << instance.errors();
  const Result<std::string> after = control_request_blocking(dir, "status");
  ASSERT_FALSE(after);
  EXPECT_EQ(after.error().code, Code::not_found);
  EXPECT_TRUE(after.error().message.contains("paceline serve --dir " + dir));
  EXPECT_FALSE(std::filesystem::exists(dir + "/pid"));
}

TEST(Supervisor, ReplacesAKilledWorkerWhileASiblingTakesItsQueue) {
  const Folder folder;
  Instance instance({.dir = folder.path(), .behaviour = "slow"});
  ASSERT_FALSE(instance.wait_started().empty()) << instance.errors();
  const std::vector<pid_t> before = instance.worker_pids();
  ::kill(before.at(0), SIGSTOP);
  std::vector<Fd> clients;
  for (int i = 0; i < 40; ++i) {
    auto client = connect_to(instance.address());
    ASSERT_TRUE(client);
    send_line(*client, "GET\n");
    clients.push_back(std::move(*client));
  }
  ::kill(before.at(0), SIGKILL);
  std::set<std::size_t> adopted;  // slots of workers that answered on socket 0
  for (const Fd& client : clients) {
    const auto answer = read_answer(client);
    ASSERT_TRUE(answer) << "a queued connection was lost";
    EXPECT_NE(answer->pid, before.at(0));
    if (answer->socket_slot == 0) adopted.insert(answer->slot);
  }
  EXPECT_TRUE(adopted.contains(1)) << "the sibling never accepted on the socket of worker 0";
  EXPECT_TRUE(eventually([&] {
    const nlohmann::json worker = instance.status()["workers"][0];
    return worker["state"] == "ready" && worker["restarts"] == 1;
  }));
  // The replacement took its socket back.
  EXPECT_TRUE(eventually([&] {
    const auto client = connect_to(instance.address());
    const auto answer = request(*client);
    return answer && answer->socket_slot == 0 && answer->slot == 0;
  }));
}

TEST(Supervisor, TheQueueOfASingleWorkerWaitsForItsReplacement) {
  const Folder folder;
  Instance instance({.dir = folder.path(), .workers = "1"});
  ASSERT_FALSE(instance.wait_started().empty()) << instance.errors();
  const pid_t before = instance.worker_pids().at(0);
  ::kill(before, SIGSTOP);
  const auto client = connect_to(instance.address());
  ASSERT_TRUE(client);
  send_line(*client, "GET\n");
  ::kill(before, SIGKILL);
  const auto answer = read_answer(*client);
  ASSERT_TRUE(answer);
  EXPECT_NE(answer->pid, before);
}

TEST(Supervisor, ChildrenInheritWhatTheirRoleNeedsAndNothingElse) {
  const Folder folder;
  const Fd careless(::memfd_create("careless-parent", 0));  // without close-on-exec
  Instance instance({.dir = folder.path(), .workers = "3"});
  ASSERT_FALSE(instance.wait_started().empty()) << instance.errors();
  const auto open_files = [](pid_t pid) {
    std::vector<std::string> links;
    for (const auto& entry :
         std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd")) {
      std::error_code gone_already;
      links.push_back(std::filesystem::read_symlink(entry.path(), gone_already).string());
    }
    return links;
  };
  const auto count = [](const std::vector<std::string>& links, std::string_view word) {
    return std::ranges::count_if(links, [&](const auto& link) { return link.contains(word); });
  };
  EXPECT_EQ(count(open_files(instance.pid()), "careless-parent"), 1);
  const std::vector<std::string> worker = open_files(instance.worker_pids().at(1));
  EXPECT_EQ(count(worker, "careless-parent"), 0);
  EXPECT_EQ(count(worker, "socket:"), 1 + 3) << "the channel and the sockets of all slots";
  EXPECT_EQ(count(worker, folder.path() + "/lock"), 1);
  EXPECT_EQ(count(worker, "memfd:paceline-config"), 1);
  const std::vector<std::string> keeper = open_files(instance.status()["keeper"]["pid"]);
  EXPECT_EQ(count(keeper, "socket:"), 1) << "a keeper does not listen";
}

TEST(Supervisor, CallsBackForADeadKeeperAndReplacesIt) {
  const Folder folder;
  Instance instance({.dir = folder.path()});
  ASSERT_FALSE(instance.wait_started().empty()) << instance.errors();
  const pid_t keeper = instance.status()["keeper"]["pid"];
  ::kill(keeper, SIGKILL);
  EXPECT_TRUE(eventually([&] {
    const nlohmann::json now = instance.status()["keeper"];
    return now.is_object() && now["pid"] != keeper;
  }));
  // The program's line and the log's come from two threads.
  EXPECT_TRUE(eventually([&] {
    return instance.errors().contains("callback: keeper " + std::to_string(keeper) + " died\n");
  })) << instance.errors();
}

TEST(Supervisor, NothingIsLeftAfterItsDeathAndTheSameCommandStartsAgain) {
  const Folder folder;
  std::string address;
  std::vector<pid_t> pids;
  {
    Instance instance({.dir = folder.path()});
    ASSERT_FALSE(instance.wait_started().empty()) << instance.errors();
    address = instance.address();
    pids = instance.worker_pids();
    pids.push_back(instance.status()["keeper"]["pid"]);
    instance.signal(SIGKILL);
    // Not reaped yet: the next one must not take a zombie for a running instance.
    Instance next({.dir = folder.path(), .listen = address});
    EXPECT_EQ(next.wait_started(), address) << next.errors();
    for (const pid_t pid : pids) EXPECT_TRUE(gone(pid)) << pid;
    EXPECT_EQ(next.worker_pids().size(), 2U);
    next.signal(SIGTERM);
    EXPECT_EQ(next.wait(), 0);
  }
}

/// Processes that connect, ask once and close, in a loop, until a connect is refused.
class Clients {
 public:
  struct Counts {
    std::atomic<int> answered;
    std::atomic<int> failed;
  };
  Clients(const std::string& address, int count) {
    void* memory =
        ::mmap(nullptr, sizeof(Counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    check(memory != MAP_FAILED, "mmap");
    counts_ = new (memory) Counts;
    for (int i = 0; i < count; ++i) {
      pids_.push_back(::fork());
      if (pids_.back() == 0) run(address);
    }
  }
  Clients(const Clients&) = delete;
  Clients& operator=(const Clients&) = delete;
  ~Clients() {
    wait();
    ::munmap(counts_, sizeof(Counts));
  }
  void wait() {
    for (const pid_t pid : pids_) ::waitpid(pid, nullptr, 0);
    pids_.clear();
  }
  const Counts& counts() const { return *counts_; }

 private:
  [[noreturn]] void run(const std::string& address) {
    while (counts_->failed < 100) {
      const auto client = connect_to(address);
      if (!client && client.error() == Failure::refused) break;
      ++(client && request(*client) ? counts_->answered : counts_->failed);
    }
    ::_exit(0);
  }
  Counts* counts_ = nullptr;
  std::vector<pid_t> pids_;
};

TEST(Supervisor, AStopUnderLoadFailsNoRequest) {
  for (int round = 0; round < 5; ++round) {
    const Folder folder;
    Instance instance({.dir = folder.path(), .workers = "3"});
    ASSERT_FALSE(instance.wait_started().empty()) << instance.errors();
    Clients clients(instance.address(), 6);
    EXPECT_TRUE(eventually([&] { return clients.counts().answered > 500; }));
    instance.signal(SIGTERM);
    EXPECT_EQ(instance.wait(), 0) << instance.errors();
    clients.wait();
    EXPECT_EQ(clients.counts().failed, 0)
        << "of " << clients.counts().answered << " in round " << round;
  }
}

TEST(Supervisor, AStopFinishesWhatIsInFlight) {
  const Folder folder;
  Instance instance({.dir = folder.path()});
  ASSERT_FALSE(instance.wait_started().empty()) << instance.errors();
  const auto client = connect_to(instance.address());
  ASSERT_TRUE(request(*client));
  send_line(*client, "SLOW 400\n");
  instance.signal(SIGTERM);
  EXPECT_TRUE(read_answer(*client));
  EXPECT_EQ(instance.wait(), 0) << instance.errors();
}

TEST(Supervisor, AStopKillsWhatOutlivesItsLimit) {
  const Folder folder;
  Instance instance({.dir = folder.path(), .drain_timeout = "200ms"});
  ASSERT_FALSE(instance.wait_started().empty()) << instance.errors();
  const auto client = connect_to(instance.address());
  ASSERT_TRUE(request(*client));
  send_line(*client, "SLOW 60000\n");
  const Result<std::string> answer = stop_instance_blocking(folder.path(), 10s);
  ASSERT_TRUE(answer);
  EXPECT_EQ(*answer, R"({"stopped":true,"killed":1})");
  EXPECT_EQ(instance.wait(), 0) << instance.errors();
}

TEST(Supervisor, ASecondSignalStopsHard) {
  const Folder folder;
  Instance instance({.dir = folder.path()});
  ASSERT_FALSE(instance.wait_started().empty()) << instance.errors();
  const std::vector<pid_t> workers = instance.worker_pids();
  const auto client = connect_to(instance.address());
  ASSERT_TRUE(request(*client));
  send_line(*client, "SLOW 60000\n");
  instance.signal(SIGTERM);
  EXPECT_TRUE(eventually([&] { return instance.errors().contains("drain"); }));
  instance.signal(SIGINT);
  EXPECT_EQ(instance.wait(), 0) << instance.errors();
  for (const pid_t pid : workers) EXPECT_TRUE(gone(pid));
}

TEST(Supervisor, BacksOffFromACrashLoopWhileOthersServe) {
  const Folder folder;
  Instance instance({.dir = folder.path(), .behaviour = "crash"});
  ASSERT_FALSE(instance.wait_started().empty()) << instance.errors();
  EXPECT_TRUE(eventually([&] {
    const nlohmann::json worker = instance.status()["workers"][1];
    return worker["state"] == "backoff" && worker["restarts"] >= 2;
  }));
  for (int i = 0; i < 20; ++i) {
    const auto client = connect_to(instance.address());
    ASSERT_TRUE(client);
    EXPECT_TRUE(eventually([&] {
      const auto again = connect_to(instance.address());
      return again && request(*again);
    }));
  }
  instance.signal(SIGTERM);
  EXPECT_EQ(instance.wait(), 0) << instance.errors();
}

TEST(Supervisor, AFailedStartSaysWhyAndLeavesNothing) {
  struct Case {
    const char* behaviour;
    const char* reason;
  };
  for (const Case& c : {Case{"fail", "data.db is not a database; choose another"},
                        Case{"abort", "worker 1 ended during its start: signal 6"},
                        Case{"silent", "was not ready after 300ms"}}) {
    const Folder folder;
    Instance instance({.dir = folder.path(), .behaviour = c.behaviour});
    EXPECT_TRUE(instance.wait_started().empty());
    EXPECT_EQ(instance.wait(), 1);
    EXPECT_TRUE(instance.errors().contains(c.reason)) << instance.errors();
    EXPECT_FALSE(std::filesystem::exists(folder.path() + "/control.sock"));
    EXPECT_TRUE(InstanceFolder::open(folder.path())) << "somebody still holds the lock";
  }
}

TEST(Supervisor, ServesAUnixSocketAndRemovesIt) {
  const Folder folder;
  const std::string path = folder.path() + "/" + std::string(90, 'y') + "/web.sock";
  std::filesystem::create_directory(std::filesystem::path(path).parent_path());
  Instance instance({.dir = folder.path(), .listen = "unix:" + path});
  ASSERT_EQ(instance.wait_started(), "unix:" + path) << instance.errors();
  EXPECT_TRUE(request(*connect_to(instance.address())));
  instance.signal(SIGTERM);
  EXPECT_EQ(instance.wait(), 0) << instance.errors();
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(Supervisor, BadInputIsOneLineWithWhatToDo) {
  const Folder folder;
  Instance first({.dir = folder.path()});
  ASSERT_FALSE(first.wait_started().empty()) << first.errors();
  const Folder other;
  struct Case {
    Scenario scenario;
    std::string reason;
  };
  const std::vector<Case> cases = {
      {{.dir = folder.path()}, "another Paceline (pid " + std::to_string(first.pid()) + ")"},
      {{.dir = other.path(), .listen = first.address()}, "another program does; stop it"},
      {{.dir = other.path(), .listen = "192.0.2.1:80"}, "no interface of this host"},
      {{.dir = other.path(), .workers = "0"}, "\"0\" is no worker count"},
      {{.dir = "/proc/paceline"}, "make it writable or choose another with --dir"},
      {{.dir = folder.path() + "/pid/x"}, "make it writable or choose another with --dir"},
  };
  for (const Case& c : cases) {
    Instance instance(c.scenario);
    EXPECT_TRUE(instance.wait_started().empty());
    EXPECT_EQ(instance.wait(), 1);
    const std::string errors = instance.errors();
    EXPECT_TRUE(errors.contains(c.reason)) << errors;
    EXPECT_EQ(std::ranges::count(errors, '\n'), 1) << errors;
  }
}

TEST(ListenerGroup, RefusesAPortThatThisUserSharesElsewhere) {
  const std::array<ListenAddress, 1> any = {*parse_listen_address("127.0.0.1:0")};
  const Result<ListenerGroup> first = ListenerGroup::open(any, 3);
  ASSERT_TRUE(first) << first.error().text();
  EXPECT_EQ(first->sockets().size(), 3U);
  const Result<ListenerGroup> second = ListenerGroup::open(first->addresses(), 3);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().os, EADDRINUSE);
}

}  // namespace
}  // namespace paceline::test
