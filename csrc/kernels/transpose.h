// Transposition of the small matrices of a batch: squares in registers.
#pragma once

#include <stdint.h>

#include "kernels/vec.h"

namespace fastbp {
namespace {

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
template <typename T, int n>
FASTBP_INLINE void transpose_square(T* out, long out_stride, const T* const* in, long col) {
  typedef T Row __attribute__((vector_size(n * sizeof(T))));
  Row row[n], next[n];
#pragma GCC unroll 8
  for (int i = 0; i < n; ++i) __builtin_memcpy(&row[i], in[i] + col, sizeof row[i]);
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

// Asks for rows from .. from + n, as far as there are so many. They lie anywhere, and short ones leave no time to wait.
template <typename T>
FASTBP_INLINE void prefetch_rows(const T* in, long in_stride, const int32_t* index, long from, long n, long rows) {
  for (long r = from; r < smaller(from + n, rows); ++r) __builtin_prefetch(in + index[r] * in_stride);
}

// In squares of n, of which the last may cover some of the one before once more: rows and cols are n at least.
constexpr long kAhead = 16;  // rows

template <typename T, int n>
void transpose_squares(T* out, long out_stride, const T* in, long in_stride, const int32_t* index, long rows,
                       long cols) {
  const T* row[n];
  const bool is_short = index && cols * static_cast<long>(sizeof(T)) <= 64;  // a cache line
  for (long done_rows = 0; done_rows < rows; done_rows += n) {
    const long r = done_rows <= rows - n ? done_rows : rows - n;
    if (is_short) prefetch_rows(in, in_stride, index, done_rows + kAhead, n, rows);
    for (long i = 0; i < n; ++i) row[i] = in + (index ? index[r + i] : r + i) * in_stride;
    for (long done_cols = 0; done_cols < cols; done_cols += n) {
      const long c = done_cols <= cols - n ? done_cols : cols - n;
      transpose_square<T, n>(out + c * out_stride + r, out_stride, row, c);
    }
  }
}

// out (cols, rows): out[c, r] = in[index[r], c]; index null: r itself. Reads and writes true elements only.
template <typename T>
void transpose(T* out, long out_stride, const T* in, long in_stride, const int32_t* index, long rows, long cols) {
  constexpr int widest = (kVectorBytes < 32 ? kVectorBytes : 32) / static_cast<int>(sizeof(T));
  const long least = rows < cols ? rows : cols;
  if (widest == 8 && least >= 8) {
    transpose_squares<T, 8>(out, out_stride, in, in_stride, index, rows, cols);
  } else if (widest >= 4 && least >= 4) {
    transpose_squares<T, 4>(out, out_stride, in, in_stride, index, rows, cols);
  } else if (least >= 2) {
    transpose_squares<T, 2>(out, out_stride, in, in_stride, index, rows, cols);
  } else {
    for (long r = 0; r < rows; ++r) {
      const T* row = in + (index ? index[r] : r) * in_stride;
      for (long c = 0; c < cols; ++c) out[c * out_stride + r] = row[c];
    }
  }
}

}  // namespace
}  // namespace fastbp
