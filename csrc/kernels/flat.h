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

// dw += l1·sign(w) + 2·l2·w, if dw is not null; returns l1·Σ|w| + l2·Σw². n: whole vectors.
template <typename T>
double regularize(T* dw, const T* w, double l1, double l2, long n) {
  const T a = static_cast<T>(l1), b = static_cast<T>(l2);
  if (dw) {
    for (long i = 0; i < n; i += kLanes<T>) {
      const V<T> v = load(w + i), zero = {};
      const V<T> sign = v > zero ? broadcast<T>(a) : (v < zero ? broadcast<T>(-a) : zero);
      store<T>(dw + i, load(dw + i) + sign + (b + b) * v);
    }
  }
  return sum_of<T>(n, [&](long i) {
    const V<T> v = load(w + i);
    return abs<T>(v) * a + v * v * b;
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
constexpr FlatKernels<T> kFlat = {regularize<T>, sum_of_squares<T>, clip<T>, blend<T>};

}  // namespace
}  // namespace fastbp
