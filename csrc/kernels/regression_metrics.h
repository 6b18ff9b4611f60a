// Metrics of errors that are no mean over samples.
#pragma once

#include "kernels/mean_metrics.h"

namespace fastbp {
namespace {

// The number of samples and Σ weight; then for each node Σ t, Σ t², Σ (t - y)², weighted. state (2 + 3·nodes)
struct R2Score {
  static constexpr const char* name = "r2_score";
  static constexpr bool sparse = false;
  static constexpr bool uses_scratch = false;
  static constexpr Settings settings = {};

  static long state_size(long nodes, const double*) { return 2 + 3 * nodes; }

  template <typename T>
  static void accumulate(double* state, T*, const T* y, Targets<T> targets, const T* weights, long nodes, long samples,
                         long stride, const double*) {
    for (long s = 0; s < samples; ++s) {
      state[0] += 1.0;
      state[1] += weight_of(weights, s);
    }
    double* sums = state + 2;
    for (long c = 0; c < nodes; ++c, sums += 3) {
      for (long s = 0; s < samples; ++s) {
        const double weight = weight_of(weights, s);
        const double target = static_cast<double>(targets.dense[c * stride + s]);
        const double error = target - static_cast<double>(y[c * stride + s]);
        sums[0] += weight * target;
        sums[1] += weight * target * target;
        sums[2] += weight * error * error;
      }
    }
  }
};

}  // namespace
}  // namespace fastbp
