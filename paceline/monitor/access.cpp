#include "paceline/monitor/access.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace paceline {
namespace {

constexpr std::string_view kCookie = "paceline_session";
constexpr std::size_t kRandomBytes = 32;
constexpr std::size_t kTokenMin = 16;

/// Does not tell by its duration how much was right.
bool same(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
  }
  return difference == 0;
}

std::string random_word() {
  std::array<unsigned char, kRandomBytes> bytes{};
  check(::getrandom(bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()),
        "the system has random bytes");
  std::string word;
  for (const unsigned char byte : bytes) {
    word += "0123456789abcdef"[byte >> 4];
    word += "0123456789abcdef"[byte & 15];
  }
  return word;
}

Response refusal(unsigned status, std::string_view detail, std::string_view code) {
  Response response = Response::problem(status, detail, code);
  if (status == 401) response.header("WWW-Authenticate", "Bearer");
  return response;
}

/// "[::1]:8001" and "localhost:8001" without their ports.
std::string_view without_port(std::string_view host) {
  const std::size_t colon = host.rfind(':');
  if (colon == std::string_view::npos || host.ends_with(']')) return host;
  return host.substr(0, colon);
}

std::string_view unbracketed(std::string_view host) {
  if (host.size() >= 2 && host.starts_with('[') && host.ends_with(']')) {
    return host.substr(1, host.size() - 2);
  }
  return host;
}

/// Is there a parameter of that name, whatever its value?
bool has_parameter(std::string_view query, std::string_view name) {
  std::string scratch;
  const Result<std::optional<std::string_view>> value = query_value(query, name, scratch);
  return !value || value->has_value();
}

std::optional<std::string_view> cookie(const Request& request) {
  std::string_view rest = request.header("Cookie").value_or("");
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(';'), rest.size());
    std::string_view pair = rest.substr(0, end);
    while (pair.starts_with(' ')) pair.remove_prefix(1);
    if (pair.starts_with(kCookie) && pair.substr(kCookie.size()).starts_with('=')) {
      return pair.substr(kCookie.size() + 1);
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return {};
}

}  // namespace

bool Access::is_this_host(std::string_view host) const {
  const std::string_view name = unbracketed(without_port(host));
  return name == "localhost" || name == "127.0.0.1" || name == "::1" || name == rules_.host;
}

bool Access::has_token(const Request& request) const {
  constexpr std::string_view kScheme = "Bearer ";
  const std::string_view value = request.header("Authorization").value_or("");
  return value.starts_with(kScheme) && same(value.substr(kScheme.size()), rules_.token);
}

bool Access::has_session(const Request& request) const {
  const std::optional<std::string_view> value = cookie(request);
  if (!value) return false;
  // A look-up by the value: what it may tell by its duration helps nobody against 256 bits.
  const auto found = sessions_.find(std::string(*value));
  return found != sessions_.end() && request.loop().now() < found->second;
}

std::optional<Response> Access::refuse(const Request& request, Need need,
                                       std::string_view name) const {
  for (const std::string_view parameter : {"token", "access_token"}) {
    if (!has_parameter(request.query(), parameter)) continue;
    return refusal(400,
                   "A token does not belong into a URL, where logs and histories keep it. Send it "
                   "as `Authorization: Bearer …`, and choose a new one.",
                   "token_in_url");
  }
  const bool near = rules_.reach == AccessRules::Reach::this_host;
  if (near && !is_this_host(request.host())) {
    return refusal(403, "The Host header names another host than this one.", "host");
  }
  const std::optional<std::string_view> origin = request.header("Origin");
  if (origin && *origin != "http://" + std::string(request.host()) &&
      *origin != "https://" + std::string(request.host())) {
    return refusal(403, "A page of another origin may not ask.", "origin");
  }
  const bool by_token = has_token(request);
  if (!by_token && request.header("Authorization")) {
    return refusal(401, "This is not the token of this instance.", "token");
  }
  if (by_token || need == Need::page) return {};
  const bool by_session = has_session(request);
  switch (need) {
    case Need::page:
      return {};
    case Need::open:
      if (near || by_session ||
          std::ranges::find(rules_.open_paths, name) != rules_.open_paths.end())
        return {};
      break;
    case Need::read:
      if (near || by_session) return {};
      break;
    case Need::act:
      if (by_session && origin) return {};
      break;
  }
  return refusal(401,
                 "Send the token of admin.token in the instance folder as `Authorization: Bearer "
                 "…`.",
                 "token");
}

std::string Access::begin_session(Time now) {
  std::erase_if(sessions_, [now](const auto& session) { return session.second <= now; });
  if (sessions_.size() >= sessions_max) {
    sessions_.erase(
        std::ranges::min_element(sessions_, {}, [](const auto& s) { return s.second; }));
  }
  const std::string word = random_word();
  sessions_[word] = now + session_time;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(session_time).count();
  return std::string(kCookie) + "=" + word +
         "; Path=/; HttpOnly; SameSite=Strict; Max-Age=" + std::to_string(seconds);
}

std::string Access::end_session(const Request& request) {
  if (const std::optional<std::string_view> value = cookie(request)) {
    sessions_.erase(std::string(*value));
  }
  return std::string(kCookie) + "=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0";
}

Result<void> check_token(std::string_view token) {
  const bool plain = std::ranges::all_of(token, [](char c) { return c > ' ' && c < 0x7f; });
  if (token.size() >= kTokenMin && plain) return {};
  return fail(Code::invalid, "a token has at least " + std::to_string(kTokenMin) +
                                 " printable characters and no spaces; `openssl rand -hex 32` "
                                 "makes a good one");
}

Result<std::string> admin_token(const std::string& path) {
  const Fd made(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (made) {
    std::string word = random_word();
    const std::string text = word + "\n";
    if (::write(made.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
      return fail_errno("write " + path);
    }
    return word;
  }
  if (errno != EEXIST) return fail_errno("create " + path);
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return fail_errno("look at " + path);
  if ((info.st_mode & 077) != 0) {
    return fail(Code::denied, path + " can be read by others: chmod 600 " + path +
                                  ", or remove it and a new token is made");
  }
  PACELINE_TRY_VALUE(std::string token, read_file(path, 4096));
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r')) token.pop_back();
  const Result<void> checked = check_token(token);
  if (!checked) return fail(Code::invalid, path + ": " + checked.error().message);
  return token;
}

}  // namespace paceline
