// What scripts can call: addresses, threads, statistics. Inside of the module.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "paceline/load/script_state.h"
#include "paceline/load/statistic.h"
#include "paceline/load/target.h"

namespace paceline {

class ScriptThread;

/// The table `wrk`, and the types of its values.
struct ScriptGlobals {
  std::string scheme;
  std::string host;
  std::string port;  // empty: nil
  std::string path;
  std::string method;
  std::vector<std::string> headers;  // "Name: value"
  std::string body;                  // empty: nil
};
Result<void> add_script_globals(ScriptState& state, const ScriptGlobals& globals);

/// Each pushes one value.
void push_script_address(lua_State* lua, const LoadAddress& address);
void push_script_thread(lua_State* lua, ScriptThread& thread);
/// `values` is borrowed until done() returns.
void push_script_statistic(lua_State* lua, const LoadStatistic& values, bool size_is_count);

/// thread:get() and thread:set(): a value of one state for another, tables with all they hold.
/// Answers what cannot be copied: "function"; pushes nothing then.
const char* copy_script_value(lua_State* from, int index, lua_State* to);

/// All addresses of a name; empty with the reason in `problem`.
std::vector<LoadAddress> find_addresses_blocking(const char* host, const char* service,
                                                 const char*& problem);
bool accepts_blocking(const LoadAddress& address);

}  // namespace paceline
