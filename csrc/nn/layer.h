// What every layer is to the network that holds it.
#pragma once

#include <vector>

#include "core/arena.h"
#include "core/matrix.h"
#include "core/team.h"
#include "kernels/kernel_table.h"
#include "nn/optimizer.h"

namespace fastbp {

// Members share samples, and nodes, in units of a cache line, so that no two write to the same one.
constexpr long kShareUnit = 16;

// The values of some samples of a batch, which lie as the layout says.
template <typename T>
MatrixView<T> samples_from(MatrixView<T> nodes, Layout layout, Range samples) {
  return layout == samples_in_rows ? nodes.rows_from(samples.first, samples.count())
                                   : nodes.cols_from(samples.first, samples.count());
}

// How one batch goes through a layer. Every member of the team is given the same, but for `me` and `pack`, and does its
// share; what a layer reads is complete when it is called.
template <typename T>
struct Pass {
  const Kernels<T>& kernels;
  const Member& me;
  Layout layout;
  T* pack = nullptr;                  // kPackBytes, this member's own
  bool logits = false;                // the loss contains this layer's activation: leave it out
  T* row = nullptr;                   // backward: one padded row of the widest layer, its own
  T* gradients = nullptr;             // backward: where they are stored, laid out as the arena; null: they are applied
  bool accumulate = false;            // backward: gradients are added to what is stored
  Optimizer<T>* optimizer = nullptr;  // backward: applies them, if they are not stored
};

// Values of nodes are (samples, nodes) or (nodes, samples), as Pass::layout says; slopes come in both.
template <typename T>
class Layer {
 public:
  virtual ~Layer() = default;

  virtual long inputs() const = 0;
  virtual long outputs() const = 0;
  virtual const std::vector<Block>& parameters() const = 0;
  virtual const char* activation() const = 0;

  // y = f(x). Another member's share may still be missing at the end.
  virtual void forward(MatrixView<T> y, MatrixView<const T> x, const Pass<T>& pass) const = 0;

  // From dy = ∂loss/∂y, which it may overwrite, to dx = ∂loss/∂x (dx.data null: nobody asks) and the gradients of its
  // parameters. dz (samples, outputs) is where ∂loss/∂z goes with samples in rows: dy itself, if they lie so. At the
  // end a member has all of dx that it will ask for in the layer below: with samples in columns its own nodes, else
  // everything. Others' shares of the gradients may be missing.
  virtual void backward(MatrixView<T> dx, MatrixView<T> dz, MatrixView<T> dy, MatrixView<const T> y,
                        MatrixView<const T> x, const Pass<T>& pass) const = 0;
};

}  // namespace fastbp
