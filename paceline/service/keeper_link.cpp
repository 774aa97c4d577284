#include "paceline/service/keeper_link.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <deque>
#include <optional>
#include <unordered_map>
#include <utility>

namespace paceline {
namespace {

/// One command until it is settled. Shared: the caller may be cancelled while the link still
/// waits for the answer, and the link may go while the caller still waits.
struct Waiting {
  Waiting(Loop& loop, std::uint64_t number) : id(number), settled(loop) {}
  const std::uint64_t id;
  std::string frame;  // until it is sent
  bool sent = false;
  Result<KeeperAnswer> answer = fail(Code::unavailable, "the keeper is away");
  Event settled;

  void settle(Result<KeeperAnswer> with) {
    answer = std::move(with);
    settled.set();
  }
};
using WaitingPtr = std::shared_ptr<Waiting>;

}  // namespace

struct KeeperLink::Inside {
  Inside(Loop& on, std::string path, KeeperLinkOptions with, KeeperLinkStats& counts)
      : loop(on),
        socket_path(std::move(path)),
        options(with),
        stats(counts),
        work(on),
        background(on) {}

  Task<void> run();
  Task<bool> converse(Stream& stream);
  Task<void> send(Stream& stream);
  bool take_answers(std::string& input);
  void lose_sent();
  void forget(const WaitingPtr& waiting);

  Loop& loop;
  const std::string socket_path;
  const KeeperLinkOptions options;
  KeeperLinkStats& stats;
  std::uint64_t serial = 0;
  bool greeted = false;
  bool unreachable = false;  // the last try to connect failed
  std::deque<WaitingPtr> unsent;
  std::size_t unsent_bytes = 0;
  std::unordered_map<std::uint64_t, WaitingPtr> sent;
  Event work;  // set: `unsent` is not empty
  Scope background;
};

KeeperLink::KeeperLink(Loop& loop, std::string socket_path, KeeperLinkOptions options)
    : inside_(std::make_unique<Inside>(loop, std::move(socket_path), options, stats_)) {
  inside_->background.spawn(inside_->run());
}

KeeperLink::~KeeperLink() {
  inside_->background.cancel();
  inside_->lose_sent();
  for (const WaitingPtr& waiting : inside_->unsent) {
    waiting->settle(fail(Code::unavailable, "the worker is stopping"));
  }
}

bool KeeperLink::connected() const { return inside_->greeted; }
std::size_t KeeperLink::in_flight() const { return inside_->unsent.size() + inside_->sent.size(); }

Task<Result<KeeperAnswer>> KeeperLink::execute(KeeperCommand command, Deadline deadline) {
  Inside& in = *inside_;
  ++stats_.commands;
  const WaitingPtr waiting = std::make_shared<Waiting>(in.loop, ++in.serial);
  PACELINE_CO_TRY(append_command(waiting->frame, waiting->id, command));
  if (in_flight() >= in.options.in_flight_max ||
      in.unsent_bytes + waiting->frame.size() > in.options.unsent_bytes_max) {
    ++stats_.exhausted;
    co_return fail(Code::exhausted, "too many writes wait for the keeper");
  }
  if (in.unreachable) {
    ++stats_.unavailable;
    co_return fail(Code::unavailable, "the keeper is away");
  }
  in.unsent_bytes += waiting->frame.size();
  in.unsent.push_back(waiting);
  in.work.set();
  const Time now = in.loop.now();
  deadline = deadline.sooner(Deadline::after(now, in.options.command_time_max));
  const Deadline to_send = deadline.sooner(Deadline::after(now, in.options.link_wait_max));
  bool settled = co_await waiting->settled.wait(to_send);
  if (!settled && waiting->sent) {
    settled = co_await waiting->settled.wait(deadline);
  }
  if (settled) co_return std::move(waiting->answer);  // the link may be gone by now
  in.forget(waiting);
  if (waiting->sent) {
    ++stats_.outcome_unknown;
    co_return fail(Code::outcome_unknown, "the keeper did not answer in time");
  }
  ++stats_.unavailable;
  co_return fail(Code::unavailable, "the keeper is away");
}

void KeeperLink::Inside::forget(const WaitingPtr& waiting) {
  sent.erase(waiting->id);
  if (std::erase(unsent, waiting) > 0) unsent_bytes -= waiting->frame.size();
}

void KeeperLink::Inside::lose_sent() {
  for (const auto& [id, waiting] : std::exchange(sent, {})) {
    ++stats.outcome_unknown;
    waiting->settle(fail(Code::outcome_unknown, "the link to the keeper broke before its answer"));
  }
}

Task<void> KeeperLink::Inside::run() {
  Duration pause = options.reconnect_min;
  for (;;) {
    Result<Fd> fd = connect_unix(socket_path);
    unreachable = !fd;
    if (fd) {
      ++stats.connects;
      Stream stream(loop, std::move(*fd));
      const bool was_greeted = co_await converse(stream);
      greeted = false;
      if (was_greeted) pause = options.reconnect_min;
      lose_sent();
    }
    while (unreachable && !unsent.empty()) {
      const WaitingPtr waiting = std::move(unsent.front());
      unsent.pop_front();
      unsent_bytes -= waiting->frame.size();
      ++stats.unavailable;
      waiting->settle(fail(Code::unavailable, "the keeper is away"));
    }
    co_await loop.sleep(pause);
    pause = std::min(pause * 2, options.reconnect_max);
  }
}

/// Until the link breaks. True if the keeper was there.
Task<bool> KeeperLink::Inside::converse(Stream& stream) {
  Scope sending(loop);
  std::string input;
  std::array<char, 16384> bytes;
  for (;;) {
    Result<std::size_t> read = co_await stream.read_some(bytes);
    if (!read || *read == 0) co_return greeted;
    input.append(bytes.data(), *read);
    const bool was_greeted = greeted;
    const bool sound = take_answers(input);
    if (!sound) co_return greeted;
    if (greeted && !was_greeted) sending.spawn(send(stream));
  }
}

/// False: the bytes are no answers.
bool KeeperLink::Inside::take_answers(std::string& input) {
  std::size_t used = 0;
  for (;;) {
    const Result<std::optional<Frame>> frame = next_frame(std::string_view(input).substr(used));
    if (!frame) return false;
    if (!*frame) break;
    used += (*frame)->bytes;
    if ((*frame)->id == 0) {
      greeted = true;
      continue;
    }
    Result<KeeperAnswer> answer = parse_answer((*frame)->payload);
    if (!answer) return false;
    const auto found = sent.find((*frame)->id);
    if (found == sent.end()) continue;  // its caller's time had passed
    ++stats.answered;
    found->second->settle(std::move(answer));
    sent.erase(found);
  }
  input.erase(0, used);
  return true;
}

Task<void> KeeperLink::Inside::send(Stream& stream) {
  std::string bytes;
  for (;;) {
    if (unsent.empty()) {
      work.reset();
      co_await work.wait();
      continue;
    }
    bytes.clear();
    while (!unsent.empty()) {
      const WaitingPtr waiting = std::move(unsent.front());
      unsent.pop_front();
      unsent_bytes -= waiting->frame.size();
      bytes += std::exchange(waiting->frame, {});
      waiting->sent = true;
      sent.emplace(waiting->id, waiting);
    }
    Result<void> written = co_await stream.write_all(bytes);
    if (written) continue;
    ::shutdown(stream.fd(), SHUT_RDWR);  // ends the reader
    co_return;
  }
}

}  // namespace paceline
