// A thread's script: its Lua state makes requests and reads answers. Inside of the module.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include "paceline/load/meter.h"
#include "paceline/load/script_state.h"

namespace paceline {

/// The first error of any thread; it ends all of them.
class ScriptErrors {
 public:
  void add(const Error& error);
  bool any() const { return any_.load(std::memory_order_relaxed); }
  Result<void> outcome() const;

 private:
  mutable std::mutex mutex_;
  std::string first_;
  std::atomic<bool> any_ = false;
};

class ScriptThread final : public LoadMeter {
 public:
  ScriptThread(const LoadMeter::Options& meter, const ParserLimits& limits, ScriptErrors& errors)
      : LoadMeter(meter), limits_(limits), errors_(errors) {}

  ScriptState& state() { return state_; }
  LoadAddress& own_address() { return address_; }
  void stop() { stop_.store(true, std::memory_order_relaxed); }
  /// After init(): which functions there are, and the request if it is always the same.
  Result<void> begin();
  /// As the engine will ask for them: how many requests are sent at once. Makes one batch.
  Result<std::uint32_t> find_depth();
  bool dynamic() const { return dynamic_; }
  void set_depth(std::uint32_t depth);

  bool makes_requests() const override { return true; }
  LoadRequests requests(std::uint32_t count) override;
  Duration delay() override;
  bool reads_answers() const override { return reads_; }
  void answered(const LoadSample& sample, const LoadAnswer& answer) override;
  bool stopped() const override { return stop_.load(std::memory_order_relaxed) || errors_.any(); }
  const LoadAddress* address() const override { return &address_; }

 private:
  Result<std::string_view> make_batch();
  LoadRequests part_of_batches(std::uint32_t count);
  std::uint64_t heads_of(std::string_view bytes) const;

  ScriptState state_;
  ParserLimits limits_;
  ScriptErrors& errors_;
  LoadAddress address_;
  std::atomic<bool> stop_ = false;
  bool dynamic_ = false;  // there is request()
  bool delays_ = false;
  bool reads_ = false;
  std::uint32_t depth_ = 1;
  std::string fixed_;  // depth_ requests, when they are always the same
  // Batches of several requests, when fewer are to be sent.
  std::string parts_;
  std::vector<std::string> left_;
  ReplyHead head_;
};

}  // namespace paceline
