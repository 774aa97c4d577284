#include "paceline/cluster/child.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "paceline/cluster/channel.h"
#include "paceline/cluster/manifest.h"

namespace paceline {
namespace {

constexpr int kExitAlone = 1;

/// Nothing here is worth an orderly end without a supervisor: nobody would ever replace or stop us.
[[noreturn]] void leave_alone() { ::_exit(kExitAlone); }

}  // namespace

/// The two descriptors that connect a child with its supervisor, on the child's loop.
class ChildProcess::Link final : Watch {
 public:
  Link(Loop& loop, ChildProcess& owner, Fd channel, int lifetime)
      : loop_(loop),
        lifetime_(lifetime),
        channel_(
            loop, std::move(channel), [&owner](std::string_view m) { owner.handle(m); },
            &leave_alone) {
    check(loop_.add(*this, lifetime_, EPOLLIN).has_value(), "watch the supervisor's lifetime");
  }
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  ~Link() { loop_.remove(*this, lifetime_); }
  Channel& channel() { return channel_; }

 private:
  void ready(std::uint32_t /*events*/) override { leave_alone(); }
  Loop& loop_;
  int lifetime_;
  Channel channel_;
};

ChildProcess::ChildProcess() = default;
ChildProcess::~ChildProcess() = default;

bool ChildProcess::requested() { return std::getenv(kManifestVariable) != nullptr; }

Result<std::unique_ptr<ChildProcess>> ChildProcess::attach() {
  const char* text = std::getenv(kManifestVariable);
  check(text != nullptr, "attach() where requested() said no");
  std::unique_ptr<ChildProcess> child(new ChildProcess);
  PACELINE_TRY_VALUE(ChildManifest manifest, ChildManifest::parse(text));
  child->manifest_ = std::make_unique<ChildManifest>(std::move(manifest));
  ::unsetenv(kManifestVariable);
  PACELINE_TRY(child->take_over());
  return child;
}

Result<void> ChildProcess::take_over() {
  for (const int fd : manifest_->fds()) {
    if (::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) return fail_errno("inherited descriptor");
  }
  // execveat by descriptor leaves a number as the name that tools such as top show.
  ::prctl(PR_SET_NAME, (manifest_->role + " " + std::to_string(slot())).c_str());
  PACELINE_TRY_VALUE(config_text_, read_all(manifest_->config));
  PACELINE_TRY_VALUE(control_, region("control"));
  const std::span<SeatState> seats = control_seats(control_);
  if (seat() >= seats.size()) return fail(Code::corrupt, "the control region has no such seat");
  state_ = &seats[seat()];
  return {};
}

const std::string& ChildProcess::role() const { return manifest_->role; }
std::size_t ChildProcess::slot() const { return manifest_->slot; }
std::size_t ChildProcess::seat() const { return manifest_->seat; }
std::uint64_t ChildProcess::generation() const { return manifest_->generation; }
const std::string& ChildProcess::dir() const { return manifest_->dir; }

Result<SharedRegion> ChildProcess::region(std::string_view name) const {
  const auto found = std::ranges::find(manifest_->regions, name, &ChildManifest::NamedFd::name);
  if (found == manifest_->regions.end()) {
    return fail(Code::not_found, "no region \"" + std::string(name) + "\" was handed over");
  }
  Fd copy(::fcntl(found->fd, F_DUPFD_CLOEXEC, 3));
  if (!copy) return fail_errno("copy a region's descriptor");
  return SharedRegion::attach(std::move(copy), name);
}

Result<Fd> ChildProcess::take_socket(std::string_view name) {
  const auto found = std::ranges::find(manifest_->sockets, name, &ChildManifest::NamedFd::name);
  if (found == manifest_->sockets.end()) {
    return fail(Code::not_found, "no socket \"" + std::string(name) + "\" was handed over");
  }
  Fd fd(found->fd);
  manifest_->sockets.erase(found);
  return fd;
}

std::vector<ListenSocket> ChildProcess::listeners(std::size_t slot) const {
  std::vector<ListenSocket> result;
  for (const ListenSocket& socket : manifest_->listeners) {
    if (socket.slot == slot) result.push_back(socket);
  }
  return result;
}

std::vector<ListenSocket> ChildProcess::own_listeners() const {
  std::vector<ListenSocket> own = listeners(slot());
  std::ranges::copy(listeners(ListenSocket::kEverySlot), std::back_inserter(own));
  return own;
}

void ChildProcess::close_listeners() {
  for (const ListenSocket& socket : manifest_->listeners) ::close(socket.fd);
  manifest_->listeners.clear();
}

void ChildProcess::start(Loop& loop, ChildHandlers handlers) {
  handlers_ = std::move(handlers);
  link_ = std::make_unique<Link>(loop, *this, Fd(manifest_->channel), manifest_->lifetime);
}

void ChildProcess::ready() {
  check(link_ != nullptr, "ready() before start()");
  // A lost message shows as a timeout of the start; there is nobody else to tell.
  std::ignore = link_->channel().send("READY " + std::to_string(::getpid()) + " " +
                                      std::to_string(generation()));
}

void ChildProcess::drained() { std::ignore = link_->channel().send("DRAINED"); }

int ChildProcess::fail_start(std::string_view line) {
  const std::string message = "FAIL " + std::string(line.substr(0, Channel::kMessageMax - 5));
  if (::write(manifest_->channel, message.data(), message.size()) < 0) return kExitAlone;
  return kExitAlone;
}

void ChildProcess::handle(std::string_view message) {
  const std::size_t space = std::min(message.find(' '), message.size());
  const std::string_view verb = message.substr(0, space);
  const std::size_t slot = parse_unsigned(message.substr(std::min(space + 1, message.size())))
                               .value_or(ListenSocket::kEverySlot);
  if (verb == "SERVE") {
    if (handlers_.serve) handlers_.serve(own_listeners());
  } else if (verb == "ADOPT") {
    if (handlers_.adopt) handlers_.adopt(slot, listeners(slot));
  } else if (verb == "RELEASE") {
    if (handlers_.release) handlers_.release(slot, listeners(slot));
    std::ignore = link_->channel().send("RELEASED " + std::to_string(slot));
  } else if (verb == "DRAIN") {
    if (handlers_.drain) handlers_.drain();
  } else if (verb == "STOP") {
    if (handlers_.stop_accepting) handlers_.stop_accepting();
    close_listeners();
    std::ignore = link_->channel().send("STOPPED");
  }
}

}  // namespace paceline
