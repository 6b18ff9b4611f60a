// exp, log, tanh and their kin on vectors. Error bounds (in ULP, over the whole range, infinities, NaN and subnormals
// included) are asserted by tests/test_vec_math.py: exp 2, expm1 2, log 3, log1p 4, sigmoid 4, tanh 6, normal_cdf 8;
// cosine and sine of a multiple of 2⁻²⁴ of a turn 3.
#pragma once

#include "kernels/vec.h"

namespace fastbp {
namespace {

template <typename T>
struct MathConstants;

template <>
struct MathConstants<float> {
  static constexpr int kExpTerms = 7;         // |r| <= ln2 / 2: r^8 / 8! < 0.1 ULP
  static constexpr int kLogTerms = 6;         // s^2 <= 0.0295: s^12 / 13 < 0.1 ULP
  static constexpr float kRound = 0x1.8p23f;  // adding it rounds to an integer, kept in the low mantissa bits
  static constexpr float kLog2e = 0x1.715476p0f;
  static constexpr float kLn2High = 0x1.62e4p-1f;  // few bits, so n * kLn2High is exact
  static constexpr float kLn2Low = 0x1.7f7d1cp-20f;
  static constexpr float kExpMin = -104.0f;  // below it exp is 0, above kExpMax infinite
  static constexpr float kExpMax = 89.0f;
  static constexpr float kNormalEnd = 14.5f;  // Φ(-x) is 0 beyond
  static constexpr float kNormal[] = {0x1.89d3acp-1f,   -0x1.54ad02p-1f, 0x1.fb31a4p-2f, -0x1.410f54p-2f,
                                      0x1.51edccp-3f,   -0x1.1b11ecp-4f, 0x1.5649ap-6f,  -0x1.856bf2p-9f,
                                      -0x1.071a8ep-10f, 0x1.9830fap-12f};
  static constexpr float kTanhEnd = 9.17f;
  static constexpr float kTanhAbove[] = {
      1.0f, 0x1.0bc424p-3f, 0x1.957398p-9f, 0x1.728bc4p-17f, -0x1.53b144p-26f, 0x1.bd0692p-35f, -0x1.64f6f6p-44f};
  static constexpr float kTanhBelow[] = {1.0f, 0x1.db3762p-2f, 0x1.90a326p-6f, 0x1.095c98p-12f};
  static constexpr float kMinNormal = 0x1p-126f;
  static constexpr float kScaleUp = 0x1p23f;
};

template <>
struct MathConstants<double> {
  static constexpr int kExpTerms = 13;
  static constexpr int kLogTerms = 12;
  static constexpr double kRound = 0x1.8p52;
  static constexpr double kLog2e = 0x1.71547652b82fep0;
  static constexpr double kLn2High = 0x1.62e42fefa38p-1;
  static constexpr double kLn2Low = 0x1.ef35793c7673p-45;
  static constexpr double kExpMin = -746.0;
  static constexpr double kExpMax = 710.0;
  static constexpr double kNormalEnd = 38.7;
  static constexpr double kNormal[] = {
      0x1.89d3abe1f95aep-1,   -0x1.54ad03f27ca18p-1, 0x1.fb31653876f67p-2,   -0x1.410ed5f8759e8p-2,
      0x1.51f6329f02857p-3,   -0x1.1b1c254c9d898p-4, 0x1.54b4d4f4171fcp-6,   -0x1.88590ea733b7fp-9,
      -0x1.a25036fbfac93p-11, 0x1.1daf1d26a9a67p-11, -0x1.f214b3375a3b0p-15, -0x1.a170e41d52d70p-15,
      0x1.17df611958a97p-16,  0x1.0b2bba005be37p-18, -0x1.73d404779e8ecp-19, -0x1.6a570ae98557bp-22,
      0x1.d2839ddffe299p-22,  0x1.77a14d3376607p-25, -0x1.1e89f90c920dfp-24, -0x1.6cc1b908df3f3p-27,
      0x1.06c3a0b597bf7p-27,  0x1.328e6e8728303p-29};
  static constexpr double kMinNormal = 0x1p-1022;
  static constexpr double kScaleUp = 0x1p52;
};

// 2^n for -kExponentBias < n <= kExponentBias, written straight into the exponent.
template <typename T>
FASTBP_INLINE V<T> power_of_two(Mask<T> n) {
  return from_bits<T>((n + Scalar<T>::kExponentBias) << Scalar<T>::kMantissaBits);
}

// 1 / i!, as a table: a function of i would be called, for the compiler does not unfold so many.
constexpr struct OneOverFactorial {
  double values[24] = {1};
  constexpr OneOverFactorial() {
    for (int i = 1; i < 24; ++i) values[i] = values[i - 1] / i;
  }
  constexpr double operator()(int i) const { return values[i]; }
} one_over_factorial;

// x - less = n·ln2 + r with |r| <= ln2 / 2; q = e^r - 1 by Taylor's series, without the rounding error of 1 + q. `less`
// are digits that x has no room for.
template <typename T>
struct ExpParts {
  Mask<T> n;
  V<T> q;
};

template <typename T>
FASTBP_INLINE ExpParts<T> exp_parts(V<T> x, V<T> less = V<T>{}) {
  using C = MathConstants<T>;
  const V<T> t = (x - less) * C::kLog2e + C::kRound;
  const V<T> n = t - C::kRound;
  const V<T> r = (x - n * C::kLn2High) - n * C::kLn2Low - less;
  V<T> p = broadcast<T>(T(one_over_factorial(C::kExpTerms)));
#pragma GCC unroll 16
  for (int i = C::kExpTerms - 1; i >= 2; --i) p = p * r + T(one_over_factorial(i));
  return {bits<T>(t) - bits<T>(broadcast<T>(C::kRound)), r * r * p + r};
}

// (1 + q)·2^n, by two factors: 2^n itself may leave the range where the product does not (subnormals, the largest
// numbers).
template <typename T>
FASTBP_INLINE V<T> exp_of(ExpParts<T> e) {
  const Mask<T> half = e.n >> 1;
  return (e.q + T(1)) * power_of_two<T>(half) * power_of_two<T>(e.n - half);
}

template <typename T>
FASTBP_INLINE V<T> exp(V<T> x) {
  using C = MathConstants<T>;
  return exp_of<T>(exp_parts<T>(within<T>(x, C::kExpMin, C::kExpMax)));
}

// eˣ - 1 = 2·(2^{n-1}·q + (2^{n-1} - ½)): exact to the last bits near 0 too, where n = 0.
template <typename T>
FASTBP_INLINE V<T> expm1(V<T> x) {
  using C = MathConstants<T>;
  const ExpParts<T> e = exp_parts<T>(within<T>(x, T(-50), C::kExpMax));  // below, it is -1 in both precisions
  const V<T> half = power_of_two<T>(e.n - 1);
  return abs<T>(x) < C::kMinNormal ? x : T(2) * (e.q * half + (half - T(0.5)));
}

template <typename T>
struct ValueAndSlope {
  V<T> value;
  V<T> slope;
};

// σ(x) = 1 / (1 + e⁻ˣ) = eˣ / (1 + eˣ), by the one whose exponential is at most 1: no overflow, right down to
// subnormals. Its slope is e / (1 + e)² by either.
template <typename T>
FASTBP_INLINE ValueAndSlope<T> sigmoid_and_slope(V<T> x) {
  const V<T> e = exp<T>(-abs<T>(x));
  const V<T> share = T(1) / (T(1) + e);
  return {x < T(0) ? e * share : share, e * share * share};
}

template <typename T>
FASTBP_INLINE V<T> sigmoid(V<T> x) {
  return sigmoid_and_slope<T>(x).value;
}

// Σ c[i]·xⁱ
template <typename T, int n>
FASTBP_INLINE V<T> polynomial(const T (&c)[n], V<T> x) {
  V<T> p = broadcast<T>(c[n - 1]);
#pragma GCC unroll 32
  for (int i = n - 2; i >= 0; --i) p = p * x + c[i];
  return p;
}

// float: x·P(x²) / Q(x²), of polynomials whose greatest relative error is the least for their degrees, a ninth of a
// rounding; what they are where they end rounds to 1 or more, with products rounded on their own or not.
// double: tanh|x| = m / (m + 2) with m = e^{2|x|} - 1 = 2^n·q + (2^n - 1), exact to the last bits near 0 too (n = 0).
template <typename T>
FASTBP_INLINE V<T> tanh(V<T> x) {
  if constexpr (sizeof(T) == 4) {
    using C = MathConstants<T>;
    const V<T> near = within<T>(x, -C::kTanhEnd, C::kTanhEnd), square = near * near;
    const V<T> t = near * polynomial<T>(C::kTanhAbove, square) / polynomial<T>(C::kTanhBelow, square);
    return within<T>(t, T(-1), T(1));
  } else {
    const V<T> size = abs<T>(x);
    const ExpParts<T> e = exp_parts<T>(at_most<T>(size + size, T(50)));  // beyond, tanh is 1
    const V<T> scale = power_of_two<T>(e.n);
    const V<T> m = e.q * scale + (scale - T(1));
    const V<T> t = m / (m + T(2));
    return x < T(0) ? -t : (x == T(0) ? x : t);
  }
}

// Φ(x), the normal distribution, and its slope φ(x) = e^{-x²/2} / √2π.  Φ(-|x|) = e^{-x²/2}·S(t) / (|x| + 5) with
// t = (|x| - 5) / (|x| + 5), where S is smooth: it interpolates at Chebyshev's nodes, of as high a degree as makes its
// error a tenth of the last place. A rounded x² / 2 would cost the exponential as many digits as it has before the
// point; so x = h + l with so few bits in h that h² is exact, and x² = h² + l·(x + h).
template <typename T>
FASTBP_INLINE ValueAndSlope<T> normal_and_slope(V<T> x) {
  using C = MathConstants<T>;
  using Int = typename Scalar<T>::Int;
  constexpr Int low_half = (Int(1) << (Scalar<T>::kMantissaBits + 2) / 2) - 1;
  const V<T> size = at_most<T>(abs<T>(x), C::kNormalEnd);
  const V<T> h = from_bits<T>(bits<T>(size) & ~low_half);
  const V<T> e = exp_of<T>(exp_parts<T>(h * h * T(-0.5), (size - h) * (size + h) * T(0.5)));
  const V<T> share = T(1) / (size + T(5));
  const V<T> tail = e * (share * polynomial<T>(C::kNormal, (size - T(5)) * share));
  return {x < T(0) ? tail : T(1) - tail, e * T(0.3989422804014327)};  // 1 / √2π
}

template <typename T>
FASTBP_INLINE V<T> normal_cdf(V<T> x) {
  return normal_and_slope<T>(x).value;
}

// sin (odd) or cos (even) of 2π·f for |f| <= 1/8 by Taylor's series, in t = (2π·f)².
template <typename T, bool odd>
FASTBP_INLINE V<T> eighth_of_turn(V<T> f) {
  constexpr int terms = sizeof(T) == 4 ? 5 : 9;  // (π/4)^(2·terms) / (2·terms)! < 0.1 ULP
  const V<T> angle = f * T(6.283185307179586476925), t = angle * angle;
  V<T> p = broadcast<T>(T((terms & 1 ? -1 : 1) * one_over_factorial(2 * terms + odd)));
#pragma GCC unroll 16
  for (int i = terms - 1; i >= 0; --i) p = p * t + T((i & 1 ? -1 : 1) * one_over_factorial(2 * i + odd));
  return odd ? p * angle : p;
}

// cos(2π·u) and sin(2π·u) for u in [-4, 4]: the nearest quarter q of a turn, and the rest f.
template <typename T>
FASTBP_INLINE V<T> cos_of_turn(V<T> u) {
  using C = MathConstants<T>;
  using Int = typename Scalar<T>::Int;
  const V<T> shifted = u * T(4) + C::kRound;
  const Mask<T> q = bits<T>(shifted);
  const V<T> f = u - (shifted - C::kRound) * T(0.25);
  const V<T> size = (q & Int(1)) ? eighth_of_turn<T, true>(f) : eighth_of_turn<T, false>(f);
  return ((q + Int(1)) & Int(2)) ? -size : size;
}

template <typename T>
FASTBP_INLINE V<T> sin_of_turn(V<T> u) {
  return cos_of_turn<T>(u - T(0.25));
}

// x = 2^n·m with m in [√½, √2); ln m = 2·artanh(s) = 2s·(1 + s²/3 + s⁴/5 + ...) with s = (m - 1) / (m + 1).
template <typename T>
FASTBP_INLINE V<T> log(V<T> x) {
  using C = MathConstants<T>;
  using Int = typename Scalar<T>::Int;
  constexpr Int one = Int(Scalar<T>::kExponentBias) << Scalar<T>::kMantissaBits;
  constexpr Int mantissa = (Int(1) << Scalar<T>::kMantissaBits) - 1;
  constexpr Int root_half = sizeof(T) == 4 ? Int(0x3f3504f3) : Int(0x3fe6a09e667f3bcdLL);
  const Mask<T> subnormal = x < C::kMinNormal;
  const Mask<T> u = bits<T>(subnormal ? x * C::kScaleUp : x) + (one - root_half);
  const Mask<T> n =
      (u >> Scalar<T>::kMantissaBits) - Scalar<T>::kExponentBias + (subnormal & -Scalar<T>::kMantissaBits);
  const V<T> m = from_bits<T>((u & mantissa) + root_half);
  const V<T> f = m - T(1);
  const V<T> s = f / (m + T(1));
  const V<T> s2 = s * s;
  V<T> p = broadcast<T>(T(1) / T(2 * C::kLogTerms + 1));
#pragma GCC unroll 16
  for (int i = C::kLogTerms - 1; i >= 1; --i) p = p * s2 + T(1) / T(2 * i + 1);
  // 2s = f - s·f, so ln m = f - s·(f - 2·s²·p): f is exact, and what is subtracted from it is small.
  const V<T> nf = from_bits<T>(n + bits<T>(broadcast<T>(C::kRound))) - C::kRound;  // n as a number
  const V<T> small = nf * C::kLn2Low - s * (f - T(2) * s2 * p);
  const V<T> result = nf * C::kLn2High + (f + small);
  const V<T> infinity = broadcast<T>(T(__builtin_inf()));
  const V<T> at_edges = x == T(0) ? -infinity : (x < T(0) ? broadcast<T>(T(__builtin_nan(""))) : x);
  return ((x > T(0)) & (x < infinity)) ? result : at_edges;
}

// log(1 + x) for x > -1: the logarithm of the rounded u = 1 + x, and what the rounding lost.
template <typename T>
FASTBP_INLINE V<T> log1p(V<T> x) {
  const V<T> u = x + T(1);
  const V<T> lost = (x - (u - T(1))) / u;
  return log<T>(u) + (x < T(1) ? lost : V<T>{});
}

}  // namespace
}  // namespace fastbp
