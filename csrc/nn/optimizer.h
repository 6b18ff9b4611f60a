// The optimiser: one rule over the flat arena. It sees arrays, not layers.
#pragma once

#include <vector>

#include "core/arena.h"
#include "kernels/kernel_table.h"

namespace fastbp {

template <typename T>
class Optimizer {
 public:
  Optimizer(const OptimizerKernel<T>& kernel, ParameterArena<T>& arena);

  const OptimizerKernel<T>& kernel() const { return kernel_; }
  void set_hyperparameters(const std::vector<double>& values);

  // Slot i of the rule (momentum, velocity ...), laid out as the arena.
  T* slot(int i) const { return slots_[i].data(); }

  long iterations() const { return iterations_; }  // steps taken
  void set_iterations(long steps) { iterations_ = steps; }

  // Counts a step and computes what its updates share.
  void begin_step();

  // Updates the parameters [offset, offset + n) by their gradient dw (n): whole padded rows.
  void apply(long offset, const T* dw, long n) const;

  // The same for every parameter, from the arena's stored gradients.
  void apply_stored() const { apply(0, arena_.gradients(), arena_.size()); }

 private:
  const OptimizerKernel<T>& kernel_;
  ParameterArena<T>& arena_;
  std::vector<AlignedBuffer<T>> slots_;
  std::vector<double> hyperparameters_;
  double shared_[kMaxHyperparameters] = {};
  long iterations_ = 0;
};

extern template class Optimizer<float>;
extern template class Optimizer<double>;

}  // namespace fastbp
