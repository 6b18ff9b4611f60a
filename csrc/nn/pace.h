// Whether a team is faster than its leader alone: not foretold, but tried.
//
// How long members wait for each other, and for what others have in their caches, depends on the machine and on what
// else it does. So steps are timed both ways now and then, and the faster way is kept until the next trial. As results
// do not depend on the team, nobody sees it but by the time.
#pragma once

#include <algorithm>

namespace fastbp {

class Pace {
 public:
  // So many steps, by the whole team or by its leader alone.
  struct Stretch {
    bool shared;
    long steps;
  };

  // `gain`: how many times as fast the team is expected to be, in steps of so many seconds. Where that is much and
  // steps are long, they are shared for a while before the first trial, so that a short fit need not pay for it.
  explicit Pace(double gain = 1, double seconds = 0) : left_(gain < kClear || seconds < kLong ? 0 : kFirst) {}

  // Whether the next so many steps may need the team.
  bool wants_team(long steps) const { return shared_ || left_ < steps; }

  // The next steps, of `most` that are left.
  Stretch next(long most) {
    if (left_ == 0 && trial_ < kTrials) {
      shared_ = trial_ < kTrials / 2;
      left_ = block_;
      ++trial_;
    } else if (left_ == 0) {
      shared_ = best_[1] < kWorthIt * best_[0];
      const double least = kBetweenTrials * tried_;
      left_ = static_cast<long>(std::min(least * patience_, std::max(least, kSoon)) / std::max(best_[shared_], 1e-9));
      trial_ = 0, tried_ = 0, patience_ *= 2;
    }
    return {shared_, std::min(left_, most)};
  }

  void record(const Stretch& stretch, double seconds) {
    const double each = seconds / static_cast<double>(stretch.steps);
    if (trial_ > 0) tried_ += seconds;
    if (trial_ == 0 && stretch.shared && best_[0] > 0 && each > kLuck * best_[0]) shared_ = false;
    double& best = best_[stretch.shared];
    best = trial_ > 0 && trial_ % 2 == 0 ? std::min(best, each) : each;  // of two trials; those before count no more
    block_ = static_cast<long>(std::clamp(kTrialSeconds / each, 1.0, kMostSteps));
    skip(stretch.steps);
  }

  // Of steps that were not timed.
  void skip(long steps) { left_ = std::max(0L, left_ - steps); }

  // After a rest of the program's what was found out may hold no more; and other cores are slow to wake, so what a
  // first trial finds then may not hold for long.
  void renew() {
    patience_ = kHasty;
    left_ = std::min(left_, static_cast<long>(kHasty * kBetweenTrials * kTrials) * block_);
  }

 private:
  static constexpr int kTrials = 4;              // twice the team, twice its leader: the caches are each one's own then
  static constexpr double kBetweenTrials = 40;   // times as long as they took
  static constexpr double kHasty = 0.125;        // times that, at first
  static constexpr double kTrialSeconds = 1e-4;  // so much of each, but one step at least
  static constexpr double kMostSteps = 64;
  static constexpr double kSoon = 1;  // second: trials become rarer up to then
  static constexpr double kWorthIt = 0.95;
  static constexpr double kLuck = 1.1;  // times as long as the leader alone: what a trial found was luck
  static constexpr double kClear = 1.5;
  static constexpr double kLong = 5e-4;
  static constexpr long kFirst = 64;  // steps

  bool shared_ = true;
  long left_;                 // steps until something else
  int trial_ = 0;             // how many of them have begun
  long block_ = 1;            // steps of one
  double tried_ = 0;          // seconds
  double patience_ = kHasty;  // times as long between trials
  double best_[2] = {};       // seconds of a step: of the leader alone, of the team
};

}  // namespace fastbp
