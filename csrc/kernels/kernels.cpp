// The kernels of one instruction set: compiled once for each, with FASTBP_ISA naming it (see CMakeLists.txt).
//
// No STL here or in what is included, no link-time optimisation across these files, no -ffast-math: see csrc/README.md.
#include "kernels/activations.h"
#include "kernels/dots.h"
#include "kernels/flat.h"
#include "kernels/gemm_tile.h"
#include "kernels/kernel_table.h"
#include "kernels/losses.h"
#include "kernels/metrics.h"
#include "kernels/noise.h"
#include "kernels/normalizations.h"
#include "kernels/optimizers.h"
#include "kernels/peak.h"
#include "kernels/shuffle.h"
#include "kernels/sparse.h"
#include "kernels/transpose.h"
#include "kernels/vec_math.h"

#define FASTBP_JOIN(a, b) a##b
#define FASTBP_TABLE(isa) FASTBP_JOIN(kernel_table_, isa)
#define FASTBP_QUOTE(a) #a
#define FASTBP_NAME(isa) FASTBP_QUOTE(isa)

namespace fastbp {
namespace {

// 0·x is 0 for every finite x and NaN for all others. x (n), of any alignment.
template <typename T>
bool all_finite(const T* x, long n) {
  V<T> sums = {};
  long i = 0;
  for (; i + kLanes<T> <= n; i += kLanes<T>) sums += load(x + i) * T(0);
  T sum = sum_of_lanes<T>(sums);
  for (; i < n; ++i) sum += x[i] * T(0);
  return sum == T(0);
}

template <typename T, V<T> (*f)(V<T>)>
void map(T* y, const T* x, long n) {
  constexpr long lanes = kLanes<T>;
  for (long i = 0; i < n; i += lanes) {
    T part[lanes] = {};
    const long count = smaller(lanes, n - i);
    for (long j = 0; j < count; ++j) part[j] = x[i + j];
    const V<T> value = f(load<T>(part));
    for (long j = 0; j < count; ++j) y[i + j] = value[j];
  }
}

template <typename T>
constexpr MathKernel<T> kMath[] = {
    {"exp", map<T, exp<T>>},
    {"expm1", map<T, expm1<T>>},
    {"log", map<T, log<T>>},
    {"log1p", map<T, log1p<T>>},
    {"sigmoid", map<T, sigmoid<T>>},
    {"tanh", map<T, tanh<T>>},
    {"normal_cdf", map<T, normal_cdf<T>>},
    {"sqrt", map<T, sqrt<T>>},
    {"cos_of_turn", map<T, cos_of_turn<T>>},
    {"sin_of_turn", map<T, sin_of_turn<T>>},
};

template <typename T>
constexpr Kernels<T> kernels() {
  return {product<T>,
          nullptr,
          nullptr,
          dots<T>,
          sparse_product<T>,
          transpose<T>,
          column_sums<T>,
          row_sums<T>,
          add<T>,
          all_finite<T>,
          multiply_add<T>,
          kFlopsPerRound<T>,
          kNormalizations<T>,
          kFlat<T>,
          NoiseKinds<T>::list,
          Activations<T>::list,
          Losses<T>::list,
          Metrics<T>::list,
          Optimizers<T>::list,
          {kMath<T>, sizeof(kMath<T>) / sizeof(kMath<T>[0])}};
}

// (1 + 2⁻¹²)² - 1 - 2⁻¹¹ is 2⁻²⁴ if the product is not rounded before the sum: what this file was compiled to do.
bool multiplies_and_adds_in_one() {
  volatile float one_and_a_bit = 1 + 0x1p-12f;
  const V<float> a = broadcast<float>(one_and_a_bit);
  V<float> sum = broadcast<float>(-1 - 0x1p-11f);
  sum += a * a;
  return sum[0] != 0;
}

}  // namespace

KernelTable FASTBP_TABLE(FASTBP_ISA)() {
  return {FASTBP_NAME(FASTBP_ISA), kVectorBytes,     multiplies_and_adds_in_one(), shuffle,
          kernels<float>(),        kernels<double>()};
}

}  // namespace fastbp
