// Activations that work element by element, their slopes, and the table of all. To add one: a struct, and its place in
// Activations at the end.
//
// A struct has value(z, s) = f(z), and slope(a, s) = f'(z) in terms of a = f(z). Where a does not tell the slope, or
// not exactly enough, it has value_and_slope(z, s) instead, and training keeps the slopes. s are its settings, in T.
//
// f(±∞) is the limit, and f(NaN) is NaN. At a kink the slope is 0 if the function is flat on one side, else that of the
// left side.
#pragma once

#include "kernels/kernel_table.h"
#include "kernels/softmax.h"
#include "kernels/vec_math.h"

namespace fastbp {
namespace {

struct Linear {
  static constexpr const char* name = "linear";
  template <typename T>
  FASTBP_INLINE static V<T> value(V<T> z, const T*) {
    return z;
  }
  template <typename T>
  FASTBP_INLINE static V<T> slope(V<T>, const T*) {
    return broadcast<T>(T(1));
  }
};

// The slope where a condition holds; 0 elsewhere.
template <typename T>
FASTBP_INLINE V<T> where(Mask<T> condition, T slope) {
  return condition ? broadcast<T>(slope) : V<T>{};
}

// ---- lines with kinks ----

struct Relu {  // max(z, 0)
  static constexpr const char* name = "relu";
  template <typename T>
  FASTBP_INLINE static V<T> value(V<T> z, const T*) {
    return at_least<T>(z, T(0));
  }
  template <typename T>
  FASTBP_INLINE static V<T> slope(V<T> a, const T*) {
    return where<T>(a > T(0), T(1));
  }
};

struct LeakyRelu {  // z if z > 0, else k·z, with k > 0: then a has the sign of z
  static constexpr const char* name = "leaky_relu";
  static constexpr Settings settings = {1, {"negative_slope"}};
  template <typename T>
  FASTBP_INLINE static V<T> value(V<T> z, const T* s) {
    return z > T(0) ? z : s[0] * z;
  }
  template <typename T>
  FASTBP_INLINE static V<T> slope(V<T> a, const T* s) {
    return a > T(0) ? broadcast<T>(T(1)) : broadcast<T>(s[0]);
  }
};

struct BoundedRelu {  // min(z, max) if z > threshold, else k·(z - threshold)
  static constexpr const char* name = "bounded_relu";
  static constexpr Settings settings = {3, {"negative_slope", "max_value", "threshold"}};
  template <typename T>
  FASTBP_INLINE static ValueAndSlope<T> value_and_slope(V<T> z, const T* s) {
    const T lowest = s[0] == T(0) ? T(0) : T(-__builtin_inf());  // 0·∞ would be NaN
    const Mask<T> above = z > s[2];
    return {above ? at_most<T>(z, s[1]) : s[0] * at_least<T>(z - s[2], lowest),
            above ? where<T>(z < s[1], T(1)) : broadcast<T>(s[0])};
  }
};

// A line between two flats: z - start kept within [low, high], over `width`.
template <typename F>
struct Ramp {
  template <typename T>
  FASTBP_INLINE static V<T> value(V<T> z, const T*) {
    return within<T>(z - T(F::start), T(F::low), T(F::high)) / T(F::width);
  }
  template <typename T>
  FASTBP_INLINE static V<T> slope(V<T> a, const T*) {
    return where<T>((a > T(F::low) / T(F::width)) & (a < T(F::high) / T(F::width)), T(1) / T(F::width));
  }
};

struct Relu6 : Ramp<Relu6> {  // min(max(z, 0), 6)
  static constexpr const char* name = "relu6";
  static constexpr int start = 0, low = 0, high = 6, width = 1;
};

struct HardTanh : Ramp<HardTanh> {  // -1, z, 1
  static constexpr const char* name = "hard_tanh";
  static constexpr int start = 0, low = -1, high = 1, width = 1;
};

struct HardSigmoid : Ramp<HardSigmoid> {  // 0, (z + 3) / 6, 1
  static constexpr const char* name = "hard_sigmoid";
  static constexpr int start = -3, low = 0, high = 6, width = 6;
};

struct SparseSigmoid : Ramp<SparseSigmoid> {  // 0, (z + 1) / 2, 1
  static constexpr const char* name = "sparse_sigmoid";
  static constexpr int start = -1, low = 0, high = 2, width = 2;
};

struct SoftShrink {  // z moved towards 0 by at most `threshold`
  static constexpr const char* name = "soft_shrink";
  static constexpr Settings settings = {1, {"threshold"}};
  template <typename T>
  FASTBP_INLINE static V<T> value(V<T> z, const T* s) {
    return z - within<T>(z, -s[0], s[0]);
  }
  template <typename T>
  FASTBP_INLINE static V<T> slope(V<T> a, const T*) {
    return where<T>(a != T(0), T(1));
  }
};

struct HardShrink {  // 0 if |z| <= threshold, else z
  static constexpr const char* name = "hard_shrink";
  static constexpr Settings settings = {1, {"threshold"}};
  template <typename T>
  FASTBP_INLINE static V<T> value(V<T> z, const T* s) {
    return abs<T>(z) <= s[0] ? V<T>{} : z;
  }
  template <typename T>
  FASTBP_INLINE static V<T> slope(V<T> a, const T*) {
    return where<T>(a != T(0), T(1));
  }
};

struct Threshold {  // default_value if z <= threshold, else z
  static constexpr const char* name = "threshold";
  static constexpr Settings settings = {2, {"threshold", "default_value"}};
  template <typename T>
  FASTBP_INLINE static ValueAndSlope<T> value_and_slope(V<T> z, const T* s) {
    return {z <= s[0] ? broadcast<T>(s[1]) : z, where<T>(z > s[0], T(1))};
  }
};

// ---- with exponentials below 0 ----

struct Elu {  // z if z > 0, else α·(eᶻ - 1), with α >= 0;  α·eᶻ = a + α
  static constexpr const char* name = "elu";
  static constexpr Settings settings = {1, {"alpha"}};
  template <typename T>
  FASTBP_INLINE static V<T> value(V<T> z, const T* s) {
    return z > T(0) ? z : s[0] * expm1<T>(z);
  }
  template <typename T>
  FASTBP_INLINE static V<T> slope(V<T> a, const T* s) {
    return a > T(0) ? broadcast<T>(T(1)) : a + s[0];
  }
};

struct Selu {  // λ·elu(z), with λ and α that keep mean 0 and variance 1 (Klambauer et al. 2017)
  static constexpr const char* name = "selu";
  static constexpr double lambda = 1.0507009873554805, lambda_alpha = 1.7580993408473768;
  template <typename T>
  FASTBP_INLINE static V<T> value(V<T> z, const T*) {
    return z > T(0) ? T(lambda) * z : T(lambda_alpha) * expm1<T>(z);
  }
  template <typename T>
  FASTBP_INLINE static V<T> slope(V<T> a, const T*) {
    return a > T(0) ? broadcast<T>(T(lambda)) : a + T(lambda_alpha);
  }
};

struct Celu {  // z if z > 0, else α·(e^{z/α} - 1);  e^{z/α} = a/α + 1
  static constexpr const char* name = "celu";
  static constexpr Settings settings = {1, {"alpha"}};
  template <typename T>
  FASTBP_INLINE static V<T> value(V<T> z, const T* s) {
    return z > T(0) ? z : s[0] * expm1<T>(z / s[0]);
  }
  template <typename T>
  FASTBP_INLINE static V<T> slope(V<T> a, const T* s) {
    return a > T(0) ? broadcast<T>(T(1)) : a / s[0] + T(1);
  }
};

// ---- smooth ----

struct Exponential {  // eᶻ
  static constexpr const char* name = "exponential";
  template <typename T>
  FASTBP_INLINE static V<T> value(V<T> z, const T*) {
    return exp<T>(z);
  }
  template <typename T>
  FASTBP_INLINE static V<T> slope(V<T> a, const T*) {
    return a;
  }
};

struct Sigmoid {  // σ(z) = 1 / (1 + e⁻ᶻ); σ' = σ(1 - σ)
  static constexpr const char* name = "sigmoid";
  template <typename T>
  FASTBP_INLINE static V<T> value(V<T> z, const T*) {
    return sigmoid<T>(z);
  }
  template <typename T>
  FASTBP_INLINE static V<T> slope(V<T> a, const T*) {
    return a * (T(1) - a);
  }
};

struct Tanh {  // tanh' = 1 - tanh²
  static constexpr const char* name = "tanh";
  template <typename T>
  FASTBP_INLINE static V<T> value(V<T> z, const T*) {
    return tanh<T>(z);
  }
  template <typename T>
  FASTBP_INLINE static V<T> slope(V<T> a, const T*) {
    return T(1) - a * a;
  }
};

struct TanhShrink {  // z - tanh z, with slope tanh² z
  static constexpr const char* name = "tanh_shrink";
  template <typename T>
  FASTBP_INLINE static ValueAndSlope<T> value_and_slope(V<T> z, const T*) {
    const V<T> t = tanh<T>(z);
    return {z - t, t * t};
  }
};

// log(1 + eᶻ), by the exponential that is at most 1
template <typename T>
FASTBP_INLINE V<T> softplus(V<T> z) {
  return at_least<T>(z, T(0)) + log1p<T>(exp<T>(-abs<T>(z)));
}

struct Softplus {  // log(1 + eᶻ); σ(z) = 1 - e⁻ᵃ
  static constexpr const char* name = "softplus";
  template <typename T>
  FASTBP_INLINE static V<T> value(V<T> z, const T*) {
    return softplus<T>(z);
  }
  template <typename T>
  FASTBP_INLINE static V<T> slope(V<T> a, const T*) {
    return -expm1<T>(-a);
  }
};

struct LogSigmoid {  // log σ(z) = -log(1 + e⁻ᶻ); σ(-z) = 1 - eᵃ
  static constexpr const char* name = "log_sigmoid";
  template <typename T>
  FASTBP_INLINE static V<T> value(V<T> z, const T*) {
    return -softplus<T>(-z);
  }
  template <typename T>
  FASTBP_INLINE static V<T> slope(V<T> a, const T*) {
    return -expm1<T>(a);
  }
};

struct Softsign {  // z / (1 + |z|), with slope 1 / (1 + |z|)²
  static constexpr const char* name = "softsign";
  template <typename T>
  FASTBP_INLINE static ValueAndSlope<T> value_and_slope(V<T> z, const T*) {
    const V<T> kept = within<T>(z, T(-0x1p60), T(0x1p60));  // beyond, it is ±1 in both precisions; and ∞/∞ is NaN
    const V<T> share = T(1) / (T(1) + abs<T>(kept));
    return {kept * share, share * share};
  }
};

struct Squareplus {  // a = (z + r) / 2 with r = √(z² + b);  a·(r - z) = b/2, so the slope a/r = 1 / (1 + b/4a²)
  static constexpr const char* name = "squareplus";
  static constexpr Settings settings = {1, {"b"}};
  template <typename T>
  FASTBP_INLINE static V<T> value(V<T> z, const T* s) {
    const V<T> m = at_least<T>(abs<T>(z), T(1));
    const V<T> r = m * sqrt<T>(at_most<T>(z * z, T(1)) + s[0] / (m * m));  // z² may overflow where r does not
    return z > T(0) ? T(0.5) * z + T(0.5) * r : T(0.5) * s[0] / (r - z);   // each without cancellation
  }
  template <typename T>
  FASTBP_INLINE static V<T> slope(V<T> a, const T* s) {
    return T(1) / (T(1) + T(0.25) * s[0] / (a * a));
  }
};

struct SparsePlus {  // 0 up to -1, (z + 1)²/4 up to 1, z beyond; the slope is (z + 1)/2 = √a up to 1
  static constexpr const char* name = "sparse_plus";
  template <typename T>
  FASTBP_INLINE static V<T> value(V<T> z, const T*) {
    const V<T> root = at_least<T>(T(0.5) * z + T(0.5), T(0));
    return z > T(1) ? z : root * root;
  }
  template <typename T>
  FASTBP_INLINE static V<T> slope(V<T> a, const T*) {
    return at_most<T>(sqrt<T>(a), T(1));
  }
};

// ---- z times a gate g(z) that closes below: f' = g + z·g' ----

// x·g, and 0 where the gate is closed: it closes faster than x grows, right to infinity.
template <typename T>
FASTBP_INLINE V<T> gated(V<T> x, V<T> g) {
  return g == T(0) ? g : x * g;
}

template <typename F>
struct Gated {
  template <typename T>
  FASTBP_INLINE static ValueAndSlope<T> value_and_slope(V<T> z, const T*) {
    const ValueAndSlope<T> g = F::template gate<T>(z);
    return {gated<T>(z, g.value), g.value + gated<T>(z, g.slope)};
  }
};

struct Silu : Gated<Silu> {  // σ(z)
  static constexpr const char* name = "silu";
  template <typename T>
  FASTBP_INLINE static ValueAndSlope<T> gate(V<T> z) {
    return sigmoid_and_slope<T>(z);
  }
};

struct Gelu : Gated<Gelu> {  // Φ(z), the normal distribution
  static constexpr const char* name = "gelu";
  template <typename T>
  FASTBP_INLINE static ValueAndSlope<T> gate(V<T> z) {
    return normal_and_slope<T>(z);
  }
};

struct GeluTanh : Gated<GeluTanh> {  // (1 + tanh y) / 2 = σ(2y), with y = √(2/π)·(z + 0.044715·z³)
  static constexpr const char* name = "gelu_tanh";
  template <typename T>
  FASTBP_INLINE static ValueAndSlope<T> gate(V<T> z) {
    constexpr T k = T(1.5957691216057308), cubic = T(0.044715);  // 2·√(2/π)
    const ValueAndSlope<T> g = sigmoid_and_slope<T>(k * z * (T(1) + cubic * z * z));
    return {g.value, gated<T>(k * (T(1) + T(3) * cubic * z * z), g.slope)};
  }
};

// tanh(log(1 + eᶻ)) = ((1 + eᶻ)² - 1) / ((1 + eᶻ)² + 1) = p / (p + q), and 1 - tanh² = q·(2p + q) / (p + q)²
struct Mish : Gated<Mish> {
  static constexpr const char* name = "mish";
  template <typename T>
  FASTBP_INLINE static ValueAndSlope<T> gate(V<T> z) {
    const V<T> e = exp<T>(-abs<T>(z));
    const Mask<T> below = z < T(0);
    const V<T> p = below ? e * (e + T(2)) : T(1) + T(2) * e;
    const V<T> q = below ? broadcast<T>(T(2)) : T(2) * e * e;
    const V<T> share = T(1) / (p + q);
    const V<T> sigmoid = (below ? e : broadcast<T>(T(1))) / (T(1) + e);
    return {p * share, q * share * ((T(2) * p + q) * share) * sigmoid};
  }
};

struct HardSilu : Gated<HardSilu> {  // hard_sigmoid(z)
  static constexpr const char* name = "hard_silu";
  template <typename T>
  FASTBP_INLINE static ValueAndSlope<T> gate(V<T> z) {
    return {within<T>(z + T(3), T(0), T(6)) / T(6), where<T>((z > T(-3)) & (z <= T(3)), T(1) / T(6))};
  }
};

// ---- the kernels of them ----

template <typename F>
struct Elementwise {
  static constexpr const char* name = F::name;
  static constexpr bool whole_samples = false;
  static constexpr bool keeps_slope = requires { F::template value_and_slope<float>; };
  static constexpr Settings settings = [] {
    if constexpr (requires { F::settings; }) return F::settings;
    return Settings{};
  }();

