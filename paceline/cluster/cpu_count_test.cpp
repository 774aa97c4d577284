#include "paceline/cluster/cpu_count.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace paceline {
namespace {

/// A root folder with files as /proc and /sys/fs/cgroup would have them.
class FakeRoot {
 public:
  FakeRoot() {
    std::string name = (std::filesystem::temp_directory_path() / "paceline-root-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~FakeRoot() { std::filesystem::remove_all(path_); }
  void file(const std::string& name, const std::string& text) const {
    const std::filesystem::path path = path_ + name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  CgroupLimits limits() const { return read_cgroup_limits(path_); }

 private:
  std::string path_;
};

constexpr const char* kMount2 =
    "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";
constexpr const char* kMountsV1 =
    "31 23 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
    "32 23 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";

TEST(CgroupLimits, TheSmallestQuotaOfAllAncestorsCounts) {
  const FakeRoot root;
  root.file("/proc/self/cgroup", "0::/a/b/c\n");
  root.file("/proc/self/mountinfo", kMount2);
  root.file("/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory pids\n");
  root.file("/sys/fs/cgroup/a/cpu.max", "250000 100000\n");
  root.file("/sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
  root.file("/sys/fs/cgroup/a/b/c/cpu.max", "400000 100000\n");
  root.file("/sys/fs/cgroup/a/memory.max", "1073741824\n");
  root.file("/sys/fs/cgroup/a/b/c/memory.max", "max\n");
  EXPECT_DOUBLE_EQ(root.limits().quota.value_or(0), 2.5);
  EXPECT_EQ(root.limits().memory.value_or(0), 1073741824U);
}

TEST(CgroupLimits, VersionOneHasAFolderPerController) {
  const FakeRoot root;
  root.file("/proc/self/cgroup", "4:memory:/x\n3:cpu,cpuacct:/x/y\n");
  root.file("/proc/self/mountinfo", kMountsV1);
  root.file("/sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_quota_us", "150000\n");
  root.file("/sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_period_us", "50000\n");
  root.file("/sys/fs/cgroup/cpu,cpuacct/x/y/cpu.cfs_quota_us", "-1\n");
  root.file("/sys/fs/cgroup/cpu,cpuacct/x/y/cpu.cfs_period_us", "100000\n");
  root.file("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_DOUBLE_EQ(root.limits().quota.value_or(0), 3);
  EXPECT_FALSE(root.limits().memory);
  root.file("/sys/fs/cgroup/memory/x/memory.limit_in_bytes", "536870912\n");
  EXPECT_EQ(root.limits().memory.value_or(0), 536870912U);
}

TEST(CgroupLimits, AHybridIsDecidedPerController) {
  const FakeRoot root;
  root.file("/proc/self/cgroup", "3:cpu,cpuacct:/one\n0::/two\n");
  root.file(
      "/proc/self/mountinfo",
      std::string(kMountsV1) + "33 23 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
  root.file("/sys/fs/cgroup/unified/cgroup.controllers", "memory\n");
  root.file("/sys/fs/cgroup/unified/two/memory.max", "2147483648\n");
  root.file("/sys/fs/cgroup/unified/two/cpu.max", "100000 100000\n");
  root.file("/sys/fs/cgroup/cpu,cpuacct/one/cpu.cfs_quota_us", "700000\n");
  root.file("/sys/fs/cgroup/cpu,cpuacct/one/cpu.cfs_period_us", "100000\n");
  EXPECT_DOUBLE_EQ(root.limits().quota.value_or(0), 7);
  EXPECT_EQ(root.limits().memory.value_or(0), 2147483648U);
}

TEST(CgroupLimits, AContainerWithoutNamespaceSeesHostPathsButMountsItsOwnPart) {
  const FakeRoot root;
  root.file("/proc/self/cgroup", "3:cpu,cpuacct:/docker/abc/inner\n");
  root.file("/proc/self/mountinfo",
            "31 23 0:27 /docker/abc /sys/fs/cgroup\\040x/cpu rw - cgroup cgroup rw,cpu,cpuacct\n");
  root.file("/sys/fs/cgroup x/cpu/cpu.cfs_quota_us", "50000\n");
  root.file("/sys/fs/cgroup x/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_DOUBLE_EQ(root.limits().quota.value_or(0), 0.5);
}

TEST(CgroupLimits, WhatCannotBeReadOrUnderstoodIsNoLimit) {
  const FakeRoot root;
  EXPECT_FALSE(root.limits().quota);
  root.file("/proc/self/cgroup", "nonsense\n0::/../../x\n");
  root.file("/proc/self/mountinfo", std::string("short - line\n\n") + kMount2);
  root.file("/sys/fs/cgroup/cgroup.controllers", "cpu\n");
  root.file("/sys/fs/cgroup/cpu.max", "many few\n");
  EXPECT_FALSE(root.limits().quota);
}

HostLimits host(std::size_t affinity, std::optional<double> quota = {},
                std::optional<std::uint64_t> memory = {}) {
  return {.affinity = affinity, .cgroup = {.quota = quota, .memory = memory}};
}

WorkerCount count(const char* policy, const HostLimits& limits) {
  const Result<WorkerPolicy> parsed = parse_worker_policy(policy);
  EXPECT_TRUE(parsed) << policy;
  return count_workers(*parsed, limits);
}

TEST(WorkerCount, FollowsTheGuidesPolicies) {
  EXPECT_EQ(count("auto", host(8)).wanted, 7U);
  EXPECT_EQ(count("cpu", host(8)).wanted, 7U);
  EXPECT_EQ(count("io", host(8)).wanted, 16U);
  EXPECT_EQ(count("auto", host(1)).wanted, 1U);
  EXPECT_EQ(count("5", host(1)).wanted, 5U);
}

TEST(WorkerCount, AQuotaIsRoundedDownToAtLeastOne) {
  EXPECT_EQ(host(8, 3.9).cpus(), 3U);
  EXPECT_EQ(host(8, 0.5).cpus(), 1U);
  EXPECT_EQ(host(2, 3.9).cpus(), 2U);
}

TEST(WorkerCount, MemoryCapsThePoliciesButNotAnExplicitNumber) {
  const auto limits = host(64, {}, std::uint64_t{1} << 30);
  EXPECT_EQ(count("auto", limits).wanted, 6U);
  EXPECT_EQ(count("auto", limits).memory_cap, 6U);
  EXPECT_EQ(count("20", limits).wanted, 20U);
  EXPECT_EQ(count("20", limits).reason,
            "20: the configured number, though it should be 6 by the memory limit of 1024 MiB = "
            "20 workers");
}

TEST(WorkerCount, GivesItsReason) {
  EXPECT_EQ(count("auto", host(2)).reason,
            "auto: 2 cpus (affinity 2, no quota) - 1 for the system = 1 worker");
  EXPECT_EQ(count("io", host(8, 1.5)).reason, "io: 1 cpu (affinity 8, quota 1.5) * 2 = 2 workers");
}

TEST(WorkerPolicy, RefusesWhatIsNoCount) {
  for (const char* text : {"0", "-1", "many", "", "257", "3.5", "99999999999999999999"}) {
    EXPECT_FALSE(parse_worker_policy(text)) << text;
  }
}

TEST(AffinityCpus, FindsAtLeastTheOneThatRunsThis) { EXPECT_GE(affinity_cpus(), 1U); }

}  // namespace
}  // namespace paceline
