#include "paceline/service/keeper.h"

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <utility>

#include "paceline/service/check.h"
#include "paceline/service/link_codec.h"
#include "paceline/service/mailbox.h"
#include "paceline/service/metrics.h"
#include "paceline/service/write_effects.h"

namespace paceline {
namespace {

/// One worker's connection. Lives in the frame of KeeperBody::serve().
struct Link {
  Link(Loop& loop, Fd fd) : stream(loop, std::move(fd)), answers(loop), room(loop) {}
  Stream stream;
  std::string input;
  std::string output;
  std::size_t in_flight = 0;
  Event answers;                                            // set: `output` is not empty
  Event room;                                               // notified whenever in_flight falls
  void cut() const { ::shutdown(stream.fd(), SHUT_RDWR); }  // both of its tasks then end
};

/// A command that the writer has.
struct Pending {
  std::uint64_t link = 0;
  std::uint64_t id = 0;  // the worker's
};

class KeeperBody final : public Keeper {
 public:
  KeeperBody(Parts parts, KeeperOptions options)
      : loop_(parts.loop),
        versions_(parts.versions),
        log_(parts.log),
        metrics_(parts.metrics),
        options_(options),
        settled_(parts.loop),
        links_scope_(parts.loop) {
    settled_.set();
  }
  ~KeeperBody() override {
    acceptor_.reset();
    links_scope_.cancel();
    writer_.reset();  // its thread uses the mailbox
  }

  Result<void> open(std::string database, std::span<const Migration> migrations, int listen_fd);
  Task<bool> drain(Deadline deadline) override;
  KeeperStats stats() const override { return stats_; }
  WriterStats writer_stats() const override { return writer_->stats(); }
  void publish() override;
  bool replaced() const override { return writer_->file() == WriterFile::replaced; }

 private:
  void accept(Fd fd);
  Task<void> serve(Fd fd);
  Task<void> read_commands(std::uint64_t number, Link& link);
  Task<void> send_answers(Link& link);
  Task<bool> take_frames(std::uint64_t number, Link& link);
  Result<void> take(std::uint64_t number, Link& link, const Frame& frame);
  void completed(std::vector<WriteCompletion> done);
  void answer(Link& link, std::uint64_t id, const KeeperAnswer& answer);
  void tell_file();

