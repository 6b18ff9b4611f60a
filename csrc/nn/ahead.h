// Rows of x that the next batch will read, asked for a few at a time while this one computes: a shuffled order takes
// them from all over an array that no cache holds. A core waits for no more than some 16 lines at once, and who asks
// for more waits as well.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/matrix.h"

namespace fastbp {

template <typename T>
class Ahead {
 public:
  // Of rows index[0], index[1] ... of x so many, in so many calls of `some`.
  Ahead(const MatrixView<const T>& x, const int32_t* index, long rows, long calls)
      : x_(x), index_(index), rows_(rows), each_((rows + calls - 1) / calls) {}

  // How many cache lines a call asks for: a row may begin anywhere in one.
  long lines() const { return each_ * ((row_bytes() + kLine - 1) / kLine + 1); }

  void some() {
    for (const long until = std::min(asked_ + each_, rows_); asked_ < until; ++asked_) {
      const char* const row = reinterpret_cast<const char*>(x_.row(index_[asked_]));
      for (long at = 0; at < row_bytes(); at += kLine) __builtin_prefetch(row + at);
      __builtin_prefetch(row + row_bytes() - 1);
    }
  }

 private:
  static constexpr long kLine = 64;
  long row_bytes() const { return x_.cols * static_cast<long>(sizeof(T)); }

  MatrixView<const T> x_;
  const int32_t* index_;
  long rows_;
  long each_;
  long asked_ = 0;
};

}  // namespace fastbp
