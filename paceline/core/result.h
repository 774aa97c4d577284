// Errors as values. An event that will happen in production is a Result; a bug is a failed
// check(), which prints and aborts in release builds too.
#pragma once

#include <cerrno>
#include <cstdint>
#include <expected>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>

namespace paceline {

/// What went wrong, as far as a caller can decide by it.
enum class Code : std::uint8_t {
  invalid,          // the input is wrong; the same input fails again
  not_found,        // something that must exist does not
  conflict,         // the state forbids it: exists already, in use, constraint
  denied,           // permission
  exhausted,        // a limit was reached: queue, pool, memory, descriptors
  timeout,          // a deadline passed
  cancelled,        // the owner gave up
  closed,           // the peer or the process behind it is gone
  unavailable,      // a dependency cannot answer now; trying later may work
  outcome_unknown,  // it may or may not have happened; never repeat it blindly
  corrupt,          // stored bytes are not what they must be
  io,               // the operating system refused; Error::os says why
  internal,         // none of the above
};

std::string_view to_string(Code code);

/// Small on purpose: a word to decide by, a line for a person to act on, and the place.
struct Error {
  Code code = Code::internal;
  int os = 0;  // errno, or 0
  std::source_location where;
  std::string message;  // one line, without a trailing full stop

  /// "message: Permission denied" if there is an errno, else the message.
  std::string text() const;
};

/// A value or an Error. Ignoring one is a compile error.
template <class T>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using Base = std::expected<T, Error>;
  using value_type = T;
  using Base::Base;
  Result(Base base) : Base(std::move(base)) {}  // NOLINT: what the monadic calls return
};

[[nodiscard]] std::unexpected<Error> fail(
    Code code, std::string message, std::source_location where = std::source_location::current());

/// A failed system call; `message` says what was tried: "bind 127.0.0.1:80".
[[nodiscard]] std::unexpected<Error> fail_errno(
    std::string message, int os = errno,
    std::source_location where = std::source_location::current());

[[noreturn]] void check_failed(std::string_view message, std::source_location where);

/// An invariant. On in release builds: prints the place, aborts; the supervisor restarts.
inline void check(bool condition, std::string_view message = "invariant",
                  std::source_location where = std::source_location::current()) {
  if (!condition) [[unlikely]]
    check_failed(message, where);
}

}  // namespace paceline

#define PACELINE_CONCAT_INNER(a, b) a##b
#define PACELINE_CONCAT(a, b) PACELINE_CONCAT_INNER(a, b)

/// PACELINE_TRY(expression): returns its error from this function, if it has one.
#define PACELINE_TRY(expression)                                \
  do {                                                          \
    auto paceline_try_ = (expression);                          \
    if (!paceline_try_) [[unlikely]]                            \
      return std::unexpected(std::move(paceline_try_).error()); \
  } while (false)

/// PACELINE_TRY_VALUE(auto name, expression): declares `name` with the value, or returns the error.
#define PACELINE_TRY_VALUE(declaration, expression)                                           \
  PACELINE_TRY_VALUE_INNER(PACELINE_CONCAT(paceline_try_, __LINE__), declaration, expression, \
                           return)

/// The same two inside a coroutine. `expression` must not contain co_await: await into a
/// variable first, then try that variable.
#define PACELINE_CO_TRY(expression)                                \
  do {                                                             \
    auto paceline_try_ = (expression);                             \
    if (!paceline_try_) [[unlikely]]                               \
      co_return std::unexpected(std::move(paceline_try_).error()); \
  } while (false)
#define PACELINE_CO_TRY_VALUE(declaration, expression)                                        \
  PACELINE_TRY_VALUE_INNER(PACELINE_CONCAT(paceline_try_, __LINE__), declaration, expression, \
                           co_return)

#define PACELINE_TRY_VALUE_INNER(result, declaration, expression, leave) \
  auto result = (expression);                                            \
  if (!result) [[unlikely]]                                              \
    leave std::unexpected(std::move(result).error());                    \
  declaration = std::move(*result)
