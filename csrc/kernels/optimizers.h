// Optimiser updates on flat arrays. To add one: a struct, and its place in Optimizers at the end.
//
// An optimiser is `prepare`, once per step, from the hyperparameters to a few shared numbers, and `step`, one vector of
// parameters with its slots and its gradient. Zero gradients and slots leave zero parameters at zero: pads stay clean.
#pragma once

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
struct Nesterov {
  static constexpr const char* name = "nesterov";
  static constexpr int slots = 1;
  static constexpr const char* slot_names[kMaxSlots] = {"momentum"};
  static constexpr int hyperparameters = 2;
  static constexpr const char* hyperparameter_names[kMaxHyperparameters] = {"learning_rate", "momentum"};
  static constexpr const char* initial_slot_value = nullptr;

  static void prepare(double* shared, double* memory, const double* h, double step) {
    Momentum::prepare(shared, memory, h, step);
  }

  template <typename T>
  FASTBP_INLINE static void step(V<T>& w, V<T>* slot, V<T> dw, const T* shared) {
    const V<T> downhill = shared[0] * dw;
    slot[0] = shared[1] * slot[0] - downhill;
    w += shared[1] * slot[0] - downhill;
  }
};

// m = β₁·m + (1 - β₁)·dw;  v = β₂·v + (1 - β₂)·dw²;  w -= η·√(1 - β₂ᵗ) / (1 - β₁ᵗ) · m / (√v + ε)
// (Kingma & Ba, arXiv 1412.6980, the form at the end of section 2, as Keras has it)
struct Adam {
  static constexpr const char* name = "adam";
  static constexpr int slots = 2;
  static constexpr const char* slot_names[kMaxSlots] = {"momentum", "velocity"};
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
    slot[0] += shared[1] * (dw - slot[0]);
    slot[1] += shared[2] * (dw * dw - slot[1]);
    w -= shared[0] * slot[0] / (sqrt<T>(slot[1]) + shared[3]);
  }
};

template <typename F, typename T>
void update(T* w, T* const* slots, long stride, const T* dw, long dw_stride, const double* shared, double keep,
            long rows, long cols) {
  T s[kMaxShared];
  for (int i = 0; i < kMaxShared; ++i) s[i] = static_cast<T>(shared[i]);
  for (long r = 0; r < rows; ++r) {
    for (long c = 0; c < cols; c += kLanes<T>) {
      const long at = r * stride + c;
      V<T> slot[kMaxSlots];
      for (int j = 0; j < F::slots; ++j) slot[j] = load(slots[j] + at);
      V<T> value = load(w + at) * static_cast<T>(keep);
      F::template step<T>(value, slot, load(dw + r * dw_stride + c), s);
      for (int j = 0; j < F::slots; ++j) store<T>(slots[j] + at, slot[j]);
      store<T>(w + at, value);
    }
  }
}

template <typename T, typename... F>
struct OptimizerTable {
  template <typename G>
  static constexpr OptimizerKernel<T> make() {
    OptimizerKernel<T> entry = {G::name,    G::slots,    G::hyperparameters, {}, {}, G::initial_slot_value,
                                G::prepare, update<G, T>};
    for (int i = 0; i < G::slots; ++i) entry.slot_names[i] = G::slot_names[i];
    for (int i = 0; i < G::hyperparameters; ++i) entry.hyperparameter_names[i] = G::hyperparameter_names[i];
    return entry;
  }

  static constexpr OptimizerKernel<T> entries[] = {make<F>()...};
  static constexpr List<OptimizerKernel<T>> list = {entries, sizeof...(F)};
};

template <typename T>
using Optimizers = OptimizerTable<T, Sgd, Momentum, Nesterov, Adam>;

}  // namespace
}  // namespace fastbp
