#include "paceline/loop/task.h"

#include <array>
#include <new>

namespace paceline {
namespace {

constexpr std::size_t kStep = 64;     // bytes between size classes
constexpr std::size_t kClasses = 32;  // frames up to 2 KiB are kept
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
constexpr std::size_t kKeptMax = 0;  // or the sanitizer could not see the use of a freed frame
#else
constexpr std::size_t kKeptMax = 1024;  // frames kept in one class of one thread
#endif

struct FreeFrame {
  FreeFrame* next;
};

struct FreeLists {
  std::array<FreeFrame*, kClasses> heads{};
  std::array<std::size_t, kClasses> kept{};
  std::size_t frames = 0;  // in use
  bool alive = true;
  ~FreeLists() {
    alive = false;
    for (FreeFrame*& head : heads) {
      while (head != nullptr) ::operator delete(std::exchange(head, head->next));
    }
  }
};

thread_local FreeLists free_lists;

}  // namespace

void* frame_allocate(std::size_t size) {
  const std::size_t slot = (size - 1) / kStep;
  ++free_lists.frames;
  if (slot >= kClasses) return ::operator new(size);
  FreeFrame*& head = free_lists.heads[slot];
  if (head == nullptr) return ::operator new((slot + 1) * kStep);
  --free_lists.kept[slot];
  return std::exchange(head, head->next);
}

void frame_free(void* frame, std::size_t size) noexcept {
  const std::size_t slot = (size - 1) / kStep;
  --free_lists.frames;
  if (slot >= kClasses || !free_lists.alive || free_lists.kept[slot] >= kKeptMax) {
    ::operator delete(frame);
    return;
  }
  ++free_lists.kept[slot];
  free_lists.heads[slot] = new (frame) FreeFrame{free_lists.heads[slot]};
}

std::size_t frames_alive() { return free_lists.frames; }

}  // namespace paceline
