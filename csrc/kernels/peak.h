// The most arithmetic that this instruction set can do: multiplications and additions without a load or a store.
#pragma once

#include "kernels/vec.h"

namespace fastbp {
namespace {

// So many sums wait for none of each other's results: four cycles of two a cycle are 8, and some reserve.
constexpr int kChains = kVectorRegisters >= 32 ? 24 : 12;

template <typename T>
constexpr long kFlopsPerRound = 2 * kChains * kLanes<T>;

// `rounds` rounds of sum = sum·x + y in every chain. The result depends on all of them, so none is left out.
template <typename T>
T multiply_add(long rounds, T x, T y) {
  const V<T> factor = broadcast<T>(x), term = broadcast<T>(y);
  V<T> sum[kChains];
#pragma GCC unroll 32
  for (int i = 0; i < kChains; ++i) sum[i] = broadcast<T>(T(i));
  for (; rounds > 0; --rounds) {
#pragma GCC unroll 32
    for (int i = 0; i < kChains; ++i) sum[i] = sum[i] * factor + term;
  }
  V<T> total = {};
#pragma GCC unroll 32
  for (int i = 0; i < kChains; ++i) total += sum[i];
  return sum_of_lanes<T>(total);
}

}  // namespace
}  // namespace fastbp
