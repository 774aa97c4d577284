#include "paceline/cluster/control_server.h"

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "paceline/cluster/status.h"

namespace paceline {
namespace {

/// The command of `{"command":"status"}`, or empty.
std::string command_of(std::string_view line) {
  const auto json = nlohmann::json::parse(line, nullptr, false);
  if (!json.is_object()) return {};
  const auto found = json.find("command");
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

Result<std::unique_ptr<ControlServer>> ControlServer::open(Loop& loop, std::string path,
                                                           std::size_t clients_max,
                                                           ControlCommands commands) {
  std::unique_ptr<ControlServer> server(
      new ControlServer(loop, std::move(path), clients_max, std::move(commands)));
  // Whoever holds the folder's lock owns this name; what is there is a killed instance's.
  ::unlink(server->path_.c_str());
  PACELINE_TRY_VALUE(server->fd_, listen_unix(server->path_));
  ControlServer* self = server.get();
  server->acceptor_ = std::make_unique<Acceptor>(
      loop, server->fd_.get(), [self](Fd client) { self->accepted(std::move(client)); });
  return server;
}

ControlServer::ControlServer(Loop& loop, std::string path, std::size_t clients_max,
                             ControlCommands commands)
    : loop_(loop),
      path_(std::move(path)),
      clients_max_(clients_max),
      commands_(std::move(commands)),
      finished_(loop),
      clients_(loop) {}

ControlServer::~ControlServer() {
  acceptor_.reset();
  if (fd_) ::unlink(path_.c_str());
}

void ControlServer::accepted(Fd fd) {
  // Beyond the limit the client sees an end, and says that nothing answers.
  if (clients_.size() < clients_max_) clients_.spawn(serve(std::move(fd)));
}

Task<void> ControlServer::serve(Fd fd) {
  Stream stream(loop_, std::move(fd));
  std::string buffer;
  const Deadline deadline = Deadline::after(loop_.now(), kRequestTimeout);
  const Result<std::size_t> length = co_await stream.read_line(buffer, kRequestMax, deadline);
  if (!length) co_return;
  std::string reply = co_await answer(std::string_view(buffer).substr(0, *length));
  reply += '\n';
  const Deadline last = Deadline::after(loop_.now(), kRequestTimeout);
  const Result<void> written = co_await stream.write_all(reply, last);
  static_cast<void>(written);  // a client that went away needs no answer
}

Task<std::string> ControlServer::answer(std::string_view line) {
  const std::string command = command_of(line);
  if (command == "status") co_return commands_.status();
  if (command == "stop") {
    commands_.stop();
    const bool stopped = co_await finished_.wait();
    check(stopped, "an event without deadline");
    co_return commands_.stopped();
  }
  const auto unknown = fail(Code::invalid, "unknown command \"" + printable(command, 40) + "\"");
  co_return error_json(unknown.error(), "commands: status, stop");
}

void ControlServer::finish() {
  acceptor_.reset();
  finished_.set();
  const Time last = loop_.now() + kLastWords;
  while (clients_.size() > 0 && loop_.now() < last) loop_.turn(last);
}

}  // namespace paceline
