// The two forms of most losses: a sum or mean over nodes, and a sum over the classes of a distribution. A loss says
// what one node adds, and how that changes with it; the loops are here.
//
// Samples lie in columns, so that a vector is the same node of several samples and a loss reads like its formula.
// scale[s] is what the slope of sample s is multiplied by: its weight over the batch size.
#pragma once

#include "kernels/activations.h"
#include "kernels/kernel_table.h"
#include "kernels/vec_math.h"

namespace fastbp {
namespace {

// What most losses have in common.
struct DenseLoss {
  static constexpr bool sparse = false;
  static constexpr bool mean = true;  // over the nodes, else the sum
  static constexpr const char* activation = nullptr;
  static constexpr Settings settings = {};
  template <typename T>
  static constexpr LossColumns<T> on_logits() {
    return nullptr;
  }
};

// A function and its slope.
template <typename T>
struct Term {
  V<T> value;
  V<T> slope;
};

// v kept within [low, high], where what is computed from it has slope 0 if it was beyond; NaN stays.
template <typename T>
struct Clipped {
  V<T> value;
  Mask<T> moved;

  FASTBP_INLINE Clipped(V<T> v, T low, T high)
      : value(at_most<T>(at_least<T>(v, low), high)), moved((v < low) | (v > high)) {}
  FASTBP_INLINE V<T> passes(V<T> slope) const { return moved ? V<T>{} : slope; }
};

// What Keras keeps numbers away from 0 before it divides by them or takes a logarithm.
template <typename T>
constexpr T kMargin = T(1e-7);

template <typename T>
constexpr T kLowest = sizeof(T) == 4 ? T(-__FLT_MAX__) : T(-__DBL_MAX__);

template <typename T>
FASTBP_INLINE Clipped<T> probability(V<T> p) {
  return Clipped<T>(p, kMargin<T>, T(1) - kMargin<T>);
}

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

// Targets moved towards equal shares of all classes.
template <typename T>
FASTBP_INLINE V<T> smoothed(V<T> t, T smoothing, long classes) {
  return t * (T(1) - smoothing) + smoothing / T(classes);
}

// Σ_c of(y, t), or the mean. With an `activation`, of_logit(z, p, t) is the same from z, where p = activation(z).
template <typename F>
struct OverNodes : F {
  template <typename T, bool logits>
  static void columns(T* loss, T* d, T* a, const T* y, Targets<T> targets, const T* scale, long nodes, long samples,
                      long stride, const double* settings) {
    const T parts = F::mean ? T(nodes) : T(1);
    for (long s = 0; s < samples; s += kLanes<T>) {
      const TargetColumn<T> t(targets, s);
      const V<T> slope = load(scale + s) / parts;
      V<T> sum = {};
      for (long c = 0, at = s; c < nodes; ++c, at += stride) {
        const V<T> output = load(y + at), target = t.at(c, stride);
        Term<T> term;
        if constexpr (logits) {
          const V<T> p = sigmoid<T>(output);
          term = F::template of_logit<T>(output, p, target, settings);
          if (a) store<T>(a + at, p);
        } else {
          term = F::template of<T>(output, target, settings, c);
        }
        sum += term.value;
        store<T>(d + at, slope * term.slope);
      }
      store<T>(loss + s, sum / parts);
    }
  }

  template <typename T>
  static constexpr LossColumns<T> on_output = columns<T, false>;

  template <typename T>
  static constexpr LossColumns<T> on_logits() {
    if constexpr (F::activation == nullptr) {
      return nullptr;
    } else {
      return columns<T, true>;
    }
  }
};

// Σ_c of(p, log p, t) of a distribution p, with h = ∂of/∂log p. The first setting is the smoothing of the targets, or,
// where they are labels, the label of samples that count nothing.
template <typename F>
struct OverClasses : F {
  template <typename T>
  struct Column {
    const TargetColumn<T> t;
    const Mask<T> counts;
    const T smoothing;

