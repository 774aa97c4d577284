// Which route answers a method and path: a radix tree over path segments. A literal segment is
// preferred to a parameter; matching allocates nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "paceline/core.h"
#include "paceline/http/message.h"

namespace paceline {

class MethodSet {
 public:
  constexpr void add(Method method) { bits_ |= bit(method); }
  constexpr void add(MethodSet other) { bits_ |= other.bits_; }
  constexpr bool has(Method method) const { return (bits_ & bit(method)) != 0; }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr bool operator==(const MethodSet&) const = default;

 private:
  static constexpr unsigned bit(Method method) { return 1u << static_cast<unsigned>(method); }
  unsigned bits_ = 0;
};

/// "GET, HEAD, PUT": the value of Allow (RFC 9110 §10.2.1).
std::string allow_header(MethodSet methods);

/// What Router::match() fills; only what it names is set.
struct RouteMatch {
  enum class Kind : std::uint8_t {
    found,
    not_found,           // 404
    method_not_allowed,  // 405, or 501 for Method::unknown; `allowed` says what is
  };
  static constexpr std::size_t params_max = 8;

  /// A view that costs nothing to leave unset.
  struct Param {
    const char* data;
    std::size_t size;
    operator std::string_view() const { return {data, size}; }  // NOLINT: it is one
  };

  std::uint32_t route = 0;               // found: what the caller gave to add()
  MethodSet allowed;                     // method_not_allowed: not empty
  std::string_view pattern;              // found: "/data/{id}", owned by the router
  std::uint8_t param_count = 0;          // 0 unless found
  std::array<Param, params_max> params;  // unset from param_count on; still percent-encoded
};

/// Filled at start, then only read. References to patterns live as long as it does.
class Router {
 public:
  Router();

  /// `pattern`: "/", "/data/{id}", "/data/{id}/items/". A parameter is a whole segment, is never
  /// empty, and matches an encoded slash. A trailing slash makes another path. GET answers HEAD
  /// as well, unless HEAD has a route of its own. Code::invalid for a malformed pattern,
  /// Code::conflict when the method has a route for the same paths, or when two methods name the
  /// parameters of the same paths differently.
  Result<void> add(Method method, std::string_view pattern, std::uint32_t route);

  /// `path` as RequestHead::path(); the parameters refer to it.
  RouteMatch::Kind match(Method method, std::string_view path, RouteMatch& match) const;

  /// The parameters' names of a pattern that was added, in their order.
  static std::vector<std::string_view> param_names(std::string_view pattern);

 private:
  static constexpr std::uint32_t none = UINT32_MAX;

  struct Edge {
    std::uint64_t front;  // words::front_word(text)
    std::uint32_t size;   // of text
    std::uint32_t node;
    std::string text;
  };
  struct Node {
    std::vector<Edge> literals;
    std::uint32_t param = none;  // node behind a parameter
    std::uint32_t leaf = none;
  };
  struct Leaf {
    std::string pattern;
    MethodSet given;    // registered
    MethodSet allowed;  // with the HEAD that GET brings
    std::array<std::uint32_t, method_count> routes;
  };

  std::uint32_t literal_child(std::uint32_t node, std::string_view text);
  std::uint32_t param_child(std::uint32_t node);
  bool fork(std::uint32_t literal, Method method, std::string_view rest, bool last,
            RouteMatch& match) const;
  static std::uint32_t literal_of(const Node& node, std::string_view text, bool encoded);
  bool descend(std::uint32_t index, Method method, std::string_view rest, RouteMatch& match) const;
  bool arrive(std::uint32_t index, Method method, RouteMatch& match) const;

  std::uint32_t root_ = none;  // node of "/", which has no segments to walk along
  std::vector<Node> nodes_;
  std::vector<Leaf> leaves_;
};

}  // namespace paceline
