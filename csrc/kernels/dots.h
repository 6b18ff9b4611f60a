// Products of few rows with the rows of a matrix: each element is a sum along vectors.
//
//     dx = dz·wᵀ, samples in rows: each row of w is read once, where it lies.
#pragma once

#include "kernels/transpose.h"
#include "kernels/vec.h"

namespace fastbp {
namespace {

// (a₀+a₁ a₂+a₃ ... b₀+b₁ b₂+b₃ ...): sums of neighbours, those of a first.
template <int lanes>
struct AddNeighbours;

template <>
struct AddNeighbours<2> {
  template <typename V>
  FASTBP_INLINE static V apply(V a, V b) {
    return __builtin_shufflevector(a, b, 0, 2) + __builtin_shufflevector(a, b, 1, 3);
  }
};

template <>
struct AddNeighbours<4> {
  template <typename V>
  FASTBP_INLINE static V apply(V a, V b) {
    return __builtin_shufflevector(a, b, 0, 2, 4, 6) + __builtin_shufflevector(a, b, 1, 3, 5, 7);
  }
};

template <>
struct AddNeighbours<8> {
  template <typename V>
  FASTBP_INLINE static V apply(V a, V b) {
    return __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14) +
           __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15);
  }
};

template <>
struct AddNeighbours<16> {
  template <typename V>
  FASTBP_INLINE static V apply(V a, V b) {
    return __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30) +
           __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
  }
};

// As many sums along k as a vector has lanes, side by side: lane i is Σ_k a[k]·b[i, k].
template <typename T>
FASTBP_INLINE V<T> dot_lanes(const T* a, const T* b, long b_stride, long k) {
  constexpr int lanes = static_cast<int>(kLanes<T>);
  V<T> sum[lanes] = {};
  for (; k > 0; k -= lanes, a += lanes, b += lanes) {
    const V<T> v = load(a);
#pragma GCC unroll 16
    for (int i = 0; i < lanes; ++i) sum[i] += v * load(b + i * b_stride);
  }
#pragma GCC unroll 4
  for (int left = lanes; left > 1; left /= 2) {
#pragma GCC unroll 8
    for (int i = 0; i < left / 2; ++i) sum[i] = AddNeighbours<lanes>::apply(sum[2 * i], sum[2 * i + 1]);
  }
  return sum[0];
}

// c[m, n] = Σ_k a[m, k]·b[n, k]. Reads whole vectors of a and b along k, whose pads are 0; writes true elements only.
template <typename T>
void dots(T* c, long c_stride, const T* a, long a_stride, const T* b, long b_stride, long m, long n, long k) {
  constexpr long lanes = kLanes<T>;
  for (long j = 0; j < n; j += lanes, b += lanes * b_stride, c += lanes) {
    const long count = n - j < lanes ? n - j : lanes;
    for (long i = 0; i < m; ++i) {
      if (count == lanes) {
        store<T>(c + i * c_stride, dot_lanes<T>(a + i * a_stride, b, b_stride, k));
        continue;
      }
      for (long l = 0; l < count; ++l) {
        V<T> sum = {};
        for (long v = 0; v < k; v += lanes) sum += load(a + i * a_stride + v) * load(b + l * b_stride + v);
        c[i * c_stride + l] = sum_of_lanes<T>(sum);
      }
    }
  }
}

}  // namespace
}  // namespace fastbp
