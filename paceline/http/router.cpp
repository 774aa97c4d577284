#include "paceline/http/router.h"

#include <algorithm>
#include <cstring>

#include "paceline/http/characters.h"
#include "paceline/http/target.h"
#include "paceline/http/words.h"

namespace paceline {

namespace {

/// The text up to the next slash, which `rest` then begins behind; `last` when there is none.
struct Segment {
  std::string_view text;
  std::string_view rest;
  bool last;
  bool encoded;  // has a '%'
};

inline Segment next_segment(std::string_view path) {
  bool encoded = false;
  const char* const end = path.data() + path.size();
  for (const char* at = path.data(); at != end; ++at) {
    if (*at == '/') return {{path.data(), at}, {at + 1, end}, false, encoded};
    encoded |= *at == '%';
  }
  return {path, {}, true, encoded};
}

bool is_param(std::string_view segment) { return segment.starts_with('{'); }

std::string_view param_name(std::string_view segment) {
  return segment.substr(1, segment.size() - 2);
}

bool is_name(std::string_view text) {
  const auto valid = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !text.empty() && std::ranges::all_of(text, valid) &&
         !characters::is(text.front(), characters::digit);
}

/// The bytes of a literal are compared with decoded segments, so they are plain text themselves.
bool is_literal(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return characters::is(c, characters::target) && c != '{' && c != '}' && c != '%';
  });
}

std::unexpected<Error> malformed(std::string_view pattern, std::string_view why) {
  return fail(Code::invalid, "route '" + printable(pattern) + "': " + std::string(why));
}

Result<void> check_pattern(std::string_view pattern) {
  if (!pattern.starts_with('/')) return malformed(pattern, "a path starts with '/'");
  if (!is_safe_path(pattern)) return malformed(pattern, "no '.' or '..' segments");
  std::vector<std::string_view> names;
  Segment segment{{}, pattern.substr(1), false, false};
  while (!segment.last) {
    segment = next_segment(segment.rest);
    if (segment.text.empty() && !segment.last) return malformed(pattern, "an empty segment");
    if (!is_param(segment.text)) {
      if (is_literal(segment.text)) continue;
      return malformed(pattern, "a segment is plain text or a whole {parameter}");
    }
    if (!segment.text.ends_with('}') || !is_name(param_name(segment.text))) {
      return malformed(pattern, "a parameter is {name}: letters, digits and '_'");
    }
    if (std::ranges::find(names, param_name(segment.text)) != names.end()) {
      return malformed(pattern, "a parameter's name is used twice");
    }
    names.push_back(param_name(segment.text));
  }
  if (names.size() > RouteMatch::params_max) return malformed(pattern, "more than 8 parameters");
  return {};
}

}  // namespace

std::string allow_header(MethodSet methods) {
  std::string out;
  for (std::size_t i = 0; i < method_count; ++i) {
    const auto method = static_cast<Method>(i);
    if (!methods.has(method)) continue;
    if (!out.empty()) out += ", ";
    out += to_string(method);
  }
  return out;
}

Router::Router() : nodes_(1) {}

std::uint32_t Router::literal_child(std::uint32_t node, std::string_view text) {
  for (const Edge& edge : nodes_[node].literals) {
    if (edge.text == text) return edge.node;
  }
  const auto child = static_cast<std::uint32_t>(nodes_.size());
  nodes_[node].literals.push_back(
      {words::front_word(text), static_cast<std::uint32_t>(text.size()), child, std::string(text)});
  nodes_.emplace_back();
  return child;
}

std::uint32_t Router::param_child(std::uint32_t node) {
  if (nodes_[node].param == none) {
    const auto child = static_cast<std::uint32_t>(nodes_.size());
    nodes_.emplace_back();
    nodes_[node].param = child;
  }
  return nodes_[node].param;
}

