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

  // What `steps` steps of so many samples cost by a plan.
  Cost cost(long samples, const Plan& plan, bool training, long steps) const;

  // A pass of a batch of `batch` samples, from `first_sample` on.
  Pass<T> pass(const Workspace<T>& ws, bool training, long batch, long first_sample, Failure* failure,
               const Member& me) const;

  // out (rows, outputs) = the network's output for x, on this thread, in batches of the workspace's size.
  void predict(MatrixView<T> out, MatrixView<const T> x, const Workspace<T>& ws, Poll& poll) const;

  // The same on up to `threads` threads, `batch` rows at a time, with workspaces of its own.
  void predict(MatrixView<T> out, MatrixView<const T> x, long batch, int threads, Poll& poll) const;

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