  Loop& loop_;
  Versions versions_;
  Log& log_;
  MetricsBlock* metrics_;
  KeeperOptions options_;
  KeeperStats stats_;
  std::string database_;
  WriterFile file_told_ = WriterFile::ours;
  CommitFault fault_ = CommitFault::from_environment();
  bool draining_ = false;
  std::uint64_t serial_ = 0;
  std::unordered_map<std::uint64_t, Link*> links_;
  std::unordered_map<std::uint64_t, Pending> pending_;  // by the writer's command id
  Event settled_;                                       // set: nothing is pending
  std::unique_ptr<Mailbox<WriteCompletion>> mailbox_;
  std::unique_ptr<Writer> writer_;
  std::unique_ptr<Acceptor> acceptor_;
  Scope links_scope_;
};

Result<void> KeeperBody::open(std::string database, std::span<const Migration> migrations,
                              int listen_fd) {
  database_ = database;
  PACELINE_TRY_VALUE(writer_, Writer::open(std::move(database), options_.writer, migrations));
  PACELINE_TRY_VALUE(
      mailbox_, Mailbox<WriteCompletion>::create(loop_, [this](std::vector<WriteCompletion> done) {
        completed(std::move(done));
      }));
  writer_->start(
      [this](std::span<const WriteCompletion> done) {
        fault_.committed();
        raise_versions(versions_, done);
      },
      [this](std::vector<WriteCompletion> done) { mailbox_->put(std::move(done)); });
  acceptor_ =
      std::make_unique<Acceptor>(loop_, listen_fd, [this](Fd fd) { accept(std::move(fd)); });
  return {};
}

void KeeperBody::accept(Fd fd) {
  if (links_.size() < options_.links_max) return links_scope_.spawn(serve(std::move(fd)));
  log_.write(LogLevel::warning, "keeper_link_refused",
             {{"links", static_cast<std::int64_t>(links_.size())}});
}

Task<void> KeeperBody::serve(Fd fd) {
  const std::uint64_t number = ++serial_;
  Link link(loop_, std::move(fd));
  struct Entry {
    KeeperBody& keeper;
    std::uint64_t number;
    ~Entry() { keeper.links_.erase(number); }
  };
  links_.emplace(number, &link);
  const Entry entry{*this, number};
  // The greeting: only now does the worker send, so what it sent before cannot wait in a socket
  // that nobody reads.
  answer(link, 0, {.kind = AnswerKind::refused});
  Scope sending(loop_);
  sending.spawn(send_answers(link));
  co_await read_commands(number, link);
  if (draining_) co_await sending.drained();
}

Task<void> KeeperBody::read_commands(std::uint64_t number, Link& link) {
  std::array<char, 16384> bytes;
  for (;;) {
    Result<std::size_t> read = co_await link.stream.read_some(bytes);
    if (!read || *read == 0) co_return;
    link.input.append(bytes.data(), *read);
    const bool sound = co_await take_frames(number, link);
    if (sound) continue;
    ++stats_.broken;
    link.cut();
    co_return;
  }
}

/// False: the bytes are no commands.
Task<bool> KeeperBody::take_frames(std::uint64_t number, Link& link) {
  std::size_t used = 0;
  for (;;) {
    while (link.in_flight >= options_.in_flight_max) co_await link.room.wait();
    Result<std::optional<Frame>> frame = next_frame(std::string_view(link.input).substr(used));
    if (frame && !*frame) break;
    Result<void> taken =
        frame ? take(number, link, **frame) : Result<void>(std::unexpected(frame.error()));
    if (!taken) {
      log_.write(LogLevel::error, "keeper_link_corrupt", {{"reason", taken.error().message}});
      co_return false;
    }
    used += (*frame)->bytes;
  }
  link.input.erase(0, used);
  co_return true;
}

Result<void> KeeperBody::take(std::uint64_t number, Link& link, const Frame& frame) {
  PACELINE_TRY_VALUE(KeeperCommand command, parse_command(frame.payload));
  ++stats_.commands;
  const std::uint64_t id = ++serial_;
  Result<void> taken = fail(Code::unavailable, "the keeper is stopping");
  if (!draining_) taken = writer_->submit(writer_command(id, std::move(command), versions_));
  if (!taken) {
    ++stats_.refused;
    const Code code = taken.error().code == Code::exhausted ? Code::exhausted : Code::unavailable;
    answer(link, frame.id,
           {.kind = AnswerKind::failed, .code = code, .message = taken.error().message});
    return {};
  }
  ++link.in_flight;
  pending_.emplace(id, Pending{.link = number, .id = frame.id});
  settled_.reset();
  return {};
}

void KeeperBody::completed(std::vector<WriteCompletion> done) {
  for (WriteCompletion& completion : done) {
    const auto found = pending_.find(completion.id);
    check(found != pending_.end(), "a completion that nobody asked for");
    const Pending pending = found->second;
    pending_.erase(found);
    const auto link = links_.find(pending.link);
    if (link == links_.end()) continue;  // its worker is gone
    --link->second->in_flight;
    link->second->room.notify();
    KeeperAnswer message{.kind = AnswerKind::done};
    if (completion.refused) {
      message.kind = AnswerKind::refused;
    } else if (completion.result) {
      message.result = std::move(*completion.result);
    } else {
      message.kind = AnswerKind::failed;
      message.code = completion.result.error().code;
      message.message = completion.result.error().text();
    }
    answer(*link->second, pending.id, message);
  }
  if (pending_.empty()) settled_.set();
}

void KeeperBody::answer(Link& link, std::uint64_t id, const KeeperAnswer& message) {
  if (link.output.size() > options_.unsent_max) {
    ++stats_.broken;
    return link.cut();
  }
  if (Result<void> added = append_answer(link.output, id, message); !added) {
    // It is committed, but what it returned does not fit.
    KeeperAnswer smaller{.kind = AnswerKind::done};
    smaller.result.changes = message.result.changes;
    added = append_answer(link.output, id, smaller);
    check(added.has_value(), "an answer without rows fits");
  }
  link.answers.set();
}

Task<void> KeeperBody::send_answers(Link& link) {
  std::string sending;
  for (;;) {
    if (link.output.empty()) {
      if (draining_ && pending_.empty()) co_return;
      link.answers.reset();
      co_await link.answers.wait();
    }
    sending.clear();
    sending.swap(link.output);
    Result<void> sent = co_await link.stream.write_all(sending);
    if (sent) continue;
    link.cut();
    co_return;
  }
}

Task<bool> KeeperBody::drain(Deadline deadline) {
  draining_ = true;
  acceptor_.reset();
  const bool settled = co_await settled_.wait(deadline);
  // Whoever still sends gets no answer: nothing it sends is committed any more.
  for (const auto& [number, link] : links_) {
    ::shutdown(link->stream.fd(), SHUT_RD);
    link->answers.set();
  }
  const bool sent = co_await links_scope_.drained(deadline);
  links_scope_.cancel();
  writer_->close_blocking();
  co_return settled&& sent;
}

/// Once for each change.
void KeeperBody::tell_file() {
  const WriterFile file = writer_->file();
  if (std::exchange(file_told_, file) == file) return;
  if (file == WriterFile::ours) {
    return log_.write(LogLevel::info, "database_back",
                      {{"path", database_}, {"detail", "writes are taken again"}});
  }
  log_.write(
      LogLevel::error, file == WriterFile::gone ? "database_gone" : "database_replaced",
      {{"path", database_},
       {"detail", file == WriterFile::gone
                      ? "renamed or deleted while in use: all writes are refused until it is "
                        "back; to begin with a new one, stop and start"
                      : "another file has its place; the keeper starts anew with that"}});
}

void KeeperBody::publish() {
  tell_file();
  stats_.links = links_.size();
  if (metrics_ == nullptr) return;
  const WriterStats writer = writer_->stats();
  const auto gauge = [this](const MetricInfo& info, std::uint64_t value) {
    metrics_->gauge(info).set(static_cast<std::int64_t>(value));
  };
  gauge(service_metric::keeper_links, stats_.links);
  gauge(service_metric::keeper_queue, writer.queued);
  gauge(service_metric::keeper_in_flight, pending_.size());
  gauge(service_metric::sqlite_wal_pages, writer.wal_pages);
}

}  // namespace

Result<std::unique_ptr<Keeper>> Keeper::start(Parts parts, std::string database,
                                              std::span<const Migration> migrations,
                                              KeeperOptions options) {
  auto keeper = std::make_unique<KeeperBody>(parts, options);
  PACELINE_TRY(keeper->open(std::move(database), migrations, parts.listen_fd));
  return keeper;
}

Result<std::unique_ptr<Keeper>> start_keeper(Keeper::Parts parts, const ServiceConfig& config,
                                             KeeperOptions options) {
  options.writer.durability = config.durability;
  PACELINE_TRY_VALUE(const std::vector<Migration> migrations, service_migrations(config));
  PACELINE_TRY_VALUE(std::unique_ptr<Keeper> keeper,
                     Keeper::start(parts, config.database, migrations, options));
  PACELINE_TRY(check_resources(config));
  return keeper;
}

}  // namespace paceline
