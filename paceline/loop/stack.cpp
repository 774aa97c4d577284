#include "paceline/loop/stack.h"

#include <sched.h>
#include <ucontext.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <ctime>

namespace paceline {
namespace {

int stack_signal() { return SIGRTMIN + 1; }

#if defined(__x86_64__)
constexpr std::array<int, 17> kRegisters = {REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI,
                                            REG_RBP, REG_RSP, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                            REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};
constexpr std::size_t kStackPointer = 7;

/// Reads other functions' locals, which sanitizers must not mind.
[[clang::no_sanitize("address", "thread", "undefined"), gnu::noinline]] void copy_stack(
    StackCopy& copy, const ucontext_t& context, std::uint64_t high) {
  for (std::size_t i = 0; i < kRegisters.size(); ++i) {
    copy.registers[i] = static_cast<std::uint64_t>(context.uc_mcontext.gregs[kRegisters[i]]);
  }
  copy.from = copy.registers[kStackPointer] & ~std::uint64_t{7};
  copy.count = 0;
  if (copy.from >= high) return;  // on a stack of its own: nothing is known about its end
  // Volatile, so that the loop does not become a call of memcpy, which sanitizers check.
  const auto* word = reinterpret_cast<const volatile std::uint64_t*>(copy.from);  // NOLINT
  const std::uint64_t words = (high - copy.from) / 8;
  copy.count = words < StackCopy::words_max ? words : StackCopy::words_max;
  for (std::size_t i = 0; i < copy.count; ++i) copy.words[i] = word[i];
}
#else
void copy_stack(StackCopy& copy, const ucontext_t&, std::uint64_t) { copy.count = 0; }
#endif

}  // namespace

StackTaker::StackTaker() : thread_(pthread_self()) {
  pthread_attr_t attributes;
  check(pthread_getattr_np(thread_, &attributes) == 0, "pthread_getattr_np");
  void* low = nullptr;
  std::size_t size = 0;
  check(pthread_attr_getstack(&attributes, &low, &size) == 0, "pthread_attr_getstack");
  pthread_attr_destroy(&attributes);
  high_ = reinterpret_cast<std::uint64_t>(low) + size;
  check(sem_init(&taken_, 0, 0) == 0, "sem_init");
  // Stays installed: the default for a signal that comes late is to end the process.
  struct sigaction action{};
  action.sa_sigaction = &StackTaker::handle;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigemptyset(&action.sa_mask);
  check(sigaction(stack_signal(), &action, nullptr) == 0, "sigaction");
}

StackTaker::~StackTaker() {
  // A signal on its way to this thread arrives here at the latest, when a system call returns.
  while (state_.load(std::memory_order_acquire) == State::asked) sched_yield();
  sem_destroy(&taken_);
}

void StackTaker::handle(int /*signal*/, siginfo_t* info, void* context) {
  if (info->si_code != SI_QUEUE || info->si_pid != ::getpid()) return;
  const int before = errno;
  auto* taker = static_cast<StackTaker*>(info->si_value.sival_ptr);
  copy_stack(taker->copy_, *static_cast<const ucontext_t*>(context), taker->high_);
  taker->state_.store(State::idle, std::memory_order_release);
  sem_post(&taker->taken_);
  errno = before;
}

const StackCopy* StackTaker::take(Duration patience) {
  if (state_.load(std::memory_order_acquire) == State::asked) return nullptr;  // still on its way
  while (sem_trywait(&taken_) == 0) {
  }
  state_.store(State::asked, std::memory_order_release);
  sigval value{};
  value.sival_ptr = this;
  if (pthread_sigqueue(thread_, stack_signal(), value) != 0) {
    state_.store(State::idle, std::memory_order_release);
    return nullptr;
  }
  const Duration until = Clock::now().time_since_epoch() + patience;
  const timespec limit{.tv_sec = static_cast<time_t>(until / std::chrono::seconds(1)),
                       .tv_nsec = (until % std::chrono::seconds(1)).count()};
  while (sem_clockwait(&taken_, CLOCK_MONOTONIC, &limit) != 0) {
    if (errno != EINTR) return nullptr;
  }
  return copy_.count > 0 ? &copy_ : nullptr;
}

}  // namespace paceline
