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
  void set_iterations(long steps);

  // Counts a step and computes what its updates share.
  void begin_step();

  // Updates parameters by their gradient dw (rows, cols): from `offset` in the arena, with rows `stride` apart there.
  void apply(long offset, long stride, const T* dw, long dw_stride, long rows, long cols) const;

  // Updates the parameters [offset, offset + n) from the arena's stored gradients.
  void apply_stored(long offset, long n) const { apply(offset, n, arena_.gradients() + offset, n, 1, n); }

 private:
  const OptimizerKernel<T>& kernel_;
  ParameterArena<T>& arena_;
  std::vector<AlignedBuffer<T>> slots_;
  std::vector<double> hyperparameters_;
  double shared_[kMaxShared] = {};
  double memory_ = 1;
  long prepared_ = 0;  // how many steps memory_ stands for
  long iterations_ = 0;
};

extern template class Optimizer<float>;
extern template class Optimizer<double>;

}  // namespace fastbp
