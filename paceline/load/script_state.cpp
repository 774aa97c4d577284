#include "paceline/load/script_state.h"

namespace paceline {
namespace {

int add_traceback(lua_State* lua) {
  const char* message = lua_tostring(lua, 1);
  luaL_traceback(lua, lua, message != nullptr ? message : "an error that is no text", 1);
  return 1;
}

}  // namespace

ScriptState::ScriptState() : lua_(luaL_newstate(), &lua_close) {
  check(lua_ != nullptr, "memory for a Lua state");
  luaL_openlibs(lua());
  lua_pushcfunction(lua(), &add_traceback);
}

Result<void> ScriptState::fail_with_top(const std::string& prefix) const {
  const char* text = lua_tostring(lua(), -1);
  std::string message = prefix + (text != nullptr ? text : "an error that is no text");
  clear();
  return fail(Code::invalid, std::move(message));
}

Result<void> ScriptState::call(int arguments, int results) {
  if (lua_pcall(lua(), arguments, results, kTraceback) == 0) return {};
  return fail_with_top("");
}

Result<void> ScriptState::run_file(const std::string& path) {
  if (luaL_loadfile(lua(), path.c_str()) != 0) return fail_with_top(path + ": ");
  return call(0, 0);
}

Result<void> ScriptState::run_text(std::string_view text, const char* name) {
  if (luaL_loadbuffer(lua(), text.data(), text.size(), name) != 0) return fail_with_top("");
  return call(0, 0);
}

void ScriptState::push_global(const char* name) const {
  lua_pushstring(lua(), name);
  lua_rawget(lua(), LUA_GLOBALSINDEX);
}

bool ScriptState::push_function(const char* name) const {
  push_global(name);
  if (lua_isfunction(lua(), -1)) return true;
  lua_pop(lua(), 1);
  return false;
}

Result<void> ScriptState::push_wrk() const {
  push_global("wrk");
  if (lua_istable(lua(), -1)) return {};
  return fail(Code::invalid, "the script has replaced the table wrk");
}

}  // namespace paceline
