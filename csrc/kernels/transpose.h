// Transposition of the small matrices of a batch: squares in registers.
#pragma once

#include <stdint.h>

#include "kernels/vec.h"

namespace fastbp {
namespace {

// A square of n x n is transposed in log₂ n rounds. Round b takes the pairs of rows whose numbers differ in bit b alone
// and makes two rows of each: that bit of the row's number then says what a bit of the column's number said, and the
// other way round. Columns are exchanged within 16 bytes first and then by 16 bytes, each of which all machines have
// as one instruction.
template <typename T, int n>
struct Square {
  static constexpr int kWhole = 16 / static_cast<int>(sizeof(T));
  static constexpr int kPart = n < kWhole ? n : kWhole;  // columns within 16 bytes: 2 or 4
  static constexpr int kNear = kPart / 2;                // rounds within them
  typedef T Row __attribute__((vector_size(n * sizeof(T))));

  // Where column i of the first or second new row comes from: of row a, or n further on of b.
  static constexpr int source(int round, bool second, int i) {
    const int part = i / kPart, in_part = i % kPart;
    if (round + 1 < kNear) return part * kPart + in_part / 2 + (second ? 2 : 0) + in_part % 2 * n;
    if (round < kNear) {
      constexpr int half = kPart / 2;
      return part * kPart + in_part % half + (second ? half : 0) + in_part / half * n;
    }
    constexpr int half = n / kPart / 2 > 0 ? n / kPart / 2 : 1;  // parts of a row
    return (part % half * 2 + (second ? 1 : 0)) * kPart + in_part + part / half * n;
  }

  template <int round, bool second, int... i>
  FASTBP_INLINE static Row pick(Row a, Row b, Numbers<i...>) {
    return __builtin_shufflevector(a, b, source(round, second, i)...);
  }

  template <int round = 0>
  FASTBP_INLINE static void exchange(Row* row) {
    if constexpr (1 << round < n) {
#pragma GCC unroll 16
      for (int i = 0; i < n; ++i) {
        if (i >> round & 1) continue;
        const Row a = row[i], b = row[i | 1 << round];
        row[i] = pick<round, false>(a, b, First<n>{});
        row[i | 1 << round] = pick<round, true>(a, b, First<n>{});
      }
      exchange<round + 1>(row);
    }
  }

  // Within 16 bytes two rounds leave the bits of the row's number in the other order.
  static constexpr int place(int i) { return kNear == 2 ? (i & ~3) | (i & 1) << 1 | (i >> 1 & 1) : i; }

  FASTBP_INLINE static void transpose(T* out, long out_stride, const T* const* in, long col) {
    Row row[n];
#pragma GCC unroll 16
    for (int i = 0; i < n; ++i) __builtin_memcpy(&row[i], in[i] + col, sizeof row[i]);
    exchange(row);
#pragma GCC unroll 16
    for (int i = 0; i < n; ++i) __builtin_memcpy(out + place(i) * out_stride, &row[i], sizeof row[i]);
  }
};

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
      Square<T, n>::transpose(out + c * out_stride + r, out_stride, row, c);
    }
  }
}

// out (cols, rows): out[c, r] = in[index[r], c]; index null: r itself. Reads and writes true elements only.
template <typename T>
void transpose(T* out, long out_stride, const T* in, long in_stride, const int32_t* index, long rows, long cols) {
  constexpr int widest = kVectorBytes / static_cast<int>(sizeof(T));
  const long least = rows < cols ? rows : cols;
  if (widest >= 16 && least >= 16) {
    transpose_squares<T, smaller(widest, 16)>(out, out_stride, in, in_stride, index, rows, cols);
  } else if (widest >= 8 && least >= 8) {
    transpose_squares<T, smaller(widest, 8)>(out, out_stride, in, in_stride, index, rows, cols);
  } else if (widest >= 4 && least >= 4) {
    transpose_squares<T, smaller(widest, 4)>(out, out_stride, in, in_stride, index, rows, cols);
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
