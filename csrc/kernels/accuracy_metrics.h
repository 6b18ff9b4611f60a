// Accuracies: the share of outputs, or of samples, that are right. A value for each of a vector of samples.
#pragma once

#include "kernels/mean_metrics.h"

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

// The share of outputs that equal their target.
struct Accuracy {
  static constexpr const char* name = "accuracy";
  static constexpr bool sparse = false;
  static constexpr Settings settings = {};

  template <typename T>
  FASTBP_INLINE static V<T> column(const T* y, const TargetColumn<T>& t, long nodes, long stride, const double*) {
    V<T> right = {};
    for (long c = 0; c < nodes; ++c) right += one_where<T>(load(y + c * stride) == t.at(c, stride));
    return right / T(nodes);
  }
};

// The share of outputs that are above the threshold where their target is 1, and not where it is 0.
struct BinaryAccuracy {
  static constexpr const char* name = "binary_accuracy";
  static constexpr bool sparse = false;
  static constexpr Settings settings = {1, {"threshold"}};

  template <typename T>
  FASTBP_INLINE static V<T> column(const T* y, const TargetColumn<T>& t, long nodes, long stride,
                                   const double* settings) {
    const T threshold = static_cast<T>(settings[0]);
    V<T> right = {};
    for (long c = 0; c < nodes; ++c) {
      right += one_where<T>(one_where<T>(load(y + c * stride) > threshold) == t.at(c, stride));
    }
    return right / T(nodes);
  }
};

// The class of a vector of samples: the label, or where the largest target is.
template <bool from_labels, typename T>
FASTBP_INLINE Mask<T> class_of(const TargetColumn<T>& t, long nodes, long stride) {
  if constexpr (from_labels) {
    return t.labels;
  } else {
    return argmax<T>(nodes, [&](long c) { return t.at(c, stride); });
  }
}

// Whether the largest output is that of the class.
template <bool from_labels>
struct CategoricalAccuracy {
  static constexpr const char* name = from_labels ? "sparse_categorical_accuracy" : "categorical_accuracy";
  static constexpr bool sparse = from_labels;
  static constexpr Settings settings = {};

  template <typename T>
  FASTBP_INLINE static V<T> column(const T* y, const TargetColumn<T>& t, long nodes, long stride, const double*) {
    return one_where<T>(argmax<T>(nodes, [&](long c) { return load(y + c * stride); }) ==
                        class_of<from_labels>(t, nodes, stride));
  }
};

// Whether fewer than k outputs are larger than that of the class.
template <bool from_labels>
struct TopKCategoricalAccuracy {
  static constexpr const char* name = from_labels ? "sparse_top_k_categorical_accuracy" : "top_k_categorical_accuracy";
  static constexpr bool sparse = from_labels;
  static constexpr Settings settings = {1, {"k"}};

  template <typename T>
  FASTBP_INLINE static V<T> column(const T* y, const TargetColumn<T>& t, long nodes, long stride,
                                   const double* settings) {
    using Int = typename Scalar<T>::Int;
    const Mask<T> of = class_of<from_labels>(t, nodes, stride);
    V<T> own = broadcast<T>(T(__builtin_nan(""))), larger = {};  // of a label that is no node's: none
    for (long c = 0; c < nodes; ++c) own = of == static_cast<Int>(c) ? load(y + c * stride) : own;
    for (long c = 0; c < nodes; ++c) larger += one_where<T>(~(load(y + c * stride) <= own));  // NaN: all are
    return one_where<T>(larger < static_cast<T>(settings[0]));
  }
};

}  // namespace
}  // namespace fastbp
