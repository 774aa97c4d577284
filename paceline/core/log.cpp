#include "paceline/core/log.h"

#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/sinks/sink.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>

#include "paceline/core/log_format.h"
#include "paceline/core/log_writer.h"
#include "paceline/core/text.h"

namespace paceline {
namespace {

/// Every signal blocked while it lives. A thread started meanwhile inherits that: signals meant
/// for the program never land on it, and a SIGPIPE of its own stays pending until it ends.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

std::string format_line(const LogOptions& options, LogLevel level, std::string_view event,
                        std::span<const LogField> fields) {
  const LogLine line{std::chrono::system_clock::now(), level, options.role, event, fields};
  return options.json ? log_json(line) : log_text(line);
}

/// Where spdlog's writer thread ends: lines come formatted, only the bytes are left to write.
class LineSink final : public spdlog::sinks::sink {
 public:
  explicit LineSink(const LogOptions& options) : options_(options), writer_(options.fd) {}
  void log(const spdlog::details::log_msg& message) override {
    say_dropped();
    writer_.write({message.payload.data(), message.payload.size()});
  }
  void flush() override {}
  void set_pattern(const std::string&) override {}
  void set_formatter(std::unique_ptr<spdlog::formatter>) override {}
  void finish(Time deadline) { writer_.finish(deadline); }
  void watch(spdlog::details::thread_pool* pool) { pool_.store(pool); }
  std::uint64_t dropped() const {
    auto* pool = pool_.load();
    return writer_.lost() + (pool == nullptr ? 0 : pool->overrun_counter());
  }

 private:
  void say_dropped() {
    const std::uint64_t now = dropped();
    if (now == said_) return;
    const std::array<LogField, 1> fields = {
        LogField{"lines", static_cast<std::int64_t>(now - said_)}};
    if (writer_.write(format_line(options_, LogLevel::warning, "log lines dropped", fields))) {
      said_ = now;
    }
  }

  const LogOptions& options_;
  LogWriter writer_;
  std::atomic<spdlog::details::thread_pool*> pool_{nullptr};
  std::uint64_t said_ = 0;
};

}  // namespace

struct Log::Inside {
  explicit Inside(LogOptions given) : options(std::move(given)) {
    check(options.queue_max > 0, "the log's queue has room");
    const SignalsBlocked blocked;
    sink = std::make_shared<LineSink>(options);
    pool = std::make_shared<spdlog::details::thread_pool>(options.queue_max, 1);
    sink->watch(pool.get());
    logger = std::make_shared<spdlog::async_logger>("paceline", sink, pool,
                                                    spdlog::async_overflow_policy::overrun_oldest);
    logger->set_level(spdlog::level::trace);
    // What spdlog would print to stderr itself, blocking: only want of memory can come here.
    logger->set_error_handler([this](const std::string&) { ++failed; });
  }

  LogOptions options;
  // Shared because spdlog's logger and its queued messages hold them.
  std::shared_ptr<LineSink> sink;
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<spdlog::async_logger> logger;
  std::atomic<std::uint64_t> failed{0};
};

Log::Log(LogOptions options) : inside_(std::make_unique<Inside>(std::move(options))) {}

Log::~Log() {
  inside_->sink->finish(Clock::now() + inside_->options.flush_limit);
  // The pool's destructor queues a last message behind the lines and joins the writer.
  inside_->pool.reset();
}

void Log::write(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
  write(level, event, std::span(fields.begin(), fields.size()));
}

void Log::write(LogLevel level, std::string_view event, std::span<const LogField> fields) {
  if (!enabled(level)) return;
  const std::string line = format_line(inside_->options, level, event, fields);
  inside_->logger->log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
}

bool Log::enabled(LogLevel level) const {
  return level >= inside_->options.level && level != LogLevel::off;
}

std::uint64_t Log::dropped() const {
  return inside_->sink->dropped() + inside_->failed.load(std::memory_order_relaxed);
}

}  // namespace paceline
