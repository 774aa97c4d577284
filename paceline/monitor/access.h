// Who may ask the monitor what.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "paceline/core.h"
#include "paceline/http.h"

namespace paceline {

struct AccessRules {
  /// Only this host reaches the address: reading needs no token, but the Host header must name this
  /// host, or a web page could make a browser ask (DNS rebinding).
  enum class Reach : std::uint8_t { this_host, other_hosts } reach = Reach::this_host;
  std::string host;                     // that it listens on: "127.0.0.1"
  std::vector<std::string> open_paths;  // without a token from other hosts: "metrics"
  std::string token;
};

class Access {
 public:
  static constexpr std::size_t sessions_max = 64;
  static constexpr Duration session_time = std::chrono::hours(12);

  explicit Access(AccessRules rules) : rules_(std::move(rules)) {}

  /// What an endpoint asks for. `open`: health and metrics, by `monitor.public`. `page`: static, no
  /// data in it. `read`: data. `act`: changes something: a token always, an Origin if a browser
  /// asks.
  enum class Need : std::uint8_t { open, page, read, act };

  /// Nothing, or the refusal. `name`: of the endpoint, for `open`.
  std::optional<Response> refuse(const Request& request, Need need, std::string_view name) const;

  /// A session for a browser whose request has the token: the value of Set-Cookie.
  std::string begin_session(Time now);
  /// The Set-Cookie that ends it.
  std::string end_session(const Request& request);

 private:
  bool has_token(const Request& request) const;
  bool has_session(const Request& request) const;
  bool is_this_host(std::string_view host) const;

  AccessRules rules_;
  std::map<std::string, Time> sessions_;  // until when
};

/// The token of DIR/admin.token, made (mode 0600, 32 random bytes) if there is none. Code::denied
/// when others may read the file.
Result<std::string> admin_token(const std::string& path);
/// A token of the configuration: at least 16 printable characters.
Result<void> check_token(std::string_view token);

}  // namespace paceline
