#include "nn/layer_normalization.h"

namespace fastbp {

template <typename T>
LayerNormalization<T>::LayerNormalization(ParameterArena<T>& arena, long nodes, double epsilon, bool center, bool scale,
                                          bool rms)
    : arena_(arena), nodes_(nodes), epsilon_(epsilon), center_(center), scale_(scale), rms_(rms) {
  if (scale) this->parameters_.push_back({gamma_ = arena.declare_vector(nodes), true});
  if (center) this->parameters_.push_back({beta_ = arena.declare_vector(nodes), true});
}

// Members share samples.
template <typename T>
void LayerNormalization<T>::forward(const MatrixView<T>& y, const MatrixView<const T>& x, const Record<T>& record,
                                    const Pass<T>& pass) const {
  const long samples = pass.layout == samples_in_rows ? y.rows : y.cols;
  const Range own = pass.me.share(samples, kShareUnit);
  const MatrixView<T> part = samples_from(y, pass.layout, own);
  T* const mean = record.kept + own.first;
  pass.kernels.normalizations.layer_norm_forward[pass.layout](
      part.data, mean, mean + padded<T>(samples), x.data + (part.data - y.data), value(gamma_, scale_),
      value(beta_, center_), rms_, epsilon_, part.rows, part.cols, part.stride);
}

template <typename T>
void LayerNormalization<T>::backward(const MatrixView<T>& dx, const MatrixView<T>& dy, const MatrixView<const T>&,
                                     const MatrixView<const T>& x, const Record<T>& record, const Pass<T>& pass) const {
  const auto& kernels = pass.kernels.normalizations;
  const long samples = pass.layout == samples_in_rows ? dy.rows : dy.cols;
  const T* const mean = record.kept;
  const T* const inverse = mean + padded<T>(samples);
  if (dx.data) {  // first, for it needs the weights from before the update
    pass.me.wait();
    const Range own = pass.me.share(samples, kShareUnit);
    const MatrixView<T> part = samples_from(dy, pass.layout, own);
    const long at = part.data - dy.data;
    kernels.layer_norm_backward[pass.layout](dx.data + at, part.data, x.data + at, mean + own.first,
                                             inverse + own.first, value(gamma_, scale_), rms_, part.rows, part.cols,
                                             part.stride);
    pass.me.wait();
  }
  if (!this->trains()) return;
  const Range nodes = this->own_nodes(nodes_, pass);
  const MatrixView<T> part = nodes_from(dy, pass.layout, nodes);
  T* const slopes = pass.gradients ? pass.gradients : arena_.gradients();
  kernels.layer_norm_slopes[pass.layout](scale_ ? slopes + gamma_.offset + nodes.first : nullptr,
                                         center_ ? slopes + beta_.offset + nodes.first : nullptr, part.data,
                                         x.data + (part.data - dy.data), mean, inverse,
                                         pass.gradients && pass.accumulate, part.rows, part.cols, part.stride);
  if (pass.gradients) return;
  if (scale_) pass.optimizer->apply_stored(gamma_.offset + nodes.first, padded<T>(nodes.count()));
  if (center_) pass.optimizer->apply_stored(beta_.offset + nodes.first, padded<T>(nodes.count()));
}

template class LayerNormalization<float>;
template class LayerNormalization<double>;

}  // namespace fastbp
