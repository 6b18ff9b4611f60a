// Layer normalisation: y = γ·(x - μ) / √(σ² + ε) + β, where μ and σ² run over the nodes of a sample; and its kin by the
// root mean square, with μ = 0 and σ² the mean of squares.
#pragma once

#include "nn/layer.h"

namespace fastbp {

template <typename T>
class LayerNormalization : public Layer<T> {
 public:
  LayerNormalization(ParameterArena<T>& arena, long nodes, double epsilon, bool center, bool scale, bool rms);

  long inputs() const override { return nodes_; }
  long outputs() const override { return nodes_; }
  long kept(long samples, Layout, bool) const override { return 2 * padded<T>(samples); }  // mean, 1 / √(σ² + ε)

  void forward(const MatrixView<T>& y, const MatrixView<const T>& x, const Record<T>& record,
               const Pass<T>& pass) const override;
  void backward(const MatrixView<T>& dx, const MatrixView<T>& dy, const MatrixView<const T>& y,
                const MatrixView<const T>& x, const Record<T>& record, const Pass<T>& pass) const override;

 private:
  const T* value(const Block& block, bool has) const { return has ? arena_.values() + block.offset : nullptr; }

  ParameterArena<T>& arena_;
  long nodes_;
  double epsilon_;
  bool center_;
  bool scale_;
  bool rms_;
  Block gamma_ = {};
  Block beta_ = {};
};

extern template class LayerNormalization<float>;
extern template class LayerNormalization<double>;

}  // namespace fastbp