  // The settings in T; a copy, for what `settings` points to might be what is being written.
  template <typename T>
  struct Numbers {
    T s[kMaxSettings] = {};
    FASTBP_INLINE explicit Numbers(const double* from) {
      for (int i = 0; i < settings.count; ++i) s[i] = T(from[i]);
    }
  };

  template <typename T, bool keep>
  static void apply(T* a, T* slope, long rows, long cols, long stride, const double* from) {
    const Numbers<T> numbers(from);
    for (long r = 0; r < rows; ++r, a += stride, slope += keep ? stride : 0) {
      for (long c = 0; c < cols; c += kLanes<T>) {
        if constexpr (keeps_slope) {
          const ValueAndSlope<T> f = F::template value_and_slope<T>(load(a + c), numbers.s);
          store<T>(a + c, f.value);
          if (keep) store<T>(slope + c, f.slope);
        } else {
          store<T>(a + c, F::template value<T>(load(a + c), numbers.s));
        }
      }
    }
  }

  template <typename T>
  static void forward_of(T* a, T* slope, long rows, long cols, long stride, const double* from) {
    (keeps_slope && slope ? apply<T, keeps_slope> : apply<T, false>)(a, slope, rows, cols, stride, from);
  }

  template <typename T>
  static void backward_of(T* d, const T* a, long rows, long cols, long stride, const double* from) {
    const Numbers<T> numbers(from);
    for (long r = 0; r < rows; ++r, d += stride, a += stride) {
      for (long c = 0; c < cols; c += kLanes<T>) {
        if constexpr (keeps_slope) {
          store<T>(d + c, load(d + c) * load(a + c));
        } else {
          store<T>(d + c, load(d + c) * F::template slope<T>(load(a + c), numbers.s));
        }
      }
    }
  }

