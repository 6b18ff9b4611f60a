// Losses by row: value, and slope with respect to the network's output or to its logits. To add one: a struct, and its
// place in Losses at the end.
//
// scale[r] is what the slope of row r is multiplied by: its sample weight over the batch size.
#pragma once

#include "kernels/activations.h"
#include "kernels/kernel_table.h"
#include "kernels/vec_math.h"

namespace fastbp {
namespace {

// Probabilities are kept this far from 0 and 1 before a logarithm, as in Keras; beyond, the slope is 0.
template <typename T>
constexpr T kProbabilityMargin = T(1e-7);

// The targets of one row, as vectors: given ones, or 1 at the label and 0 elsewhere.
template <typename T>
FASTBP_INLINE V<T> target_at(Targets<T> t, long row, long col, long cols, long stride) {
  const V<T> zero = {};
  if (t.labels) {
    const auto label = static_cast<typename Scalar<T>::Int>(t.labels[row] - col);
    return lane_numbers<T>() == label ? broadcast<T>(T(1)) : zero;
  }
  return first_lanes<T>(cols - col) ? load(t.dense + row * stride + col) : zero;
}

// mean_c (y - t)²
struct MeanSquaredError {
  static constexpr const char* name = "mean_squared_error";
  static constexpr bool sparse = false;
  static constexpr const char* activation = nullptr;

  template <typename T>
  static void on_output(T* loss, T* d, T*, const T* y, Targets<T> t, const T* scale, long rows, long cols,
                        long stride) {
    for (long r = 0; r < rows; ++r, d += stride, y += stride) {
      const T slope = T(2) * scale[r] / T(cols);
      V<T> sums = {};
      for (long c = 0; c < cols; c += kLanes<T>) {
        const V<T> error = first_lanes<T>(cols - c) ? load(y + c) - target_at<T>(t, r, c, cols, stride) : V<T>{};
        sums += error * error;
        store<T>(d + c, slope * error);
      }
      loss[r] = sum_of_lanes<T>(sums) / T(cols);
    }
  }

  template <typename T>
  static constexpr LossRows<T> on_logits() {
    return nullptr;
  }
};

// mean_c -(t·log p + (1 - t)·log(1 - p))
struct BinaryCrossentropy {
  static constexpr const char* name = "binary_crossentropy";
  static constexpr bool sparse = false;
  static constexpr const char* activation = "sigmoid";

  template <typename T>
  static void on_output(T* loss, T* d, T*, const T* y, Targets<T> t, const T* scale, long rows, long cols,
                        long stride) {
    constexpr T low = kProbabilityMargin<T>, high = T(1) - kProbabilityMargin<T>;
    for (long r = 0; r < rows; ++r, d += stride, y += stride) {
      const T slope = scale[r] / T(cols);
      V<T> sums = {};
      for (long c = 0; c < cols; c += kLanes<T>) {
        const auto live = first_lanes<T>(cols - c);
        const V<T> raw = load(y + c), target = target_at<T>(t, r, c, cols, stride);
        const V<T> p = at_most<T>(at_least<T>(raw, low), high);
        const V<T> value = target * log<T>(p) + (T(1) - target) * log<T>(T(1) - p);
        sums -= live ? value : V<T>{};
        const V<T> dp = slope * (p - target) / (p * (T(1) - p));
        store<T>(d + c, live & ~((raw < low) | (raw > high)) ? dp : V<T>{});
      }
      loss[r] = sum_of_lanes<T>(sums) / T(cols);
    }
  }

  // With p = σ(z):  max(z, 0) - z·t + log(1 + e^-|z|);  slope p - t. Right for any z, however large.
  template <typename T>
  static void from_logits(T* loss, T* d, T* a, const T* z, Targets<T> t, const T* scale, long rows, long cols,
                          long stride) {
    for (long r = 0; r < rows; ++r, d += stride, z += stride) {
      const T slope = scale[r] / T(cols);
      V<T> sums = {};
      for (long c = 0; c < cols; c += kLanes<T>) {
        const auto live = first_lanes<T>(cols - c);
        const V<T> logit = load(z + c), target = target_at<T>(t, r, c, cols, stride);
        const V<T> p = sigmoid<T>(logit);
        const V<T> value = at_least<T>(logit, T(0)) - logit * target + log1p<T>(exp<T>(-abs<T>(logit)));
        sums += live ? value : V<T>{};
        store<T>(d + c, live ? slope * (p - target) : V<T>{});
        if (a) store<T>(a + r * stride + c, p);
      }
      loss[r] = sum_of_lanes<T>(sums) / T(cols);
    }
  }

