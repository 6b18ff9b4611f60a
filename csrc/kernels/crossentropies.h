// Cross-entropies, binary and categorical, plain and focal. Each is also a loss of logits, right however large they
// are.
#pragma once

#include "kernels/loss_forms.h"

namespace fastbp {
namespace {
namespace losses {

// mean_c -(t·log p + (1 - t)·log(1 - p))
struct BinaryCrossentropy : DenseLoss {
  static constexpr const char* name = "binary_crossentropy";
  static constexpr const char* activation = "sigmoid";
  static constexpr Settings settings = {1, {"label_smoothing"}};

  template <typename T>
  FASTBP_INLINE static V<T> target(V<T> t, const double* settings) {
    return smoothed<T>(t, T(settings[0]), 2);
  }

  template <typename T>
  FASTBP_INLINE static Term<T> of(V<T> y, V<T> t, const double* settings, long) {
    const Clipped<T> clipped = probability<T>(y);
    const V<T> p = clipped.value, q = T(1) - p;
    t = target<T>(t, settings);
    return {-(t * log<T>(p) + (T(1) - t) * log<T>(q)), clipped.passes((p - t) / (p * q))};
  }

  // With p = σ(z):  max(z, 0) - z·t + log(1 + e^-|z|);  slope p - t.
  template <typename T>
  FASTBP_INLINE static Term<T> of_logit(V<T> z, V<T> p, V<T> t, const double* settings) {
    t = target<T>(t, settings);
    return {at_least<T>(z, T(0)) - z * t + log1p<T>(exp<T>(-abs<T>(z))), p - t};
  }
};

// base^exponent for base >= 0; 0^0 is 1.
template <typename T>
FASTBP_INLINE V<T> power(V<T> base, T exponent) {
  return base > T(0) ? exp<T>(exponent * log<T>(base)) : (exponent == T(0) ? broadcast<T>(T(1)) : base);
}

// f = |x|^exponent, by x: f' = exponent·f / x, and 0 at 0, where some exponents leave no slope.
template <typename T>
FASTBP_INLINE Term<T> power_of(V<T> x, T exponent) {
  const V<T> f = power<T>(abs<T>(x), exponent);
  return {f, x == T(0) ? V<T>{} : exponent * f / x};
}

// weight·|wrong|^γ·h, where `wrong` is the probability given to what is wrong, and h a cross-entropy.
// Source: Lin et al., arXiv 1708.02002.
template <typename T>
FASTBP_INLINE Term<T> focal(V<T> weight, Term<T> wrong, Term<T> h, T gamma) {
  const Term<T> factor = power_of<T>(wrong.value, gamma);
  return {weight * factor.value * h.value, weight * (factor.slope * wrong.slope * h.value + factor.value * h.slope)};
}

// mean_c w·(1 - (t·p + (1 - t)·(1 - p)))^γ·h, where h is the binary cross-entropy, and w = t·α + (1 - t)·(1 - α) if
// classes are balanced, else 1.
struct BinaryFocalCrossentropy : DenseLoss {
  static constexpr const char* name = "binary_focal_crossentropy";
  static constexpr const char* activation = "sigmoid";
  static constexpr Settings settings = {4, {"label_smoothing", "gamma", "alpha", "apply_class_balancing"}};

  // 1 - (t·p + (1 - t)·q) = t·q + (1 - t)·p for q = 1 - p
  template <typename T>
  FASTBP_INLINE static Term<T> with(V<T> p, V<T> q, V<T> dp, V<T> t, Term<T> h, const double* settings) {
    t = BinaryCrossentropy::target<T>(t, settings);
    const T alpha = T(settings[2]);
    const V<T> weight = settings[3] != 0 ? t * alpha + (T(1) - t) * (T(1) - alpha) : broadcast<T>(T(1));
    return focal<T>(weight, {t * q + (T(1) - t) * p, (T(1) - T(2) * t) * dp}, h, T(settings[1]));
  }

  template <typename T>
  FASTBP_INLINE static Term<T> of(V<T> y, V<T> t, const double* settings, long c) {
    return with<T>(y, T(1) - y, broadcast<T>(T(1)), t, BinaryCrossentropy::of<T>(y, t, settings, c), settings);
  }

  template <typename T>
  FASTBP_INLINE static Term<T> of_logit(V<T> z, V<T> p, V<T> t, const double* settings) {
    const V<T> q = sigmoid<T>(-z);
    return with<T>(p, q, p * q, t, BinaryCrossentropy::of_logit<T>(z, p, t, settings), settings);
  }
};

// -Σ_c t·log p, with the targets given in full or as labels.
struct CategoricalCrossentropy : DenseLoss {
  static constexpr const char* name = "categorical_crossentropy";
  static constexpr const char* activation = "softmax";
  static constexpr Settings settings = {1, {"label_smoothing"}};

  template <typename T>
  FASTBP_INLINE static Term<T> of(V<T>, V<T> log_p, V<T> t, const double*, long) {
    return {-t * log_p, -t};
  }
};

struct SparseCategoricalCrossentropy : CategoricalCrossentropy {
  static constexpr const char* name = "sparse_categorical_crossentropy";
  static constexpr bool sparse = true;
  static constexpr Settings settings = {1, {"ignore_class"}};
};

// -Σ_c α_c·(1 - p)^γ·t·log p
struct CategoricalFocalCrossentropy : DenseLoss {
  static constexpr const char* name = "categorical_focal_crossentropy";
  static constexpr const char* activation = "softmax";
  static constexpr Settings settings = {3, {"label_smoothing", "gamma", "alpha"}, true};

  template <typename T>
  FASTBP_INLINE static Term<T> of(V<T> p, V<T> log_p, V<T> t, const double* settings, long c) {
    return focal<T>(broadcast<T>(T(settings[2 + c])), {T(1) - p, -p}, {-t * log_p, -t}, T(settings[1]));
  }
};

// (1 - y^q) / q of the output y at the label. Source: Zhang and Sabuncu, arXiv 1805.07836.
struct CategoricalGeneralizedCrossEntropy : DenseLoss {
  static constexpr const char* name = "categorical_generalized_cross_entropy";
  static constexpr bool sparse = true;
  static constexpr bool mean = false;
  static constexpr Settings settings = {1, {"q"}};

  template <typename T>
  FASTBP_INLINE static Term<T> of(V<T> y, V<T> t, const double* settings, long) {
    const T q = T(settings[0]);
    const Term<T> f = power_of<T>(y, q);
    return {t * (T(1) - f.value) / q, -t * f.slope / q};
  }
};

}  // namespace losses
}  // namespace
}  // namespace fastbp
