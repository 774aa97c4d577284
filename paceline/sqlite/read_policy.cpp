#include "paceline/sqlite/read_policy.h"

#include <algorithm>

namespace paceline {

ReadPlace ReadPolicy::choose(Time now) {
  if (home_ == ReadPlace::loop || now < trial_at_) return home_;
  if (mean_ > options_.sample_max / 2) {
    longer_pause(now);  // the pool's own times say that a trial would fail
    return home_;
  }
  trial_at_ = now + pause_;
  ++trials_;
  return ReadPlace::loop;
}

void ReadPolicy::ran_on_loop(Duration took, Time now) {
  if (home_ == ReadPlace::pool) {
    follow(took);
    if (took > options_.slow) return longer_pause(now);
    home_ = ReadPlace::loop;
    mean_ = took;
    returned_at_ = now;
    return;
  }
  follow(took);
  if (mean_ <= options_.slow) return;
  home_ = ReadPlace::pool;
  ++moves_;
  const bool lasted = returned_at_ == Time::min() || now - returned_at_ > options_.trial_pause_max;
  if (lasted) pause_ = Duration::zero();
  longer_pause(now);
}

void ReadPolicy::ran_on_pool(Duration took) { follow(took); }

void ReadPolicy::follow(Duration took) {
  mean_ += (std::min(took, options_.sample_max) - mean_) / options_.weight;
}

void ReadPolicy::longer_pause(Time now) {
  pause_ = std::clamp(pause_ * 2, options_.trial_pause, options_.trial_pause_max);
  trial_at_ = now + pause_;
}

}  // namespace paceline
