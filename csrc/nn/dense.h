// The dense layer: y = activation(x·w + b).
#pragma once

#include <string>

#include "nn/layer.h"

namespace fastbp {

template <typename T>
class Dense : public Layer<T> {
 public:
  Dense(ParameterArena<T>& arena, const ActivationKernel<T>& activation, long inputs, long outputs, bool use_bias);

  long inputs() const override { return w_.rows; }
  long outputs() const override { return w_.cols; }
  const std::vector<Block>& parameters() const override { return parameters_; }
  const char* activation() const override { return activation_.name; }

  void forward(MatrixView<T> y, MatrixView<const T> x, const Pass<T>& pass) const override;
  void backward(MatrixView<T> dx, MatrixView<T> dz, MatrixView<T> dy, MatrixView<const T> y, MatrixView<const T> x,
                const Pass<T>& pass) const override;

 private:
  void node_slopes(MatrixView<T> dz, MatrixView<T> dy, MatrixView<const T> y, const Pass<T>& pass) const;
  void input_slopes(MatrixView<T> dx, MatrixView<const T> dz, MatrixView<const T> dzt, const Pass<T>& pass) const;
  void kernel_slopes(MatrixView<const T> dz, MatrixView<const T> x, const Pass<T>& pass) const;
  void bias_slopes(MatrixView<const T> dz, const Pass<T>& pass) const;

  ParameterArena<T>& arena_;
  const ActivationKernel<T>& activation_;
  std::vector<Block> parameters_;  // w, then b if there is one
  Block w_;                        // (inputs, outputs)
  bool use_bias_;
};

extern template class Dense<float>;
extern template class Dense<double>;

}  // namespace fastbp
