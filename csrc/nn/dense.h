// The dense layer: y = activation(x·w + b).
#pragma once

#include "nn/nonlinearity.h"

namespace fastbp {

template <typename T>
class Dense : public Layer<T> {
 public:
  Dense(ParameterArena<T>& arena, Nonlinearity<T> activation, long inputs, long outputs, bool use_bias);

  long inputs() const override { return w_.rows; }
  long outputs() const override { return w_.cols; }
  double work() const override { return 2.0 * static_cast<double>(w_.rows * w_.cols); }
  const char* activation() const override { return activation_.kernel->name; }
  bool reads_any_rows() const override { return true; }
  bool reads_sparse() const override { return true; }
  long kept(long samples, Layout layout, bool training) const override;
  bool wants_slopes() const override { return true; }
  bool shares_inputs(long samples, long batch, Layout layout) const override;

  void forward(const MatrixView<T>& y, const MatrixView<const T>& x, const Record<T>& record,
               const Pass<T>& pass) const override;
  void backward(const MatrixView<T>& dx, const MatrixView<T>& dy, const MatrixView<const T>& y,
                const MatrixView<const T>& x, const Record<T>& record, const Pass<T>& pass) const override;

 private:
  void forward_sparse(const MatrixView<T>& y, const Record<T>& record, const Pass<T>& pass) const;
  void forward_by_inputs(const MatrixView<T>& y, const MatrixView<const T>& x, const Record<T>& record,
                         const Pass<T>& pass) const;
  long most_for_shared_inputs() const;  // samples
  long sums_size() const;
  T* slopes_of(const Record<T>& record, const Pass<T>& pass) const;
  void node_slopes(const MatrixView<T>& dz, const MatrixView<T>& dy, const T* a, const Pass<T>& pass) const;
  void input_slopes(const MatrixView<T>& dx, const MatrixView<const T>& dz, const MatrixView<const T>& dzt,
                    const Pass<T>& pass) const;
  void kernel_slopes(const MatrixView<const T>& dz, const MatrixView<const T>& x, const Pass<T>& pass) const;
  void sparse_kernel_slopes(const MatrixView<const T>& dz, const Pass<T>& pass) const;
  bool sums_along_samples(long samples, const Pass<T>& pass) const;
  void kernel_slopes_along_samples(const MatrixView<const T>& dzt, const MatrixView<const T>& x,
                                   const Pass<T>& pass) const;
  void bias_slopes(const MatrixView<const T>& dz, const MatrixView<const T>& dzt, const Pass<T>& pass) const;

  ParameterArena<T>& arena_;
  Nonlinearity<T> activation_;
  Block w_;  // (inputs, outputs)
  Block b_;  // (outputs)
  bool use_bias_;
};

extern template class Dense<float>;
extern template class Dense<double>;

}  // namespace fastbp
