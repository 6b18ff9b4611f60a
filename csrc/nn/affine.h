// Layers that scale and shift each node: y = scale ⊙ (x - centre) + shift. What is near the centre loses no digits.
#pragma once

#include <vector>

#include "nn/layer.h"

namespace fastbp {

template <typename T>
class Affine : public Layer<T> {
 public:
  explicit Affine(long nodes) : nodes_(nodes) {}

  long inputs() const override { return nodes_; }
  long outputs() const override { return nodes_; }
  long kept(long, Layout, bool) const override { return 3 * padded<T>(nodes_); }  // centre, scale, shift

  void forward(const MatrixView<T>& y, const MatrixView<const T>& x, const Record<T>& record,
               const Pass<T>& pass) const override;
  void backward(const MatrixView<T>& dx, const MatrixView<T>& dy, const MatrixView<const T>& y,
                const MatrixView<const T>& x, const Record<T>& record, const Pass<T>& pass) const override;

 protected:
  // centre, scale and shift, each (nodes), of some of them.
  virtual void fill(T* centre, T* scale, T* shift, Range nodes) const = 0;

  long nodes_;
};

// By given numbers, one for each node.
template <typename T>
class Rescaling : public Affine<T> {
 public:
  Rescaling(std::vector<double> scale, std::vector<double> offset)
      : Affine<T>(static_cast<long>(scale.size())), scale_(std::move(scale)), offset_(std::move(offset)) {}

 private:
  void fill(T* centre, T* scale, T* shift, Range nodes) const override;

  std::vector<double> scale_;
  std::vector<double> offset_;
};

// To mean 0 and variance 1, by a mean and a variance that are parameters but are not trained; or back.
template <typename T>
class Normalization : public Affine<T> {
 public:
  Normalization(ParameterArena<T>& arena, long nodes, bool invert);

  bool trains() const override { return false; }

 private:
  void fill(T* centre, T* scale, T* shift, Range nodes) const override;

  ParameterArena<T>& arena_;
  Block mean_;
  Block variance_;
  bool invert_;
};

extern template class Affine<float>;
extern template class Affine<double>;
extern template class Rescaling<float>;
extern template class Rescaling<double>;
extern template class Normalization<float>;
extern template class Normalization<double>;

}  // namespace fastbp
