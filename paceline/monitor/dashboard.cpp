#include "paceline/monitor/dashboard.h"

namespace paceline {

// dashboard_files() is generated (cmake/dashboard_embed.cmake).

DashboardFile dashboard_missing() {
  static constexpr std::string_view kPage =
      R"(<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Paceline: no dashboard</title>
<h1>The dashboard is not part of this program</h1>
<p>It was built without npm. Install Node.js 18 or newer and npm (on Debian:
<code>apt-get install nodejs npm</code>), then configure and build again:
<code>cmake --preset release &amp;&amp; cmake --build build/release</code>, or
<code>./dev build release</code>.</p>
<p>Everything else works: <a href="/metrics">/metrics</a>,
<a href="/api/v1/snapshot">/api/v1/snapshot</a>, <a href="/livez">/livez</a>,
<a href="/readyz">/readyz</a>, and <code>paceline top</code> in a terminal.</p>
</html>
)";
  return {.path = "/",
          .content_type = "text/html; charset=utf-8",
          .bytes = kPage,
          .etag = "\"missing\""};
}

}  // namespace paceline
