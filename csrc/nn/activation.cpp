#include "nn/activation.h"

#include "nn/tape.h"

namespace fastbp {

template <typename T>
long Activation<T>::kept(long samples, Layout layout, bool training) const {
  const MatrixView<T> slopes = lay<T>(nullptr, nodes_, samples, layout);
  return training && activation_.kernel->keeps_slope ? slopes.rows * slopes.stride : 0;
}

// Members share samples where f needs all nodes of one, else nodes.
template <typename T>
void Activation<T>::forward(const MatrixView<T>& y, const MatrixView<const T>& x, const Record<T>& record,
                            const Pass<T>& pass) const {
  const bool in_rows = pass.layout == samples_in_rows;
  const Range samples = pass.me.share(in_rows ? y.rows : y.cols, kShareUnit);
  const auto own = [&](auto view) {
    return activation_.whole_samples() ? samples_from(view, pass.layout, samples)
                                       : nodes_from(view, pass.layout, this->own_nodes(nodes_, pass));
  };
  const MatrixView<T> a = own(y);
  const MatrixView<const T> z = own(x);
  for (long r = 0; r < a.rows; ++r) copy_row(a.row(r), z.row(r), a.cols);
  if (pass.logits) return;
  T* const slopes = activation_.slopes(record.kept, pass);
  activation_.forward(a, slopes ? slopes + (a.data - y.data) : nullptr, pass.layout);
}

template <typename T>
void Activation<T>::backward(const MatrixView<T>& dx, const MatrixView<T>& dy, const MatrixView<const T>& y,
                             const MatrixView<const T>&, const Record<T>& record, const Pass<T>& pass) const {
  if (!dx.data) return;
  const T* slopes = activation_.slopes(record.kept, pass);
  const T* a = slopes ? slopes : y.data;
  const MatrixView<T> own = nodes_from(dy, pass.layout, this->own_nodes(nodes_, pass));
  if (!pass.logits && activation_.whole_samples()) {
    pass.me.wait();
    const bool in_rows = pass.layout == samples_in_rows;
    const MatrixView<T> d = samples_from(dy, pass.layout, pass.me.share(in_rows ? dy.rows : dy.cols, kShareUnit));
    activation_.backward(d, a + (d.data - dy.data), pass.layout);
    pass.me.wait();
  } else if (!pass.logits) {
    activation_.backward(own, a + (own.data - dy.data), pass.layout);
  }
  for (long r = 0; r < own.rows; ++r) {
    copy_row(dx.data + (own.row(r) - dy.data), static_cast<const T*>(own.row(r)), own.cols);
  }
  this->complete(pass);
}

template class Activation<float>;
template class Activation<double>;

}  // namespace fastbp
