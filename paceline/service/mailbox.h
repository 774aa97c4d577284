// Hands values from one thread to a loop.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "paceline/core.h"
#include "paceline/loop.h"

namespace paceline {

/// put() from any thread; `receive` runs on the loop with all that came since. Bounded by its
/// writer: what may be under way is limited before.
template <class T>
class Mailbox final : Watch {
 public:
  using Receive = std::function<void(std::vector<T> items)>;

  static Result<std::unique_ptr<Mailbox>> create(Loop& loop, Receive receive) {
    Fd wake(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    if (!wake) return fail_errno("eventfd");
    std::unique_ptr<Mailbox> mailbox(new Mailbox(loop, std::move(wake), std::move(receive)));
    PACELINE_TRY(loop.add(*mailbox, mailbox->wake_.get(), EPOLLIN));
    mailbox->watching_ = true;
    return mailbox;
  }
  ~Mailbox() {
    if (watching_) loop_.remove(*this, wake_.get());
  }

  void put(std::vector<T> items) {
    bool first = false;
    {
      const std::lock_guard lock(mutex_);
      first = items_.empty();
      std::move(items.begin(), items.end(), std::back_inserter(items_));
    }
    if (first) eventfd_write(wake_.get(), 1);
  }

 private:
  Mailbox(Loop& loop, Fd wake, Receive receive)
      : loop_(loop), wake_(std::move(wake)), receive_(std::move(receive)) {}
  void ready(std::uint32_t) override {
    eventfd_t ignored = 0;
    eventfd_read(wake_.get(), &ignored);
    std::vector<T> items;
    {
      const std::lock_guard lock(mutex_);
      items.swap(items_);
    }
    if (!items.empty()) receive_(std::move(items));
  }

  Loop& loop_;
  Fd wake_;
  bool watching_ = false;
  Receive receive_;
  std::mutex mutex_;
  std::vector<T> items_;
};

}  // namespace paceline
