// Activations and their slopes. To add one: a struct, and its place in Activations at the end.
#pragma once

#include "kernels/kernel_table.h"
#include "kernels/vec_math.h"

namespace fastbp {
namespace {

// An elementwise activation: value(z), and slope(a) = f'(z) written in terms of a = f(z).

struct Linear {
  static constexpr const char* name = "linear";
  template <typename T>
  FASTBP_INLINE static V<T> value(V<T> z) {
    return z;
  }
  template <typename T>
  FASTBP_INLINE static V<T> slope(V<T>) {
    return broadcast<T>(T(1));
  }
};

struct Relu {  // max(z, 0); slope 1 where z > 0, else 0
  static constexpr const char* name = "relu";
  template <typename T>
  FASTBP_INLINE static V<T> value(V<T> z) {
    return at_least<T>(z, T(0));
  }
  template <typename T>
  FASTBP_INLINE static V<T> slope(V<T> a) {
    return a > T(0) ? broadcast<T>(T(1)) : V<T>{};
  }
};

struct Sigmoid {  // σ(z) = 1 / (1 + e⁻ᶻ); σ' = σ(1 - σ)
  static constexpr const char* name = "sigmoid";
  template <typename T>
  FASTBP_INLINE static V<T> value(V<T> z) {
    return sigmoid<T>(z);
  }
  template <typename T>
  FASTBP_INLINE static V<T> slope(V<T> a) {
    return a * (T(1) - a);
  }
};

struct Tanh {  // tanh' = 1 - tanh²
  static constexpr const char* name = "tanh";
  template <typename T>
  FASTBP_INLINE static V<T> value(V<T> z) {
    return tanh<T>(z);
  }
  template <typename T>
  FASTBP_INLINE static V<T> slope(V<T> a) {
    return T(1) - a * a;
  }
};

template <typename F>
struct Elementwise {
  static constexpr const char* name = F::name;
  static constexpr bool whole_samples = false;
  static constexpr bool keeps_slope = false;
  static constexpr Settings settings = {};

  template <typename T, Layout>
  static void forward(T* a, T*, long rows, long cols, long stride, const double*) {
    for (long r = 0; r < rows; ++r, a += stride) {
      for (long c = 0; c < cols; c += kLanes<T>) store<T>(a + c, F::template value<T>(load(a + c)));
    }
  }

  template <typename T, Layout>
  static void backward(T* d, const T* a, long rows, long cols, long stride, const double*) {
    for (long r = 0; r < rows; ++r, d += stride, a += stride) {
      for (long c = 0; c < cols; c += kLanes<T>) store<T>(d + c, load(d + c) * F::template slope<T>(load(a + c)));
    }
  }
};

// A vector of samples, from nodes `stride` apart: a[c] = e^{z[c] - max} / Σ e^{z - max}; returns log Σ e^z. a may be z.
template <typename T>
FASTBP_INLINE V<T> softmax_column(T* a, const T* z, long nodes, long stride) {
  V<T> top = load(z);
  for (long c = 1; c < nodes; ++c) {
    const V<T> v = load(z + c * stride);
    top = ((v > top) | (v != v)) ? v : top;
  }
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

// The same for one sample, whose nodes lie in a row. The pad becomes 0.
template <typename T>
FASTBP_INLINE void softmax_row(T* a, long nodes) {
  const V<T> lowest = broadcast<T>(T(-__builtin_inf()));
  V<T> highest = lowest;
  for (long c = 0; c < nodes; c += kLanes<T>) {
    const V<T> v = first_lanes<T>(nodes - c) ? load(a + c) : lowest;
    highest = ((v > highest) | (v != v)) ? v : highest;
  }
  const T top = max_of_lanes<T>(highest);
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

template <typename T, typename... F>
struct ActivationTable {
  static constexpr ActivationKernel<T> entries[] = {
      {F::name,
       F::whole_samples,
       F::keeps_slope,
       F::settings,
       {F::template forward<T, samples_in_rows>, F::template forward<T, samples_in_columns>},
       {F::template backward<T, samples_in_rows>, F::template backward<T, samples_in_columns>}}...};
  static constexpr List<ActivationKernel<T>> list = {entries, sizeof...(F)};
};

template <typename T>
using Activations =
    ActivationTable<T, Elementwise<Linear>, Elementwise<Relu>, Elementwise<Sigmoid>, Elementwise<Tanh>, Softmax>;

}  // namespace
}  // namespace fastbp
