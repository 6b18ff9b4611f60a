#include "nn/batch_normalization.h"

#include <cmath>

namespace fastbp {

template <typename T>
BatchNormalization<T>::BatchNormalization(ParameterArena<T>& arena, long nodes, double momentum, double epsilon,
                                          bool center, bool scale)
    : Affine<T>(nodes), arena_(arena), momentum_(momentum), epsilon_(epsilon), center_(center), scale_(scale) {
  if (scale) this->parameters_.push_back({gamma_ = arena.declare_vector(nodes), true});
  if (center) this->parameters_.push_back({beta_ = arena.declare_vector(nodes), true});
  this->parameters_.push_back({moving_mean_ = arena.declare_vector(nodes), false});
  this->parameters_.push_back({moving_variance_ = arena.declare_vector(nodes), false});
}

// Training has samples in columns: a node is a row. What it keeps are mean, variance and 1 / √(σ² + ε).
template <typename T>
void BatchNormalization<T>::forward(const MatrixView<T>& y, const MatrixView<const T>& x, const Record<T>& record,
                                    const Pass<T>& pass) const {
  if (!by_batch(pass)) return Affine<T>::forward(y, x, record, pass);
  const Range nodes = this->own_nodes(this->nodes_, pass);
  const long n = nodes.first, step = padded<T>(this->nodes_);
  T* const mean = record.kept + n;
  const T *gamma = value(gamma_, scale_), *beta = value(beta_, center_);
  pass.kernels.normalizations.batch_norm_forward(y.row(n), mean, mean + step, mean + 2 * step, x.row(n),
                                                 gamma ? gamma + n : nullptr, beta ? beta + n : nullptr, epsilon_,
                                                 nodes.count(), y.cols, y.stride);
}

template <typename T>
void BatchNormalization<T>::backward(const MatrixView<T>& dx, const MatrixView<T>& dy, const MatrixView<const T>& y,
                                     const MatrixView<const T>& x, const Record<T>& record, const Pass<T>& pass) const {
  if (!by_batch(pass)) return Affine<T>::backward(dx, dy, y, x, record, pass);
  const Range nodes = this->own_nodes(this->nodes_, pass);
  const long n = nodes.first, step = padded<T>(this->nodes_);
  const T* const mean = record.kept + n;
  const T* gamma = value(gamma_, scale_);
  T* const slopes = pass.gradients ? pass.gradients : arena_.gradients();
  pass.kernels.normalizations.batch_norm_backward(
      dx.data ? dx.row(n) : nullptr, scale_ ? slopes + gamma_.offset + n : nullptr,
      center_ ? slopes + beta_.offset + n : nullptr, dy.row(n), x.row(n), mean, mean + 2 * step,
      gamma ? gamma + n : nullptr, pass.gradients && pass.accumulate, nodes.count(), dy.cols, dy.stride);
  if (pass.gradients) return;
  if (scale_) pass.optimizer->apply_stored(gamma_.offset + n, padded<T>(nodes.count()));
  if (center_) pass.optimizer->apply_stored(beta_.offset + n, padded<T>(nodes.count()));
}

// running = momentum·running + (1 - momentum)·batch's
template <typename T>
void BatchNormalization<T>::settle(const Record<T>& record, const Pass<T>& pass) const {
  if (!by_batch(pass)) return;
  const T* const mean = record.kept;
  const T* const variance = mean + padded<T>(this->nodes_);
  T* const moving_mean = arena_.values() + moving_mean_.offset;
  T* const moving_variance = arena_.values() + moving_variance_.offset;
  const T keep = static_cast<T>(momentum_), rest = static_cast<T>(1 - momentum_);
  const Range nodes = this->own_nodes(this->nodes_, pass);
  for (long n = nodes.first; n < nodes.last; ++n) {
    moving_mean[n] = keep * moving_mean[n] + rest * mean[n];
    moving_variance[n] = keep * moving_variance[n] + rest * variance[n];
  }
}

template <typename T>
void BatchNormalization<T>::fill(T* centre, T* scale, T* shift, Range nodes) const {
  const T* mean = arena_.values() + moving_mean_.offset;
  const T* variance = arena_.values() + moving_variance_.offset;
  const T *gamma = value(gamma_, scale_), *beta = value(beta_, center_);
  for (long n = nodes.first; n < nodes.last; ++n) {
    centre[n] = mean[n];
    scale[n] = (gamma ? gamma[n] : T(1)) / std::sqrt(variance[n] + static_cast<T>(epsilon_));
    shift[n] = beta ? beta[n] : T(0);
  }
}

template class BatchNormalization<float>;
template class BatchNormalization<double>;

}  // namespace fastbp
