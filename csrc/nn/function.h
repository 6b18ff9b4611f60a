// An activation of the user's own: a function and its derivative, element by element.
#pragma once

#include <functional>

#include "nn/layer.h"

namespace fastbp {

// y = f(x) and, unless it is null, slopes = f'(x), all (rows, cols) with rows `stride` apart. May throw.
template <typename T>
using ElementFunction =
    std::function<void(T* y, T* slopes, const T* x, long rows, long cols, long stride, Layout layout)>;

template <typename T>
class Function : public Layer<T> {
 public:
  Function(ElementFunction<T> function, long nodes) : function_(std::move(function)), nodes_(nodes) {}

  long inputs() const override { return nodes_; }
  long outputs() const override { return nodes_; }
  bool may_fail() const override { return true; }
  long kept(long samples, Layout layout, bool training) const override;

  void forward(const MatrixView<T>& y, const MatrixView<const T>& x, const Record<T>& record,
               const Pass<T>& pass) const override;
  void backward(const MatrixView<T>& dx, const MatrixView<T>& dy, const MatrixView<const T>& y,
                const MatrixView<const T>& x, const Record<T>& record, const Pass<T>& pass) const override;

 private:
  ElementFunction<T> function_;
  long nodes_;
};

extern template class Function<float>;
extern template class Function<double>;

}  // namespace fastbp
