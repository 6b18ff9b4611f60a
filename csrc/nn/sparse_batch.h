// A batch whose x is sparse.
#pragma once

#include <cstdint>
#include <vector>

#include "core/arena.h"
#include "core/team.h"
#include "kernels/kernel_table.h"

namespace fastbp {

template <typename T>
class ByColumn;

// Samples index[0], index[1], ... of some rows; index null: their first ones.
template <typename T>
struct SparseBatch {
  SparseRows<T> rows;
  const int32_t* index;
  ByColumn<T>* by_column;  // for the way back

  SparseBatch from(long sample) const {
    if (index) return {rows, index + sample, by_column};
    return {{rows.starts + sample, rows.columns, rows.values}, nullptr, by_column};
  }
};

// The entries of a batch sorted by column: xᵀ in sparse rows, of the columns that have entries.
template <typename T>
class ByColumn {
 public:
  struct Part {
    Range columns;         // a member's own
    const int32_t* which;  // those that have entries (count), rising
    long count;
    SparseRows<T> rows;  // row i: the samples and values of column which[i], in the order of the samples
  };

  // For up to `entries` of them.
  ByColumn(long columns, long entries, int members);

  long entries() const { return entries_; }
  int members() const { return static_cast<int>(tallies_.size()); }

  // Every member sorts its own columns. Has a barrier.
  Part sort(const SparseBatch<T>& batch, long samples, const Member& me);

 private:
  struct Tally {
    long entries;
    long columns;
  };

  long columns_;
  long entries_;
  AlignedBuffer<uint64_t> marks_;  // a bit for each column that has entries; none between two calls
  AlignedBuffer<int64_t> places_;  // (columns): how many entries, then where the next one goes
  AlignedBuffer<int32_t> which_;
  AlignedBuffer<int64_t> starts_;
  AlignedBuffer<int32_t> samples_;
  AlignedBuffer<T> values_;
  std::vector<Tally> tallies_;  // of each member
};

extern template class ByColumn<float>;
extern template class ByColumn<double>;

}  // namespace fastbp
