#include "nn/function.h"

#include "nn/tape.h"

namespace fastbp {

template <typename T>
long Function<T>::kept(long samples, Layout layout, bool training) const {
  const MatrixView<T> slopes = lay<T>(nullptr, nodes_, samples, layout);
  return training ? slopes.rows * slopes.stride : 0;
}

// One member calls it once for all, for the interpreter would let only one run anyway.
template <typename T>
void Function<T>::forward(const MatrixView<T>& y, const MatrixView<const T>& x, const Record<T>& record,
                          const Pass<T>& pass) const {
  if (!pass.me.leads()) return;
  try {
    function_(y.data, pass.training ? record.kept : nullptr, x.data, y.rows, y.cols, y.stride, pass.layout);
  } catch (...) {
    pass.failure->report(std::current_exception());
  }
}

template <typename T>
void Function<T>::backward(const MatrixView<T>& dx, const MatrixView<T>& dy, const MatrixView<const T>&,
                           const MatrixView<const T>&, const Record<T>& record, const Pass<T>& pass) const {
  if (!dx.data) return;
  const MatrixView<T> own = nodes_from(dy, pass.layout, this->own_nodes(nodes_, pass));
  const long at = own.data - dy.data;
  pass.kernels.normalizations.multiply(dx.data + at, own.data, record.kept + at, own.rows, own.cols, own.stride);
  this->complete(pass);
}

template class Function<float>;
template class Function<double>;

}  // namespace fastbp
