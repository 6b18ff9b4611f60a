// Losses by sample: value, and slope with respect to the network's output or to its logits. To add one: a struct, and
// its place in Losses at the end.
//
// Samples lie in columns, so that a vector is the same node of several samples and a loss reads like its formula.
// scale[s] is what the slope of sample s is multiplied by: its weight over the batch size.
#pragma once

#include "kernels/activations.h"
#include "kernels/kernel_table.h"
#include "kernels/vec_math.h"

namespace fastbp {
namespace {

// Probabilities are kept this far from 0 and 1 before a logarithm, as in Keras; beyond, the slope is 0.
template <typename T>
constexpr T kProbabilityMargin = T(1e-7);

// The targets of a vector of samples: given ones, or 1 at the label and 0 elsewhere.
template <typename T>
struct TargetColumn {
  const T* dense;
  Mask<T> labels;

  FASTBP_INLINE TargetColumn(Targets<T> t, long sample) : dense(t.dense + (t.dense ? sample : 0)), labels{} {
    if (t.labels) {
      for (long i = 0; i < kLanes<T>; ++i) labels[i] = t.labels[sample + i];
    }
  }

  FASTBP_INLINE V<T> at(long node, long stride) const {
    if (dense) return load(dense + node * stride);
    return labels == static_cast<typename Scalar<T>::Int>(node) ? broadcast<T>(T(1)) : V<T>{};
  }
};

// mean_c (y - t)²
struct MeanSquaredError {
  static constexpr const char* name = "mean_squared_error";
  static constexpr bool sparse = false;
  static constexpr Settings settings = {};
  static constexpr const char* activation = nullptr;

  template <typename T>
  static void on_output(T* loss, T* d, T*, const T* y, Targets<T> targets, const T* scale, long nodes, long samples,
                        long stride, const double*) {
    for (long s = 0; s < samples; s += kLanes<T>) {
      const TargetColumn<T> t(targets, s);
      const V<T> slope = T(2) * load(scale + s) / T(nodes);
      V<T> sum = {};
      for (long c = 0, at = s; c < nodes; ++c, at += stride) {
        const V<T> error = load(y + at) - t.at(c, stride);
        sum += error * error;
        store<T>(d + at, slope * error);
      }
      store<T>(loss + s, sum / T(nodes));
    }
  }

  template <typename T>
  static constexpr LossColumns<T> on_logits() {
    return nullptr;
  }
};

// mean_c -(t·log p + (1 - t)·log(1 - p))
struct BinaryCrossentropy {
  static constexpr const char* name = "binary_crossentropy";
  static constexpr bool sparse = false;
  static constexpr Settings settings = {};
  static constexpr const char* activation = "sigmoid";

  template <typename T>
  static void on_output(T* loss, T* d, T*, const T* y, Targets<T> targets, const T* scale, long nodes, long samples,
                        long stride, const double*) {
    constexpr T low = kProbabilityMargin<T>, high = T(1) - kProbabilityMargin<T>;
    for (long s = 0; s < samples; s += kLanes<T>) {
      const TargetColumn<T> t(targets, s);
      const V<T> slope = load(scale + s) / T(nodes);
      V<T> sum = {};
      for (long c = 0, at = s; c < nodes; ++c, at += stride) {
        const V<T> raw = load(y + at), target = t.at(c, stride);
        const V<T> p = at_most<T>(at_least<T>(raw, low), high);
        sum -= target * log<T>(p) + (T(1) - target) * log<T>(T(1) - p);
        const V<T> dp = slope * (p - target) / (p * (T(1) - p));
        store<T>(d + at, (raw < low) | (raw > high) ? V<T>{} : dp);
      }
      store<T>(loss + s, sum / T(nodes));
    }
  }

