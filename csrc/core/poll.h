// A question asked between batches: has somebody pressed Ctrl-C?
#pragma once

#include <chrono>
#include <functional>

namespace fastbp {

// Calls `check` at most every 50 ms; check throws to stop the work.
class Poll {
 public:
  explicit Poll(std::function<void()> check) : check_(std::move(check)), next_(Clock::now() + kInterval) {}

  void operator()() {
    const Clock::time_point now = Clock::now();
    if (now < next_) return;
    check_();
    next_ = now + kInterval;
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kInterval{50};

  std::function<void()> check_;
  Clock::time_point next_;
};

}  // namespace fastbp
