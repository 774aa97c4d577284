// A Lua state that answers errors as Results. Inside of the module: it shows LuaJIT's headers.
#pragma once

#include <lua.hpp>
#include <memory>
#include <string>
#include <string_view>

#include "paceline/core.h"

namespace paceline {

class ScriptState {
 public:
  ScriptState();

  lua_State* lua() const { return lua_.get(); }
  /// Calls the function under `arguments` values on the stack, which it takes; leaves `results`.
  /// An error has the traceback on further lines.
  Result<void> call(int arguments, int results);
  /// Runs a file once, or text.
  Result<void> run_file(const std::string& path);
  Result<void> run_text(std::string_view text, const char* name);
  /// Pushes the global, without asking metatables, which may raise errors.
  void push_global(const char* name) const;
  /// Pushes it and answers true if it is a function, else leaves the stack alone.
  bool push_function(const char* name) const;
  /// Pushes the table `wrk`, which a script may have removed.
  Result<void> push_wrk() const;
  /// Back to the state of a new one.
  void clear() const { lua_settop(lua_.get(), kTraceback); }

 private:
  static constexpr int kTraceback = 1;  // the stack's lowest value: the function that makes them
  Result<void> fail_with_top(const std::string& prefix) const;

  std::unique_ptr<lua_State, decltype(&lua_close)> lua_;
};

}  // namespace paceline
