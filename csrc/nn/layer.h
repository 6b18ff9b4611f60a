// What every layer is to the network that holds it.
#pragma once

#include <vector>

#include "core/arena.h"
#include "core/matrix.h"
#include "core/team.h"
#include "kernels/kernel_table.h"
#include "nn/optimizer.h"

namespace fastbp {

// Members share rows in units of a cache line of the transposed matrix, so that no two write to the same line.
constexpr long kRowUnit = 16;

// How one batch goes through a layer. Every member of the team is given the same, but for `me` and `pack`, and does its
// share; what a layer reads is complete when it is called.
template <typename T>
struct Pass {
  const Kernels<T>& kernels;
  const Member& me;
  T* pack = nullptr;                  // kPackBytes, this member's own
  T* scratch = nullptr;               // Layer::scratch_size(batch) elements, the team's
  T* row = nullptr;                   // one padded row of the widest layer, the team's
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

  // y = f(x). Another member's share may still be missing at the end.
  virtual void forward(MatrixView<T> y, MatrixView<const T> x, const Pass<T>& pass) const = 0;

  // From dy = ∂loss/∂y, which it may overwrite, to dx = ∂loss/∂x (dx.data null: nobody asks) and the gradients of its
  // parameters. At the end dx is complete; another member's share of the gradients may be missing.
  virtual void backward(MatrixView<T> dx, MatrixView<T> dy, MatrixView<const T> y, MatrixView<const T> x,
                        const Pass<T>& pass) const = 0;
};

}  // namespace fastbp
