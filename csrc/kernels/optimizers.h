// Optimiser updates on flat arrays. To add one: a struct, and its place in Optimizers at the end.
//
// An optimiser is `prepare`, once per step, from the hyperparameters to a few shared numbers, and `step`, one vector of
// parameters with its slots and its gradient. Zero gradients and slots leave zero parameters at zero: pads stay clean.
#pragma once

#include "kernels/flat.h"
#include "kernels/kernel_table.h"
#include "kernels/vec.h"

namespace fastbp {
namespace {

// w -= η·dw
struct Sgd {
  static constexpr const char* name = "sgd";
  static constexpr int slots = 0;
  static constexpr const char* slot_names[kMaxSlots] = {};
  static constexpr int hyperparameters = 1;
  static constexpr const char* hyperparameter_names[kMaxHyperparameters] = {"learning_rate"};
  static constexpr bool ignores_zero = true;
  static constexpr const char* initial_slot_value = nullptr;

  static void prepare(double* shared, double*, const double* h, double) { shared[0] = h[0]; }

  template <typename T>
  FASTBP_INLINE static void step(V<T>& w, V<T>*, V<T> dw, const T* shared) {
    w -= shared[0] * dw;
  }
};

// v = μ·v - η·dw;  w += v
struct Momentum {
  static constexpr const char* name = "momentum";
  static constexpr int slots = 1;
  static constexpr const char* slot_names[kMaxSlots] = {"momentum"};
  static constexpr int hyperparameters = 2;
  static constexpr const char* hyperparameter_names[kMaxHyperparameters] = {"learning_rate", "momentum"};
  static constexpr const char* initial_slot_value = nullptr;

  static void prepare(double* shared, double*, const double* h, double) {
    shared[0] = h[0];
    shared[1] = h[1];
  }

  template <typename T>
  FASTBP_INLINE static void step(V<T>& w, V<T>* slot, V<T> dw, const T* shared) {
    slot[0] = shared[1] * slot[0] - shared[0] * dw;
    w += slot[0];
  }
};

// v = μ·v - η·dw;  w += μ·v - η·dw
struct Nesterov : Momentum {
  static constexpr const char* name = "nesterov";

  template <typename T>
  FASTBP_INLINE static void step(V<T>& w, V<T>* slot, V<T> dw, const T* shared) {
    const V<T> downhill = shared[0] * dw;
    slot[0] = shared[1] * slot[0] - downhill;
    w += shared[1] * slot[0] - downhill;
  }
};

// Moves a running mean by its share of the way to a new value: mean = (1 - share)·mean + share·value.
template <typename T>
FASTBP_INLINE void approach(V<T>& mean, V<T> value, T share) {
  mean += share * (value - mean);
}

// m = β₁·m + (1 - β₁)·dw;  v = β₂·v + (1 - β₂)·dw²;  w -= η·√(1 - β₂ᵗ) / (1 - β₁ᵗ) · m / (√v + ε)
// (Kingma & Ba, arXiv 1412.6980, the form at the end of section 2, as Keras has it)
// amsgrad: the greatest v so far takes v's place in w. (Reddi et al., arXiv 1904.09237)
template <bool amsgrad>
struct Adam {
  static constexpr const char* name = amsgrad ? "amsgrad" : "adam";
  static constexpr int slots = amsgrad ? 3 : 2;
  static constexpr const char* slot_names[kMaxSlots] = {"momentum", "velocity", "velocity_hat"};
  static constexpr int hyperparameters = 4;
  static constexpr const char* hyperparameter_names[kMaxHyperparameters] = {"learning_rate", "beta_1", "beta_2",
                                                                            "epsilon"};
  static constexpr const char* initial_slot_value = nullptr;

  static void prepare(double* shared, double*, const double* h, double t) {
    shared[0] = h[0] * __builtin_sqrt(1 - __builtin_pow(h[2], t)) / (1 - __builtin_pow(h[1], t));
    shared[1] = 1 - h[1];
    shared[2] = 1 - h[2];
    shared[3] = h[3];
  }

