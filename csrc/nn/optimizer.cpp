#include "nn/optimizer.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>

namespace fastbp {

template <typename T>
Optimizer<T>::Optimizer(const OptimizerKernel<T>& kernel, ParameterArena<T>& arena)
    : kernel_(kernel), arena_(arena), spans_{{0, arena.size()}}, hyperparameters_(kernel.hyperparameter_count) {
  for (int i = 0; i < kernel.slot_count; ++i) slots_.emplace_back(arena.size());
}

template <typename T>
void Optimizer<T>::set_hyperparameters(const std::vector<double>& values) {
  if (values.size() != hyperparameters_.size()) {
    throw std::invalid_argument(std::string(kernel_.name) + " takes " + std::to_string(hyperparameters_.size()) +
                                " hyperparameters; got " + std::to_string(values.size()));
  }
  hyperparameters_ = values;
  if (iterations_ > 0 || !kernel_.initial_slot_value) return;
  for (int i = 0; i < kernel_.hyperparameter_count; ++i) {
    if (std::strcmp(kernel_.hyperparameter_names[i], kernel_.initial_slot_value) != 0) continue;
    for (AlignedBuffer<T>& slot : slots_) std::fill_n(slot.data(), arena_.size(), static_cast<T>(values[i]));
  }
}

template <typename T>
void Optimizer<T>::set_iterations(long steps) {
  iterations_ = steps;
  prepared_ = 0;  // the next step catches up: by then the hyperparameters are known
  memory_ = 1;
}

template <typename T>
void Optimizer<T>::begin_step(double learning_rate) {
  hyperparameters_[0] = learning_rate;
  keep_ = 1 - learning_rate * weight_decay_;
  for (++iterations_; prepared_ < iterations_;) {
    const double before = memory_;
    kernel_.prepare(shared_, &memory_, hyperparameters_.data(), static_cast<double>(++prepared_));
    if (memory_ == before) prepared_ = std::max(prepared_, iterations_ - 1);  // the steps between change nothing
  }
}

template <typename T>
void Optimizer<T>::apply(long offset, long stride, const Slopes<T>& dw, long rows, long cols) const {
  T* slots[kMaxSlots];
  for (int i = 0; i < kernel_.slot_count; ++i) slots[i] = slots_[i].data() + offset;
  const Span& span = span_of(offset);
  const double scale = penalty_scale_.of(span.per_sample);
  kernel_.update(arena_.values() + offset, slots, stride, dw, shared_, span.decays ? keep_ : 1.0, span.l1 * scale,
                 span.l2 * scale, rows, cols);
}

template <typename T>
bool Optimizer<T>::ignores_zero(long offset) const {
  const Span& span = span_of(offset);
  const bool is_drawn = span.l1 != 0 || span.l2 != 0 || (span.decays && keep_ != 1);  // to 0, whatever its slope
  return kernel_.ignores_zero && !is_drawn;
}

template <typename T>
const Span& Optimizer<T>::span_of(long offset) const {
  return *std::upper_bound(spans_.begin(), spans_.end() - 1, offset,
                           [](long at, const Span& span) { return at < span.last; });
}

template class Optimizer<float>;
template class Optimizer<double>;

}  // namespace fastbp
