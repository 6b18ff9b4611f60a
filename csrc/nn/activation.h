// An activation as a layer of its own: y = f(x).
#pragma once

#include "nn/nonlinearity.h"

namespace fastbp {

template <typename T>
class Activation : public Layer<T> {
 public:
  Activation(Nonlinearity<T> activation, long nodes) : activation_(std::move(activation)), nodes_(nodes) {}

  long inputs() const override { return nodes_; }
  long outputs() const override { return nodes_; }
  const char* activation() const override { return activation_.kernel->name; }
  long kept(long samples, Layout layout, bool training) const override;

  void forward(const MatrixView<T>& y, const MatrixView<const T>& x, const Record<T>& record,
               const Pass<T>& pass) const override;
  void backward(const MatrixView<T>& dx, const MatrixView<T>& dy, const MatrixView<const T>& y,
                const MatrixView<const T>& x, const Record<T>& record, const Pass<T>& pass) const override;

 private:
  Nonlinearity<T> activation_;
  long nodes_;
};

extern template class Activation<float>;
extern template class Activation<double>;

}  // namespace fastbp