  template <typename T>
  FASTBP_INLINE static void step(V<T>& w, V<T>* slot, V<T> dw, const T* shared) {
    approach<T>(slot[0], dw, shared[1]);
    approach<T>(slot[1], dw * dw, shared[2]);
    if constexpr (amsgrad) slot[2] = slot[2] > slot[1] ? slot[2] : slot[1];
    w -= shared[0] * slot[0] / (sqrt<T>(slot[slots - 1]) + shared[3]);
  }
};

// m, v as Adam's;  uₜ = β₁·(1 - ½·0.96ᵗ);  Π = u₁·u₂·…·uₜ, kept in memory;
// w -= η·(uₜ₊₁ / (1 - Π·uₜ₊₁) · m + (1 - uₜ) / (1 - Π) · dw) / (√(v / (1 - β₂ᵗ)) + ε)
// (Dozat, "Incorporating Nesterov Momentum into Adam", 2016)
struct Nadam : Adam<false> {
  static constexpr const char* name = "nadam";

  static double momentum_at(double beta, double t) { return beta * (1 - 0.5 * __builtin_pow(0.96, t)); }

  static void prepare(double* shared, double* memory, const double* h, double t) {
    const double now = momentum_at(h[1], t), next = momentum_at(h[1], t + 1);
    *memory *= now;
    shared[0] = h[0] * next / (1 - *memory * next);
    shared[1] = h[0] * (1 - now) / (1 - *memory);
    shared[2] = 1 - h[1];
    shared[3] = 1 - h[2];
    shared[4] = 1 / (1 - __builtin_pow(h[2], t));
    shared[5] = h[3];
  }

  template <typename T>
  FASTBP_INLINE static void step(V<T>& w, V<T>* slot, V<T> dw, const T* shared) {
    approach<T>(slot[0], dw, shared[2]);
    approach<T>(slot[1], dw * dw, shared[3]);
    w -= (shared[0] * slot[0] + shared[1] * dw) / (sqrt<T>(shared[4] * slot[1]) + shared[5]);
  }
};

// m as Adam's;  u = max(β₂·u, |dw|);  w -= η / (1 - β₁ᵗ) · m / (u + ε)   (Kingma & Ba, section 7.1)
struct Adamax : Adam<false> {
  static constexpr const char* name = "adamax";
  static constexpr const char* slot_names[kMaxSlots] = {"momentum", "norm"};

  static void prepare(double* shared, double*, const double* h, double t) {
    shared[0] = h[0] / (1 - __builtin_pow(h[1], t));
    shared[1] = 1 - h[1];
    shared[2] = h[2];
    shared[3] = h[3];
  }

  template <typename T>
  FASTBP_INLINE static void step(V<T>& w, V<T>* slot, V<T> dw, const T* shared) {
    approach<T>(slot[0], dw, shared[1]);
    const V<T> faded = shared[2] * slot[1], size = abs<T>(dw);
    slot[1] = faded > size ? faded : size;
    w -= shared[0] * slot[0] / (slot[1] + shared[3]);
  }
};

// a += dw²;  w -= η·dw / √(a + ε)   (Duchi et al., JMLR 12, 2011)
struct Adagrad {
  static constexpr const char* name = "adagrad";
  static constexpr int slots = 1;
  static constexpr const char* slot_names[kMaxSlots] = {"accumulator"};
  static constexpr int hyperparameters = 3;
  static constexpr const char* hyperparameter_names[kMaxHyperparameters] = {"learning_rate", "epsilon",
                                                                            "initial_accumulator_value"};
  static constexpr const char* initial_slot_value = "initial_accumulator_value";

  static void prepare(double* shared, double*, const double* h, double) {
    shared[0] = h[0];
    shared[1] = h[1];
  }