    FASTBP_INLINE Column(Targets<T> targets, long sample, const double* settings)
        : t(targets, sample),
          counts(F::sparse ? t.labels != static_cast<typename Scalar<T>::Int>(settings[0]) : t.labels == t.labels),
          smoothing(F::sparse ? T(0) : T(settings[0])) {}

    FASTBP_INLINE Term<T> term(V<T> p, V<T> log_p, long c, long nodes, long stride, const double* settings) const {
      return F::template of<T>(p, log_p, smoothed<T>(t.at(c, stride), smoothing, nodes), settings, c);
    }

    FASTBP_INLINE V<T> counted(V<T> v) const { return counts ? v : V<T>{}; }
  };

  // p = y / Σ y, kept off 0 and 1;  dy = (h / p - Σ_c h) / Σ y
  template <typename T>
  static void on_output(T* loss, T* d, T*, const T* y, Targets<T> targets, const T* scale, long nodes, long samples,
                        long stride, const double* settings) {
    for (long s = 0; s < samples; s += kLanes<T>) {
      const Column<T> column(targets, s, settings);
      V<T> total = {}, sum = {}, slopes = {};
      for (long c = 0, at = s; c < nodes; ++c, at += stride) total += load(y + at);
      for (long c = 0, at = s; c < nodes; ++c, at += stride) {
        const Clipped<T> p = probability<T>(load(y + at) / total);
        const Term<T> term = column.term(p.value, log<T>(p.value), c, nodes, stride, settings);
        const V<T> h = p.passes(term.slope);
        sum += term.value;
        slopes += h;
        store<T>(d + at, h / p.value);
      }
      store<T>(loss + s, column.counted(sum));
      const V<T> slope = load(scale + s) / total;
      for (long c = 0, at = s; c < nodes; ++c, at += stride) {
        store<T>(d + at, column.counted(slope * (load(d + at) - slopes)));
      }
    }
  }

  // p = e^{z - top} / Σ e^{z - top};  dz = h - p·Σ_c h. Right for any z, however large. Where p is 0, log p is the
  // least number instead of -∞, for a target of 0 times it is 0.
  template <typename T>
  static void from_logits(T* loss, T* d, T* a, const T* z, Targets<T> targets, const T* scale, long nodes, long samples,
                          long stride, const double* settings) {
    for (long s = 0; s < samples; s += kLanes<T>) {
      const Column<T> column(targets, s, settings);
      V<T> top = load(z + s), total = {}, sum = {}, slopes = {};
      for (long c = 1, at = s + stride; c < nodes; ++c, at += stride) {
        const V<T> v = load(z + at);
        top = ((v > top) | (v != v)) ? v : top;
      }
      for (long c = 0, at = s; c < nodes; ++c, at += stride) {
        const V<T> e = exp<T>(load(z + at) - top);
        total += e;
        store<T>(d + at, e);
      }
      const V<T> share = T(1) / total, log_total = log<T>(total);
      const auto term = [&](V<T> p, long c, long at) {
        const V<T> log_p = at_least<T>((load(z + at) - top) - log_total, kLowest<T>);
        return column.term(p, log_p, c, nodes, stride, settings);
      };
      for (long c = 0, at = s; c < nodes; ++c, at += stride) {
        const Term<T> of = term(load(d + at) * share, c, at);
        sum += of.value;
        slopes += of.slope;
      }
      store<T>(loss + s, column.counted(sum));
      const V<T> slope = load(scale + s);
      for (long c = 0, at = s; c < nodes; ++c, at += stride) {
        const V<T> p = load(d + at) * share, h = term(p, c, at).slope;
        if (a) store<T>(a + at, p);
        store<T>(d + at, column.counted(slope * (h - p * slopes)));
      }
    }
  }

  template <typename T>
  static constexpr LossColumns<T> on_logits() {
    return from_logits<T>;
  }
};

}  // namespace
}  // namespace fastbp
