#include "paceline/load/script_thread.h"

#include <algorithm>

#include "paceline/load/request_split.h"

namespace paceline {

void ScriptErrors::add(const Error& error) {
  const std::lock_guard lock(mutex_);
  if (first_.empty()) first_ = error.message;
  any_.store(true, std::memory_order_relaxed);
}

Result<void> ScriptErrors::outcome() const {
  const std::lock_guard lock(mutex_);
  if (!any()) return {};
  return fail(Code::invalid, first_);
}

Result<void> ScriptThread::begin() {
  const auto has = [&](const char* name) {
    const bool found = state_.push_function(name);
    state_.clear();
    return found;
  };
  delays_ = has("delay");
  reads_ = has("response");
  dynamic_ = has("request");
  return {};
}

Result<std::uint32_t> ScriptThread::find_depth() {
  PACELINE_TRY_VALUE(const std::string_view bytes, make_batch());
  PACELINE_TRY_VALUE(const std::vector<std::string_view> all, split_requests(bytes));
  return static_cast<std::uint32_t>(all.size());
}

void ScriptThread::set_depth(std::uint32_t depth) {
  depth_ = depth;
  if (dynamic_) return;
  const Result<std::string_view> one = make_batch();
  if (!one) return errors_.add(one.error());
  for (std::uint32_t i = 0; i < depth; ++i) fixed_ += *one;
}

/// Borrowed until the next call: the string stays on the stack.
Result<std::string_view> ScriptThread::make_batch() {
  state_.clear();
  lua_State* lua = state_.lua();
  if (!state_.push_function("request")) {
    PACELINE_TRY(state_.push_wrk());
    lua_pushstring(lua, "request");
    lua_rawget(lua, -2);
  }
  PACELINE_TRY(state_.call(0, 1));
  std::size_t size = 0;
  const char* bytes = lua_tolstring(lua, -1, &size);
  if (bytes == nullptr || size == 0) {
    return fail(Code::invalid,
                "request() must return the request's bytes, not " +
                    std::string(bytes == nullptr ? luaL_typename(lua, -1) : "an empty string"));
  }
  return std::string_view(bytes, size);
}

LoadRequests ScriptThread::requests(std::uint32_t count) {
  if (!dynamic_) {
    const std::string_view bytes =
        std::string_view(fixed_).substr(0, fixed_.size() / depth_ * count);
    return {.bytes = bytes, .heads = bytes.starts_with("HEAD ") ? ~std::uint64_t{0} : 0};
  }
  if (count != depth_ || !left_.empty()) return part_of_batches(count);
  const Result<std::string_view> batch = make_batch();
  if (!batch) {
    errors_.add(batch.error());
    return {};
  }
  return {.bytes = *batch, .heads = heads_of(*batch)};
}

/// An open loop sends what is due, which may be less than a batch.
LoadRequests ScriptThread::part_of_batches(std::uint32_t count) {
  parts_.clear();
  for (std::uint32_t i = 0; i < count; ++i) {
    if (left_.empty()) {
      const Result<std::string_view> batch = make_batch();
      const Result<std::vector<std::string_view>> all =
          batch ? split_requests(*batch) : std::unexpected(batch.error());
      if (!all) {
        errors_.add(all.error());
        return {};
      }
      left_.assign(all->rbegin(), all->rend());
    }
    parts_ += left_.back();
    left_.pop_back();
  }
  return {.bytes = parts_, .heads = heads_of(parts_)};
}

std::uint64_t ScriptThread::heads_of(std::string_view bytes) const {
  if (depth_ == 1) return bytes.starts_with("HEAD ") ? 1 : 0;
  if (bytes.find("HEAD ") == std::string_view::npos) return 0;
  const Result<std::vector<std::string_view>> all = split_requests(bytes);
  std::uint64_t heads = 0;
  for (std::size_t i = 0; all && i < std::min<std::size_t>(all->size(), 64); ++i) {
    if ((*all)[i].starts_with("HEAD ")) heads |= std::uint64_t{1} << i;
  }
  return heads;
}

Duration ScriptThread::delay() {
  constexpr double delay_max = 86'400'000;  // a day, in milliseconds
  if (!delays_) return {};
  state_.clear();
  if (!state_.push_function("delay")) return {};
  if (const Result<void> called = state_.call(0, 1); !called) {
    errors_.add(called.error());
    return {};
  }
  const double ms = lua_tonumber(state_.lua(), -1);
  if (!(ms >= 1)) return {};
  return std::chrono::milliseconds(static_cast<std::int64_t>(std::min(ms, delay_max)));
}

void ScriptThread::answered(const LoadSample& sample, const LoadAnswer& answer) {
  LoadMeter::answered(sample, answer);
  if (!reads_) return;
  state_.clear();
  if (!state_.push_function("response")) return;  // it may have removed itself
  lua_State* lua = state_.lua();
  head_.reset();
  const ReplyStatus parsed = parse_reply_head(answer.head, limits_, head_);
  check(parsed.state == ParseState::complete, "the engine has read this head");
  lua_pushinteger(lua, static_cast<lua_Integer>(sample.status));
  lua_createtable(lua, 0, static_cast<int>(head_.header_count()));
  for (std::size_t i = 0; i < head_.header_count(); ++i) {
    const HeaderView header = head_.header(i);
    lua_pushlstring(lua, header.name.data(), header.name.size());
    lua_pushlstring(lua, header.value.data(), header.value.size());
    lua_rawset(lua, -3);
  }
  lua_pushlstring(lua, answer.body.data(), answer.body.size());
  if (const Result<void> called = state_.call(3, 0); !called) errors_.add(called.error());
}

}  // namespace paceline