  template <typename T>
  FASTBP_INLINE static void step(V<T>& w, V<T>* slot, V<T> dw, const T* shared) {
    slot[0] += dw * dw;
    w -= shared[0] * dw / sqrt<T>(slot[0] + shared[1]);
  }
};

// g = ρ·g + (1 - ρ)·dw²;  δ = √(d + ε) / √(g + ε) · dw;  d = ρ·d + (1 - ρ)·δ²;  w -= η·δ   (Zeiler, arXiv 1212.5701)
struct Adadelta {
  static constexpr const char* name = "adadelta";
  static constexpr int slots = 2;
  static constexpr const char* slot_names[kMaxSlots] = {"accumulated_grad", "accumulated_delta_var"};
  static constexpr int hyperparameters = 3;
  static constexpr const char* hyperparameter_names[kMaxHyperparameters] = {"learning_rate", "rho", "epsilon"};
  static constexpr const char* initial_slot_value = nullptr;

  static void prepare(double* shared, double*, const double* h, double) {
    shared[0] = h[0];
    shared[1] = 1 - h[1];
    shared[2] = h[2];
  }

  template <typename T>
  FASTBP_INLINE static void step(V<T>& w, V<T>* slot, V<T> dw, const T* shared) {
    approach<T>(slot[0], dw * dw, shared[1]);
    const V<T> delta = sqrt<T>((slot[1] + shared[2]) / (slot[0] + shared[2])) * dw;
    approach<T>(slot[1], delta * delta, shared[1]);
    w -= shared[0] * delta;
  }
};

// v = ρ·v + (1 - ρ)·dw²;  w -= η·dw / √(v + ε)   (Tieleman & Hinton, Coursera lecture 6.5, 2012)
// momentum: m = μ·m + η·dw / √(v + ε);  w -= m.  centered: a = ρ·a + (1 - ρ)·dw, and v - a² in v's place.
template <bool momentum, bool centered>
struct RmsProp {
  static constexpr const char* name = momentum ? (centered ? "rmsprop_momentum_centered" : "rmsprop_momentum")
                                               : (centered ? "rmsprop_centered" : "rmsprop");
  static constexpr int slots = 1 + momentum + centered;
  static constexpr const char* slot_names[kMaxSlots] = {"velocity", momentum ? "momentum" : "average_gradient",
                                                        "average_gradient"};
  static constexpr int hyperparameters = 3 + momentum;
  static constexpr const char* hyperparameter_names[kMaxHyperparameters] = {"learning_rate", "rho", "epsilon",
                                                                            "momentum"};
  static constexpr const char* initial_slot_value = nullptr;

  static void prepare(double* shared, double*, const double* h, double) {
    shared[0] = h[0];
    shared[1] = 1 - h[1];
    shared[2] = h[2];
    if constexpr (momentum) shared[3] = h[3];
  }

  template <typename T>
  FASTBP_INLINE static void step(V<T>& w, V<T>* slot, V<T> dw, const T* shared) {
    approach<T>(slot[0], dw * dw, shared[1]);
    V<T> spread = slot[0];
    if constexpr (centered) {
      V<T>& average = slot[slots - 1];
      approach<T>(average, dw, shared[1]);
      spread = at_least<T>(spread - average * average, 0);  // rounding may make it negative, by more than ε
    }
    V<T> downhill = shared[0] * dw / sqrt<T>(spread + shared[2]);
    if constexpr (momentum) downhill = slot[1] = shared[3] * slot[1] + downhill;
    w -= downhill;
  }
};

// w -= η·sign(β₁·m + (1 - β₁)·dw);  m = β₂·m + (1 - β₂)·dw   (Chen et al., arXiv 2302.06675)
struct Lion {
  static constexpr const char* name = "lion";
  static constexpr int slots = 1;
  static constexpr const char* slot_names[kMaxSlots] = {"momentum"};
  static constexpr int hyperparameters = 3;
  static constexpr const char* hyperparameter_names[kMaxHyperparameters] = {"learning_rate", "beta_1", "beta_2"};
  static constexpr const char* initial_slot_value = nullptr;

