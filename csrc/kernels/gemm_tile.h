// The register-tile product: one kernel under all three matrix products of a dense layer.
//
//     z  = x·w + b        a(m, k) = x[m, k]          b = w
//     dw = xᵀ·dz          a(m, k) = x[k, m]          b = dz
//     dxᵀ = w·dzᵀ         a(m, k) = w[m, k]          b = dzᵀ
//
// Row and column strides for A absorb the transpositions; B's rows are read as vectors. A tile of C stays in registers
// while k runs. Panels of C (a few rows, some columns) are handed to `finish` while they are still in the first-level
// cache: the activation of a layer and the update of its weights happen there, so they cost no trip to memory and no
// tile is compiled once more for each of them.
#pragma once

#include "kernels/kernel_table.h"
#include "kernels/vec.h"

namespace fastbp {
namespace {

// Accumulators: rows x columns of vectors; beside them stand one row of B and one broadcast of A.
constexpr int kTileRows = kVectorRegisters >= 32 ? 8 : 4;  // 24 of 32 registers, or 12 of 16
constexpr int kTileCols = 3;

constexpr long kPanelBytes = 24 * 1024;   // a panel of C: half of a small first-level cache
constexpr long kBlockBytes = 512 * 1024;  // the columns of B that all panels of a block read again: half of a small L2

// C (rows, cols vectors) = bias + Σ_k a(·, k)·b[k, ·]
template <typename T, int rows, int cols>
void tile(T* c, long c_stride, const T* a, long a_row, long a_col, const T* b, long b_stride, const T* bias, long k) {
  constexpr long lanes = kLanes<T>;
  V<T> sum[rows][cols];
#pragma GCC unroll 8
  for (int j = 0; j < cols; ++j) {
    const V<T> start = bias ? load(bias + j * lanes) : V<T>{};
#pragma GCC unroll 8
    for (int i = 0; i < rows; ++i) sum[i][j] = start;
  }
  for (; k > 0; --k, a += a_col, b += b_stride) {
    V<T> row[cols];
#pragma GCC unroll 8
    for (int j = 0; j < cols; ++j) row[j] = load(b + j * lanes);
#pragma GCC unroll 8
    for (int i = 0; i < rows; ++i) {
      const V<T> s = broadcast<T>(a[i * a_row]);
#pragma GCC unroll 8
      for (int j = 0; j < cols; ++j) sum[i][j] += s * row[j];
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 8
    for (int j = 0; j < cols; ++j) store(c + i * c_stride + j * lanes, sum[i][j]);
  }
}

template <typename T>
using Tile = void (*)(T*, long, const T*, long, long, const T*, long, const T*, long);

// Every height and width of tile, so the last rows and columns waste nothing: table.entry[rows - 1][cols - 1].
template <typename T, int rows = kTileRows>
struct TileTable : TileTable<T, rows - 1> {
  constexpr TileTable() {
    this->entry[rows - 1][0] = tile<T, rows, 1>;
    this->entry[rows - 1][1] = tile<T, rows, 2>;
    this->entry[rows - 1][2] = tile<T, rows, 3>;
  }
};

template <typename T>
struct TileTable<T, 0> {
  Tile<T> entry[kTileRows][kTileCols] = {};
};

constexpr long smaller(long a, long b) { return a < b ? a : b; }

template <typename T>
constexpr long padded(long cols) {
  constexpr long pad = kPadBytes / static_cast<long>(sizeof(T));
  return (cols + pad - 1) / pad * pad;
}

// Columns of a block: whole tiles and whole padded rows at once, so that blocks never overlap, and as many as keep
// their part of B in L2 and a panel of C in L1.
template <typename T>
long block_cols(long k) {
  constexpr long item = static_cast<long>(sizeof(T));
  constexpr long step = kTileCols * kPadBytes / item;
  constexpr long most = kPanelBytes / (kTileRows * item * step) * step;
  const long fitting = kBlockBytes / (item * (k > 0 ? k : 1)) / step * step;
  return fitting < step ? step : smaller(fitting, most);
}

// Whole padded rows of C are written: B's pads are 0 and so become C's.
template <typename T>
void product(const Product<T>& p) {
  static constexpr TileTable<T> tiles;
  alignas(kPadBytes) T scratch[kPanelBytes / sizeof(T)];
  constexpr long lanes = kLanes<T>;
  const long block = block_cols<T>(p.k);
  for (long n0 = 0; n0 < p.n; n0 += block) {
    const long cols = smaller(block, p.n - n0);
    for (long m0 = 0; m0 < p.m; m0 += kTileRows) {
      const long rows = smaller(kTileRows, p.m - m0);
      T* c = p.c ? p.c + m0 * p.c_stride + n0 : scratch;
      const long c_stride = p.c ? p.c_stride : padded<T>(cols);
      for (long n = 0; n < padded<T>(cols); n += kTileCols * lanes) {
        const long vectors = smaller(kTileCols, (padded<T>(cols) - n) / lanes);
        tiles.entry[rows - 1][vectors - 1](c + n, c_stride, p.a + m0 * p.a_row, p.a_row, p.a_col, p.b + n0 + n,
                                           p.b_stride, p.bias ? p.bias + n0 + n : nullptr, p.k);
      }
      if (p.finish.call) p.finish.call(p.finish.context, c, c_stride, m0, n0, rows, cols);
    }
  }
}

// out (cols, rows) = inᵀ, in squares that stay in the first-level cache. Reads and writes true elements only.
template <typename T>
void transpose(T* out, long out_stride, const T* in, long in_stride, long rows, long cols) {
  constexpr long square = 16;
  for (long r0 = 0; r0 < rows; r0 += square) {
    const long r1 = smaller(r0 + square, rows);
    for (long c0 = 0; c0 < cols; c0 += square) {
      const long c1 = smaller(c0 + square, cols);
      for (long r = r0; r < r1; ++r) {
        for (long c = c0; c < c1; ++c) out[c * out_stride + r] = in[r * in_stride + c];
      }
    }
  }
}

// sums[c] = Σ_r x[r, c], padded columns included.
template <typename T>
void column_sums(T* sums, const T* x, long rows, long cols, long stride) {
  for (long c = 0; c < cols; c += kLanes<T>) {
    V<T> s = {};
    for (long r = 0; r < rows; ++r) s += load(x + r * stride + c);
    store(sums + c, s);
  }
}

}  // namespace
}  // namespace fastbp
