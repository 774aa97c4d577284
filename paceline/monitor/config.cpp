#include "paceline/monitor/config.h"

#include <algorithm>
#include <array>

#include "paceline/monitor/access.h"

namespace paceline {
namespace {

constexpr std::string_view kOff = "off";
constexpr std::array<std::string_view, 3> kOpenPaths = {"metrics", "livez", "readyz"};

constexpr std::array<ConfigKey, 4> kKeys = {{
    {.name = "monitor.listen",
     .kind = ConfigKind::text,
     .fallback = "\"127.0.0.1:8001\"",
     .meaning = "Where the monitor answers: metrics, health, API, dashboard. Unless set, a free "
                "port is taken when 8001 is in use; \"off\": there is no monitor."},
    {.name = "monitor.public",
     .kind = ConfigKind::list,
     .fallback = "[]",
     .meaning = "What answers without a token where other hosts reach the monitor: \"metrics\", "
                "\"livez\", \"readyz\"."},
    {.name = "monitor.token",
     .kind = ConfigKind::text,
     .fallback = "\"\"",
     .meaning = "The token for the API from other hosts, and for actions; empty: that of "
                "monitor.token_file.",
     .secret = true},
    {.name = "monitor.token_file",
     .kind = ConfigKind::path,
     .fallback = "\"\"",
     .meaning = "A file with the token; empty: admin.token in the instance folder, made at the "
                "first start."},
}};

}  // namespace

std::span<const ConfigKey> monitor_config_keys() { return kKeys; }

Result<MonitorPlan> monitor_plan(const ConfigSection& config) {
  MonitorPlan plan;
  for (const std::string& path : config.list("monitor.public")) {
    if (std::ranges::find(kOpenPaths, path) == kOpenPaths.end()) {
      return fail(Code::invalid, config.place("monitor.public").text() + ": monitor.public: \"" +
                                     printable(path, 40) +
                                     "\" cannot be public; metrics, livez and readyz can");
    }
    plan.open_paths.push_back(path);
  }
  if (const std::string& token = config.text("monitor.token"); !token.empty()) {
    const Result<void> checked = check_token(token);
    if (!checked) {
      return fail(Code::invalid, config.place("monitor.token").text() +
                                     ": monitor.token: " + checked.error().message);
    }
  }
  const std::string& listen = config.text("monitor.listen");
  if (listen == kOff) return plan;
  const std::string place = config.place("monitor.listen").text() + ": monitor.listen";
  Result<ListenAddress> address = parse_listen_address(listen);
  if (!address) {
    return fail(Code::invalid, place + ": " + address.error().message + "; or \"off\"");
  }
  plan.listen = std::move(*address);
  plan.port_is_free = !config.is_set("monitor.listen");
  return plan;
}

}  // namespace paceline