  template <typename T, Layout>  // one function for both
  static constexpr auto forward = forward_of<T>;
  template <typename T, Layout>
  static constexpr auto backward = backward_of<T>;
};

template <typename F>
struct KernelOf : Elementwise<F> {};
template <typename F>
  requires(F::whole_samples)
struct KernelOf<F> : F {};

template <typename T, typename K>
constexpr ActivationKernel<T> entry() {
  return {K::name,
          K::whole_samples,
          K::keeps_slope,
          K::settings,
          {K::template forward<T, samples_in_rows>, K::template forward<T, samples_in_columns>},
          {K::template backward<T, samples_in_rows>, K::template backward<T, samples_in_columns>}};
}

template <typename T, typename... F>
struct ActivationTable {
  static constexpr ActivationKernel<T> entries[] = {entry<T, KernelOf<F>>()...};
  static constexpr List<ActivationKernel<T>> list = {entries, sizeof...(F)};
};

template <typename T>
using Activations = ActivationTable<T, Linear, Relu, LeakyRelu, BoundedRelu, Relu6, HardTanh, HardSigmoid,
                                    SparseSigmoid, SoftShrink, HardShrink, Threshold, Elu, Selu, Celu, Exponential,
                                    Sigmoid, Tanh, TanhShrink, Softplus, LogSigmoid, Softsign, Squareplus, SparsePlus,
                                    Silu, Gelu, GeluTanh, Mish, HardSilu, Softmax, LogSoftmax>;

}  // namespace
}  // namespace fastbp
