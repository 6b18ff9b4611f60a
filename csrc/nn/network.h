// The network: a stack of layers over one arena.
#pragma once

#include <vector>

#include "core/arena.h"
#include "core/poll.h"
#include "kernels/kernel_table.h"
#include "nn/cost.h"
#include "nn/layers.h"
#include "nn/plan.h"
#include "nn/workspace.h"

namespace fastbp {

// x of some samples: a matrix, or (its data null) sparse rows of that shape.
template <typename T>
struct Inputs {
  MatrixView<const T> matrix;  // (n, inputs)
  SparseRows<T> sparse = {};

  bool is_sparse() const { return sparse.starts; }
  long rows() const { return matrix.rows; }
  long cols() const { return matrix.cols; }
  long entries() const { return is_sparse() ? sparse.starts[rows()] - sparse.starts[0] : rows() * cols(); }

  Inputs rows_from(long first, long count) const {
    if (is_sparse()) {
      return {{nullptr, count, cols(), 0}, {sparse.starts + first, sparse.columns, sparse.values}};
    }
    return {matrix.rows_from(first, count)};
  }
};

constexpr long kPredictRows = 512;  // at a time: enough for the product, few enough for the caches

template <typename T>
class Network {
 public:
  Network(const KernelTable& table, long inputs, const std::vector<LayerSpec<T>>& layers, uint64_t seed);

  const KernelTable& table() const { return table_; }
  const Kernels<T>& kernels() const { return kernels_; }
  ParameterArena<T>& arena() { return arena_; }
  const Stack<T>& stack() const { return stack_; }
  long inputs() const { return stack_.inputs(); }
  long outputs() const { return stack_.outputs(); }

  // The activation that the network ends in, or null.
  const char* output_activation() const { return stack_.layers().back()->activation(); }

  // Which layers learn: one flag each, those within a layer after it. std::invalid_argument if they are not as many.
  void set_trainable(const std::vector<bool>& flags);

  // How many batches the random layers have drawn for.
  uint32_t draws() const { return draws_; }
  void set_draws(uint32_t n) { draws_ = n; }

  // Whether x may be sparse.
  bool reads_sparse() const { return stack_.layers().front()->reads_sparse(); }

  // What `steps` steps of so many samples cost by a plan. `entries`: of their x, where it is sparse; else -1.
  // `updates`: whether each step then takes every weight of the first layer.
  Cost cost(long samples, const Plan& plan, bool training, long steps, double entries = -1, bool updates = true) const;

  // A pass of a batch of `batch` samples, from `first_sample` on.
  Pass<T> pass(const Workspace<T>& ws, bool training, long batch, long first_sample, Failure* failure,
               const Member& me) const;

  // out (rows, outputs) = the network's output for x, on this thread, in batches of the workspace's size. x may be a
  // part of `all` rows that are predicted.
  void predict(const MatrixView<T>& out, const Inputs<T>& x, const Workspace<T>& ws, long all, Poll& poll) const;

  // The same on up to `threads` threads, with workspaces of its own for up to `batch` rows at a time, or kPredictRows
  // if that is more.
  void predict(const MatrixView<T>& out, const Inputs<T>& x, long batch, int threads, Poll& poll) const;

 private:
  const KernelTable& table_;
  const Kernels<T>& kernels_;
  ParameterArena<T> arena_;
  Stack<T> stack_;
  uint64_t seed_;
  uint32_t draws_ = 0;
};

extern template class Network<float>;
extern template class Network<double>;

}  // namespace fastbp
