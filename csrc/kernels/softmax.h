// Softmax and its logarithm: the activations that need whole samples.
#pragma once

#include "kernels/kernel_table.h"
#include "kernels/vec_math.h"

namespace fastbp {
namespace {

// The greater, and NaN if one of them is.
template <typename T>
FASTBP_INLINE V<T> greater(V<T> a, V<T> b) {
  return ((b > a) | (b != b)) ? b : a;
}

// The greatest value of each of a vector of samples, from nodes `stride` apart.
template <typename T>
FASTBP_INLINE V<T> top_of_column(const T* z, long nodes, long stride) {
  V<T> top = load(z);
  for (long c = 1; c < nodes; ++c) top = greater<T>(top, load(z + c * stride));
  return top;
}

// The same of one sample, whose nodes lie in a row.
template <typename T>
FASTBP_INLINE T top_of_row(const T* z, long nodes) {
  const V<T> lowest = broadcast<T>(T(-__builtin_inf()));
  V<T> top = lowest;
  for (long c = 0; c < nodes; c += kLanes<T>) top = greater<T>(top, first_lanes<T>(nodes - c) ? load(z + c) : lowest);
  return max_of_lanes<T>(top);
}

// a[c] = e^{z[c] - top} / Σ e^{z - top}; returns log Σ e^z. a may be z.
template <typename T>
FASTBP_INLINE V<T> softmax_column(T* a, const T* z, long nodes, long stride) {
  const V<T> top = top_of_column(z, nodes, stride);
  V<T> sum = {};
  for (long c = 0; c < nodes; ++c) {
    const V<T> e = exp<T>(load(z + c * stride) - top);
    sum += e;
    store<T>(a + c * stride, e);
  }
  const V<T> share = T(1) / sum;
  for (long c = 0; c < nodes; ++c) store<T>(a + c * stride, load(a + c * stride) * share);
  return top + log<T>(sum);
}

// The pad becomes 0.
template <typename T>
FASTBP_INLINE void softmax_row(T* a, long nodes) {
  const T top = top_of_row(a, nodes);
  V<T> sums = {};
  for (long c = 0; c < nodes; c += kLanes<T>) {
    const V<T> e = first_lanes<T>(nodes - c) ? exp<T>(load(a + c) - top) : V<T>{};
    sums += e;
    store<T>(a + c, e);
  }
  const T share = T(1) / sum_of_lanes<T>(sums);
  for (long c = 0; c < nodes; c += kLanes<T>) store<T>(a + c, load(a + c) * share);
}

// dz = a ⊙ (d - Σ_c a·d): each output depends on every input of its sample.
struct Softmax {
  static constexpr const char* name = "softmax";
  static constexpr bool whole_samples = true;
  static constexpr bool keeps_slope = false;
  static constexpr Settings settings = {};

  template <typename T, Layout layout>
  static void forward(T* a, T*, long rows, long cols, long stride, const double*) {
    if constexpr (layout == samples_in_columns) {
      for (long s = 0; s < cols; s += kLanes<T>) softmax_column<T>(a + s, a + s, rows, stride);
    } else {
      for (long r = 0; r < rows; ++r) softmax_row<T>(a + r * stride, cols);
    }
  }

  template <typename T, Layout layout>
  static void backward(T* d, const T* a, long rows, long cols, long stride, const double*) {
    if constexpr (layout == samples_in_columns) {
      for (long s = 0; s < cols; s += kLanes<T>) {
        V<T> mean = {};
        for (long c = s; c < s + rows * stride; c += stride) mean += load(a + c) * load(d + c);
        for (long c = s; c < s + rows * stride; c += stride) store<T>(d + c, load(a + c) * (load(d + c) - mean));
      }
    } else {
      for (long r = 0; r < rows; ++r, d += stride, a += stride) {
        V<T> sums = {};
        for (long c = 0; c < cols; c += kLanes<T>) sums += load(a + c) * load(d + c);  // the pads of a are 0
        const T mean = sum_of_lanes<T>(sums);
        for (long c = 0; c < cols; c += kLanes<T>) store<T>(d + c, load(a + c) * (load(d + c) - mean));
      }
    }
  }
};

// a = (z - top) - log Σ e^{z - top};  dz = d - e^a·Σ_c d
struct LogSoftmax {
  static constexpr const char* name = "log_softmax";
  static constexpr bool whole_samples = true;
  static constexpr bool keeps_slope = false;
  static constexpr Settings settings = {};

  template <typename T, Layout layout>
  static void forward(T* a, T*, long rows, long cols, long stride, const double*) {
    if constexpr (layout == samples_in_columns) {
      for (long s = 0; s < cols; s += kLanes<T>) {
        const V<T> top = top_of_column(a + s, rows, stride);
        V<T> sum = {};
        for (long c = s; c < s + rows * stride; c += stride) sum += exp<T>(load(a + c) - top);
        sum = log<T>(sum);
        for (long c = s; c < s + rows * stride; c += stride) store<T>(a + c, (load(a + c) - top) - sum);
      }
    } else {
      for (long r = 0; r < rows; ++r, a += stride) {
        const T top = top_of_row(a, cols);
        V<T> sums = {};
        for (long c = 0; c < cols; c += kLanes<T>)
          sums += first_lanes<T>(cols - c) ? exp<T>(load(a + c) - top) : V<T>{};
        const V<T> log_sum = log<T>(broadcast<T>(sum_of_lanes<T>(sums)));
        for (long c = 0; c < cols; c += kLanes<T>) store<T>(a + c, (load(a + c) - top) - log_sum);
      }
    }
  }

  template <typename T, Layout layout>
  static void backward(T* d, const T* a, long rows, long cols, long stride, const double*) {
    if constexpr (layout == samples_in_columns) {
      for (long s = 0; s < cols; s += kLanes<T>) {
        V<T> sum = {};
        for (long c = s; c < s + rows * stride; c += stride) sum += load(d + c);
        for (long c = s; c < s + rows * stride; c += stride) store<T>(d + c, load(d + c) - exp<T>(load(a + c)) * sum);
      }
    } else {
      for (long r = 0; r < rows; ++r, d += stride, a += stride) {
        V<T> sums = {};
        for (long c = 0; c < cols; c += kLanes<T>) sums += load(d + c);  // the pads of d are 0, and stay 0
        const T sum = sum_of_lanes<T>(sums);
        for (long c = 0; c < cols; c += kLanes<T>) {
          const V<T> dz = load(d + c) - exp<T>(load(a + c)) * sum;
          store<T>(d + c, first_lanes<T>(cols - c) ? dz : V<T>{});
        }
      }
    }
  }
};

}  // namespace
}  // namespace fastbp
