// exp, log, tanh and their kin on vectors. Error bounds (in ULP, over the whole range, infinities, NaN and subnormals
// included) are asserted by tests/test_vec_math.py: exp 2, log 3, log1p 4, sigmoid 4, tanh 4, erf
// 4.
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
  static constexpr float kErfEnd = 4.0f;  // erf is 1 beyond
  static constexpr float kErf[] = {0x1.06eba8p-3f, -0x1.81273ep-2f,  0x1.ce2d1p-4f, -0x1.b7fabap-6f,
                                   0x1.54127p-8f,  -0x1.a45088p-11f, 0x1.4a569p-14f};
  static constexpr float kErfcx[] = {0x1.058672p-2f, -0x1.b5703ep-2f, 0x1.eeea7ep-3f,  -0x1.437446p-4f,
                                     0x1.e9359ep-9f, 0x1.be5ff8p-8f,  -0x1.b75728p-11f};
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
  static constexpr double kErfEnd = 6.0;
  static constexpr double kErf[] = {0x1.06eba8214db68p-3,   -0x1.812746b0379c1p-2,  0x1.ce2f21a040f66p-4,
                                    -0x1.b82ce31203772p-6,  0x1.565bccfa44156p-8,   -0x1.c02db0665e53dp-11,
                                    0x1.f9a2be4f731a1p-14,  -0x1.f4ca838adb73bp-17, 0x1.b981d78881a5dp-20,
                                    -0x1.5c131500d3f88p-23, 0x1.d76af6ca49787p-27,  -0x1.ac9585a44fe29p-31};
  static constexpr double kErfcx[] = {0x1.058671b52c776p-2,   -0x1.b57034efd3f74p-2,  0x1.eeea7dc8a78a1p-3,
                                      -0x1.437f0b68c0489p-4,  0x1.e9471597be87ap-9,   0x1.ca95ed50b7c81p-8,
                                      -0x1.bc25a48873fcfp-11, -0x1.016b5b63ce721p-10, 0x1.6d5ee91b54222p-15,
                                      0x1.6da887a2804f7p-13,  0x1.cdd4519ae1742p-16,  -0x1.ce6ac975b91ep-16,
                                      -0x1.d5b4578dde1bbp-17, 0x1.5e89dbd23021dp-20,  0x1.0d39558a33004p-18,
                                      0x1.559a2f0faada6p-20,  -0x1.30be46f379823p-20};
  static constexpr double kMinNormal = 0x1p-1022;
  static constexpr double kScaleUp = 0x1p52;
};

// 2^n for -kExponentBias < n <= kExponentBias, written straight into the exponent.
template <typename T>
FASTBP_INLINE V<T> power_of_two(Mask<T> n) {
  return from_bits<T>((n + Scalar<T>::kExponentBias) << Scalar<T>::kMantissaBits);
}

constexpr double one_over_factorial(int i) { return i == 0 ? 1.0 : one_over_factorial(i - 1) / i; }

// x = n·ln2 + r with |r| <= ln2 / 2; q = e^r - 1 by Taylor's series, without the rounding error of 1 + q.
template <typename T>
struct ExpParts {
  Mask<T> n;
  V<T> q;
};

template <typename T>
FASTBP_INLINE ExpParts<T> exp_parts(V<T> x) {
  using C = MathConstants<T>;
  const V<T> t = x * C::kLog2e + C::kRound;
  const V<T> n = t - C::kRound;
  const V<T> r = (x - n * C::kLn2High) - n * C::kLn2Low;
  V<T> p = broadcast<T>(T(one_over_factorial(C::kExpTerms)));
#pragma GCC unroll 16
  for (int i = C::kExpTerms - 1; i >= 2; --i) p = p * r + T(one_over_factorial(i));
  return {bits<T>(t) - bits<T>(broadcast<T>(C::kRound)), r * r * p + r};
}

template <typename T>
FASTBP_INLINE V<T> exp(V<T> x) {
  using C = MathConstants<T>;
  const ExpParts<T> e = exp_parts<T>(at_most<T>(at_least<T>(x, C::kExpMin), C::kExpMax));
  // Two factors, for 2^n itself may leave the range where the product does not (subnormals, the largest numbers).
  const Mask<T> half = e.n >> 1;
  return (e.q + T(1)) * power_of_two<T>(half) * power_of_two<T>(e.n - half);
}

// σ(x) = 1 / (1 + e⁻ˣ) = eˣ / (1 + eˣ), by the one whose exponential is at most 1: no overflow, right down to
// subnormals.
template <typename T>
FASTBP_INLINE V<T> sigmoid(V<T> x) {
  const V<T> e = exp<T>(-abs<T>(x));
  return (x < T(0) ? e : broadcast<T>(T(1))) / (T(1) + e);
}

// tanh|x| = m / (m + 2) with m = e^{2|x|} - 1 = 2^n·q + (2^n - 1): exact to the last bits near 0 too, where n = 0.
template <typename T>
FASTBP_INLINE V<T> tanh(V<T> x) {
  const V<T> size = abs<T>(x);
  const ExpParts<T> e = exp_parts<T>(at_most<T>(size + size, T(50)));  // beyond, tanh is 1 in both precisions
  const V<T> scale = power_of_two<T>(e.n);
  const V<T> m = e.q * scale + (scale - T(1));
  const V<T> t = m / (m + T(2));
  return x < T(0) ? -t : (x == T(0) ? x : t);
}

// Σ c[i]·xⁱ
template <typename T, int n>
FASTBP_INLINE V<T> polynomial(const T (&c)[n], V<T> x) {
  V<T> p = broadcast<T>(c[n - 1]);
#pragma GCC unroll 32
  for (int i = n - 2; i >= 0; --i) p = p * x + c[i];
  return p;
}

// erf x = x + x·P(x²) for |x| < 1, else ±(1 - e^{-x²}·Q(t)) with t = (|x| - 2) / (|x| + 2), where Q(t) = e^{x²}·erfc x
// is smooth. P and Q interpolate at Chebyshev's nodes, of as high a degree as makes their error a tenth of the last
// place.
template <typename T>
FASTBP_INLINE V<T> erf(V<T> x) {
  using C = MathConstants<T>;
  const V<T> size = at_most<T>(abs<T>(x), C::kErfEnd);
  const V<T> inner = x + x * polynomial<T>(C::kErf, size * size);
  const V<T> outer = T(1) - exp<T>(-size * size) * polynomial<T>(C::kErfcx, (size - T(2)) / (size + T(2)));
  return size < T(1) ? inner : (x < T(0) ? -outer : outer);
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
