// Metrics from counts of outputs that are rightly or wrongly above a threshold.
#pragma once

#include "kernels/mean_metrics.h"

namespace fastbp {
namespace {

// A place in the order of a sample's outputs: larger ones first, and of equal ones the first.
template <typename T>
struct Rank {
  V<T> value;
  Mask<T> node;

  FASTBP_INLINE Mask<T> is_before(V<T> v, long c) const {
    return (v < value) | ((v == value) & (node < static_cast<typename Scalar<T>::Int>(c)));
  }
};

// The place of the k-th, for a vector of samples.
template <typename T>
FASTBP_INLINE Rank<T> rank_of(long k, const T* y, long nodes, long stride) {
  using Int = typename Scalar<T>::Int;
  const Mask<T> none = static_cast<Int>(nodes) - Mask<T>{};
  Rank<T> last = {broadcast<T>(T(__builtin_inf())), ~Mask<T>{}};
  for (; k > 0; --k) {
    Rank<T> next = {broadcast<T>(T(-__builtin_inf())), none};
    for (long c = 0; c < nodes; ++c) {
      const V<T> v = load(y + c * stride);
      const Mask<T> better = last.is_before(v, c) & ((v > next.value) | (next.node == none));
      next.value = better ? v : next.value;
      next.node = better ? static_cast<Int>(c) - Mask<T>{} : next.node;
    }
    last = next;
  }
  return last;
}

// How many of the thresholds, ascending, a value exceeds; none if it is NaN.
template <typename T>
FASTBP_INLINE long exceeded(T value, const double* thresholds, long count) {
  long first = 0;
  while (count > 0) {
    const long half = count / 2;
    const bool above = value > static_cast<T>(thresholds[first + half]);
    first += above ? half + 1 : 0;
    count = above ? count - half - 1 : half;
  }
  return first;
}

// Outputs by their target, 0 or another, and by how many thresholds they exceed: state (1 or nodes, 2, thresholds + 1).
// So a sample costs one search, however many thresholds there are. With top_k > 0 all but the k largest outputs of a
// sample exceed none; with class_id >= 0 only that node counts.
struct Confusion {
  static constexpr const char* name = "confusion";
  static constexpr bool sparse = false;
  static constexpr bool uses_scratch = false;
  static constexpr Settings settings = {4, {"top_k", "class_id", "by_node", "thresholds"}, false, true};

  static long state_size(long nodes, const double* settings) {
    return (settings[2] != 0 ? nodes : 1) * 2 * (static_cast<long>(settings[3]) + 1);
  }

  template <typename T>
  static void accumulate(double* state, T*, const T* y, Targets<T> targets, const T* weights, long nodes, long samples,
                         long stride, const double* settings) {
    const long top_k = static_cast<long>(settings[0]), class_id = static_cast<long>(settings[1]);
    const long count = static_cast<long>(settings[3]), size = settings[2] != 0 ? 2 * (count + 1) : 0;
    for (long s = 0; s < samples; s += kLanes<T>) {
      const TargetColumn<T> t(targets, s);
      const Rank<T> last = rank_of<T>(top_k, y + s, nodes, stride);
      for (long c = 0; c < nodes; ++c) {
        if (class_id >= 0 && c != class_id) continue;
        V<T> value = load(y + c * stride + s);
        if (top_k > 0) value = last.is_before(value, c) ? broadcast<T>(T(-__builtin_inf())) : value;
        const V<T> target = t.at(c, stride);
        for (long i = 0; i < smaller(kLanes<T>, samples - s); ++i) {
          const long bucket = exceeded<T>(value[i], settings + 4, count) + (target[i] != T(0) ? count + 1 : 0);
          state[c * size + bucket] += weight_of(weights, s + i);
        }
      }
    }
  }
};

// For each node Σ p·t, Σ p, Σ t, where p is 1 for an output above the threshold; without one (0), for the largest of
// the sample. state (nodes, 3)
struct FBetaScore {
  static constexpr const char* name = "f_beta_score";
  static constexpr bool sparse = false;
  static constexpr bool uses_scratch = false;
  static constexpr Settings settings = {1, {"threshold"}};

  static long state_size(long nodes, const double*) { return 3 * nodes; }

  template <typename T>
  static void accumulate(double* state, T*, const T* y, Targets<T> targets, const T* weights, long nodes, long samples,
                         long stride, const double* settings) {
    constexpr T least = T(1e-9);  // as in Keras, outputs nearer 0 than this are never chosen as the largest
    const T threshold = static_cast<T>(settings[0]);
    for (long s = 0; s < samples; s += kLanes<T>) {
      const TargetColumn<T> t(targets, s);
      V<T> most = load(y + s);
      for (long c = 1; c < nodes; ++c) {
        const V<T> v = load(y + c * stride + s);
        most = v > most ? v : most;
      }
      for (long c = 0; c < nodes; ++c) {
        const V<T> v = load(y + c * stride + s), target = t.at(c, stride);
        const Mask<T> positive = threshold > 0 ? v > threshold : (v >= most) & (abs<T>(v) > least);
        double* sums = state + 3 * c;
        for (long i = 0; i < smaller(kLanes<T>, samples - s); ++i) {
          const double weighted = weight_of(weights, s + i) * static_cast<double>(target[i]);
          sums[0] += positive[i] ? weighted : 0.0;
          sums[1] += positive[i] ? weight_of(weights, s + i) : 0.0;
          sums[2] += weighted;
        }
      }
    }
  }
};

}  // namespace
}  // namespace fastbp
