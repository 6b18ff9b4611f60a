// Products with a sparse matrix: of each row only what is there.
//
//     z = x·w + b forward, and dw = xᵀ·dz, whose rows are the columns of x.
#pragma once

#include "kernels/kernel_table.h"
#include "kernels/vec.h"

namespace fastbp {
namespace {

// n vectors of each row of c, in registers while its entries are added up.
template <typename T, int n>
void sparse_columns(T* c, long c_stride, SparseRows<T> a, const int32_t* index, const T* b, long b_stride,
                    const T* bias, long bias_stride, long rows) {
  for (long r = 0; r < rows; ++r) {
    V<T> sum[n];
#pragma GCC unroll 16
    for (int i = 0; i < n; ++i) sum[i] = bias ? load(bias + r * bias_stride + i * kLanes<T>) : V<T>{};
    const long row = index ? index[r] : r;
    for (long e = a.starts[row]; e < a.starts[row + 1]; ++e) {
      const V<T> value = broadcast<T>(a.values[e]);
      const T* const from = b + a.columns[e] * b_stride;
#pragma GCC unroll 16
      for (int i = 0; i < n; ++i) sum[i] += value * load(from + i * kLanes<T>);
    }
#pragma GCC unroll 16
    for (int i = 0; i < n; ++i) store<T>(c + r * c_stride + i * kLanes<T>, sum[i]);
  }
}

template <typename T, int n>
void sparse_columns_of(long vectors, T* c, long c_stride, SparseRows<T> a, const int32_t* index, const T* b,
                       long b_stride, const T* bias, long bias_stride, long rows) {
  if constexpr (n > 1) {
    if (vectors < n) {
      return sparse_columns_of<T, n - 1>(vectors, c, c_stride, a, index, b, b_stride, bias, bias_stride, rows);
    }
  }
  sparse_columns<T, n>(c, c_stride, a, index, b, b_stride, bias, bias_stride, rows);
}

// c[r] = bias[r] + Σ v·b[column] over the entries of row index[r], in their order; index null: r itself. Whole vectors
// of b, bias and c, which may be the same.
template <typename T>
void sparse_product(T* c, long c_stride, SparseRows<T> a, const int32_t* index, const T* b, long b_stride,
                    const T* bias, long bias_stride, long rows, long cols) {
  constexpr int widest = kVectorRegisters / 2;
  for (long vectors = (cols + kLanes<T> - 1) / kLanes<T>; vectors > 0; vectors -= widest) {
    sparse_columns_of<T, widest>(vectors, c, c_stride, a, index, b, b_stride, bias, bias_stride, rows);
    c += widest * kLanes<T>, b += widest * kLanes<T>;
    if (bias) bias += widest * kLanes<T>;
  }
}

}  // namespace
}  // namespace fastbp
