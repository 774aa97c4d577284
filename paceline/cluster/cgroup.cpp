// Reads the limits of every ancestor of this process's cgroups (sched(7), cgroups(7)).
#include <algorithm>
#include <charconv>
#include <string>
#include <vector>

#include "paceline/cluster/cpu_count.h"

namespace paceline {
namespace {

// v1 says "no memory limit" with the largest multiple of the page size.
constexpr std::uint64_t kMemoryUnlimited = std::uint64_t{1} << 62;

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    if (end > 0) parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

bool has_word(std::string_view list, char separator, std::string_view word) {
  const auto words = split(list, separator);
  return std::ranges::find(words, word) != words.end();
}

/// mountinfo writes space, tab, newline and backslash as \ooo.
std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned code = 0;
    if (text[i] == '\\' && i + 3 < text.size() &&
        std::from_chars(&text[i + 1], &text[i + 4], code, 8).ec == std::errc{} && code < 256) {
      out += static_cast<char>(code);
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

struct Mount {
  std::string point;
  std::string root;     // the cgroup that is mounted there
  std::string options;  // of the file system: v1 names its controllers here
  bool v2 = false;
};

std::vector<Mount> read_mounts(const std::string& root) {
  std::vector<Mount> mounts;
  const Result<std::string> text = read_file(root + "/proc/self/mountinfo");
  if (!text) return mounts;
  for (const std::string_view line : split(*text, '\n')) {
    const std::size_t dash = line.find(" - ");
    if (dash == std::string_view::npos) continue;
    const auto before = split(line.substr(0, dash), ' ');
    const auto after = split(line.substr(dash + 3), ' ');
    if (before.size() < 5 || after.size() < 3 || !after[0].starts_with("cgroup")) continue;
    mounts.push_back({.point = unescape(before[4]),
                      .root = unescape(before[3]),
                      .options = std::string(after[2]),
                      .v2 = after[0] == "cgroup2"});
  }
  return mounts;
}

/// Folders from this process's cgroup up to the mount, below ROOT.
std::vector<std::string> ancestors(const std::string& root, const Mount& mount, std::string path) {
  // A container without its own namespace sees host paths, but mounts only its own part.
  if (mount.root != "/" && path.starts_with(mount.root)) path.erase(0, mount.root.size());
  if (path.contains("/..")) path.clear();  // outside of our namespace: only the mount is ours
  while (path.ends_with('/')) path.pop_back();
  std::vector<std::string> folders;
  while (!path.empty()) {
    folders.push_back(root + mount.point + path);
    path.erase(std::min(path.rfind('/'), path.size()));
  }
  folders.push_back(root + mount.point);
  return folders;
}

/// Where the controller's files of this process are, nearest first.
struct Hierarchy {
  std::vector<std::string> folders;
  bool v2 = false;
};

/// "4:cpu,cpuacct:/path", "0::/path".
struct Membership {
  std::string_view controllers;
  std::string path;
};

std::vector<Membership> memberships(std::string_view text) {
  std::vector<Membership> result;
  for (const std::string_view line : split(text, '\n')) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == line.npos ? line.npos : line.find(':', first + 1);
    if (second == line.npos) continue;
    result.push_back(
        {line.substr(first + 1, second - first - 1), std::string(line.substr(second + 1))});
  }
  return result;
}

Hierarchy find_hierarchy(const std::string& root, const std::vector<Mount>& mounts,
                         const std::vector<Membership>& members, std::string_view controller) {
  for (const Mount& mount : mounts) {
    if (!mount.v2) continue;
    const auto own = std::ranges::find(members, "", &Membership::controllers);
    const Result<std::string> list = read_file(root + mount.point + "/cgroup.controllers");
    if (own == members.end() || !list) continue;
    std::string words = *list;
    std::ranges::replace(words, '\n', ' ');
    if (has_word(words, ' ', controller)) return {ancestors(root, mount, own->path), true};
  }
  for (const Mount& mount : mounts) {
    if (mount.v2 || !has_word(mount.options, ',', controller)) continue;
    for (const Membership& member : members) {
      if (has_word(member.controllers, ',', controller)) {
        return {ancestors(root, mount, member.path), false};
      }
    }
  }
  return {};
}

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return std::nullopt;
  return value;
}

std::optional<std::int64_t> number_in(const std::string& path) {
  const Result<std::string> text = read_file(path);
  return text ? number(*text) : std::nullopt;
}

std::optional<double> quota_of(const std::string& folder, bool v2) {
  std::optional<std::int64_t> quota;
  std::optional<std::int64_t> period;
  if (v2) {
    const Result<std::string> text = read_file(folder + "/cpu.max");
    if (!text) return std::nullopt;
    const auto words = split(*text, ' ');
    if (words.size() != 2) return std::nullopt;
    quota = number(words[0]);  // "max" is no number
    period = number(words[1]);
  } else {
    quota = number_in(folder + "/cpu.cfs_quota_us");
    period = number_in(folder + "/cpu.cfs_period_us");
  }
  if (!quota || !period || *quota <= 0 || *period <= 0) return std::nullopt;
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

std::optional<std::uint64_t> memory_of(const std::string& folder, bool v2) {
  const auto limit = number_in(folder + (v2 ? "/memory.max" : "/memory.limit_in_bytes"));
  if (!limit || *limit <= 0) return std::nullopt;
  const auto bytes = static_cast<std::uint64_t>(*limit);
  return bytes >= kMemoryUnlimited ? std::nullopt : std::optional(bytes);
}

template <class T>
std::optional<T> smallest(const Hierarchy& hierarchy,
                          std::optional<T> (*read)(const std::string&, bool)) {
  std::optional<T> result;
  for (const std::string& folder : hierarchy.folders) {
    const std::optional<T> here = read(folder, hierarchy.v2);
    if (here && (!result || *here < *result)) result = here;
  }
  return result;
}

}  // namespace

CgroupLimits read_cgroup_limits(const std::string& root) {
  const Result<std::string> text = read_file(root + "/proc/self/cgroup");
  if (!text) return {};
  const std::vector<Mount> mounts = read_mounts(root);
  const std::vector<Membership> members = memberships(*text);
  CgroupLimits limits;
  limits.quota = smallest<double>(find_hierarchy(root, mounts, members, "cpu"), quota_of);
  const Hierarchy memory = find_hierarchy(root, mounts, members, "memory");
  for (const std::string& folder : memory.folders) {
    const std::optional<std::uint64_t> here = memory_of(folder, memory.v2);
    if (!here || (limits.memory && *here >= *limits.memory)) continue;
    limits.memory = here;
    limits.memory_folder = folder;
  }
  return limits;
}

}  // namespace paceline
