// One thread of the generator: a loop, its share of the connections, its part of the plan.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "paceline/http.h"
#include "paceline/load/connection.h"
#include "paceline/load/follower.h"
#include "paceline/load/hook.h"
#include "paceline/load/options.h"
#include "paceline/load/result.h"
#include "paceline/loop.h"

namespace paceline {

/// A timer that calls a member of its owner.
template <class Owner, void (Owner::*Method)()>
class MemberTimer final : public Timer {
 public:
  explicit MemberTimer(Owner& owner) : owner_(owner) {}
  void fire() override { (owner_.*Method)(); }

 private:
  Owner& owner_;
};

class LoadThread {
 public:
  static constexpr std::uint64_t no_quota = UINT64_MAX;
  /// All borrowed; each thread has its own `part`.
  struct Job {
    const LoadOptions& options;
    const LoadAddress& address;
    std::string_view requests;  // `pipeline` of them, the same bytes each
    const TlsContext* tls;      // null: plain
    const ArrivalPlan* plan;    // with the warm-up in front; null: closed loop
    Arrivals::Part part;
    const std::vector<StatusClass>& classes;  // counted apart
    const std::atomic<bool>& ended;           // set when a goal ends the run
    LoadBoard* board;                         // null: nobody follows
    std::uint32_t connections;                // of this thread
    std::uint64_t quota;                      // closed loop: requests of this thread, or no_quota
    LoadHook* hook = nullptr;
  };
  explicit LoadThread(Job job);
  LoadThread(const LoadThread&) = delete;
  LoadThread& operator=(const LoadThread&) = delete;
  ~LoadThread();

  /// Opens the connections, if they are kept. On the thread that will call run().
  void prepare();
  /// Asks from `start` on; counts after the warm-up. Returns when all is answered or given up.
  void run(Time start);
  LoadTally& tally() { return tally_; }
  bool interrupted() const { return interrupted_; }
  /// How long requests were sent: the plan's length, or less.
  Duration sending() const { return std::max(Duration{}, end_ - count_from_); }

 private:
  friend class LoadConnection;
  friend class LoadExchange;

  void released(LoadConnection& connection, Time now);
  void failed(LoadConnection& connection, const LoadFailure& failure);
  void answered(Time due, Time sent, Time now, unsigned status);

  bool stopped() const {
    return job_.options.stop != nullptr && job_.options.stop->load(std::memory_order_relaxed);
  }
  bool counts(Time due) const { return due >= count_from_; }
  void ask_next(LoadConnection& connection, std::uint32_t count, Time now);
  void ask_closed(LoadConnection& connection, Time now);
  void ask_open(LoadConnection& connection, Time now);
  bool pause(LoadConnection& connection, Time now);
  void pause_over(LoadConnection& connection);
  void obey_hook();
  Time next_due() const;
  void note_sent(Time due, Time free_since, Time now);
  void arm_arrival();
  void roll_second(Time now);
  LoadSecond take_second();
  void log_loss(const LoadConnection& connection, Time due, Time now, std::string_view outcome);
  void finish();
  void note_cpu();
  void count_lower_bound(Time due, Time now);

  void arrive();          // an arrival is due
  void give_up();         // a request is overdue
  void end_rest();        // connections that failed to connect may try again
  void look();            // was a stop asked for?
  void look_in_flight();  // for Little's law
  void end_sending();     // the plan or the duration is over
  void end_draining();    // nobody waits any longer

  template <void (LoadThread::*Method)()>
  using OwnTimer = MemberTimer<LoadThread, Method>;

  Job job_;
  RealKernel kernel_;
  std::uint32_t opening_ = 0;  // connections
  Loop loop_;
  std::vector<char> buffer_;  // what recv() fills, shared by all connections
  ReplyHead head_;
  Method method_;
  std::size_t request_size_;
  bool hook_requests_;
  std::vector<std::unique_ptr<LoadConnection>> connections_;
  List<LoadConnection> idle_;     // the longest idle in front
  List<LoadConnection> waiting_;  // with requests out, by when they were sent
  List<LoadConnection> failed_;   // looked at when the turn is over: a failure may come in ask()
  List<LoadConnection> resting_;
  std::optional<Arrivals> arrivals_;
  std::optional<RequestLog::Part> log_;  // none: no log is kept

  OwnTimer<&LoadThread::arrive> arrival_timer_{*this};
  OwnTimer<&LoadThread::give_up> timeout_timer_{*this};
  OwnTimer<&LoadThread::end_rest> rest_timer_{*this};
  OwnTimer<&LoadThread::look> look_timer_{*this};
  OwnTimer<&LoadThread::look_in_flight> in_flight_timer_{*this};
  OwnTimer<&LoadThread::end_sending> end_timer_{*this};
  OwnTimer<&LoadThread::end_draining> drain_timer_{*this};

  Time start_{};       // the plan's zero
  Time count_from_{};  // start and warm-up
  Time end_ = Time::max();
  Time second_end_ = Time::max();
  Duration cpu_at_start_{};
  std::uint64_t issued_ = 0;
  std::uint64_t completed_before_ = 0;  // of the seconds that are over
  std::uint64_t bad_ = 0;               // without an answer below 400, in all
  std::uint64_t bad_before_ = 0;
  HdrHistogram second_;  // responses of this second; then added to the tally's
  HdrHistogram second_unanswered_;
  std::vector<HdrHistogram> second_classes_;         // by Job::classes
  std::array<std::uint64_t, 1000> status_before_{};  // of the seconds that are over
  std::uint64_t bytes_before_ = 0;
  std::minstd_rand moments_;
  std::uint64_t out_ = 0;  // requests without an answer
  double out_sum_ = 0;
  double out_squares_ = 0;
  bool sending_ = false;
  bool done_ = false;
  bool interrupted_ = false;
  LoadTally tally_;
};

}  // namespace paceline
