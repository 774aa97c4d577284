// Values that go from one state to another, and the statistics of done().
#include "paceline/load/script_api.h"

namespace paceline {
namespace {

constexpr const char* kStatistic = "wrk.stats";
constexpr int kTableDepth = 100;  // a table that holds itself would never end

const char* copy_value(lua_State* from, int index, lua_State* to, int depth);

const char* copy_table(lua_State* from, int index, lua_State* to, int depth) {
  if (depth > kTableDepth || lua_checkstack(from, 4) == 0 || lua_checkstack(to, 4) == 0) {
    return "table of tables without end";
  }
  lua_newtable(to);
  // `to` may be `from`: then what is pushed there lies above `index`, and the key goes on top.
  lua_pushnil(from);
  while (lua_next(from, index) != 0) {
    const int value = lua_gettop(from);
    const char* problem = copy_value(from, value - 1, to, depth);
    if (problem == nullptr) {
      problem = copy_value(from, value, to, depth);
      if (problem != nullptr) lua_pop(to, 1);
    }
    if (problem != nullptr) {
      lua_settop(from, value);
      lua_pop(from, 2);
      lua_pop(to, 1);
      return problem;
    }
    lua_rawset(to, from == to ? value - 2 : -3);
    lua_settop(from, value);
    lua_pop(from, 1);
  }
  return nullptr;
}

const char* copy_value(lua_State* from, int index, lua_State* to, int depth) {
  switch (lua_type(from, index)) {
    case LUA_TNIL:
      lua_pushnil(to);
      return nullptr;
    case LUA_TBOOLEAN:
      lua_pushboolean(to, lua_toboolean(from, index));
      return nullptr;
    case LUA_TNUMBER:
      lua_pushnumber(to, lua_tonumber(from, index));
      return nullptr;
    case LUA_TSTRING: {
      std::size_t size = 0;
      const char* text = lua_tolstring(from, index, &size);
      lua_pushlstring(to, text, size);
      return nullptr;
    }
    case LUA_TTABLE:
      return copy_table(from, index, to, depth + 1);
    default:
      return luaL_typename(from, index);
  }
}

struct Statistic {
  const LoadStatistic* values;
  bool size_is_count;
};

Statistic& check_statistic(lua_State* lua) {
  return *static_cast<Statistic*>(luaL_checkudata(lua, 1, kStatistic));
}

double size_of(const Statistic& statistic) {
  return static_cast<double>(statistic.size_is_count ? statistic.values->count()
                                                     : statistic.values->distinct());
}

int statistic_percentile(lua_State* lua) {
  const Statistic& statistic = check_statistic(lua);
  const double percent = luaL_checknumber(lua, 2);
  lua_pushnumber(lua, static_cast<double>(statistic.values->percentile(percent)));
  return 1;
}

/// wrk: names. wrk2, by number: the value below which so many of all lie.
int statistic_index(lua_State* lua) {
  const Statistic& statistic = check_statistic(lua);
  const LoadStatistic& values = *statistic.values;
  if (lua_type(lua, 2) == LUA_TNUMBER) {
    const double size = size_of(statistic);
    const double percent = size > 0 ? 100 * lua_tonumber(lua, 2) / size : 0;
    lua_pushnumber(lua, static_cast<double>(values.percentile(percent)));
    return 1;
  }
  const std::string_view name = luaL_checkstring(lua, 2);
  if (name == "min") {
    lua_pushnumber(lua, static_cast<double>(values.min()));
  } else if (name == "max") {
    lua_pushnumber(lua, static_cast<double>(values.max()));
  } else if (name == "mean") {
    lua_pushnumber(lua, values.mean());
  } else if (name == "stdev") {
    lua_pushnumber(lua, values.deviation());
  } else if (name == "percentile") {
    lua_pushcfunction(lua, &statistic_percentile);
  } else {
    lua_pushnil(lua);
  }
  return 1;
}

int statistic_call(lua_State* lua) {
  const Statistic& statistic = check_statistic(lua);
  const double index = luaL_checknumber(lua, 2);
  const auto [value, count] = index >= 1 ? statistic.values->at(static_cast<std::size_t>(index) - 1)
                                         : std::pair<std::uint64_t, std::uint64_t>{};
  lua_pushnumber(lua, static_cast<double>(value));
  lua_pushnumber(lua, static_cast<double>(count));
  return 2;
}

int statistic_size(lua_State* lua) {
  lua_pushnumber(lua, size_of(check_statistic(lua)));
  return 1;
}

}  // namespace

const char* copy_script_value(lua_State* from, int index, lua_State* to) {
  return copy_value(from, index, to, 0);
}

void push_script_statistic(lua_State* lua, const LoadStatistic& values, bool size_is_count) {
  constexpr luaL_Reg functions[] = {{"__index", &statistic_index},
                                    {"__call", &statistic_call},
                                    {"__len", &statistic_size},
                                    {nullptr, nullptr}};
  auto* made = static_cast<Statistic*>(lua_newuserdata(lua, sizeof(Statistic)));
  *made = {.values = &values, .size_is_count = size_is_count};
  if (luaL_newmetatable(lua, kStatistic) != 0) luaL_register(lua, nullptr, functions);
  lua_setmetatable(lua, -2);
}

}  // namespace paceline
