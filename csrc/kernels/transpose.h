// Transposition of the small matrices of a batch: squares in registers, edges one by one.
#pragma once

#include "kernels/vec.h"

namespace fastbp {
namespace {

// Vectors of at most 32 bytes: a panel of a product has eight rows, and squares of eight floats fit it.
template <typename T>
struct SideOf {
  static constexpr int bytes = kVectorBytes < 32 ? kVectorBytes : 32;
  static constexpr int lanes = bytes / static_cast<int>(sizeof(T));
  typedef T Row __attribute__((vector_size(bytes)));
};

// (a₀ b₀ a₁ b₁ ...) of the lower and of the upper halves of two rows.
template <int lanes>
struct Interleave;

template <>
struct Interleave<2> {
  template <typename V>
  FASTBP_INLINE static void apply(V& low, V& high, V a, V b) {
    low = __builtin_shufflevector(a, b, 0, 2);
    high = __builtin_shufflevector(a, b, 1, 3);
  }
};

template <>
struct Interleave<4> {
  template <typename V>
  FASTBP_INLINE static void apply(V& low, V& high, V a, V b) {
    low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
    high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  }
};

template <>
struct Interleave<8> {
  template <typename V>
  FASTBP_INLINE static void apply(V& low, V& high, V a, V b) {
    low = __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
    high = __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
  }
};

// Interleaving row i with row i + n/2 moves the lowest bit of each element's row number into its column number; after
// log₂ n rounds the two have changed places.
template <typename T>
FASTBP_INLINE void transpose_square(T* out, long out_stride, const T* in, long in_stride) {
  using Side = SideOf<T>;
  constexpr int n = Side::lanes;
  typename Side::Row row[n], next[n];
#pragma GCC unroll 8
  for (int i = 0; i < n; ++i) __builtin_memcpy(&row[i], in + i * in_stride, sizeof row[i]);
#pragma GCC unroll 3
  for (int done = 1; done < n; done *= 2) {
#pragma GCC unroll 4
    for (int i = 0; i < n / 2; ++i) Interleave<n>::apply(next[2 * i], next[2 * i + 1], row[i], row[i + n / 2]);
#pragma GCC unroll 8
    for (int i = 0; i < n; ++i) row[i] = next[i];
  }
#pragma GCC unroll 8
  for (int i = 0; i < n; ++i) __builtin_memcpy(out + i * out_stride, &row[i], sizeof row[i]);
}

// out (cols, rows) = inᵀ. Reads and writes true elements only.
template <typename T>
void transpose(T* out, long out_stride, const T* in, long in_stride, long rows, long cols) {
  constexpr long n = SideOf<T>::lanes;
  const long whole_rows = rows / n * n, whole_cols = cols / n * n;
  for (long r = 0; r < whole_rows; r += n) {
    for (long c = 0; c < whole_cols; c += n) {
      transpose_square(out + c * out_stride + r, out_stride, in + r * in_stride + c, in_stride);
    }
  }
  for (long r = 0; r < rows; ++r) {
    for (long c = r < whole_rows ? whole_cols : 0; c < cols; ++c) out[c * out_stride + r] = in[r * in_stride + c];
  }
}

}  // namespace
}  // namespace fastbp
