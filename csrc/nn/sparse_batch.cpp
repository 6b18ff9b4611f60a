#include "nn/sparse_batch.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace fastbp {
namespace {

constexpr long kWord = 64;  // columns of a word of marks, which has one owner

// f(sample, entry) for each entry of a batch in some columns.
template <typename T>
void each_entry(const SparseBatch<T>& batch, long samples, Range columns, auto f) {
  const auto [starts, column_of, values] = batch.rows;
  for (long s = 0; s < samples; ++s) {
    const long row = batch.index ? batch.index[s] : s;
    for (long e = starts[row]; e < starts[row + 1]; ++e) {
      if (column_of[e] >= columns.first && column_of[e] < columns.last) f(s, e);
    }
  }
}

}  // namespace

template <typename T>
ByColumn<T>::ByColumn(long columns, long entries, int members)
    : columns_(columns),
      entries_(entries),
      marks_((columns + kWord - 1) / kWord),
      places_(columns),
      which_(std::min(columns, entries)),
      starts_(std::min(columns, entries) + members),
      samples_(entries),
      values_(entries),
      tallies_(members) {}

template <typename T>
typename ByColumn<T>::Part ByColumn<T>::sort(const SparseBatch<T>& batch, long samples, const Member& me) {
  const Range own = me.share(columns_, kWord);
  uint64_t* const marks = marks_.data();
  int64_t* const places = places_.data();
  Tally mine = {0, 0};
  each_entry(batch, samples, own, [&](long, long e) {
    const long column = batch.rows.columns[e];
    uint64_t& word = marks[column / kWord];
    const uint64_t mark = uint64_t(1) << column % kWord;
    if (!(word & mark)) word |= mark, places[column] = 0, ++mine.columns;
    ++places[column], ++mine.entries;
  });
  tallies_[me.rank()] = mine;
  me.wait();
  Tally before = {0, 0};
  for (int i = 0; i < me.rank(); ++i) before.entries += tallies_[i].entries, before.columns += tallies_[i].columns;
  int32_t* const which = which_.data() + before.columns;
  int64_t* const starts = starts_.data() + before.columns + me.rank();  // one more than columns for each member
  long count = 0;
  int64_t at = before.entries;
  for (long word = own.first / kWord; word * kWord < own.last; ++word) {
    for (uint64_t left = std::exchange(marks[word], 0); left; left &= left - 1) {
      const long column = word * kWord + std::countr_zero(left);
      which[count] = static_cast<int32_t>(column);
      starts[count++] = at;
      at += std::exchange(places[column], at);
    }
  }
  starts[count] = at;
  each_entry(batch, samples, own, [&](long s, long e) {
    const int64_t place = places[batch.rows.columns[e]]++;
    samples_.data()[place] = static_cast<int32_t>(s);
    values_.data()[place] = batch.rows.values[e];
  });
  return {own, which, count, {starts, samples_.data(), values_.data()}};
}

template class ByColumn<float>;
template class ByColumn<double>;

}  // namespace fastbp
