// The dashboard's files, embedded at build time from dashboard/ (cmake/dashboard.cmake).
#pragma once

#include <span>
#include <string_view>

namespace paceline {

/// One file, as it is answered. Everything is static.
struct DashboardFile {
  std::string_view path;          // "/", "/assets/app.js"
  std::string_view content_type;  // "text/html; charset=utf-8"
  std::string_view bytes;
  std::string_view etag;  // strong, with its quotes; changes with the bytes
};

/// Ordered as the page loads them, the page itself first. Empty if the program was built without
/// npm: then "/" answers dashboard_missing().
std::span<const DashboardFile> dashboard_files();

/// A page that says so, and what to do.
DashboardFile dashboard_missing();

/// The Content-Security-Policy under which the page works: nothing from elsewhere, no inline
/// scripts or styles, and no way to turn a string into markup. The page has no forms that submit.
inline constexpr std::string_view kDashboardPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'";

}  // namespace paceline
