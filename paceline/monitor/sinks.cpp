#include "paceline/monitor/sinks.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <thread>

#include "paceline/monitor/alert_body.h"
#include "paceline/monitor/delivery.h"

namespace paceline {
namespace {

constexpr Duration kFlushLimit = std::chrono::seconds(1);
constexpr std::string_view kAlertmanagerPath = "/api/v2/alerts";

std::string target(const SinkConfig& config) {
  if (config.kind != SinkKind::alertmanager) return config.url;
  const bool slash = config.url.ends_with('/');
  return config.url.substr(0, config.url.size() - (slash ? 1 : 0)) + std::string(kAlertmanagerPath);
}

}  // namespace

struct Sink::Inside {
  Inside(SinkConfig c, SinkOrigin o, Log& l)
      : config(std::move(c)), origin(std::move(o)), log(l), random(std::random_device{}()) {
    if (config.kind != SinkKind::command) poster.emplace(target(config), config.token);
    thread = std::thread([this] { work(); });
  }

  bool wants(const AlertNotice& notice) const {
    return notice.severity == Severity::page ? config.pages : config.tickets;
  }
  void enqueue(const AlertNotice& notice);
  bool repeat(const std::vector<AlertNotice>& visible);
  bool has_work() const {
    return config.kind == SinkKind::alertmanager ? visible_is_new : !queue.empty();
  }
  bool wait_for_work(std::unique_lock<std::mutex>& lock);
  void work();
  void deliver(std::unique_lock<std::mutex>& lock);
  Attempt attempt(const std::string& body);
  std::string next_body();
  void settle(const Attempt& attempt);
  Duration pause();

  const SinkConfig config;
  const SinkOrigin origin;
  Log& log;
  std::optional<Poster> poster;
  StopMark stop;
  std::minstd_rand random;

  mutable std::mutex mutex;
  std::condition_variable changed;
  // Under the mutex, from here.
  bool stopping = false;
  std::deque<AlertNotice> queue;          // webhook, command: to be told one by one, in order
  std::map<std::string, Time> repeat_at;  // of the alerts that fire, by name
  std::vector<AlertNotice> visible;       // alertmanager: all that it should know
  bool visible_is_new = false;
  std::optional<AlertNotice> current;  // taken from the queue, not told yet
  std::uint32_t attempts = 0;          // of what is to be told next
  Time due = Time::min();              // not before
  Time resend_at = Time::max();
  SinkCounts counts;

