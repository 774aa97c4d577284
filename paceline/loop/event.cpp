#include "paceline/loop/event.h"

namespace paceline {

void Event::set() {
  set_ = true;
  notify();
}

void Event::notify() {
  while (Entry* entry = waiting_.pop_front()) {
    entry->notified = true;
    loop_.make_ready(*entry);
  }
}

}  // namespace paceline
