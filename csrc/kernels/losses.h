// Losses by sample: value, and slope with respect to the network's output or to its logits. To add one: a struct, and
// its place in Losses at the end. Most are a sum or mean over nodes: see loss_forms.h.
#pragma once

#include "kernels/crossentropies.h"
#include "kernels/loss_forms.h"

namespace fastbp {
namespace {
namespace losses {

template <typename T>
FASTBP_INLINE V<T> sign(V<T> v) {  // ±1, or 0, or NaN
  return v > T(0) ? broadcast<T>(T(1)) : (v < T(0) ? broadcast<T>(T(-1)) : v);
}

// ---- errors, e = y - t ----

struct MeanSquaredError : DenseLoss {  // e²
  static constexpr const char* name = "mean_squared_error";
  template <typename T>
  FASTBP_INLINE static Term<T> of(V<T> y, V<T> t, const double*, long) {
    const V<T> e = y - t;
    return {e * e, T(2) * e};
  }
};

struct MeanAbsoluteError : DenseLoss {  // |e|
  static constexpr const char* name = "mean_absolute_error";
  template <typename T>
  FASTBP_INLINE static Term<T> of(V<T> y, V<T> t, const double*, long) {
    const V<T> e = y - t;
    return {abs<T>(e), sign<T>(e)};
  }
};

struct MeanAbsolutePercentageError : DenseLoss {  // 100·|e| / |t|
  static constexpr const char* name = "mean_absolute_percentage_error";
  template <typename T>
  FASTBP_INLINE static Term<T> of(V<T> y, V<T> t, const double*, long) {
    const V<T> e = y - t, percent = T(100) / at_least<T>(abs<T>(t), kMargin<T>);
    return {percent * abs<T>(e), percent * sign<T>(e)};
  }
};

struct MeanSquaredLogarithmicError : DenseLoss {  // (log(1 + y) - log(1 + t))², of y and t kept above 0
  static constexpr const char* name = "mean_squared_logarithmic_error";
  template <typename T>
  FASTBP_INLINE static Term<T> of(V<T> y, V<T> t, const double*, long) {
    const Clipped<T> positive(y, kMargin<T>, T(__builtin_inf()));
    const V<T> e = log1p<T>(positive.value) - log1p<T>(at_least<T>(t, kMargin<T>));
    return {e * e, positive.passes(T(2) * e / (T(1) + positive.value))};
  }
};

struct Huber : DenseLoss {  // ½·e² where |e| <= δ, else δ·(|e| - ½·δ): with near = e kept within ±δ, near·(e - ½·near)
  static constexpr const char* name = "huber";
  static constexpr Settings settings = {1, {"delta"}};
  template <typename T>
  FASTBP_INLINE static Term<T> of(V<T> y, V<T> t, const double* settings, long) {
    const T delta = T(settings[0]);
    const V<T> e = y - t, near = at_most<T>(at_least<T>(e, -delta), delta);
    return {near * (e - T(0.5) * near), near};
  }
};

// log cosh e, with slope tanh e: -½·log(1 - tanh² e) where |e| < 1, for the other loses digits there; else
// |e| + log(1 + e^-2|e|) - log 2.
struct LogCosh : DenseLoss {
  static constexpr const char* name = "log_cosh";
  template <typename T>
  FASTBP_INLINE static Term<T> of(V<T> y, V<T> t, const double*, long) {
    constexpr T log2 = T(0.69314718055994530942);
    const V<T> e = y - t, size = abs<T>(e), slope = tanh<T>(e);
    const Mask<T> small = size < T(1);
    const V<T> rest = log1p<T>(small ? -slope * slope : exp<T>(T(-2) * size));
    return {small ? T(-0.5) * rest : size + rest - log2, slope};
  }
};

struct Quantile : DenseLoss {  // q·(t - y) where y is too low, (1 - q)·(y - t) where it is too high
  static constexpr const char* name = "quantile";
  static constexpr Settings settings = {1, {"quantile"}, true};
  template <typename T>
  FASTBP_INLINE static Term<T> of(V<T> y, V<T> t, const double* settings, long c) {
    const T q = T(settings[c]);
    const V<T> e = y - t, slope = e < T(0) ? broadcast<T>(-q) : (T(1) - q) * sign<T>(e);
    return {slope * e, slope};
  }
};

// ---- probabilistic ----

struct Poisson : DenseLoss {  // y - t·log y
  static constexpr const char* name = "poisson";
  template <typename T>
  FASTBP_INLINE static Term<T> of(V<T> y, V<T> t, const double*, long) {
    const V<T> rate = y + kMargin<T>;
    return {y - t * log<T>(rate), T(1) - t / rate};
  }
};

struct KLDivergence : DenseLoss {  // Σ_c t·log(t / y), of t and y kept above 0 and up to 1
  static constexpr const char* name = "kl_divergence";
  static constexpr bool mean = false;
  template <typename T>
  FASTBP_INLINE static Term<T> of(V<T> y, V<T> t, const double*, long) {
    const Clipped<T> p(y, kMargin<T>, T(1));
    const V<T> target = Clipped<T>(t, kMargin<T>, T(1)).value, ratio = target / p.value;
    return {target * log<T>(ratio), p.passes(-ratio)};
  }
};

// ---- hinges ----

struct Hinge : DenseLoss {  // max(1 - t·y, 0)
  static constexpr const char* name = "hinge";
  template <typename T>
  FASTBP_INLINE static Term<T> of(V<T> y, V<T> t, const double*, long) {
    const V<T> short_of = at_least<T>(T(1) - t * y, T(0));
    return {short_of, -t * sign<T>(short_of)};
  }
};

struct SquaredHinge : DenseLoss {  // max(1 - t·y, 0)²
  static constexpr const char* name = "squared_hinge";
  template <typename T>
  FASTBP_INLINE static Term<T> of(V<T> y, V<T> t, const double*, long) {
    const V<T> short_of = at_least<T>(T(1) - t * y, T(0));
    return {short_of * short_of, T(-2) * t * short_of};
  }
};

// max(1 + max_c (1 - t)·y - Σ_c t·y, 0); nodes that share the greatest share its slope.
struct CategoricalHinge : DenseLoss {
  static constexpr const char* name = "categorical_hinge";

