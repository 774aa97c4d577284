#include "paceline/cluster/manifest.h"

#include <array>
#include <utility>

namespace paceline {
namespace {

constexpr std::string_view kVersion = "1 ";
constexpr std::string_view kShared = "all";

/// Takes the text up to `separator` from the front.
std::string_view take(std::string_view& text, char separator) {
  const std::size_t end = text.find(separator);
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(end == text.npos ? text.size() : end + 1);
  return word;
}

struct Reader {
  bool good = true;
  std::uint64_t number(std::string_view text) {
    const Result<std::uint64_t> value = parse_unsigned(text);
    good = good && value.has_value();
    return value.value_or(0);
  }
  int fd(std::string_view text) {
    const std::uint64_t value = number(text);
    good = good && value <= INT32_MAX;
    return good ? static_cast<int>(value) : -1;
  }
  ChildManifest::NamedFd named(std::string_view text) {
    const std::string_view name = take(text, ':');
    good = good && !name.empty();
    return {std::string(name), fd(text)};
  }
  ListenSocket listener(std::string_view text) {
    ListenSocket socket;
    socket.address = number(take(text, ':'));
    const std::string_view slot = take(text, ':');
    socket.slot = slot == kShared ? ListenSocket::kEverySlot : number(slot);
    socket.fd = fd(text);
    return socket;
  }
  void field(ChildManifest& into, std::string_view key, std::string_view value) {
    if (key == "role") {
      into.role = value;
    } else if (key == "slot") {
      into.slot = number(value);
    } else if (key == "seat") {
      into.seat = number(value);
    } else if (key == "generation") {
      into.generation = number(value);
    } else if (key == "config") {
      into.config = fd(value);
    } else if (key == "channel") {
      into.channel = fd(value);
    } else if (key == "lifetime") {
      into.lifetime = fd(value);
    } else if (key == "lock") {
      into.lock = fd(value);
    } else if (key == "region") {
      into.regions.push_back(named(value));
    } else if (key == "socket") {
      into.sockets.push_back(named(value));
    } else if (key == "listen") {
      into.listeners.push_back(listener(value));
    } else {
      good = false;
    }
  }
};

}  // namespace

std::string ChildManifest::text() const {
  std::string out(kVersion);
  const auto add = [&out](std::string_view key, const std::string& value) {
    out.append(key).append("=").append(value).append(" ");
  };
  add("role", role);
  add("slot", std::to_string(slot));
  add("seat", std::to_string(seat));
  add("generation", std::to_string(generation));
  add("config", std::to_string(config));
  add("channel", std::to_string(channel));
  add("lifetime", std::to_string(lifetime));
  add("lock", std::to_string(lock));
  for (const NamedFd& region : regions)
    add("region", region.name + ":" + std::to_string(region.fd));
  for (const NamedFd& socket : sockets)
    add("socket", socket.name + ":" + std::to_string(socket.fd));
  for (const ListenSocket& socket : listeners) {
    const std::string at = socket.slot == ListenSocket::kEverySlot ? std::string(kShared)
                                                                   : std::to_string(socket.slot);
    add("listen", std::to_string(socket.address) + ":" + at + ":" + std::to_string(socket.fd));
  }
  return out + "dir=" + dir;
}

Result<ChildManifest> ChildManifest::parse(std::string_view text) {
  ChildManifest manifest;
  Reader reader;
  reader.good = text.starts_with(kVersion);
  text.remove_prefix(std::min(kVersion.size(), text.size()));
  while (reader.good && !text.starts_with("dir=")) {
    reader.good = !text.empty();
    std::string_view value = take(text, ' ');
    const std::string_view key = take(value, '=');
    if (reader.good) reader.field(manifest, key, value);
  }
  if (!reader.good || manifest.role.empty() || manifest.config < 0 || manifest.channel < 0 ||
      manifest.lifetime < 0) {
    return fail(Code::invalid, std::string(kManifestVariable) +
                                   " is set, but not by a supervisor of this version; unset it");
  }
  manifest.dir = text.substr(4);
  return manifest;
}

std::vector<int> ChildManifest::fds() const {
  std::vector<int> result = {config, channel, lifetime};
  if (lock >= 0) result.push_back(lock);
  for (const NamedFd& region : regions) result.push_back(region.fd);
  for (const NamedFd& socket : sockets) result.push_back(socket.fd);
  for (const ListenSocket& socket : listeners) result.push_back(socket.fd);
  return result;
}

}  // namespace paceline
