#include "nn/optimizer.h"

#include <stdexcept>
#include <string>

namespace fastbp {

template <typename T>
Optimizer<T>::Optimizer(const OptimizerKernel<T>& kernel, ParameterArena<T>& arena)
    : kernel_(kernel), arena_(arena), hyperparameters_(kernel.hyperparameter_count) {
  for (int i = 0; i < kernel.slot_count; ++i) slots_.emplace_back(arena.size());
}

template <typename T>
void Optimizer<T>::set_hyperparameters(const std::vector<double>& values) {
  if (values.size() != hyperparameters_.size()) {
    throw std::invalid_argument(std::string(kernel_.name) + " takes " + std::to_string(hyperparameters_.size()) +
                                " hyperparameters; got " + std::to_string(values.size()));
  }
  hyperparameters_ = values;
}

template <typename T>
void Optimizer<T>::begin_step() {
  ++iterations_;
  kernel_.prepare(shared_, hyperparameters_.data(), static_cast<double>(iterations_));
}

template <typename T>
void Optimizer<T>::apply(long offset, long stride, const T* dw, long dw_stride, long rows, long cols) const {
  T* slots[kMaxSlots];
  for (int i = 0; i < kernel_.slot_count; ++i) slots[i] = slots_[i].data() + offset;
  kernel_.update(arena_.values() + offset, slots, stride, dw, dw_stride, shared_, rows, cols);
}

template class Optimizer<float>;
template class Optimizer<double>;

}  // namespace fastbp
