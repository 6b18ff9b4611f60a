// A matrix that somebody else owns.
#pragma once

namespace fastbp {

template <typename T>
struct MatrixView {
  T* data = nullptr;  // (rows, cols), row-major
  long rows = 0;
  long cols = 0;
  long stride = 0;  // elements from one row to the next, >= cols

  T* row(long r) const { return data + r * stride; }
  MatrixView rows_from(long first, long count) const { return {row(first), count, cols, stride}; }
  operator MatrixView<const T>() const { return {data, rows, cols, stride}; }
};

}  // namespace fastbp
