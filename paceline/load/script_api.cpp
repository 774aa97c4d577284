// Functions of this file that Lua calls may raise errors, which jump: they own nothing.
#include "paceline/load/script_api.h"

#include <netdb.h>
#include <poll.h>
#include <unistd.h>

#include <cstring>

#include "paceline/load/script_thread.h"

namespace paceline {
namespace {

constexpr const char* kAddress = "wrk.addr";
constexpr const char* kThread = "wrk.thread";
constexpr int kConnectTimeout = 10'000;  // ms

// Its meaning is wrk's, which scripts rely on: format() writes into the headers it is given.
constexpr std::string_view kPrelude = R"lua(
wrk = {
  scheme = "http", host = "localhost", method = "GET", path = "/", headers = {},
  lookup = ..., connect = select(2, ...),
}

function wrk.resolve(host, service)
  local live = {}
  for _, address in ipairs(wrk.lookup(host, service)) do
    if wrk.connect(address) then live[#live + 1] = address end
  end
  wrk.addrs = live
end

function wrk.setup(thread)
  thread.addr = wrk.addrs[1]
  if type(setup) == "function" then setup(thread) end
end

function wrk.init(args)
  if not wrk.headers["Host"] then
    local name = wrk.host
    if name:find(":", 1, true) then name = "[" .. name .. "]" end
    if wrk.port then name = name .. ":" .. wrk.port end
    wrk.headers["Host"] = name
  end
  if type(init) == "function" then init(args) end
  local always = wrk.format()
  wrk.request = function() return always end
end

function wrk.format(method, path, headers, body)
  headers = headers or wrk.headers
  body = body or wrk.body
  headers["Host"] = headers["Host"] or wrk.headers["Host"]
  headers["Content-Length"] = body and #body
  local lines = { (method or wrk.method) .. " " .. (path or wrk.path) .. " HTTP/1.1" }
  for name, value in pairs(headers) do
    lines[#lines + 1] = name .. ": " .. tostring(value)
  end
  lines[#lines + 1] = ""
  lines[#lines + 1] = body or ""
  return table.concat(lines, "\r\n")
end
)lua";

LoadAddress* check_address(lua_State* lua, int index) {
  return static_cast<LoadAddress*>(luaL_checkudata(lua, index, kAddress));
}

ScriptThread& check_thread(lua_State* lua) {
  return **static_cast<ScriptThread**>(luaL_checkudata(lua, 1, kThread));
}

int address_text(lua_State* lua) {
  const LoadAddress* address = check_address(lua, 1);
  const auto* at = reinterpret_cast<const sockaddr*>(&address->storage);
  char host[NI_MAXHOST] = "";
  char port[NI_MAXSERV] = "";
  if (::getnameinfo(at, address->size, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    lua_pushliteral(lua, "?");
  } else {
    lua_pushfstring(lua, "%s:%s", host, port);
  }
  return 1;
}

int lookup(lua_State* lua) {
  const char* host = luaL_checkstring(lua, 1);
  const char* service = luaL_optstring(lua, 2, nullptr);
  const char* problem = nullptr;
  {
    const std::vector<LoadAddress> found = find_addresses_blocking(host, service, problem);
    lua_createtable(lua, static_cast<int>(found.size()), 0);
    for (std::size_t i = 0; i < found.size(); ++i) {
      push_script_address(lua, found[i]);
      lua_rawseti(lua, -2, static_cast<int>(i) + 1);
    }
  }
  if (problem == nullptr) return 1;
  return luaL_error(lua, "unable to resolve %s:%s %s", host, service != nullptr ? service : "",
                    problem);
}

int connect(lua_State* lua) {
  lua_pushboolean(lua, accepts_blocking(*check_address(lua, 1)) ? 1 : 0);
  return 1;
}

int thread_get(lua_State* lua) {
  ScriptThread& thread = check_thread(lua);
  const char* name = luaL_checkstring(lua, 2);
  lua_State* from = thread.state().lua();
  thread.state().push_global(name);
  const char* problem = copy_script_value(from, lua_gettop(from), lua);
  // In its own state the copy lies above the original.
  from == lua ? lua_remove(from, -2) : lua_pop(from, 1);
  return problem == nullptr ? 1 : luaL_error(lua, "cannot transfer '%s' to thread", problem);
}

int thread_set(lua_State* lua) {
  ScriptThread& thread = check_thread(lua);
  const char* name = luaL_checkstring(lua, 2);
  lua_settop(lua, 3);
  lua_State* to = thread.state().lua();
  lua_pushstring(to, name);
  const char* problem = copy_script_value(lua, 3, to);
  if (problem == nullptr) {
    lua_rawset(to, LUA_GLOBALSINDEX);
    return 0;
  }
  lua_pop(to, 1);
  return luaL_error(lua, "cannot transfer '%s' to thread", problem);
}

int thread_stop(lua_State* lua) {
  check_thread(lua).stop();
  return 0;
}

int thread_index(lua_State* lua) {
  ScriptThread& thread = check_thread(lua);
  const std::string_view key = luaL_checkstring(lua, 2);
  if (key == "get") {
    lua_pushcfunction(lua, &thread_get);
  } else if (key == "set") {
    lua_pushcfunction(lua, &thread_set);
  } else if (key == "stop") {
    lua_pushcfunction(lua, &thread_stop);
  } else if (key == "addr") {
    push_script_address(lua, thread.own_address());
  } else {
    lua_pushnil(lua);
  }
  return 1;
}

int thread_new_index(lua_State* lua) {
  ScriptThread& thread = check_thread(lua);
  const char* key = luaL_checkstring(lua, 2);
  if (std::string_view(key) != "addr") return luaL_error(lua, "cannot set '%s' on thread", key);
  thread.own_address() = *check_address(lua, 3);
  return 0;
}

void add_type(lua_State* lua, const char* name, const luaL_Reg* functions) {
  luaL_newmetatable(lua, name);
  luaL_register(lua, nullptr, functions);
  lua_pop(lua, 1);
}

void set_text(lua_State* lua, const char* key, std::string_view text) {
  lua_pushlstring(lua, text.data(), text.size());
  lua_setfield(lua, -2, key);
}

}  // namespace

Result<void> add_script_globals(ScriptState& state, const ScriptGlobals& globals) {
  lua_State* lua = state.lua();
  constexpr luaL_Reg address[] = {{"__tostring", &address_text}, {nullptr, nullptr}};
  constexpr luaL_Reg thread[] = {
      {"__index", &thread_index}, {"__newindex", &thread_new_index}, {nullptr, nullptr}};
  add_type(lua, kAddress, address);
  add_type(lua, kThread, thread);
  check(luaL_loadbuffer(lua, kPrelude.data(), kPrelude.size(), "=wrk") == 0, "the prelude is Lua");
  lua_pushcfunction(lua, &lookup);
  lua_pushcfunction(lua, &connect);
  PACELINE_TRY(state.call(2, 0));
  PACELINE_TRY(state.push_wrk());
  set_text(lua, "scheme", globals.scheme);
  set_text(lua, "host", globals.host);
  if (!globals.port.empty()) set_text(lua, "port", globals.port);
  set_text(lua, "path", globals.path);
  set_text(lua, "method", globals.method);
  if (!globals.body.empty()) set_text(lua, "body", globals.body);
  lua_getfield(lua, -1, "headers");
  for (const std::string& header : globals.headers) {
    const std::size_t colon = header.find(':');
    const std::size_t value = header.find_first_not_of(' ', colon + 1);
    set_text(lua, header.substr(0, colon).c_str(),
             value == std::string::npos ? std::string() : header.substr(value));
  }
  state.clear();
  return {};
}

void push_script_address(lua_State* lua, const LoadAddress& address) {
  std::memcpy(lua_newuserdata(lua, sizeof address), &address, sizeof address);
  luaL_getmetatable(lua, kAddress);
  lua_setmetatable(lua, -2);
}

void push_script_thread(lua_State* lua, ScriptThread& thread) {
  *static_cast<ScriptThread**>(lua_newuserdata(lua, sizeof(ScriptThread*))) = &thread;
  luaL_getmetatable(lua, kThread);
  lua_setmetatable(lua, -2);
}

std::vector<LoadAddress> find_addresses_blocking(const char* host, const char* service,
                                                 const char*& problem) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  std::vector<LoadAddress> found;
  const int answer = ::getaddrinfo(host, service, &hints, &list);
  if (answer != 0) {
    problem = answer == EAI_SYSTEM ? std::strerror(errno) : ::gai_strerror(answer);
    return found;
  }
  for (const addrinfo* each = list; each != nullptr; each = each->ai_next) {
    std::memcpy(&found.emplace_back().storage, each->ai_addr, each->ai_addrlen);
    found.back().size = each->ai_addrlen;
  }
  ::freeaddrinfo(list);
  return found;
}

bool accepts_blocking(const LoadAddress& address) {
  const Fd fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return false;
  const auto* to = reinterpret_cast<const sockaddr*>(&address.storage);
  if (::connect(fd.get(), to, address.size) == 0) return true;
  if (errno != EINPROGRESS) return false;
  pollfd wait{.fd = fd.get(), .events = POLLOUT, .revents = 0};
  if (::poll(&wait, 1, kConnectTimeout) != 1) return false;
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  return error == 0;
}

}  // namespace paceline
