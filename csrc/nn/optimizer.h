// The optimiser: one rule over the flat arena. It sees arrays, not layers.
#pragma once

#include <vector>

#include "core/arena.h"
#include "kernels/kernel_table.h"

namespace fastbp {

// Parameters that are treated alike: [first, last) of the arena.
struct Span {
  long first;
  long last;
  bool trainable = true;
  bool decays = true;  // by the optimiser's weight_decay
  double l1 = 0;       // penalties
  double l2 = 0;
  bool per_sample = false;  // whether they are divided as the losses of a batch are
};

// What penalties are multiplied by in a step.
struct PenaltyScale {
  double whole = 0;
  double per_sample = 0;
  double of(bool divided) const { return divided ? per_sample : whole; }
};

template <typename T>
class Optimizer {
 public:
  Optimizer(const OptimizerKernel<T>& kernel, ParameterArena<T>& arena);

  const OptimizerKernel<T>& kernel() const { return kernel_; }
  void set_hyperparameters(const std::vector<double>& values);
  void set_weight_decay(double decay) { weight_decay_ = decay; }

  // How parameters are treated: spans in order, which cover the arena.
  void set_spans(std::vector<Span> spans) { spans_ = std::move(spans); }
  const std::vector<Span>& spans() const { return spans_; }

  // Slot i of the rule (momentum, velocity ...), laid out as the arena.
  T* slot(int i) const { return slots_[i].data(); }

  long iterations() const { return iterations_; }  // steps taken
  void set_iterations(long steps);

  // Counts a step and computes what its updates share.
  void begin_step(double learning_rate);

  // What is added to gradients of the slopes of penalties.
  void set_penalty_scale(const PenaltyScale& scale) { penalty_scale_ = scale; }

  // Updates parameters by their gradient dw (rows, cols): from `offset` in the arena, with rows `stride` apart there,
  // all within one span.
  void apply(long offset, long stride, const Slopes<T>& dw, long rows, long cols) const;

  // Whether a gradient of 0 leaves the parameters of the span at `offset` as they are.
  bool ignores_zero(long offset) const;

  // Updates the parameters [offset, offset + n) from the arena's stored gradients.
  void apply_stored(long offset, long n) const { apply(offset, n, {arena_.gradients() + offset, n}, 1, n); }

 private:
  const Span& span_of(long offset) const;

  const OptimizerKernel<T>& kernel_;
  ParameterArena<T>& arena_;
  std::vector<AlignedBuffer<T>> slots_;
  std::vector<Span> spans_;
  std::vector<double> hyperparameters_;
  double weight_decay_ = 0;
  double shared_[kMaxShared] = {};
  PenaltyScale penalty_scale_;
  double keep_ = 1;    // what weight decay leaves of a parameter
  double memory_ = 1;  // of the rule
  long prepared_ = 0;  // how many steps memory_ stands for
  long iterations_ = 0;
};

extern template class Optimizer<float>;
extern template class Optimizer<double>;

}  // namespace fastbp