  template <typename T>
  static void on_output(T* loss, T* d, T*, const T* y, Targets<T> targets, const T* scale, long nodes, long samples,
                        long stride, const double*) {
    for (long s = 0; s < samples; s += kLanes<T>) {
      const TargetColumn<T> t(targets, s);
      const auto wrong = [&](long c) { return (T(1) - t.at(c, stride)) * load(y + s + c * stride); };
      V<T> right = {}, top = wrong(0), sharing = {};
      for (long c = 0; c < nodes; ++c) {
        const V<T> v = wrong(c);
        right += t.at(c, stride) * load(y + s + c * stride);
        top = ((v > top) | (v != v)) ? v : top;
      }
      for (long c = 0; c < nodes; ++c) sharing += wrong(c) == top ? broadcast<T>(T(1)) : V<T>{};
      const V<T> value = at_least<T>(T(1) + top - right, T(0));
      store<T>(loss + s, value);
      const V<T> slope = load(scale + s) * sign<T>(value);
      for (long c = 0, at = s; c < nodes; ++c, at += stride) {
        const V<T> target = t.at(c, stride);
        const V<T> of_top = wrong(c) == top ? (T(1) - target) / sharing : V<T>{};
        store<T>(d + at, slope * (of_top - target));
      }
    }
  }
};

// ---- directions ----

// -Σ_c t·y / (|t|·|y|), with 1 / |t| and 1 / |y| kept below 10⁷:  dy = (y·cos / |y| - t / |t|) / |y|
struct CosineSimilarity : DenseLoss {
  static constexpr const char* name = "cosine_similarity";

  template <typename T>
  static void on_output(T* loss, T* d, T*, const T* y, Targets<T> targets, const T* scale, long nodes, long samples,
                        long stride, const double*) {
    constexpr T most = T(1) / kMargin<T>;
    for (long s = 0; s < samples; s += kLanes<T>) {
      const TargetColumn<T> t(targets, s);
      V<T> yy = {}, tt = {}, ty = {};
      for (long c = 0, at = s; c < nodes; ++c, at += stride) {
        const V<T> output = load(y + at), target = t.at(c, stride);
        yy += output * output;
        tt += target * target;
        ty += target * output;
      }
      const Clipped<T> per_y(T(1) / sqrt<T>(yy), T(0), most);
      const V<T> per_t = at_most<T>(T(1) / sqrt<T>(tt), most);
      const V<T> cosine = ty * per_t * per_y.value;
      store<T>(loss + s, -cosine);
      const V<T> turn = per_y.passes(cosine * per_y.value), slope = load(scale + s) * per_y.value;
      for (long c = 0, at = s; c < nodes; ++c, at += stride) {
        store<T>(d + at, slope * (load(y + at) * turn - t.at(c, stride) * per_t));
      }
    }
  }
};

}  // namespace losses

template <typename T, typename... F>
struct LossTable {
  static constexpr LossKernel<T> entries[] = {
      {F::name, F::sparse, F::activation, F::settings, F::template on_output<T>, F::template on_logits<T>()}...};
  static constexpr List<LossKernel<T>> list = {entries, sizeof...(F)};
};

template <typename T>
using Losses =
    LossTable<T, OverNodes<losses::MeanSquaredError>, OverNodes<losses::MeanAbsoluteError>,
              OverNodes<losses::MeanAbsolutePercentageError>, OverNodes<losses::MeanSquaredLogarithmicError>,
              OverNodes<losses::Huber>, OverNodes<losses::LogCosh>, OverNodes<losses::Quantile>,
              OverNodes<losses::Poisson>, OverNodes<losses::KLDivergence>, OverNodes<losses::Hinge>,
              OverNodes<losses::SquaredHinge>, losses::CategoricalHinge, losses::CosineSimilarity,
              OverNodes<losses::BinaryCrossentropy>, OverNodes<losses::BinaryFocalCrossentropy>,
              OverClasses<losses::CategoricalCrossentropy>, OverClasses<losses::SparseCategoricalCrossentropy>,
              OverClasses<losses::CategoricalFocalCrossentropy>, OverNodes<losses::CategoricalGeneralizedCrossEntropy>>;

}  // namespace
}  // namespace fastbp
