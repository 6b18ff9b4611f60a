// What every layer is to the network that holds it.
#pragma once

#include <vector>

#include "core/arena.h"
#include "core/matrix.h"
#include "kernels/kernel_table.h"
#include "nn/optimizer.h"

namespace fastbp {

// How one batch goes through a layer.
template <typename T>
struct Pass {
  const Kernels<T>& kernels;
  T* scratch = nullptr;               // Layer::scratch_size(batch) elements
  T* pack = nullptr;                  // kPackBytes
  Optimizer<T>* optimizer = nullptr;  // backward: applies the gradients at once; null: they are stored in the arena
  bool logits = false;                // the loss contains this layer's activation: leave it out
};

template <typename T>
class Layer {
 public:
  virtual ~Layer() = default;

  virtual long inputs() const = 0;
  virtual long outputs() const = 0;
  virtual const std::vector<Block>& parameters() const = 0;
  virtual const char* activation() const = 0;
  virtual long scratch_size(long batch) const = 0;

  // y = f(x)
  virtual void forward(MatrixView<T> y, MatrixView<const T> x, const Pass<T>& pass) const = 0;

  // From dy = ∂loss/∂y, which it may overwrite, to dx = ∂loss/∂x (dx.data null: nobody asks) and the gradients of its
  // parameters.
  virtual void backward(MatrixView<T> dx, MatrixView<T> dy, MatrixView<const T> y, MatrixView<const T> x,
                        const Pass<T>& pass) const = 0;
};

}  // namespace fastbp
