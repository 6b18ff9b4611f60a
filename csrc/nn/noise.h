// Random layers: dropout and its kin. y = x·factor + shift in training, else they are not there.
#pragma once

#include <optional>
#include <vector>

#include "nn/layer.h"

namespace fastbp {

template <typename T>
class NoiseLayer : public Layer<T> {
 public:
  // number: which of the network's random layers; without a seed it takes the network's.
  NoiseLayer(const NoiseKernel<T>& kernel, std::vector<double> settings, long nodes, uint32_t number,
             std::optional<uint64_t> seed)
      : kernel_(kernel), settings_(std::move(settings)), nodes_(nodes), number_(number), seed_(seed) {}

  long inputs() const override { return nodes_; }
  long outputs() const override { return nodes_; }
  bool trains_only() const override { return true; }
  long kept(long samples, Layout layout, bool training) const override;

  void forward(const MatrixView<T>& y, const MatrixView<const T>& x, const Record<T>& record,
               const Pass<T>& pass) const override;
  void backward(const MatrixView<T>& dx, const MatrixView<T>& dy, const MatrixView<const T>& y,
                const MatrixView<const T>& x, const Record<T>& record, const Pass<T>& pass) const override;

 private:
  const NoiseKernel<T>& kernel_;
  std::vector<double> settings_;
  long nodes_;
  uint32_t number_;
  std::optional<uint64_t> seed_;
};

extern template class NoiseLayer<float>;
extern template class NoiseLayer<double>;

}  // namespace fastbp
