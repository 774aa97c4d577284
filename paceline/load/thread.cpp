#include "paceline/load/thread.h"

#include <sys/prctl.h>

#include <algorithm>
#include <ctime>

namespace paceline {
namespace {

constexpr std::size_t kBufferSize = std::size_t{128} << 10;  // twice the longest head
// A server that refuses is asked again a hundred times a second by each connection, not as fast
// as the machine can.
constexpr Duration kRest = std::chrono::milliseconds(10);
// Not evenly: arrivals are, and a look in step with them would see always the same.
constexpr double kLookInFlight = 20e6;  // ns, the mean of exponential pauses
constexpr Duration kLook = std::chrono::milliseconds(20);
// The system may be late by a thousandth of a sleep. So a long one ends early, and a short one
// does the rest.
constexpr Duration kLongSleep = std::chrono::milliseconds(10);
constexpr Duration kShortSleep = std::chrono::milliseconds(2);

Duration thread_cpu() {
  timespec spent{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return std::chrono::seconds(spent.tv_sec) + Duration(spent.tv_nsec);
}

}  // namespace

LoadThread::LoadThread(Job job)
    : job_(job),
      loop_(kernel_),
      buffer_(kBufferSize),
      method_(method_from(job.options.method)),
      request_size_(job.requests.size() / job.options.pipeline),
      hook_requests_(job.hook != nullptr && job.hook->makes_requests()) {
  second_classes_.resize(job_.classes.size());
  for (std::uint32_t i = 0; i < job_.connections; ++i) {
    const std::uint32_t number = i * job_.part.threads + job_.part.thread;
    connections_.push_back(std::make_unique<LoadConnection>(*this, job_.options.pipeline, number));
    idle_.push_back(*connections_.back());
    if (job_.hook == nullptr) continue;
    connections_.back()->exchange_ =
        std::make_unique<LoadExchange>(*this, *connections_.back(), job_.hook->reads_answers());
  }
}

LoadThread::~LoadThread() = default;

void LoadThread::prepare() {
  ::prctl(PR_SET_TIMERSLACK, 1);
  if (!job_.options.keep_alive) return;
  for (const auto& connection : connections_) connection->open();
  const Deadline limit = Deadline::after(loop_.measure(), job_.options.timeout);
  while (opening_ > 0 && !limit.passed(loop_.measure()) && !stopped()) {
    loop_.turn(limit.sooner({loop_.measured() + kLook}).at);
  }
}

void LoadThread::run(Time start) {
  const LoadOptions& options = job_.options;
  start_ = start;
  count_from_ = start + options.warmup;
  second_end_ = count_from_ + 1s;
  if (options.log != nullptr) log_.emplace(*options.log, count_from_);
  if (job_.plan != nullptr) {
    end_ = start + job_.plan->length();
    arrivals_.emplace(*job_.plan, options.arrivals, options.seed, job_.part);
  } else if (options.requests == 0) {
    end_ = count_from_ + options.duration;
  }
  if (end_ != Time::max()) loop_.arm(end_timer_, end_);
  loop_.arm(look_timer_, start + kLook);
  while (loop_.measure() < start) loop_.turn(start);
  cpu_at_start_ = thread_cpu();
  moments_.seed(job_.part.thread + 1);
  look_in_flight();
  sending_ = true;
  if (job_.plan != nullptr) {
    arm_arrival();
  } else {
    for (const auto& connection : connections_) released(*connection, loop_.measure());
  }
  while (!done_) {
    loop_.turn(failed_.empty() ? Time::max() : loop_.now());
    List<LoadConnection> again;
    again.splice(failed_);
    while (LoadConnection* connection = again.pop_front()) released(*connection, loop_.measured());
    if (!sending_ && waiting_.empty()) done_ = true;
  }
  finish();
}

Time LoadThread::next_due() const {
  const Duration next = arrivals_->next();
  return next == Duration::max() ? Time::max() : start_ + next;
}

/// The connection has nothing to do: it takes what is due, or waits for it.
void LoadThread::released(LoadConnection& connection, Time now) {
  connection.unlink();
  connection.free_since = now;
  if (done_) return idle_.push_back(connection);
  if (job_.plan == nullptr) {
    if (sending_ && now < end_) {
      if (job_.hook == nullptr || !pause(connection, now)) ask_closed(connection, now);
      return;
    }
    sending_ = false;
    return idle_.push_back(connection);
  }
  if (next_due() <= now) return ask_open(connection, now);
  idle_.push_back(connection);
  if (!arrival_timer_.armed()) arm_arrival();
}

/// False when the hook wants no pause before the connection's next request.
bool LoadThread::pause(LoadConnection& connection, Time now) {
  const Duration delay = job_.hook->delay();
  if (delay > Duration::zero()) loop_.arm(*connection.exchange_, now + delay);
  obey_hook();
  if (delay <= Duration::zero() && !done_) return false;
  idle_.push_back(connection);
  return true;
}

void LoadThread::pause_over(LoadConnection& connection) {
  if (done_ || !sending_) return;
  connection.unlink();
  ask_closed(connection, loop_.measure());
}

void LoadThread::obey_hook() {
  if (!job_.hook->stopped()) return;
  done_ = true;
  end_ = std::min(end_, loop_.measured());
}

void LoadThread::ask_closed(LoadConnection& connection, Time now) {
  std::uint32_t count = job_.options.pipeline;
  if (counts(now)) {
    count = static_cast<std::uint32_t>(std::min<std::uint64_t>(count, job_.quota - issued_));
    issued_ += count;
    tally_.sent += count;
    if (issued_ == job_.quota) sending_ = false;
  }
  if (count == 0) return idle_.push_back(connection);
  for (std::uint32_t i = 0; i < count; ++i) connection.due(i) = now;
  ask_next(connection, count, now);
}

void LoadThread::ask_open(LoadConnection& connection, Time now) {
  std::uint32_t count = 0;
  for (; count < job_.options.pipeline; ++count) {
    const Time due = next_due();
    if (due > now) break;
    connection.due(count) = due;
    note_sent(due, connection.free_since, now);
    arrivals_->advance();
  }
  if (next_due() == Time::max()) sending_ = false;
  ask_next(connection, count, now);
}

void LoadThread::ask_next(LoadConnection& connection, std::uint32_t count, Time now) {
  if (hook_requests_) {
    connection.exchange_->asked(job_.hook->requests(count));
    if (connection.exchange_->requests().empty()) {
      done_ = true;
      return idle_.push_back(connection);
    }
  }
  waiting_.push_back(connection);
  out_ += count;
  if (!timeout_timer_.armed()) loop_.arm(timeout_timer_, now + job_.options.timeout);
  connection.ask(count, now);
}

void LoadThread::note_sent(Time due, Time free_since, Time now) {
  if (!counts(due)) return;
  ++tally_.sent;
  if (now < end_) ++tally_.sent_in_time;
  const Duration lag = now - due;
  const Duration connections =
      std::clamp<Duration>(free_since > due ? free_since - due : Duration{}, Duration{}, lag);
  tally_.lag.record(lag);
  tally_.lag_connections.record(connections);
  tally_.lag_generator.record(lag - connections);
}

void LoadThread::arm_arrival() {
  const Time due = next_due();
  if (due == Time::max()) return;
  const bool far = due - loop_.measured() > kLongSleep;
  loop_.arm(arrival_timer_, far ? due - kShortSleep : due);
}

void LoadThread::arrive() {
  Time now = loop_.measure();
  while (next_due() <= now) {
    LoadConnection* connection = idle_.pop_front();
    if (connection == nullptr) return;  // the next one that is free takes it
    ask_open(*connection, now);
    now = loop_.measure();
  }
  arm_arrival();
}

void LoadThread::answered(Time due, Time sent, Time now, unsigned status) {
  --out_;
  if (!counts(due)) return;
  if (now >= second_end_) [[unlikely]] {
    roll_second(now);
  }
  second_.record(now - due);
  if (job_.plan != nullptr) tally_.service.record(now - sent);
  ++tally_.completed;
  ++tally_.status[status];
  tally_.last_answer = now - count_from_;
  for (std::size_t i = 0; i < second_classes_.size(); ++i) [[unlikely]] {
    if (job_.classes[i].has(status)) second_classes_[i].record(now - due);
  }
  if (status >= 400) [[unlikely]] {
    ++bad_;
    tally_.failed_response.record(now - due);
  }
}

void LoadThread::failed(LoadConnection& connection, const LoadFailure& failure) {
  const Time now = loop_.measure();
  const std::uint32_t outstanding = connection.outstanding();
  out_ -= outstanding;
  LoadFailure counted = failure;
  if (outstanding == 0) {  // it stays where it is, idle, and opens again when it is needed
    if (job_.hook != nullptr) job_.hook->failed(counted);
    counted.count = 1;
    return tally_.count_failure(counted);
  }
  if (now >= second_end_) roll_second(now);
  for (std::uint32_t i = 0; i < outstanding; ++i) {
    const Time due = connection.due_of_outstanding(i);
    if (!counts(due)) continue;
    second_.record(now - due);
    second_unanswered_.record(now - due);
    if (job_.plan != nullptr) tally_.service.record(now - connection.sent());
    tally_.failed_response.record(now - due);
    log_loss(connection, due, now, to_string(failure.stage));
    if (failure.stage == LoadStage::timeout) tally_.note_lower_bound(now - due);
    ++tally_.errors[static_cast<std::size_t>(failure.stage)];
    ++counted.count;
    ++bad_;
  }
  if (counted.count > 0) tally_.count_failure(counted);
  if (job_.hook != nullptr) {
    job_.hook->failed(counted);
    obey_hook();
  }
  connection.unlink();
  if (failure.stage != LoadStage::connect) return failed_.push_back(connection);
  resting_.push_back(connection);
  if (!rest_timer_.armed()) loop_.arm(rest_timer_, now + kRest);
}

/// A request without an answer; `now` is when nobody waited for one any longer.
void LoadThread::log_loss(const LoadConnection& connection, Time due, Time now,
                          std::string_view outcome) {
  if (!log_) return;
  log_->add({.due = due,
             .sent = connection.sent(),
             .end = now,
             .connection = connection.number,
             .outcome = outcome});
}

void LoadThread::end_rest() {
  List<LoadConnection> rested;
  rested.splice(resting_);
  while (LoadConnection* each = rested.pop_front()) released(*each, loop_.measure());
}

void LoadThread::give_up() {
  const Duration timeout = job_.options.timeout;
  while (!waiting_.empty() && waiting_.front().sent() + timeout <= loop_.now()) {
    waiting_.front().fail({.stage = LoadStage::timeout});
  }
  if (!waiting_.empty()) loop_.arm(timeout_timer_, waiting_.front().sent() + timeout);
}

void LoadThread::look() {
  if (job_.hook != nullptr) {
    job_.hook->tick(loop_.now());
    obey_hook();
  }
  if (stopped()) {
    interrupted_ = done_ = true;
    end_ = std::min(end_, loop_.now());
    return;
  }
  if (job_.ended.load(std::memory_order_relaxed)) {
    done_ = true;
    end_ = std::min(end_, loop_.now());
    return;
  }
  // Who follows wants to hear of a second without answers, too.
  if (job_.board != nullptr && loop_.now() >= second_end_) roll_second(loop_.now());
  loop_.arm(look_timer_, loop_.now() + kLook);
}

void LoadThread::look_in_flight() {
  if (loop_.now() >= count_from_) {
    const auto out = static_cast<double>(out_);
    ++tally_.looks;
    out_sum_ += out;
    out_squares_ += out * out;
  }
  std::exponential_distribution<double> pause(1 / kLookInFlight);
  loop_.arm(in_flight_timer_, loop_.now() + Duration(static_cast<std::int64_t>(pause(moments_))));
}

void LoadThread::end_sending() {
  note_cpu();
  if (job_.plan == nullptr) sending_ = false;
  loop_.arm(drain_timer_, end_ + job_.options.drain.value_or(job_.options.timeout));
}

void LoadThread::end_draining() { done_ = true; }

void LoadThread::note_cpu() {
  const std::chrono::duration<double> spent = thread_cpu() - cpu_at_start_;
  const std::chrono::duration<double> took = loop_.measure() - start_;
  tally_.cpu_share.assign(1, took.count() > 0 ? spent / took : 0);
}

void LoadThread::roll_second(Time now) {
  while (now >= second_end_) {
    tally_.response.add(second_);
    tally_.seconds.push_back(take_second());
    if (job_.board != nullptr) job_.board->put(job_.part.thread, tally_.seconds.back());
    second_end_ += 1s;
  }
}

/// What happened since it was called last.
LoadSecond LoadThread::take_second() {
  LoadSecond second;
  second.completed = tally_.completed - completed_before_;
  second.failed = bad_ - bad_before_;
  second.bytes_read = tally_.bytes_read - bytes_before_;
  second.response = slots_of(second_);
  second.unanswered = slots_of(second_unanswered_);
  for (HdrHistogram& each : second_classes_) {
    second.classes.push_back(slots_of(each));
    each.clear();
  }
  for (std::size_t i = 0; i < tally_.status.size(); ++i) {
    const std::uint64_t count = tally_.status[i] - status_before_[i];
    if (count > 0) second.status.emplace_back(static_cast<std::uint16_t>(i), count);
  }
  second_.clear();
  second_unanswered_.clear();
  completed_before_ = tally_.completed;
  bad_before_ = bad_;
  bytes_before_ = tally_.bytes_read;
  status_before_ = tally_.status;
  return second;
}

void LoadThread::count_lower_bound(Time due, Time now) {
  second_.record(now - due);
  second_unanswered_.record(now - due);
  tally_.failed_response.record(now - due);
  tally_.note_lower_bound(now - due);
}

/// What has no end yet is counted with what it has taken so far.
void LoadThread::finish() {
  const Time now = loop_.measure();
  if (tally_.cpu_share.empty()) note_cpu();
  if (end_ == Time::max()) end_ = now;
  tally_.counted = std::max(Duration{}, now - count_from_);
  if (tally_.looks > 0) {
    const auto looks = static_cast<double>(tally_.looks);
    tally_.in_flight = out_sum_ / looks;
    tally_.in_flight_error =
        std::max(0.0, out_squares_ / looks - tally_.in_flight * tally_.in_flight) / looks;
  }
  roll_second(now);
  waiting_.for_each([&](const LoadConnection& connection) {
    for (std::uint32_t i = 0; i < connection.outstanding(); ++i) {
      const Time due = connection.due_of_outstanding(i);
      if (!counts(due)) continue;
      ++tally_.unfinished;
      log_loss(connection, due, now, "unfinished");
      count_lower_bound(due, now);
      if (job_.hook != nullptr) job_.hook->unfinished(now - due);
      if (job_.plan != nullptr) tally_.service.record(now - connection.sent());
    }
  });
  for (; arrivals_ && next_due() < std::min(end_, now); arrivals_->advance()) {
    const Time due = next_due();
    if (!counts(due)) continue;
    ++tally_.unsent;
    if (log_) log_->add({.due = due, .outcome = "unsent"});
    count_lower_bound(due, now);
    tally_.lag.record(now - due);
    tally_.lag_connections.record(now - due);
  }
  if (!second_.empty()) roll_second(second_end_);  // the last one, in part
  log_.reset();
}

}  // namespace paceline
