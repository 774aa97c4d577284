// Routes: which function answers which method and path.
#pragma once

#include <concepts>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "paceline/http/request.h"
#include "paceline/http/response.h"
#include "paceline/http/router.h"
#include "paceline/loop.h"

namespace paceline {

/// What the server calls: it fills `now` and returns an empty task when it can answer at once, or
/// returns a task that has not started. The task's only borrowed argument is the Request: bytes
/// move once between the call and the task's start.
using Handler = std::function<Task<Response>(Request& request, Response& now)>;

class Routes {
 public:
  /// f is one of  Response f(Request&)  ·  Task<Response> f(Request&)  ·  a Handler.
  /// `path` is "/", "/data/{id}", …; a path that is taken is a bug in the program (check()).
  template <class F>
  Routes& get(std::string_view path, F f) {
    return add(Method::get, path, wrap(std::move(f)));
  }
  template <class F>
  Routes& put(std::string_view path, F f) {
    return add(Method::put, path, wrap(std::move(f)));
  }
  template <class F>
  Routes& post(std::string_view path, F f) {
    return add(Method::post, path, wrap(std::move(f)));
  }
  template <class F>
  Routes& patch(std::string_view path, F f) {
    return add(Method::patch, path, wrap(std::move(f)));
  }
  template <class F>
  Routes& del(std::string_view path, F f) {
    return add(Method::del, path, wrap(std::move(f)));
  }
  Routes& add(Method method, std::string_view path, Handler handler);

  struct Entry {
    Method method;
    std::string path;
    Handler handler;
  };
  const std::vector<Entry>& entries() const { return entries_; }
  const Router& router() const { return router_; }

 private:
  template <class F>
  static Handler wrap(F f) {
    if constexpr (std::is_convertible_v<F, Handler> &&
                  std::is_invocable_v<F&, Request&, Response&>) {
      return f;
    } else if constexpr (std::same_as<std::invoke_result_t<F&, Request&>, Response>) {
      return [f = std::move(f)](Request& request, Response& now) mutable {
        now.become([&] { return f(request); });
        return Task<Response>();
      };
    } else {
      static_assert(std::same_as<std::invoke_result_t<F&, Request&>, Task<Response>>,
                    "a handler answers Response or Task<Response>");
      return [f = std::move(f)](Request& request, Response&) mutable { return f(request); };
    }
  }

  std::vector<Entry> entries_;
  Router router_;
};

}  // namespace paceline
