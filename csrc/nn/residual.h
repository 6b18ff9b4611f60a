// A residual block: y = x + f(x), or x·w + f(x) where the widths differ.
#pragma once

#include <optional>

#include "nn/dense.h"
#include "nn/stack.h"

namespace fastbp {

template <typename T>
class Residual : public Layer<T> {
 public:
  // A projection is made if f's widths differ; `linear` is its activation.
  Residual(ParameterArena<T>& arena, Stack<T> f, const ActivationKernel<T>& linear);

  long inputs() const override { return f_.inputs(); }
  long outputs() const override { return f_.outputs(); }
  double work() const override { return f_.work() + (projection_ ? projection_->work() : 0); }
  bool mixes_samples() const override { return f_.mixes_samples(); }
  bool may_fail() const override { return f_.may_fail(); }
  long kept(long samples, Layout layout, bool training) const override;
  const Stack<T>* inner() const override { return &f_; }
  const std::vector<Parameter>& parameters() const override;
  void set_trainable(std::vector<bool>::const_iterator& next) override;
  bool trains() const override { return f_.trains() || (projection_ && projection_->trains()); }

  void forward(const MatrixView<T>& y, const MatrixView<const T>& x, const Record<T>& record,
               const Pass<T>& pass) const override;
  void backward(const MatrixView<T>& dx, const MatrixView<T>& dy, const MatrixView<const T>& y,
                const MatrixView<const T>& x, const Record<T>& record, const Pass<T>& pass) const override;
  void settle(const Record<T>& record, const Pass<T>& pass) const override { f_.settle(*record.inner, pass); }
  double penalty(const MatrixView<const T>& y, const Record<T>& record, const Pass<T>& pass) const override;

 private:
  struct Places;
  Places places(const Record<T>& record, long samples, Layout layout) const;

  Stack<T> f_;
  std::optional<Dense<T>> projection_;
  mutable std::vector<Parameter> all_;
};

extern template class Residual<float>;
extern template class Residual<double>;

}  // namespace fastbp
