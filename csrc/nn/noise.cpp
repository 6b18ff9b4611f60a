#include "nn/noise.h"

#include "core/random.h"
#include "nn/tape.h"

namespace fastbp {

template <typename T>
long NoiseLayer<T>::kept(long samples, Layout layout, bool training) const {
  const MatrixView<T> factors = lay<T>(nullptr, nodes_, samples, layout);
  return training ? factors.rows * factors.stride : 0;
}

template <typename T>
void NoiseLayer<T>::forward(const MatrixView<T>& y, const MatrixView<const T>& x, const Record<T>& record,
                            const Pass<T>& pass) const {
  const Range nodes = this->own_nodes(nodes_, pass);
  const MatrixView<T> own = nodes_from(y, pass.layout, nodes);
  const long at = own.data - y.data;
  const Noise noise = {seed_.value_or(pass.seed), pass.step,
                       static_cast<uint32_t>(Stream::noise) | number_ << kStreamBits, nodes.first, pass.first_sample};
  kernel_.forward[pass.layout](own.data, record.kept + at, x.data + at, own.rows, own.cols, own.stride, noise,
                               settings_.data());
}

template <typename T>
void NoiseLayer<T>::backward(const MatrixView<T>& dx, const MatrixView<T>& dy, const MatrixView<const T>&,
                             const MatrixView<const T>&, const Record<T>& record, const Pass<T>& pass) const {
  if (!dx.data) return;
  const MatrixView<T> own = nodes_from(dy, pass.layout, this->own_nodes(nodes_, pass));
  const long at = own.data - dy.data;
  pass.kernels.normalizations.multiply(dx.data + at, own.data, record.kept + at, own.rows, own.cols, own.stride);
  this->complete(pass);
}

template class NoiseLayer<float>;
template class NoiseLayer<double>;

}  // namespace fastbp
