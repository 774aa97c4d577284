#include "paceline/monitor/alert_body.h"

#include <cinttypes>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace paceline {
namespace {

using Json = nlohmann::ordered_json;

// Alertmanager writes Go's zero time for "not yet".
constexpr std::string_view kNotYet = "0001-01-01T00:00:00Z";

Json labels_of(const AlertNotice& notice, const SinkOrigin& origin) {
  return {{"alertname", notice.name},
          {"instance", origin.instance},
          {"job", "paceline"},
          {"severity", std::string(to_string(notice.severity))}};
}

Json annotations_of(const AlertNotice& notice) {
  return {{"summary", notice.summary}, {"value", notice.value}};
}

/// FNV-1a over the labels in their order, as Prometheus' common.model does it.
std::string fingerprint(const Json& labels) {
  std::uint64_t hash = 14695981039346656037U;
  const auto add = [&hash](std::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
    hash = (hash ^ 0xffU) * 1099511628211U;
  };
  for (const auto& [name, value] : labels.items()) {
    add(name);
    add(value.get_ref<const std::string&>());
  }
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016" PRIx64, hash);
  return text.data();
}

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string webhook_body(const AlertNotice& notice, std::string_view receiver,
                         const SinkOrigin& origin) {
  const bool firing = notice.state == AlertState::firing;
  const std::string_view status = firing ? "firing" : "resolved";
  const Json labels = labels_of(notice, origin);
  const Json alert = {{"status", status},
                      {"labels", labels},
                      {"annotations", annotations_of(notice)},
                      {"startsAt", format_rfc3339(notice.began)},
                      {"endsAt", firing ? std::string(kNotYet) : format_rfc3339(notice.ended)},
                      {"generatorURL", origin.url},
                      {"fingerprint", fingerprint(labels)}};
  return dump({{"version", "4"},
               {"groupKey", "{}:{alertname=\"" + notice.name + "\"}"},
               {"truncatedAlerts", 0},
               {"status", status},
               {"receiver", receiver},
               {"groupLabels", {{"alertname", notice.name}}},
               {"commonLabels", labels},
               {"commonAnnotations", annotations_of(notice)},
               {"externalURL", origin.url},
               {"alerts", Json::array({alert})}});
}

std::string alertmanager_body(std::span<const AlertNotice> notices, const SinkOrigin& origin,
                              WallTime expires) {
  Json alerts = Json::array();
  for (const AlertNotice& notice : notices) {
    const bool firing = notice.state == AlertState::firing;
    if (!firing && notice.state != AlertState::resolved) continue;
    alerts.push_back({{"labels", labels_of(notice, origin)},
                      {"annotations", annotations_of(notice)},
                      {"startsAt", format_rfc3339(notice.began)},
                      {"endsAt", format_rfc3339(firing ? expires : notice.ended)},
                      {"generatorURL", origin.url}});
  }
  return dump(alerts);
}

}  // namespace paceline
