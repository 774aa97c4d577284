// The JSON that receivers of alerts understand.
#pragma once

#include <span>
#include <string>

#include "paceline/monitor/alerts.h"
#include "paceline/monitor/sinks.h"

namespace paceline {

/// The body of an Alertmanager webhook, version "4", about one alert.
std::string webhook_body(const AlertNotice& notice, std::string_view receiver,
                         const SinkOrigin& origin);
/// The body for POST /api/v2/alerts. Firing alerts end at `expires` unless told again before;
/// pending ones are not told.
std::string alertmanager_body(std::span<const AlertNotice> notices, const SinkOrigin& origin,
                              WallTime expires);

}  // namespace paceline