  // With p = σ(z):  max(z, 0) - z·t + log(1 + e^-|z|);  slope p - t. Right for any z, however large.
  template <typename T>
  static void from_logits(T* loss, T* d, T* a, const T* z, Targets<T> targets, const T* scale, long nodes, long samples,
                          long stride, const double*) {
    for (long s = 0; s < samples; s += kLanes<T>) {
      const TargetColumn<T> t(targets, s);
      const V<T> slope = load(scale + s) / T(nodes);
      V<T> sum = {};
      for (long c = 0, at = s; c < nodes; ++c, at += stride) {
        const V<T> logit = load(z + at), target = t.at(c, stride);
        const V<T> p = sigmoid<T>(logit);
        sum += at_least<T>(logit, T(0)) - logit * target + log1p<T>(exp<T>(-abs<T>(logit)));
        store<T>(d + at, slope * (p - target));
        if (a) store<T>(a + at, p);
      }
      store<T>(loss + s, sum / T(nodes));
    }
  }

  template <typename T>
  static constexpr LossColumns<T> on_logits() {
    return from_logits<T>;
  }
};

// -Σ_c t·log p, with the targets given in full or as labels.
template <bool from_labels>
struct Crossentropy {
  static constexpr const char* name = from_labels ? "sparse_categorical_crossentropy" : "categorical_crossentropy";
  static constexpr bool sparse = from_labels;
  static constexpr Settings settings = {};
  static constexpr const char* activation = "softmax";

  // p = y / Σ y, kept off 0 and 1;  with g = ∂loss/∂p:  dy = (g - Σ_c g·p) / Σ y
  template <typename T>
  static void on_output(T* loss, T* d, T*, const T* y, Targets<T> targets, const T* scale, long nodes, long samples,
                        long stride, const double*) {
    constexpr T low = kProbabilityMargin<T>, high = T(1) - kProbabilityMargin<T>;
    for (long s = 0; s < samples; s += kLanes<T>) {
      const TargetColumn<T> t(targets, s);
      V<T> total = {}, sum = {}, mean = {};
      for (long c = 0, at = s; c < nodes; ++c, at += stride) total += load(y + at);
      for (long c = 0, at = s; c < nodes; ++c, at += stride) {
        const V<T> raw = load(y + at) / total, target = t.at(c, stride);
        const V<T> p = at_most<T>(at_least<T>(raw, low), high);
        sum -= target * log<T>(p);
        const V<T> g = (raw < low) | (raw > high) ? V<T>{} : -target / p;
        mean += g * raw;
        store<T>(d + at, g);
      }
      store<T>(loss + s, sum);
      const V<T> slope = load(scale + s) / total;
      for (long c = 0, at = s; c < nodes; ++c, at += stride) store<T>(d + at, slope * (load(d + at) - mean));
    }
  }

  // With p = softmax(z):  Σ_c t·(log Σ e^z - z);  slope p·Σ t - t. Right for any z, however large.
  template <typename T>
  static void from_logits(T* loss, T* d, T* a, const T* z, Targets<T> targets, const T* scale, long nodes, long samples,
                          long stride, const double*) {
    for (long s = 0; s < samples; s += kLanes<T>) {
      const TargetColumn<T> t(targets, s);
      const V<T> log_total = softmax_column<T>(d + s, z + s, nodes, stride);
      V<T> sum = {}, total = {};
      for (long c = 0, at = s; c < nodes; ++c, at += stride) {
        const V<T> target = t.at(c, stride);
        const V<T> value = target * (log_total - load(z + at));
        sum += from_labels ? (target > T(0) ? value : V<T>{}) : value;
        total += target;
      }
      store<T>(loss + s, sum);
      const V<T> slope = load(scale + s);
      for (long c = 0, at = s; c < nodes; ++c, at += stride) {
        const V<T> p = load(d + at);
        if (a) store<T>(a + at, p);
        store<T>(d + at, slope * (p * total - t.at(c, stride)));
      }
    }
  }

  template <typename T>
  static constexpr LossColumns<T> on_logits() {
    return from_logits<T>;
  }
};

template <typename T, typename... F>
struct LossTable {
  static constexpr LossKernel<T> entries[] = {
      {F::name, F::sparse, F::activation, F::settings, F::template on_output<T>, F::template on_logits<T>()}...};
  static constexpr List<LossKernel<T>> list = {entries, sizeof...(F)};
};

template <typename T>
using Losses = LossTable<T, MeanSquaredError, BinaryCrossentropy, Crossentropy<false>, Crossentropy<true>>;

}  // namespace
}  // namespace fastbp
