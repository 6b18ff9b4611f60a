// Metrics that are the weighted mean of one value for each sample: state (Σ weight·value, Σ weight).
#pragma once

#include "kernels/losses.h"

namespace fastbp {
namespace {

template <typename T>
FASTBP_INLINE double weight_of(const T* weights, long sample) {
  return weights ? static_cast<double>(weights[sample]) : 1.0;
}

template <typename T>
FASTBP_INLINE void add_weighted(double* state, const V<T>& values, const T* weights, long sample, long samples) {
  for (long i = 0; i < smaller(kLanes<T>, samples - sample); ++i) {
    const double weight = weight_of(weights, sample + i);
    state[0] += weight * static_cast<double>(values[i]);
    state[1] += weight;
  }
}

// The mean of F::column, which takes a vector of samples at a time.
template <typename F>
struct MeanOf : F {
  static constexpr bool uses_scratch = false;

  static long state_size(long, const double*) { return 2; }

  template <typename T>
  static void accumulate(double* state, T*, const T* y, Targets<T> targets, const T* weights, long nodes, long samples,
                         long stride, const double* settings) {
    for (long s = 0; s < samples; s += kLanes<T>) {
      const V<T> values = F::template column<T>(y + s, TargetColumn<T>(targets, s), nodes, stride, settings);
      add_weighted<T>(state, values, weights, s, samples);
    }
  }
};

// A loss of targets -1 and 1 that takes 0 for -1.
template <typename F>
struct WithZeros : F {
  template <typename T>
  FASTBP_INLINE static Term<T> of(V<T> y, V<T> t, const double* settings, long c) {
    return F::template of<T>(y, t == T(0) ? broadcast<T>(T(-1)) : t, settings, c);
  }
};

constexpr Settings with_from_logits(const Settings& of_loss) {
  Settings settings = of_loss;
  settings.count = of_loss.count + 1;
  settings.names[0] = "from_logits";
  for (int i = 0; i < of_loss.count; ++i) settings.names[i + 1] = of_loss.names[i];
  return settings;
}

// The mean of a loss. Its slopes go to the scratch, and are forgotten.
template <typename F>
struct MeanLoss {
  static constexpr const char* name = F::name;
  static constexpr bool sparse = F::sparse;
  static constexpr bool uses_scratch = true;
  static constexpr Settings settings = with_from_logits(F::settings);

  static long state_size(long, const double*) { return 2; }

  template <typename T>
  static void accumulate(double* state, T* scratch, const T* y, Targets<T> targets, const T* weights, long nodes,
                         long samples, long stride, const double* settings) {
    constexpr long block = 128;  // values that live on the stack for a moment
    constexpr LossColumns<T> on_logits = F::template on_logits<T>();
    T values[block];
    const LossColumns<T> columns = on_logits && settings[0] != 0 ? on_logits : F::template on_output<T>;
    for (long s = 0; s < samples; s += block) {
      const long count = smaller(block, samples - s);
      const Targets<T> own = {targets.dense ? targets.dense + s : nullptr,
                              targets.labels ? targets.labels + s : nullptr};
      const T* any_scale = y + s;
      columns(values, scratch + s, nullptr, y + s, own, any_scale, nodes, count, stride, settings + 1);
      for (long i = 0; i < count; i += kLanes<T>) add_weighted<T>(state, load(values + i), weights, s + i, samples);
    }
  }
};

// The mean of a loss that is 0 for samples of one class, its first setting: over all others.
template <typename F>
struct WithoutIgnored : F {
  template <typename T>
  static void accumulate(double* state, T* scratch, const T* y, Targets<T> targets, const T* weights, long nodes,
                         long samples, long stride, const double* settings) {
    double counted = state[1];
    for (long s = 0; s < samples; ++s) counted += targets.labels[s] == settings[1] ? 0.0 : weight_of(weights, s);
    F::accumulate(state, scratch, y, targets, weights, nodes, samples, stride, settings);
    state[1] = counted;
  }
};

}  // namespace
}  // namespace fastbp