Result<void> Router::add(Method method, std::string_view pattern, std::uint32_t route) {
  check(method != Method::unknown, "a route needs a known method");
  PACELINE_TRY(check_pattern(pattern));
  std::uint32_t node = 0;
  Segment segment{{}, pattern.substr(1), false, false};
  while (!segment.last) {
    segment = next_segment(segment.rest);
    node = is_param(segment.text) ? param_child(node) : literal_child(node, segment.text);
  }
  if (pattern == "/") root_ = node;
  if (nodes_[node].leaf == none) {
    nodes_[node].leaf = static_cast<std::uint32_t>(leaves_.size());
    leaves_.push_back({.pattern = std::string(pattern), .given = {}, .allowed = {}, .routes = {}});
  }
  Leaf& leaf = leaves_[nodes_[node].leaf];
  if (leaf.pattern != pattern) {
    return fail(Code::conflict, "route '" + printable(pattern) + "' matches the same paths as '" +
                                    leaf.pattern + "': use the same parameter names");
  }
  if (leaf.given.has(method)) {
    return fail(Code::conflict,
                "route " + std::string(to_string(method)) + " " + leaf.pattern + " exists already");
  }
  leaf.given.add(method);
  leaf.allowed.add(method);
  leaf.routes[static_cast<std::size_t>(method)] = route;
  if (method == Method::get && !leaf.given.has(Method::head)) {
    leaf.allowed.add(Method::head);
    leaf.routes[static_cast<std::size_t>(Method::head)] = route;
  }
  return {};
}

inline bool Router::arrive(std::uint32_t index, Method method, RouteMatch& match) const {
  const std::uint32_t place = nodes_[index].leaf;
  if (place == none) return false;
  const Leaf& leaf = leaves_[place];
  if (!leaf.allowed.has(method)) {
    match.allowed.add(leaf.allowed);
    return false;
  }
  match.route = leaf.routes[static_cast<std::size_t>(method)];
  match.pattern = leaf.pattern;
  return true;
}

RouteMatch::Kind Router::match(Method method, std::string_view path, RouteMatch& match) const {
  match.param_count = 0;
  match.allowed = {};
  if (!path.starts_with('/')) return RouteMatch::Kind::not_found;
  const bool found = path.size() == 1 ? root_ != none && arrive(root_, method, match)
                                      : descend(0, method, path.substr(1), match);
  if (found) return RouteMatch::Kind::found;
  const bool nothing = match.allowed.empty();
  return nothing ? RouteMatch::Kind::not_found : RouteMatch::Kind::method_not_allowed;
}

/// The node behind the literal that equals the segment, or none.
inline std::uint32_t Router::literal_of(const Node& node, std::string_view text, bool encoded) {
  const std::uint64_t front = words::front_word(text);
  for (const Edge& edge : node.literals) {
    bool same =
        edge.size == text.size() && edge.front == front && (edge.size <= 8 || edge.text == text);
    if (encoded) [[unlikely]] {
      same = decodes_to(text, edge.text);
    }
    if (same) return edge.node;
  }
  return none;
}

/// True when a leaf with the method was reached. Each node is visited at most once, since a node
/// has one way in: the cost is bounded by the number of routes, whatever the path. Only where a
/// literal and a parameter both fit does it call itself.
bool Router::descend(std::uint32_t index, Method method, std::string_view rest,
                     RouteMatch& match) const {
  while (true) {
    const Segment segment = next_segment(rest);
    const Node& node = nodes_[index];
    std::uint32_t next = literal_of(node, segment.text, segment.encoded);
    const bool param_fits = node.param != none && !segment.text.empty();
    if (next != none && param_fits) [[unlikely]] {
      if (fork(next, method, segment.rest, segment.last, match)) return true;
      next = none;
    }
    if (next == none) {
      if (!param_fits) return false;
      match.params[match.param_count++] = {segment.text.data(), segment.text.size()};
      next = node.param;
    }
    if (segment.last) return arrive(next, method, match);
    index = next;
    rest = segment.rest;
  }
}

/// Tries the literal first; leaves no parameters behind when it fails.
[[gnu::noinline]] bool Router::fork(std::uint32_t literal, Method method, std::string_view rest,
                                    bool last, RouteMatch& match) const {
  const std::uint8_t before = match.param_count;
  if (last ? arrive(literal, method, match) : descend(literal, method, rest, match)) return true;
  match.param_count = before;
  return false;
}

std::vector<std::string_view> Router::param_names(std::string_view pattern) {
  std::vector<std::string_view> names;
  Segment segment{{}, pattern.substr(1), false, false};
  while (!segment.last) {
    segment = next_segment(segment.rest);
    if (is_param(segment.text)) names.push_back(param_name(segment.text));
  }
  return names;
}

}  // namespace paceline
