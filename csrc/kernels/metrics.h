// Metrics as sums over samples, samples in columns. To add one: a struct, and its place in Metrics at the end.
#pragma once

#include "kernels/losses.h"

namespace fastbp {
namespace {

// The first of the largest: its node, for a vector of samples.
template <typename T, typename At>
FASTBP_INLINE Mask<T> argmax(long nodes, At at) {
  using Int = typename Scalar<T>::Int;
  Mask<T> best = {};
  V<T> most = at(0);
  for (long c = 1; c < nodes; ++c) {
    const V<T> v = at(c);
    const Mask<T> better = v > most;
    best = better ? static_cast<Int>(c) - Mask<T>{} : best;
    most = better ? v : most;
  }
  return best;
}

template <typename T>
FASTBP_INLINE V<T> one_where(Mask<T> is) {
  return is ? broadcast<T>(T(1)) : V<T>{};
}

// The share of outputs on the right side of one half.
struct BinaryAccuracy {
  static constexpr const char* name = "binary_accuracy";
  static constexpr bool sparse = false;
  template <typename T>
  FASTBP_INLINE static V<T> column(const T* y, const TargetColumn<T>& t, long nodes, long stride) {
    V<T> right = {};
    for (long c = 0; c < nodes; ++c) {
      right += one_where<T>(one_where<T>(load(y + c * stride) > T(0.5)) == t.at(c, stride));
    }
    return right / T(nodes);
  }
};

// Whether the largest output is where the largest target is.
struct CategoricalAccuracy {
  static constexpr const char* name = "categorical_accuracy";
  static constexpr bool sparse = false;
  template <typename T>
  FASTBP_INLINE static V<T> column(const T* y, const TargetColumn<T>& t, long nodes, long stride) {
    return one_where<T>(argmax<T>(nodes, [&](long c) { return load(y + c * stride); }) ==
                        argmax<T>(nodes, [&](long c) { return t.at(c, stride); }));
  }
};

// Whether the largest output is at the label.
struct SparseCategoricalAccuracy {
  static constexpr const char* name = "sparse_categorical_accuracy";
  static constexpr bool sparse = true;
  template <typename T>
  FASTBP_INLINE static V<T> column(const T* y, const TargetColumn<T>& t, long nodes, long stride) {
    return one_where<T>(argmax<T>(nodes, [&](long c) { return load(y + c * stride); }) == t.labels);
  }
};

// mean_c (y - t)²
struct MeanSquaredErrorMetric {
  static constexpr const char* name = "mean_squared_error";
  static constexpr bool sparse = false;
  template <typename T>
  FASTBP_INLINE static V<T> column(const T* y, const TargetColumn<T>& t, long nodes, long stride) {
    V<T> sum = {};
    for (long c = 0; c < nodes; ++c) {
      const V<T> error = load(y + c * stride) - t.at(c, stride);
      sum += error * error;
    }
    return sum / T(nodes);
  }
};

// mean_c |y - t|
struct MeanAbsoluteError {
  static constexpr const char* name = "mean_absolute_error";
  static constexpr bool sparse = false;
  template <typename T>
  FASTBP_INLINE static V<T> column(const T* y, const TargetColumn<T>& t, long nodes, long stride) {
    V<T> sum = {};
    for (long c = 0; c < nodes; ++c) sum += abs<T>(load(y + c * stride) - t.at(c, stride));
    return sum / T(nodes);
  }
};

// The weighted mean of one value for each sample: state (Σ weight·value, Σ weight).
template <typename F>
struct MeanOf {
  static constexpr const char* name = F::name;
  static constexpr bool sparse = F::sparse;
  static constexpr bool uses_scratch = false;
  static constexpr Settings settings = {};

  static long state_size(long, const double*) { return 2; }

  template <typename T>
  static void accumulate(double* state, T*, const T* y, Targets<T> targets, const T* weights, long nodes, long samples,
                         long stride, const double*) {
    for (long s = 0; s < samples; s += kLanes<T>) {
      const V<T> values = F::template column<T>(y + s, TargetColumn<T>(targets, s), nodes, stride);
      for (long i = 0; i < smaller(kLanes<T>, samples - s); ++i) {
        const double weight = weights ? static_cast<double>(weights[s + i]) : 1.0;
        state[0] += weight * static_cast<double>(values[i]);
        state[1] += weight;
      }
    }
  }
};

template <typename T, typename... F>
struct MetricTable {
  static constexpr MetricKernel<T> entries[] = {
      {F::name, F::sparse, F::uses_scratch, F::settings, F::state_size, F::template accumulate<T>}...};
  static constexpr List<MetricKernel<T>> list = {entries, sizeof...(F)};
};

template <typename T>
using Metrics = MetricTable<T, MeanOf<BinaryAccuracy>, MeanOf<CategoricalAccuracy>, MeanOf<SparseCategoricalAccuracy>,
                            MeanOf<MeanSquaredErrorMetric>, MeanOf<MeanAbsoluteError>>;

}  // namespace
}  // namespace fastbp
