// Metrics by row. To add one: a struct, and its place in Metrics at the end.
#pragma once

#include "kernels/kernel_table.h"

namespace fastbp {
namespace {

// The first of the largest.
template <typename T>
long argmax(const T* x, long cols) {
  long best = 0;
  for (long c = 1; c < cols; ++c) {
    if (x[c] > x[best]) best = c;
  }
  return best;
}

// The share of outputs on the right side of one half.
struct BinaryAccuracy {
  static constexpr const char* name = "binary_accuracy";
  static constexpr bool sparse = false;
  template <typename T>
  static T row(const T* y, const T* t, int32_t, long cols) {
    long right = 0;
    for (long c = 0; c < cols; ++c) right += T(y[c] > T(0.5)) == t[c];
    return T(right) / T(cols);
  }
};

// Whether the largest output is where the largest target is.
struct CategoricalAccuracy {
  static constexpr const char* name = "categorical_accuracy";
  static constexpr bool sparse = false;
  template <typename T>
  static T row(const T* y, const T* t, int32_t, long cols) {
    return T(argmax(y, cols) == argmax(t, cols));
  }
};

// Whether the largest output is at the label.
struct SparseCategoricalAccuracy {
  static constexpr const char* name = "sparse_categorical_accuracy";
  static constexpr bool sparse = true;
  template <typename T>
  static T row(const T* y, const T*, int32_t label, long cols) {
    return T(argmax(y, cols) == label);
  }
};

// mean_c (y - t)²
struct MeanSquaredErrorMetric {
  static constexpr const char* name = "mean_squared_error";
  static constexpr bool sparse = false;
  template <typename T>
  static T row(const T* y, const T* t, int32_t, long cols) {
    T sum = 0;
    for (long c = 0; c < cols; ++c) sum += (y[c] - t[c]) * (y[c] - t[c]);
    return sum / T(cols);
  }
};

// mean_c |y - t|
struct MeanAbsoluteError {
  static constexpr const char* name = "mean_absolute_error";
  static constexpr bool sparse = false;
  template <typename T>
  static T row(const T* y, const T* t, int32_t, long cols) {
    T sum = 0;
    for (long c = 0; c < cols; ++c) sum += y[c] > t[c] ? y[c] - t[c] : t[c] - y[c];
    return sum / T(cols);
  }
};

template <typename F, typename T>
void metric_rows(T* value, const T* y, Targets<T> t, long rows, long cols, long stride) {
  for (long r = 0; r < rows; ++r) {
    value[r] = F::template row<T>(y + r * stride, F::sparse ? nullptr : t.dense + r * stride,
                                  F::sparse ? t.labels[r] : 0, cols);
  }
}

template <typename T, typename... F>
struct MetricTable {
  static constexpr MetricKernel<T> entries[] = {{F::name, F::sparse, metric_rows<F, T>}...};
  static constexpr List<MetricKernel<T>> list = {entries, sizeof...(F)};
};

template <typename T>
using Metrics = MetricTable<T, BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy, MeanSquaredErrorMetric,
                            MeanAbsoluteError>;

}  // namespace
}  // namespace fastbp