  std::thread thread;
};

/// False when there is nothing left to do.
bool Sink::Inside::wait_for_work(std::unique_lock<std::mutex>& lock) {
  while (true) {
    const Time now = Clock::now();
    if (now >= resend_at) visible_is_new = true;
    const bool work = current || has_work();
    if (stopping) return work && attempts == 0 && !stop.reached();
    if (work && now >= due) return true;
    const Time until = work ? due : resend_at;
    if (until == Time::max()) {
      changed.wait(lock);
    } else {
      changed.wait_until(lock, until);
    }
  }
}

void Sink::Inside::work() {
  std::unique_lock lock(mutex);
  while (wait_for_work(lock)) deliver(lock);
}

std::string Sink::Inside::next_body() {
  if (config.kind == SinkKind::alertmanager) {
    visible_is_new = false;
    const WallTime expires = std::chrono::system_clock::now() +
                             std::chrono::duration_cast<WallTime::duration>(4 * config.resend);
    return alertmanager_body(visible, origin, expires);
  }
  if (!current) {
    current = std::move(queue.front());
    queue.pop_front();
  }
  return webhook_body(*current, config.name, origin);
}

void Sink::Inside::deliver(std::unique_lock<std::mutex>& lock) {
  const std::string body = next_body();
  lock.unlock();
  const Attempt result = attempt(body);
  lock.lock();
  settle(result);
}

Attempt Sink::Inside::attempt(const std::string& body) {
  if (poster) return poster->post_blocking(body, config.timeout, stop);
  return run_command_blocking(config.command, body, config.timeout, stop);
}

void Sink::Inside::settle(const Attempt& attempt) {
  const bool repeats = config.kind == SinkKind::alertmanager;
  if (repeats) resend_at = visible.empty() ? Time::max() : Clock::now() + config.resend;
  ++attempts;
  const bool over = attempts >= config.attempts_max || attempt.result == Delivery::refused;
  if (attempt.result == Delivery::done || over) {
    ++(attempt.result == Delivery::done ? counts.sent : counts.failed);
    if (attempt.result != Delivery::done) {
      log.write(LogLevel::error, "an alert could not be told",
                {{"sink", config.name},
                 {"attempts", static_cast<std::int64_t>(attempts)},
                 {"reason", attempt.why}});
    }
    current.reset();
    attempts = 0;
    due = Time::min();
    return;
  }
  if (attempts == 1) {
    log.write(LogLevel::warning, "an alert was not told yet",
              {{"sink", config.name}, {"reason", attempt.why}});
  }
  ++counts.retried;
  if (repeats) visible_is_new = true;
  due = Clock::now() + pause();
}

Duration Sink::Inside::pause() {
  Duration pause = config.pause_first;
  for (std::uint32_t i = 1; i < attempts && pause < config.pause_max; ++i) pause *= 2;
  pause = std::min(pause, config.pause_max);
  std::uniform_real_distribution<double> jitter(0.75, 1.25);
  return Duration(static_cast<std::int64_t>(static_cast<double>(pause.count()) * jitter(random)));
}

void Sink::Inside::enqueue(const AlertNotice& notice) {
  if (queue.size() >= config.queue_max) {
    queue.pop_front();
    ++counts.dropped;
  }
  queue.push_back(notice);
  if (notice.state == AlertState::firing) {
    repeat_at[notice.name] = Clock::now() + config.repeat;
  } else {
    repeat_at.erase(notice.name);
  }
}

/// Only to a receiver that knows all else: what is new must not be dropped for what is not.
bool Sink::Inside::repeat(const std::vector<AlertNotice>& now_visible) {
  if (config.repeat == Duration::zero() || current || !queue.empty()) return false;
  const Time now = Clock::now();
  for (const AlertNotice& notice : now_visible) {
    const auto told = repeat_at.find(notice.name);
    if (told == repeat_at.end() || told->second > now) continue;
    enqueue(notice);
  }
  return !queue.empty();
}

Sink::Sink(SinkConfig config, SinkOrigin origin, Log& log)
    : inside_(std::make_unique<Inside>(std::move(config), std::move(origin), log)) {}

void Sink::end() {
  const std::lock_guard lock(inside_->mutex);
  if (inside_->stopping) return;
  inside_->stopping = true;
  inside_->stop.stop_at(Clock::now() + kFlushLimit);
  inside_->changed.notify_one();
}

Sink::~Sink() {
  end();
  inside_->thread.join();
}

void Sink::tell(const std::vector<AlertNotice>& changed, const std::vector<AlertNotice>& visible) {
  Inside& in = *inside_;
  const std::lock_guard lock(in.mutex);
  bool news = std::ranges::any_of(changed, [&](const auto& n) { return in.wants(n); });
  if (in.config.kind == SinkKind::alertmanager) {
    in.visible.clear();
    std::ranges::copy_if(visible, std::back_inserter(in.visible), [&](const AlertNotice& notice) {
      return in.wants(notice) && notice.state != AlertState::pending;
    });
    if (news) in.visible_is_new = true;
  } else {
    for (const AlertNotice& notice : changed) {
      if (in.wants(notice)) in.enqueue(notice);
    }
    if (in.repeat(visible)) news = true;
  }
  if (news) in.changed.notify_one();
}

SinkCounts Sink::counts() const {
  const std::lock_guard lock(inside_->mutex);
  SinkCounts counts = inside_->counts;
  counts.waiting = inside_->queue.size() + (inside_->current ? 1 : 0);
  return counts;
}

const SinkConfig& Sink::config() const { return inside_->config; }

}  // namespace paceline
