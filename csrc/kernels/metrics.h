// Metrics by sample, samples in columns. To add one: a struct, and its place in Metrics at the end.
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

template <typename F, typename T>
void metric_columns(T* value, const T* y, Targets<T> targets, long nodes, long samples, long stride) {
  for (long s = 0; s < samples; s += kLanes<T>) {
    store<T>(value + s, F::template column<T>(y + s, TargetColumn<T>(targets, s), nodes, stride));
  }
}

template <typename T, typename... F>
struct MetricTable {
  static constexpr MetricKernel<T> entries[] = {{F::name, F::sparse, metric_columns<F, T>}...};
  static constexpr List<MetricKernel<T>> list = {entries, sizeof...(F)};
};

template <typename T>
using Metrics = MetricTable<T, BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy, MeanSquaredErrorMetric,
                            MeanAbsoluteError>;

}  // namespace
}  // namespace fastbp
