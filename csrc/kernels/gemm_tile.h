// The register-tile product: one kernel under all three matrix products of a dense layer.
//
//     samples in columns                                samples in rows
//     zᵀ = wᵀ·xᵀ + b      a(m, k) = w[k, m]   b = xᵀ       z = x·w + b     a(m, k) = x[m, k]   b = w
//     dxᵀ = w·dzᵀ         a(m, k) = w[m, k]   b = dzᵀ      (dots.h)
//     dw = xᵀ·dz          a(m, k) = xᵀ[m, k]  b = dz       dw = xᵀ·dz      a(m, k) = x[k, m]   b = dz
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

// Accumulators: rows x columns of vectors, 24 of 32 registers or 12 of 16; beside them stand one row of B and one
// broadcast of A. A padded row is an even number of vectors where there are 16 registers, so that tiles of two columns
// have no remainder.
constexpr int kTileRows = kVectorRegisters >= 32 ? 8 : 6;
constexpr int kTileCols = kVectorRegisters >= 32 ? 3 : 2;

constexpr long kPanelBytes = 24 * 1024;   // a panel of C: half of a small first-level cache
constexpr long kFinishBytes = 8 * 1024;   // of which `finish` gets several tiles' rows at once, if they are so short
constexpr long kBlockBytes = 512 * 1024;  // the columns of B that all panels of a block read again: half of a small L2

// Packing copies a block of B to where one vector follows the other. It pays where B does not stay in a cache anyway
// and enough panels share the copy. Of A several panels are copied where its rows are far apart: read in place, each
// line would come twice, and often from another page. Measured on a core with 48 KB of L1 and 2 MB of L2: 256x1024x2048
// 73 -> 165 GFLOP/s, 2048x256x2048 (A by columns) 150 -> 180, of a peak of 200.
constexpr long kPackedBytes = 512 * 1024;         // of B, half of a small L2
constexpr long kPackedDepth = 512;                // rows of B at a time: 8 x 512 floats of A are a third of L1
constexpr long kPackedRows = 96;                  // of A: some lines of each column at a time, or they come slowly
constexpr long kPackedRowBytes = 6 * 1024 + 256;  // of each, and what is between panels
constexpr long kPackFromRows = 48;                // panels that share the copy: six or more
constexpr long kPackFromBytes = 256 * 1024;       // of B
constexpr long kPackFromStride = 2048;            // bytes from one row of A to the next
static_assert(kPackedRows % kTileRows == 0 && kPackedBytes + kPackedRows * kPackedRowBytes <= kPackBytes);

// What a sum starts from: start(m, n) = data[m·row + n·col], with col 0 or 1; data null: 0.
template <typename T>
struct Start {
  const T* data;
  long row;
  long col;
  FASTBP_INLINE Start at(long m, long n) const { return {data ? data + m * row + n * col : nullptr, row, col}; }
};