  template <typename T>
  static constexpr LossRows<T> on_logits() {
    return from_logits<T>;
  }
};

// -Σ_c t·log p, with the targets given in full or as labels.
template <bool from_labels>
struct Crossentropy {
  static constexpr const char* name = from_labels ? "sparse_categorical_crossentropy" : "categorical_crossentropy";
  static constexpr bool sparse = from_labels;
  static constexpr const char* activation = "softmax";

  // p = y / Σ y, kept off 0 and 1;  with g = ∂loss/∂p:  dy = (g - Σ_c g·p) / Σ y
  template <typename T>
  static void on_output(T* loss, T* d, T*, const T* y, Targets<T> t, const T* scale, long rows, long cols,
                        long stride) {
    constexpr T low = kProbabilityMargin<T>, high = T(1) - kProbabilityMargin<T>;
    for (long r = 0; r < rows; ++r, d += stride, y += stride) {
      V<T> totals = {};
      for (long c = 0; c < cols; c += kLanes<T>) totals += first_lanes<T>(cols - c) ? load(y + c) : V<T>{};
      const T total = sum_of_lanes<T>(totals);
      V<T> sums = {}, products = {};
      for (long c = 0; c < cols; c += kLanes<T>) {
        const V<T> raw = load(y + c) / total, target = target_at<T>(t, r, c, cols, stride);
        const V<T> p = at_most<T>(at_least<T>(raw, low), high);
        const V<T> value = target * log<T>(p);
        const auto live = first_lanes<T>(cols - c);
        sums -= live ? value : V<T>{};
        const V<T> g = live & ~((raw < low) | (raw > high)) ? -target / p : V<T>{};
        products += live ? g * raw : V<T>{};
        store<T>(d + c, g);
      }
      loss[r] = sum_of_lanes<T>(sums);
      const T mean = sum_of_lanes<T>(products), slope = scale[r] / total;
      for (long c = 0; c < cols; c += kLanes<T>) {
        const V<T> g = load(d + c);
        store<T>(d + c, first_lanes<T>(cols - c) ? slope * (g - mean) : V<T>{});
      }
    }
  }

  // With p = softmax(z):  Σ_c t·(log Σ e^z - z);  slope p·Σ t - t. Right for any z, however large.
  template <typename T>
  static void from_logits(T* loss, T* d, T* a, const T* z, Targets<T> t, const T* scale, long rows, long cols,
                          long stride) {
    for (long r = 0; r < rows; ++r, d += stride, z += stride) {
      const T log_total = softmax_row<T>(d, z, cols);
      V<T> sums = {}, totals = {};
      for (long c = 0; c < cols; c += kLanes<T>) {
        const V<T> target = target_at<T>(t, r, c, cols, stride);
        const V<T> value = target * (log_total - load(z + c));
        sums += first_lanes<T>(cols - c) ? value : V<T>{};
        totals += target;
      }
      loss[r] = sum_of_lanes<T>(sums);
      const T total = from_labels ? T(1) : sum_of_lanes<T>(totals);
      for (long c = 0; c < cols; c += kLanes<T>) {
        const V<T> p = load(d + c);
        if (a) store<T>(a + r * stride + c, p);
        store<T>(d + c, scale[r] * (p * total - target_at<T>(t, r, c, cols, stride)));
      }
    }
  }

  template <typename T>
  static constexpr LossRows<T> on_logits() {
    return from_logits<T>;
  }
};

template <typename T, typename... F>
struct LossTable {
  static constexpr LossKernel<T> entries[] = {
      {F::name, F::sparse, F::activation, F::template on_output<T>, F::template on_logits<T>()}...};
  static constexpr List<LossKernel<T>> list = {entries, sizeof...(F)};
};

template <typename T>
using Losses = LossTable<T, MeanSquaredError, BinaryCrossentropy, Crossentropy<false>, Crossentropy<true>>;

}  // namespace
}  // namespace fastbp
