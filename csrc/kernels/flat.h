// Loops over flat arrays of parameters and gradients.
#pragma once

#include "kernels/kernel_table.h"
#include "kernels/vec.h"

namespace fastbp {
namespace {

template <typename T>
struct DoublesOf {
  typedef double type __attribute__((vector_size(kVectorBytes / sizeof(T) * sizeof(double))));
};

// Sums of long arrays, kept in as many parts as a vector has lanes, in double.
template <typename T, typename F>
FASTBP_INLINE double sum_of(long n, F f) {
  using Doubles = typename DoublesOf<T>::type;
  Doubles sums = {};
  for (long i = 0; i < n; i += kLanes<T>) sums += __builtin_convertvector(f(i), Doubles);
  double sum = 0;
  for (long i = 0; i < kLanes<T>; ++i) sum += sums[i];
  return sum;
}

// l1·Σ|w| + l2·Σw²
template <typename T>
double penalty(const T* w, double l1, double l2, long n) {
  const T a = static_cast<T>(l1), b = static_cast<T>(l2);
  return sum_of<T>(n, [&](long i) {
    const V<T> v = load(w + i);
    return abs<T>(v) * a + v * v * b;
  });
}

// Calls f(slope), where slope(dw, w) is dw with the slope of the penalty: dw + l1·sign(w) + 2·l2·w, and no arithmetic
// for what is 0.
template <typename T, typename F>
FASTBP_INLINE void with_penalty(double l1, double l2, F f) {
  const T a = static_cast<T>(l1), twice = 2 * static_cast<T>(l2);
  if (l1 != 0) {
    f([a, twice](V<T> dw, V<T> w) __attribute__((always_inline)) {
      const V<T> zero = {};
      const V<T> sign = w > zero ? broadcast<T>(a) : (w < zero ? broadcast<T>(-a) : zero);
      return dw + sign + twice * w;
    });
  } else if (l2 != 0) {
    f([twice](V<T> dw, V<T> w) __attribute__((always_inline)) { return dw + twice * w; });
  } else {
    f([](V<T> dw, V<T>) __attribute__((always_inline)) { return dw; });
  }
}

template <typename T>
void penalize(T* dw, const T* w, double l1, double l2, long n) {
  with_penalty<T>(l1, l2, [=](auto slope) __attribute__((always_inline)) {
    for (long i = 0; i < n; i += kLanes<T>) store<T>(dw + i, slope(load(dw + i), load(w + i)));
  });
}

template <typename T>
double sum_of_squares(const T* x, long n) {
  return sum_of<T>(n, [&](long i) { return load(x + i) * load(x + i); });
}

// x = clip(x·scale, ±most)
template <typename T>
void clip(T* x, double scale, double most, long n) {
  const T s = static_cast<T>(scale), high = static_cast<T>(most);
  for (long i = 0; i < n; i += kLanes<T>) store<T>(x + i, at_most<T>(at_least<T>(load(x + i) * s, -high), high));
}

// mean = keep·mean + (1 - keep)·x
template <typename T>
void blend(T* mean, const T* x, double keep, long n) {
  const T k = static_cast<T>(keep), rest = static_cast<T>(1 - keep);
  for (long i = 0; i < n; i += kLanes<T>) store<T>(mean + i, k * load(mean + i) + rest * load(x + i));
}

template <typename T>
constexpr FlatKernels<T> kFlat = {penalty<T>, penalize<T>, sum_of_squares<T>, clip<T>, blend<T>};

}  // namespace
}  // namespace fastbp
