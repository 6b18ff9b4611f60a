// Layers, one after the other.
#pragma once

#include <memory>
#include <vector>

#include "nn/layer.h"
#include "nn/tape.h"

namespace fastbp {

template <typename T>
class Stack {
 public:
  explicit Stack(std::vector<std::unique_ptr<Layer<T>>> layers);

  const std::vector<std::unique_ptr<Layer<T>>>& layers() const { return layers_; }
  long inputs() const { return layers_.front()->inputs(); }
  long outputs() const { return layers_.back()->outputs(); }
  double work() const;
  bool mixes_samples() const;
  bool may_fail() const;
  bool trains() const;
  bool reads_any_rows(bool training) const;  // see Layer
  std::vector<Parameter> parameters() const;
  void set_trainable(std::vector<bool>::const_iterator& next) const;

  // Places for up to `samples` of them at a time. Without training two outputs take turns.
  Tape<T> tape(Room<T>& room, long samples, Layout layout, bool training) const;

  // The output, complete. `logits` of the pass holds for the last layer.
  MatrixView<T> forward(const Tape<T>& tape, const MatrixView<T>& x, const Pass<T>& pass) const;

  // After forward, from the last layer's delta to dx (dx.data null: nobody asks) and the gradients of all parameters.
  void backward(const Tape<T>& tape, const MatrixView<T>& dx, const MatrixView<const T>& x, const Pass<T>& pass) const;

  void settle(const Tape<T>& tape, const Pass<T>& pass) const;
  double penalty(const Tape<T>& tape, long samples, const Pass<T>& pass) const;

 private:
  std::vector<std::unique_ptr<Layer<T>>> layers_;
};

extern template class Stack<float>;
extern template class Stack<double>;

}  // namespace fastbp
