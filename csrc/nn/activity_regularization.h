// A penalty on the values of nodes: the loss grows by (l1·Σ|x| + l2·Σx²) / batch, and y = x.
#pragma once

#include "nn/layer.h"

namespace fastbp {

template <typename T>
class ActivityRegularization : public Layer<T> {
 public:
  ActivityRegularization(long nodes, double l1, double l2) : nodes_(nodes), l1_(l1), l2_(l2) {}

  long inputs() const override { return nodes_; }
  long outputs() const override { return nodes_; }

  void forward(const MatrixView<T>& y, const MatrixView<const T>& x, const Record<T>& record,
               const Pass<T>& pass) const override;
  void backward(const MatrixView<T>& dx, const MatrixView<T>& dy, const MatrixView<const T>& y,
                const MatrixView<const T>& x, const Record<T>& record, const Pass<T>& pass) const override;
  double penalty(const MatrixView<const T>& y, const Record<T>& record, const Pass<T>& pass) const override;

 private:
  long nodes_;
  double l1_;
  double l2_;
};

extern template class ActivityRegularization<float>;
extern template class ActivityRegularization<double>;

}  // namespace fastbp