  static void prepare(double* shared, double*, const double* h, double) {
    shared[0] = h[0];
    shared[1] = h[1];
    shared[2] = 1 - h[1];
    shared[3] = 1 - h[2];
  }

  template <typename T>
  FASTBP_INLINE static void step(V<T>& w, V<T>* slot, V<T> dw, const T* shared) {
    const V<T> way = shared[1] * slot[0] + shared[2] * dw;
    const V<T> one = broadcast<T>(1);
    w -= shared[0] * (way > T(0) ? one : way < T(0) ? -one : way);  // 0 and NaN are signs of their own
    approach<T>(slot[0], dw, shared[3]);
  }
};

template <typename F, typename T>
void update(T* w, T* const* slots, long stride, const Slopes<T>& dw, const double* shared, double keep, double l1,
            double l2, long rows, long cols) {
  if (stride == cols && dw.stride == cols && !dw.factor) cols *= rows, rows = 1;
  const auto all = [=, dw = dw](auto slope, auto decayed) __attribute__((always_inline)) {
    T s[kMaxShared];
    for (int i = 0; i < kMaxShared; ++i) s[i] = static_cast<T>(shared[i]);
    for (long r = 0; r < rows; ++r) {
      const V<T> factor = broadcast<T>(dw.factor ? dw.factor[r] : T(1));
      const T* const row = dw.data + r * dw.stride;
      const auto one = [&](long c) __attribute__((always_inline)) {
        const long at = r * stride + c;
        V<T> slot[kMaxSlots];
        for (int j = 0; j < F::slots; ++j) slot[j] = load(slots[j] + at);
        const V<T> before = load(w + at);
        V<T> value = decayed(before);
        F::template step<T>(value, slot, slope(factor * load(row + c) + dw.nothing, before), s);
        for (int j = 0; j < F::slots; ++j) store<T>(slots[j] + at, slot[j]);
        store<T>(w + at, value);
      };
      constexpr long lanes = kLanes<T>;
      long c = 0;
      for (; c + 4 * lanes <= cols; c += 4 * lanes) {
#pragma GCC unroll 4
        for (long i = 0; i < 4; ++i) one(c + i * lanes);
      }
      for (; c < cols; c += lanes) one(c);
    }
  };
  with_penalty<T>(l1, l2, [=](auto slope) __attribute__((always_inline)) {
    if (keep == 1) {  // a multiplication less, of SGD's four for a vector
      all(slope, [](V<T> v) __attribute__((always_inline)) { return v; });
    } else {
      all(slope, [k = static_cast<T>(keep)](V<T> v) __attribute__((always_inline)) { return v * k; });
    }
  });
}

template <typename T, typename... F>
struct OptimizerTable {
  template <typename G>
  static constexpr OptimizerKernel<T> make() {
    OptimizerKernel<T> entry = {
        G::name,    G::slots,    G::hyperparameters, {}, {}, requires { G::ignores_zero; }, G::initial_slot_value,
        G::prepare, update<G, T>};
    for (int i = 0; i < G::slots; ++i) entry.slot_names[i] = G::slot_names[i];
    for (int i = 0; i < G::hyperparameters; ++i) entry.hyperparameter_names[i] = G::hyperparameter_names[i];
    return entry;
  }

  static constexpr OptimizerKernel<T> entries[] = {make<F>()...};
  static constexpr List<OptimizerKernel<T>> list = {entries, sizeof...(F)};
};

template <typename T>
using Optimizers =
    OptimizerTable<T, Sgd, Momentum, Nesterov, Adam<false>, Adam<true>, Nadam, Adamax, Adagrad, Adadelta,
                   RmsProp<false, false>, RmsProp<true, false>, RmsProp<false, true>, RmsProp<true, true>, Lion>;

}  // namespace
}  // namespace fastbp
