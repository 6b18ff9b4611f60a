// How many threads a call is worth.
#pragma once

namespace fastbp {

struct Cost {
  double work;     // multiplications and additions of a step
  double rate;     // of them a second, by one thread
  double traffic;  // bytes that one thread writes in a step and others read
  int barriers;    // of a step
  long steps;      // of the call
  int members;     // that can find work
};

constexpr int kMostMembers = 1 << 10;

// Measured on two cores of a server: a barrier takes 0.2 µs and unevenness as much again; what the other core has in
// its cache comes at 11 GB/s.
inline double seconds(const Cost& cost, int size) {
  constexpr double kBarrier = 0.5e-6;
  constexpr double kBytes = 11e9;
  constexpr double kThread = 60e-6;  // to make one
  const double shared = size > 1 ? cost.barriers * kBarrier + cost.traffic / kBytes : 0.0;
  return (cost.work / (cost.rate * size) + shared) * static_cast<double>(cost.steps) + kThread * (size - 1);
}

// The size of team, at most `most`, that is expected to be done first; a larger one must be worth a tenth.
inline int best_team_size(const Cost& cost, int most) {
  int best = 1;
  for (int size = 2; size <= most && size <= cost.members; ++size) {
    if (seconds(cost, size) < 0.9 * seconds(cost, best)) best = size;
  }
  return best;
}

}  // namespace fastbp
