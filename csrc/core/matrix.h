// A matrix that somebody else owns.
#pragma once

#include <cstring>

namespace fastbp {

template <typename T>
struct MatrixView {
  T* data = nullptr;  // (rows, cols), row-major
  long rows = 0;
  long cols = 0;
  long stride = 0;  // elements from one row to the next, >= cols

  T* row(long r) const { return data + r * stride; }
  MatrixView rows_from(long first, long count) const { return {row(first), count, cols, stride}; }
  MatrixView cols_from(long first, long count) const { return {data + first, rows, count, stride}; }
  operator MatrixView<const T>() const { return {data, rows, cols, stride}; }
};

// out (n) = in (n). Rows of a batch are often shorter than a call of memcpy.
template <typename T>
inline void copy_row(T* out, const T* in, long n) {
  constexpr long step = 16 / static_cast<long>(sizeof(T));
  if (n > 16 * step) {
    std::memcpy(out, in, n * sizeof(T));
    return;
  }
  for (; n >= step; n -= step, in += step, out += step) std::memcpy(out, in, 16);  // a constant size: no call
  if (n > 0) out[0] = in[0];
  if (n > 1) out[1] = in[1];
  if (n > 2) out[2] = in[2];
}

}  // namespace fastbp
