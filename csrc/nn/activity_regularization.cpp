#include "nn/activity_regularization.h"

#include <cmath>

namespace fastbp {

template <typename T>
void ActivityRegularization<T>::forward(const MatrixView<T>& y, const MatrixView<const T>& x, const Record<T>&,
                                        const Pass<T>& pass) const {
  const MatrixView<T> own = nodes_from(y, pass.layout, this->own_nodes(nodes_, pass));
  for (long r = 0; r < own.rows; ++r) copy_row(own.row(r), x.data + (own.row(r) - y.data), own.cols);
}

template <typename T>
void ActivityRegularization<T>::backward(const MatrixView<T>& dx, const MatrixView<T>& dy, const MatrixView<const T>& y,
                                         const MatrixView<const T>&, const Record<T>&, const Pass<T>& pass) const {
  if (!dx.data) return;
  const T l1 = static_cast<T>(l1_ / static_cast<double>(pass.batch));
  const T l2 = static_cast<T>(2 * l2_ / static_cast<double>(pass.batch));
  const MatrixView<T> own = nodes_from(dy, pass.layout, this->own_nodes(nodes_, pass));
  for (long r = 0; r < own.rows; ++r) {
    const long at = own.row(r) - dy.data;
    for (long c = 0; c < own.cols; ++c) {
      const T a = y.data[at + c], sign = a > T(0) ? T(1) : (a < T(0) ? T(-1) : T(0));
      dx.data[at + c] = dy.data[at + c] + l1 * sign + l2 * a;
    }
  }
  this->complete(pass);
}

template <typename T>
double ActivityRegularization<T>::penalty(const MatrixView<const T>& y, const Record<T>&, const Pass<T>&) const {
  double size = 0, squares = 0;
  for (long r = 0; r < y.rows; ++r) {
    for (long c = 0; c < y.cols; ++c) {
      const double a = y.row(r)[c];
      size += std::fabs(a);
      squares += a * a;
    }
  }
  return l1_ * size + l2_ * squares;
}

template class ActivityRegularization<float>;
template class ActivityRegularization<double>;

}  // namespace fastbp
