// Batch normalisation: y = γ·(x - μ) / √(σ² + ε) + β, by node. In training μ and σ² are the batch's, and running means
// of them are kept for afterwards.
#pragma once

#include "nn/affine.h"

namespace fastbp {

template <typename T>
class BatchNormalization : public Affine<T> {
 public:
  BatchNormalization(ParameterArena<T>& arena, long nodes, double momentum, double epsilon, bool center, bool scale);

  bool mixes_samples() const override { return true; }
  bool trains() const override { return this->trainable_ && (center_ || scale_); }

  void forward(const MatrixView<T>& y, const MatrixView<const T>& x, const Record<T>& record,
               const Pass<T>& pass) const override;
  void backward(const MatrixView<T>& dx, const MatrixView<T>& dy, const MatrixView<const T>& y,
                const MatrixView<const T>& x, const Record<T>& record, const Pass<T>& pass) const override;
  void settle(const Record<T>& record, const Pass<T>& pass) const override;

 private:
  bool by_batch(const Pass<T>& pass) const { return pass.training && this->trainable_; }
  const T* value(const Block& block, bool has) const { return has ? arena_.values() + block.offset : nullptr; }
  void fill(T* centre, T* scale, T* shift, Range nodes) const override;

  ParameterArena<T>& arena_;
  double momentum_;
  double epsilon_;
  bool center_;
  bool scale_;
  Block gamma_ = {};
  Block beta_ = {};
  Block moving_mean_;
  Block moving_variance_;
};

extern template class BatchNormalization<float>;
extern template class BatchNormalization<double>;

}  // namespace fastbp
