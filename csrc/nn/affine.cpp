#include "nn/affine.h"

#include <algorithm>
#include <cmath>

namespace fastbp {

template <typename T>
void Affine<T>::forward(const MatrixView<T>& y, const MatrixView<const T>& x, const Record<T>& record,
                        const Pass<T>& pass) const {
  const Range nodes = this->own_nodes(nodes_, pass);
  T* const centre = record.kept;
  T* const scale = centre + padded<T>(nodes_);
  T* const shift = scale + padded<T>(nodes_);
  fill(centre, scale, shift, nodes);
  const MatrixView<T> own = nodes_from(y, pass.layout, nodes);
  pass.kernels.normalizations.affine[pass.layout](own.data, x.data + (own.data - y.data), centre + nodes.first,
                                                  scale + nodes.first, shift + nodes.first, own.rows, own.cols,
                                                  own.stride);
}

template <typename T>
void Affine<T>::backward(const MatrixView<T>& dx, const MatrixView<T>& dy, const MatrixView<const T>&,
                         const MatrixView<const T>&, const Record<T>& record, const Pass<T>& pass) const {
  if (!dx.data) return;
  const Range nodes = this->own_nodes(nodes_, pass);
  const MatrixView<T> own = nodes_from(dy, pass.layout, nodes);
  const T* const scale = record.kept + padded<T>(nodes_);
  pass.kernels.normalizations.affine[pass.layout](dx.data + (own.data - dy.data), own.data, nullptr,
                                                  scale + nodes.first, nullptr, own.rows, own.cols, own.stride);
  this->complete(pass);
}

template <typename T>
void Rescaling<T>::fill(T* centre, T* scale, T* shift, Range nodes) const {
  for (long n = nodes.first; n < nodes.last; ++n) {
    centre[n] = T(0);
    scale[n] = static_cast<T>(scale_[n]);
    shift[n] = static_cast<T>(offset_[n]);
  }
}

template <typename T>
Normalization<T>::Normalization(ParameterArena<T>& arena, long nodes, bool invert)
    : Affine<T>(nodes),
      arena_(arena),
      mean_(arena.declare_vector(nodes)),
      variance_(arena.declare_vector(nodes)),
      invert_(invert) {
  this->parameters_ = {{mean_, false}, {variance_, false}};
}

// A deviation is at least 1e-7, so that a constant feature becomes 0.
template <typename T>
void Normalization<T>::fill(T* centre, T* scale, T* shift, Range nodes) const {
  const T* mean = arena_.values() + mean_.offset;
  const T* variance = arena_.values() + variance_.offset;
  for (long n = nodes.first; n < nodes.last; ++n) {
    const T deviation = std::sqrt(variance[n]);
    centre[n] = invert_ ? T(0) : mean[n];
    scale[n] = invert_ ? deviation : T(1) / std::max(deviation, T(1e-7));
    shift[n] = invert_ ? mean[n] : T(0);
  }
}

template class Affine<float>;
template class Affine<double>;
template class Rescaling<float>;
template class Rescaling<double>;
template class Normalization<float>;
template class Normalization<double>;

}  // namespace fastbp
