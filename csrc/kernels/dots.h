// Products of rows with rows: each element is a sum along vectors.
//
//     dx = dz·wᵀ, samples in rows: each row of w is read once, where it lies
//     dw = xᵀ·dz, samples in columns: so are rows of xᵀ and dzᵀ
#pragma once

#include "kernels/transpose.h"
#include "kernels/vec.h"

namespace fastbp {
namespace {

// Of lanes in groups of `half`, those of a are added up where a's even groups lie, those of b where b's odd ones do:
// one exchange of lanes and one choice.
template <typename T, int half>
struct AddHalves {
  static constexpr int kAll = static_cast<int>(kLanes<T>);
  static constexpr bool is_odd(int lane) { return lane / half % 2 == 1; }
  static constexpr int there(int lane) { return is_odd(lane) ? kAll + lane : lane; }
  static constexpr int beside(int lane) { return is_odd(lane) ? kAll + lane - half : lane + half; }

  template <int... lane>
  FASTBP_INLINE static V<T> apply(V<T> a, V<T> b, Numbers<lane...>) {
    return __builtin_shufflevector(a, b, there(lane)...) + __builtin_shufflevector(a, b, beside(lane)...);
  }
};

// sum[0] = the sums of lanes of sum[0 .. count), side by side.
template <typename T, int count>
FASTBP_INLINE void sum_lanes(V<T>* sum) {
  constexpr int half = count / 2;
#pragma GCC unroll 8
  for (int i = 0; i < half; ++i) sum[i] = AddHalves<T, half>::apply(sum[i], sum[i + half], First<kLanes<T>>{});
  if constexpr (half > 1) sum_lanes<T, half>(sum);
}

// The first `count` lanes of a vector, 0 beyond, whatever lies there.
template <typename T>
FASTBP_INLINE V<T> load_first(const T* p, long count) {
  return first_lanes<T>(count) ? load(p) : V<T>{};
}

// As many sums along k as a vector has lanes: `rows` of a with lanes / rows of b, side by side. The last ones, of a and
// b both, may stand for rows that are not there: these are read again.
template <typename T, int rows>
struct DotTile {
  using Int = typename Scalar<T>::Int;
  static constexpr int kCols = static_cast<int>(kLanes<T>) / rows;

  // `read` loads a vector's worth of terms of a row.
  FASTBP_INLINE static void add(V<T>* sum, const T* const* a, const T* const* b, auto read) {
    V<T> of_b[kCols];
#pragma GCC unroll 16
    for (int j = 0; j < kCols; ++j) of_b[j] = read(b[j]);
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i) {
      const V<T> of_a = read(a[i]);
#pragma GCC unroll 16
      for (int j = 0; j < kCols; ++j) sum[i * kCols + j] += of_a * of_b[j];
    }
  }

  FASTBP_INLINE static V<T> sums(const T* const* a, const T* const* b, long k) {
    constexpr int lanes = static_cast<int>(kLanes<T>);
    V<T> sum[lanes] = {};
    long at = 0;
    for (; at + lanes <= k; at += lanes) add(sum, a, b, [&](const T* p) { return load(p + at); });
    if (at < k) add(sum, a, b, [&](const T* p) { return load_first(p + at, k - at); });
    sum_lanes<T, lanes>(sum);
    return sum[0];
  }

  // c (up to `rows` rows, all n columns)
  static void row_of_tiles(T* c, long c_stride, const T* a, long a_stride, const T* b, long b_stride, long m, long n,
                           long k) {
    const T *of_a[rows], *of_b[kCols];
    for (int i = 0; i < rows; ++i) of_a[i] = a + smaller(i, m - 1) * a_stride;
    for (long col = 0; col < n; col += kCols) {
      for (int j = 0; j < kCols; ++j) of_b[j] = b + smaller(col + j, n - 1) * b_stride;
      V<T> result = sums(of_a, of_b, k);
      if (col + kCols > n) result = (lane_numbers<T>() & (kCols - 1)) < static_cast<Int>(n - col) ? result : V<T>{};
      for (int i = 0; i < rows && i < m; ++i) {
        __builtin_memcpy(c + i * c_stride + col, reinterpret_cast<const T*>(&result) + i * kCols, kCols * sizeof(T));
      }
    }
  }
};

// A few columns of c.
template <typename T, int rows>
void dots_of_block(T* c, long c_stride, const T* a, long a_stride, const T* b, long b_stride, long m, long n, long k) {
  using Tile = DotTile<T, rows>;
  if constexpr (rows > 1) {
    // Fewer rows where they would stand for none, or columns for many; four with four read least.
    if (rows / 2 >= m || (n > Tile::kCols && rows > 4)) {
      return dots_of_block<T, rows / 2>(c, c_stride, a, a_stride, b, b_stride, m, n, k);
    }
  }
  long i = 0;
  for (; 2 * (m - i) > rows; i += rows) {
    Tile::row_of_tiles(c + i * c_stride, c_stride, a + i * a_stride, a_stride, b, b_stride, smaller(rows, m - i), n, k);
  }
  constexpr int most = static_cast<int>(kLanes<T>);
  if (i < m) {
    dots_of_block<T, most>(c + i * c_stride, c_stride, a + i * a_stride, a_stride, b, b_stride, m - i, n, k);
  }
}

// c[m, n] = Σ_k a[m, k]·b[n, k], whatever a and b are padded with. Of c's pads, some become 0 and the others stay.
template <typename T>
void dots(T* c, long c_stride, const T* a, long a_stride, const T* b, long b_stride, long m, long n, long k) {
  constexpr long lanes = kLanes<T>, bytes = 16 * 1024;  // of b, in the first-level cache while rows of a go by
  const long fit = bytes / (smaller(k, bytes) * static_cast<long>(sizeof(T)));
  const long block = m <= 4 ? n : fit < lanes ? lanes : fit / lanes * lanes;
  for (long i = 0; i < n; i += block) {
    dots_of_block<T, lanes>(c + i, c_stride, a, a_stride, b + i * b_stride, b_stride, m, smaller(block, n - i), k);
  }
}

// sums[r] (+)= Σ_c x[r, c], whatever x is padded with. Whole vectors of sums: beyond the rows they stay.
template <typename T>
void row_sums(T* sums, const T* x, long rows, long cols, long stride, bool accumulate) {
  constexpr int lanes = static_cast<int>(kLanes<T>);
  for (long r = 0; r < rows; r += lanes) {
    const T* row[lanes];
    for (int i = 0; i < lanes; ++i) row[i] = x + smaller(r + i, rows - 1) * stride;
    V<T> sum[lanes] = {};
    long c = 0;
    for (; c + lanes <= cols; c += lanes) {
#pragma GCC unroll 16
      for (int i = 0; i < lanes; ++i) sum[i] += load(row[i] + c);
    }
    if (c < cols) {
#pragma GCC unroll 16
      for (int i = 0; i < lanes; ++i) sum[i] += load_first(row[i] + c, cols - c);
    }
    sum_lanes<T, lanes>(sum);
    const V<T> before = load(sums + r), added = accumulate ? before + sum[0] : sum[0];
    store<T>(sums + r, first_lanes<T>(rows - r) ? added : before);
  }
}

}  // namespace
}  // namespace fastbp
