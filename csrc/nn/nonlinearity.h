// An activation as layers use it: a kernel and the numbers that it takes.
#pragma once

#include <vector>

#include "nn/layer.h"

namespace fastbp {

template <typename T>
struct Nonlinearity {
  const ActivationKernel<T>* kernel;
  std::vector<double> settings;

  bool whole_samples() const { return kernel->whole_samples; }

  // `kept`, where a record keeps the slopes, if forward must; else null.
  T* slopes(T* kept, const Pass<T>& pass) const { return kernel->keeps_slope && pass.training ? kept : nullptr; }

  // a = f(a), and its slopes, which lie as a does (null: not asked for).
  void forward(const MatrixView<T>& a, T* slopes, Layout layout) const {
    kernel->forward[layout](a.data, slopes, a.rows, a.cols, a.stride, settings.data());
  }

  // d ⊙= f'. `a` is f(z), or the slopes where they are kept.
  void backward(const MatrixView<T>& d, const T* a, Layout layout) const {
    kernel->backward[layout](d.data, a, d.rows, d.cols, d.stride, settings.data());
  }
};

}  // namespace fastbp
