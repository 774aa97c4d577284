// `[[alert]]`: who is told.
#include <array>
#include <set>

#include "paceline/monitor/sinks.h"

namespace paceline {
namespace {

constexpr std::array<ConfigKey, 9> kKeys = {{
    {.name = "name",
     .kind = ConfigKind::text,
     .fallback = "\"\"",
     .meaning = "The receiver's name in messages and metrics; default: what it is and its number."},
    {.name = "webhook",
     .kind = ConfigKind::text,
     .fallback = "\"\"",
     .meaning = "URL that is POSTed the body of an Alertmanager webhook, version 4.",
     .secret = true},
    {.name = "alertmanager",
     .kind = ConfigKind::text,
     .fallback = "\"\"",
     .meaning = "URL of an Alertmanager, as in http://127.0.0.1:9093; /api/v2/alerts is added."},
    {.name = "command",
     .kind = ConfigKind::list,
     .fallback = "[]",
     .meaning = "Program and arguments, run without a shell, the webhook's body on standard "
                "input."},
    {.name = "token",
     .kind = ConfigKind::text,
     .fallback = "\"\"",
     .meaning = "Sent to a webhook or Alertmanager as Authorization: Bearer TOKEN.",
     .secret = true},
    {.name = "severity",
     .kind = ConfigKind::choice,
     .fallback = "\"all\"",
     .meaning = "Which alerts it is told.",
     .choices = "all|page|ticket"},
    {.name = "repeat",
     .kind = ConfigKind::duration,
     .fallback = "\"4h\"",
     .meaning = "How often a webhook or command is told again of an alert that goes on firing; 0: "
                "never."},
    {.name = "timeout",
     .kind = ConfigKind::duration,
     .fallback = "\"10s\"",
     .meaning = "How long one attempt may take."},
    {.name = "queue",
     .kind = ConfigKind::integer,
     .fallback = "100",
     .meaning = "Notices that may wait; then the oldest is dropped and counted.",
     .min = 1,
     .max = 10'000},
}};

bool is_http_url(std::string_view text) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (text.starts_with(scheme)) return text.size() > scheme.size() && !text.contains(' ');
  }
  return false;
}

std::string_view word(SinkKind kind) {
  if (kind == SinkKind::webhook) return "webhook";
  return kind == SinkKind::alertmanager ? "alertmanager" : "command";
}

Result<SinkConfig> read_sink(const ConfigSection& section) {
  SinkConfig sink;
  int given = 0;
  const auto place = [&](std::string_view key) {
    return section.place(key).text() + ": alert." + std::string(key) + ": ";
  };
  for (const SinkKind kind : {SinkKind::webhook, SinkKind::alertmanager}) {
    const std::string& url = section.text(word(kind));
    if (url.empty()) continue;
    ++given;
    sink.kind = kind;
    sink.url = url;
    if (!is_http_url(url)) {
      return fail(Code::invalid, place(word(kind)) + "expected http://… or https://…");
    }
  }
  sink.command = section.list("command");
  if (!sink.command.empty()) {
    ++given;
    sink.kind = SinkKind::command;
  }
  if (given != 1) {
    return fail(Code::invalid,
                section.place().text() +
                    ": [[alert]] needs exactly one of webhook, alertmanager and command");
  }
  sink.name = section.text("name");
  sink.token = section.text("token");
  const std::string& severity = section.text("severity");
  sink.pages = severity != "ticket";
  sink.tickets = severity != "page";
  sink.timeout = section.duration("timeout");
  if (sink.timeout <= Duration::zero() || sink.timeout > std::chrono::minutes(10)) {
    return fail(Code::invalid, place("timeout") + "expected up to 10m, and more than 0");
  }
  sink.repeat = section.duration("repeat");
  if (sink.repeat != Duration::zero() && sink.repeat < std::chrono::seconds(1)) {
    return fail(Code::invalid, place("repeat") + "expected 0 or at least 1s");
  }
  sink.queue_max = static_cast<std::size_t>(section.integer("queue"));
  return sink;
}

}  // namespace

std::span<const ConfigKey> alert_config_keys() { return kKeys; }

Result<std::vector<SinkConfig>> alert_sinks(std::span<const ConfigSection> alerts) {
  std::vector<SinkConfig> sinks;
  std::set<std::string> names;
  std::string errors;
  for (const ConfigSection& section : alerts) {
    Result<SinkConfig> sink = read_sink(section);
    if (sink) {
      if (sink->name.empty()) {
        sink->name = std::string(word(sink->kind)) + std::to_string(sinks.size() + 1);
      }
      if (!names.insert(sink->name).second) {
        sink = fail(Code::invalid, section.place().text() + ": there is an [[alert]] named \"" +
                                       printable(sink->name, 40) + "\" already");
      }
    }
    if (sink) {
      sinks.push_back(std::move(*sink));
    } else {
      errors.append(errors.empty() ? "" : "\n").append(sink.error().message);
    }
  }
  if (!errors.empty()) return fail(Code::invalid, std::move(errors));
  return sinks;
}

}  // namespace paceline
