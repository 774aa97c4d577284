#include "paceline/load/script.h"

#include <algorithm>

#include "paceline/load/reach.h"
#include "paceline/load/script_api.h"
#include "paceline/load/script_thread.h"

namespace paceline {

struct LoadScript::Inside {
  Source source;
  ScriptGlobals globals;
  ScriptErrors errors;
  std::vector<std::unique_ptr<ScriptThread>> threads;
  ScriptState main;
};

namespace {

/// wrk.scheme, wrk.host, wrk.port as the URL has them.
ScriptGlobals globals_of(const std::string& url, const LoadOptions& options) {
  const std::size_t scheme = url.find("://");
  const std::size_t begin = scheme == std::string::npos ? 0 : scheme + 3;
  const std::string authority = url.substr(begin, url.find_first_of("/?#", begin) - begin);
  const std::size_t colon = authority.rfind(':');
  const bool has_port =
      colon != std::string::npos && authority.find(']', colon) == std::string::npos;
  return {.scheme = url.substr(0, scheme),
          .host = options.target.host,
          .port = has_port ? authority.substr(colon + 1) : std::string(),
          .path = options.target.path,
          .method = options.method,
          .headers = options.headers,
          .body = options.body};
}

Result<void> load_state(ScriptState& state, const ScriptGlobals& globals, const std::string& file) {
  PACELINE_TRY(add_script_globals(state, globals));
  return state.run_file(file);
}

/// Calls wrk.name with the value that is on top of the stack.
Result<void> call_wrk(ScriptState& state, const char* name) {
  lua_State* lua = state.lua();
  PACELINE_TRY(state.push_wrk());
  lua_pushstring(lua, name);
  lua_rawget(lua, -2);
  lua_remove(lua, -2);
  lua_insert(lua, -2);
  return state.call(1, 0);
}

/// wrk.addrs: every address of the host that accepts.
Result<void> find_addresses(ScriptState& state, const LoadOptions& options) {
  lua_State* lua = state.lua();
  PACELINE_TRY_VALUE(
      const LoadReached reached,
      reach_blocking(options.target, nullptr, {.timeout = options.timeout, .stop = options.stop}));
  const LoadAddress& first = reached.address;
  std::vector<LoadAddress> all = {first};
  if (options.target.unix_path.empty()) {
    const char* problem = nullptr;
    const std::string port = std::to_string(options.target.port);
    all = find_addresses_blocking(options.target.host.c_str(), port.c_str(), problem);
    std::erase_if(all, [](const LoadAddress& address) { return !accepts_blocking(address); });
    if (all.empty()) all = {first};
  }
  PACELINE_TRY(state.push_wrk());
  lua_createtable(lua, static_cast<int>(all.size()), 0);
  for (std::size_t i = 0; i < all.size(); ++i) {
    push_script_address(lua, all[i]);
    lua_rawseti(lua, -2, static_cast<int>(i) + 1);
  }
  lua_setfield(lua, -2, "addrs");
  state.clear();
  return {};
}

void push_arguments(lua_State* lua, const LoadScript::Source& source) {
  lua_createtable(lua, static_cast<int>(source.args.size()), 1);
  lua_pushlstring(lua, source.url.data(), source.url.size());
  lua_rawseti(lua, -2, 0);
  for (std::size_t i = 0; i < source.args.size(); ++i) {
    lua_pushlstring(lua, source.args[i].data(), source.args[i].size());
    lua_rawseti(lua, -2, static_cast<int>(i) + 1);
  }
}

void set_number(lua_State* lua, const char* key, double value) {
  lua_pushnumber(lua, value);
  lua_setfield(lua, -2, key);
}

void push_summary(lua_State* lua, const LoadSummary& summary) {
  const auto number = [](std::uint64_t value) { return static_cast<double>(value); };
  lua_newtable(lua);
  set_number(lua, "duration", static_cast<double>(summary.duration.count() / 1000));
  set_number(lua, "requests", number(summary.requests));
  set_number(lua, "bytes", number(summary.bytes));
  lua_newtable(lua);
  set_number(lua, "connect", number(summary.error(LoadStage::connect)));
  set_number(lua, "read", number(summary.error(LoadStage::read)));
  set_number(lua, "write", number(summary.error(LoadStage::write)));
  set_number(lua, "status", number(summary.status_errors));
  set_number(lua, "timeout", number(summary.error(LoadStage::timeout)));
  lua_setfield(lua, -2, "errors");
}

}  // namespace

LoadScript::LoadScript(std::unique_ptr<Inside> inside) : inside_(std::move(inside)) {}
LoadScript::~LoadScript() = default;

Result<std::unique_ptr<LoadScript>> LoadScript::load_blocking(Source source, LoadOptions& options) {
  std::unique_ptr<LoadScript> script(new LoadScript(std::make_unique<Inside>()));
  Inside& in = *script->inside_;
  in.source = std::move(source);
  in.globals = globals_of(in.source.url, options);
  PACELINE_TRY(load_state(in.main, in.globals, in.source.file));
  PACELINE_TRY(find_addresses(in.main, options));
  for (std::uint32_t i = 0; i < options.threads; ++i) {
    in.threads.push_back(
        std::make_unique<ScriptThread>(in.source.meter, options.parser, in.errors));
    ScriptThread& thread = *in.threads.back();
    lua_State* lua = thread.state().lua();
    PACELINE_TRY(load_state(thread.state(), in.globals, in.source.file));
    PACELINE_TRY(thread.state().push_wrk());
    push_script_thread(lua, thread);
    lua_setfield(lua, -2, "thread");
    thread.state().clear();
    push_script_thread(in.main.lua(), thread);
    PACELINE_TRY(call_wrk(in.main, "setup"));
    push_arguments(lua, in.source);
    PACELINE_TRY(call_wrk(thread.state(), "init"));
    PACELINE_TRY(thread.begin());
    if (i == 0) {
      PACELINE_TRY_VALUE(const std::uint32_t depth, thread.find_depth());
      if (options.pipeline > 1 && thread.dynamic()) {
        return fail(Code::invalid,
                    "request() says itself how many requests are sent at once: leave out "
                    "--pipeline");
      }
      options.pipeline = depth * options.pipeline;
    }
    thread.set_depth(options.pipeline);
    options.hooks.push_back(&thread);
  }
  PACELINE_TRY(in.errors.outcome());
  return script;
}

std::vector<const LoadMeter*> LoadScript::meters() const {
  std::vector<const LoadMeter*> all;
  for (const auto& thread : inside_->threads) all.push_back(thread.get());
  return all;
}

Result<void> LoadScript::outcome() const { return inside_->errors.outcome(); }

Result<void> LoadScript::done(const LoadSummary& summary, const HdrHistogram& latency) {
  ScriptState& main = inside_->main;
  main.clear();
  if (!main.push_function("done")) return {};
  const LoadStatistic values(latency);
  const bool all = inside_->source.sizes == Sizes::all;
  push_summary(main.lua(), summary);
  push_script_statistic(main.lua(), values, all);
  push_script_statistic(main.lua(), summary.rates, all);
  return main.call(3, 0);
}

}  // namespace paceline
