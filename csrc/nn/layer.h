// What every layer is to the stack that holds it.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/arena.h"
#include "core/matrix.h"
#include "core/team.h"
#include "kernels/kernel_table.h"
#include "nn/ahead.h"
#include "nn/failure.h"
#include "nn/optimizer.h"
#include "nn/sparse_batch.h"

namespace fastbp {

// Members share samples, and nodes, in units of a cache line, so that no two write to the same one.
constexpr long kShareUnit = 16;

// Sums over many inputs are cut into so many parts, whatever the team.
constexpr int kInputParts = 2;

inline Range inputs_of(long part, long inputs) {
  const long units = (inputs + kShareUnit - 1) / kShareUnit;
  const auto until = [&](long parts) {
    const long end = units * parts / kInputParts * kShareUnit;
    return end < inputs ? end : inputs;
  };
  return {until(part), until(part + 1)};
}

// The values of some samples of a batch, which lie as the layout says.
template <typename T>
MatrixView<T> samples_from(const MatrixView<T>& nodes, Layout layout, Range samples) {
  return layout == samples_in_rows ? nodes.rows_from(samples.first, samples.count())
                                   : nodes.cols_from(samples.first, samples.count());
}

// The values of some nodes.
template <typename T>
MatrixView<T> nodes_from(const MatrixView<T>& nodes, Layout layout, Range which) {
  return layout == samples_in_columns ? nodes.rows_from(which.first, which.count())
                                      : nodes.cols_from(which.first, which.count());
}

// How one batch goes through a layer. Every member of the team is given the same, but for `me` and `pack`, and does its
// share; what a layer reads is complete when it is called.
template <typename T>
struct Pass {
  const Kernels<T>& kernels;
  const Member& me;
  Layout layout;
  T* pack = nullptr;                  // kPackBytes, this member's own
  Failure* failure = nullptr;         // where functions of the user's report
  const SparseBatch<T>* x = nullptr;  // of the first layer, where it is sparse
  bool training = false;              // random layers draw, norms take the batch's own statistics
  bool logits = false;                // the loss contains this layer's activation: leave it out
  uint64_t seed = 0;                  // of what random layers draw
  uint32_t step = 0;                  // the number of the batch, for them
  long first_sample = 0;              // where in the batch these samples begin
  long batch = 1;                     // how many it has
  T* gradients = nullptr;             // backward: where they are stored, laid out as the arena; null: they are applied
  bool accumulate = false;            // backward: gradients are added to what is stored
  Optimizer<T>* optimizer = nullptr;  // backward: applies them, if they are not stored
  Ahead<T>* ahead = nullptr;          // of the whole network: to be asked for some at each layer, on both ways
};

template <typename T>
class Stack;
template <typename T>
struct Tape;

// What is kept of a batch's way forward through one layer.
template <typename T>
struct Record {
  T* output = nullptr;             // f(x)
  T* slopes = nullptr;             // (samples, outputs)
  T* kept = nullptr;               // what the layer asked for
  std::unique_ptr<Tape<T>> inner;  // of the stack within it
};

struct Parameter {
  Block block;
  bool trainable;
};

// Values of nodes are (samples, nodes) or (nodes, samples), as Pass::layout says.
template <typename T>
class Layer {
 public:
  virtual ~Layer() = default;

  virtual long inputs() const = 0;
  virtual long outputs() const = 0;
  virtual double work() const { return static_cast<double>(outputs()); }  // multiplications and additions of a sample
  virtual const std::vector<Parameter>& parameters() const { return parameters_; }

  // Its activation, if that is one that a loss may contain; else null.
  virtual const char* activation() const { return nullptr; }

  // Whether in training a sample's output depends on the others of its batch.
  virtual bool mixes_samples() const { return false; }

  // Whether it does nothing but in training.
  virtual bool trains_only() const { return false; }

  // Whether it calls functions of the user's.
  virtual bool may_fail() const { return false; }

  // Whether x may have rows that end anywhere; else rows are read as whole vectors.
  virtual bool reads_any_rows() const { return false; }

  // Whether x may be Pass::x, if it is the first layer; the matrix x then has a shape only.
  virtual bool reads_sparse() const { return false; }

  // How many numbers it keeps from forward to backward, and whether it wants Record::slopes.
  virtual long kept(long samples, Layout layout, bool training) const {
    (void)samples, (void)layout, (void)training;
    return 0;
  }
  virtual bool wants_slopes() const { return false; }

  // Whether members share its inputs, in forward as in backward: of so many samples of a batch.
  virtual bool shares_inputs(long samples, long batch, Layout layout) const {
    (void)samples, (void)batch, (void)layout;
    return false;
  }
  virtual const Stack<T>* inner() const { return nullptr; }

  // One flag for this layer, then those of the layers within it.
  virtual void set_trainable(std::vector<bool>::const_iterator& next) { trainable_ = *next++; }
  virtual bool trains() const { return trainable_ && !parameters().empty(); }

  // y = f(x). Another member's share may still be missing at the end.
  virtual void forward(const MatrixView<T>& y, const MatrixView<const T>& x, const Record<T>& record,
                       const Pass<T>& pass) const = 0;

  // From dy = ∂loss/∂y, which it may overwrite, to dx = ∂loss/∂x (dx.data null: nobody asks) and the gradients of its
  // parameters. With samples in columns a member finds its own nodes of dy complete, and leaves its own nodes of dx so;
  // else everything. Others' shares of the gradients may be missing at the end.
  virtual void backward(const MatrixView<T>& dx, const MatrixView<T>& dy, const MatrixView<const T>& y,
                        const MatrixView<const T>& x, const Record<T>& record, const Pass<T>& pass) const = 0;

  // Takes over what a batch has taught beside the gradients: running statistics. After forward.
  virtual void settle(const Record<T>& record, const Pass<T>& pass) const { (void)record, (void)pass; }

  // What the layer adds to the loss of these samples, by one member.
  virtual double penalty(const MatrixView<const T>& y, const Record<T>& record, const Pass<T>& pass) const {
    (void)y, (void)record, (void)pass;
    return 0;
  }

 protected:
  // This member's nodes.
  static Range own_nodes(long nodes, const Pass<T>& pass) { return pass.me.share(nodes, kShareUnit); }

  // After a member's own nodes were written: with samples in rows, all need all.
  static void complete(const Pass<T>& pass) {
    if (pass.layout == samples_in_rows) pass.me.wait();
  }

  std::vector<Parameter> parameters_;
  bool trainable_ = true;
};

}  // namespace fastbp