// C (rows, cols vectors) = start + Σ_k a(·, k)·b[k, ·]
template <typename T, int rows, int cols>
void tile(T* c, long c_stride, const Start<T>& start, const T* a, long a_row, long a_col, const T* b, long b_stride,
          long k) {
  constexpr long lanes = kLanes<T>;
  V<T> sum[rows][cols];
#pragma GCC unroll 8
  for (int i = 0; i < rows; ++i) {
    if (!start.data) {
#pragma GCC unroll 8
      for (int j = 0; j < cols; ++j) sum[i][j] = V<T>{};
    } else if (start.col == 0) {
#pragma GCC unroll 8
      for (int j = 0; j < cols; ++j) sum[i][j] = broadcast<T>(start.data[i * start.row]);
    } else {
#pragma GCC unroll 8
      for (int j = 0; j < cols; ++j) sum[i][j] = load(start.data + i * start.row + j * lanes);
    }
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

// As many sums of a single short row, each of the terms of every kParts-th k: alone, they would wait for one another.
constexpr int kParts = 4;
constexpr int kRowCols = kVectorRegisters >= 32 ? 4 : 2;

template <typename T, int cols>
void row_in_parts(T* c, long, const Start<T>& start, const T* a, long, long a_col, const T* b, long b_stride, long k) {
  V<T> sum[kParts][cols] = {};
  const auto add = [&](V<T>* to) __attribute__((always_inline)) {
    const V<T> s = broadcast<T>(*a);
#pragma GCC unroll 8
    for (int j = 0; j < cols; ++j) to[j] += s * load(b + j * kLanes<T>);
    a += a_col, b += b_stride;
  };
  if (start.data) {
    for (int j = 0; j < cols; ++j) {
      sum[0][j] = start.col == 0 ? broadcast<T>(*start.data) : load(start.data + j * kLanes<T>);
    }
  }
  for (; k >= kParts; k -= kParts) {
#pragma GCC unroll 8
    for (int i = 0; i < kParts; ++i) add(sum[i]);
  }
#pragma GCC unroll 8
  for (int i = 0; i < kParts - 1; ++i) {
    if (i < k) add(sum[i]);
  }
#pragma GCC unroll 8
  for (int j = 0; j < cols; ++j) store(c + j * kLanes<T>, (sum[0][j] + sum[1][j]) + (sum[2][j] + sum[3][j]));
}

template <typename T>
using Tile = void (*)(T*, long, const Start<T>&, const T*, long, long, const T*, long, long);

// Few rows alone take more columns: each sum waits four cycles for its last term, so eight must be on their way.
constexpr int kMostCols = 8;
constexpr int most_cols(int rows) { return rows == 1 ? kMostCols : rows == 2 ? 6 : rows <= 4 ? 3 : kTileCols; }

// Every height and width of tile, so the last rows and columns waste nothing: table.entry[rows - 1][cols - 1].
template <typename T, int rows = kTileRows, int cols = most_cols(rows)>
struct TileTable : TileTable<T, rows, cols - 1> {
  constexpr TileTable() { this->entry[rows - 1][cols - 1] = tile<T, rows, cols>; }
};

template <typename T, int rows>
struct TileTable<T, rows, 0> : TileTable<T, rows - 1> {};

template <typename T>
struct TileTable<T, 1, 0> {
  Tile<T> entry[kTileRows][kMostCols] = {};
};

template <typename T>
struct RowTable {
  Tile<T> entry[4] = {row_in_parts<T, 1>, row_in_parts<T, 2>, row_in_parts<T, 3>, row_in_parts<T, 4>};
};

template <typename T>
constexpr long padded(long cols) {
  constexpr long pad = kPadBytes / static_cast<long>(sizeof(T));
  return (cols + pad - 1) / pad * pad;
}

// Columns of a block: as many as keep `depth` rows of them within `bytes`, and a panel of C in L1; if not all n, then
// whole tiles that are whole padded rows too, so that blocks never overlap.
template <typename T>
constexpr long kBlockStep = kTileCols * kPadBytes / static_cast<long>(sizeof(T));

template <typename T>
long block_cols(long n, long depth, long bytes) {
  constexpr long item = static_cast<long>(sizeof(T));
  const long most = smaller(bytes / (item * depth), kPanelBytes / (kTileRows * item));
  if (padded<T>(n) <= most) return padded<T>(n);
  return most < kBlockStep<T> ? kBlockStep<T> : most / kBlockStep<T> * kBlockStep<T>;
}

// From a packed panel of A to the next: a line more than its size, for panels must not share the sets of a cache.
template <typename T>
constexpr long panel_stride(long k) {
  return kTileRows * k + kPadBytes / static_cast<long>(sizeof(T));
}

// What of a product is packed, and how much of k is done at a time. Where the panels of C are kept nowhere, all of k
// must be done at once.
template <typename T>
struct Packing {
  bool a;
  bool b;
  long depth;

  static Packing of(const Product<T>& p) {
    constexpr long item = static_cast<long>(sizeof(T));
    const long whole = p.k > 0 ? p.k : 1;
    const long depth = p.c && p.k >= kPackedDepth * 3 / 2 ? kPackedDepth : whole;
    if (!p.pack || panel_stride<T>(depth) * item > kTileRows * kPackedRowBytes) return {false, false, whole};
    const bool b = p.m >= kPackFromRows && p.k * padded<T>(p.n) * item >= kPackFromBytes &&
                   depth * kBlockStep<T> * item <= kPackedBytes;
    const bool a = p.a_row == 1 && p.n > kLanes<T> && (b || p.a_col * item >= kPackFromStride);
    return {a, b, a || b ? depth : whole};
  }
};

// The vectors of the next tile, of so many that are left and of `most` that fit one. One more than that is cut in two
// halves: of the rest alone, the sums would wait for loads.
constexpr int next_tile(long vectors, int most) {
  return vectors == most + 1 ? (most + 1) / 2 : static_cast<int>(smaller(vectors, most));
}

// out = the columns of one tile after the other, each (k, width of the tile).
template <typename T>
void pack_b(T* out, const T* b, long b_stride, long k, long cols) {
  for (long n = 0, wide; n < cols; n += wide) {
    wide = next_tile((cols - n) / kLanes<T>, kTileCols) * kLanes<T>;
    const T* from = b + n;
    for (long i = 0; i < k; ++i, from += b_stride, out += wide) {
      for (long c = 0; c < wide; c += kLanes<T>) store<T>(out + c, load(from + c));
    }
  }
}

// Panels of A, whose rows follow each other, so that its lines are read as a whole: out = (k, rows) of each, one
// `panel_stride` after the other.
template <typename T>
void pack_a(T* out, const T* a, long a_col, long k, long rows) {
  constexpr long most = kTileRows;
  const long whole = rows / most, rest = rows % most;
  for (long i = 0; i < k; ++i, a += a_col) {
    T* to = out;
    for (long panel = 0; panel < whole; ++panel, to += panel_stride<T>(k)) {
      __builtin_memcpy(to + i * most, a + panel * most, most * sizeof(T));
    }
    for (long r = 0; r < rest; ++r) to[i * rest + r] = a[whole * most + r];
  }
}

// C = a·bᵀ, a column and a row: what the slopes of a single sample are.
template <typename T>
void outer_product(const Product<T>& p) {
  for (long m = 0; m < p.m; ++m) {
    const V<T> a = broadcast<T>(p.a[m * p.a_row]);
    for (long n = 0; n < p.n; n += kLanes<T>) store<T>(p.c + m * p.c_stride + n, a * load(p.b + n));
  }
}

// Whole padded rows of C are written: B's pads are 0 and so become C's.
template <typename T>
void product(const Product<T>& p) {
  if (p.k == 1 && !p.bias && !p.accumulate && !p.finish.call) return outer_product(p);
  static constexpr TileTable<T> tiles;
  static constexpr RowTable<T> rows_in_parts;
  const bool in_parts = p.in_parts && p.m == 1;
  alignas(kPadBytes) T scratch[kPanelBytes / sizeof(T)];
  const Packing<T> packing = Packing<T>::of(p);
  const long depth = packing.depth;
  const long block = block_cols<T>(p.n, depth, packing.b ? kPackedBytes : kBlockBytes);
  const Start<T> bias = {p.bias, p.bias_by_row ? 1 : 0, p.bias_by_row ? 0 : 1};
  T* const packed_a = packing.a ? p.pack + kPackedBytes / sizeof(T) : nullptr;

  for (long n0 = 0; n0 < p.n; n0 += block) {
    const long cols = smaller(block, p.n - n0), padded_cols = padded<T>(cols);
    const long panel_rows = kFinishBytes / (padded_cols * static_cast<long>(sizeof(T)));  // one tile's at least
    for (long k0 = 0; k0 == 0 || k0 < p.k; k0 += depth) {
      const long k = smaller(depth, p.k - k0);
      const T* b = p.b + k0 * p.b_stride + n0;
      if (packing.b) pack_b(p.pack, b, p.b_stride, k, padded_cols);
      for (long m0 = 0, in_panel = 0; m0 < p.m; m0 += kTileRows) {
        const long rows = smaller(kTileRows, p.m - m0);
        T* const panel = p.c ? p.c + (m0 - in_panel) * p.c_stride + n0 : scratch;
        const long c_stride = p.c ? p.c_stride : padded_cols;
        T* const c = panel + in_panel * c_stride;
        const Start<T> start = k0 > 0 || p.accumulate ? Start<T>{c, c_stride, 1} : bias.at(m0, n0);
        const T* a = p.a + m0 * p.a_row + k0 * p.a_col;
        long a_row = p.a_row, a_col = p.a_col;
        if (packing.a) {
          const long in_packed = m0 % kPackedRows;
          if (in_packed == 0) pack_a(packed_a, a, p.a_col, k, smaller(kPackedRows, p.m - m0));
          a = packed_a + in_packed / kTileRows * panel_stride<T>(k), a_row = 1, a_col = rows;
        }
        const int most = packing.b ? kTileCols : in_parts ? kRowCols : most_cols(static_cast<int>(rows));
        for (long n = 0, wide; n < padded_cols; n += wide) {
          const int vectors = next_tile((padded_cols - n) / kLanes<T>, most);
          wide = vectors * kLanes<T>;
          const Tile<T> tile = in_parts ? rows_in_parts.entry[vectors - 1] : tiles.entry[rows - 1][vectors - 1];
          tile(c + n, c_stride, start.at(0, n), a, a_row, a_col, packing.b ? p.pack + n * k : b + n,
               packing.b ? wide : p.b_stride, k);
        }
        in_panel += rows;
        if (in_panel < panel_rows && m0 + rows < p.m) continue;
        if (k0 + depth >= p.k && p.finish.call) {
          p.finish.call(p.finish.context, panel, c_stride, p.finish.row + m0 + rows - in_panel, p.finish.col + n0,
                        in_panel, cols);
        }
        in_panel = 0;
      }
    }
  }
}

// sums[c] (+)= Σ_r x[r, c], padded columns included: several vectors at a time, for each sum waits for its last term.
template <typename T>
void column_sums(T* sums, const T* x, long rows, long cols, long stride, bool accumulate) {
  constexpr int most = 4;
  const auto some = [&]<int count>(long c) {
    V<T> sum[count];
    for (int i = 0; i < count; ++i) sum[i] = accumulate ? load(sums + c + i * kLanes<T>) : V<T>{};
    for (long r = 0; r < rows; ++r) {
      for (int i = 0; i < count; ++i) sum[i] += load(x + r * stride + c + i * kLanes<T>);
    }
    for (int i = 0; i < count; ++i) store<T>(sums + c + i * kLanes<T>, sum[i]);
  };
  long c = 0;
  for (; c + most * kLanes<T> <= cols; c += most * kLanes<T>) some.template operator()<most>(c);
  for (; c < cols; c += kLanes<T>) some.template operator()<1>(c);
}

// y (n) += x, n a whole number of vectors.
template <typename T>
void add(T* y, const T* x, long n) {
  for (long i = 0; i < n; i += kLanes<T>) store<T>(y + i, load(y + i) + load(x + i));
}

}  // namespace
}  // namespace fastbp
