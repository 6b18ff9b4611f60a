// The network: layers over one arena.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/arena.h"
#include "core/poll.h"
#include "kernels/kernel_table.h"
#include "nn/cost.h"
#include "nn/layer.h"
#include "nn/plan.h"
#include "nn/workspace.h"

namespace fastbp {

struct DenseSpec {
  long units;
  std::string activation;
  bool use_bias;
};

template <typename T>
class Network {
 public:
  Network(const KernelTable& table, long inputs, const std::vector<DenseSpec>& layers);

  const KernelTable& table() const { return table_; }
  const Kernels<T>& kernels() const { return kernels_; }
  ParameterArena<T>& arena() { return arena_; }
  const std::vector<std::unique_ptr<Layer<T>>>& layers() const { return layers_; }
  long inputs() const { return layers_.front()->inputs(); }
  long outputs() const { return layers_.back()->outputs(); }
  const char* output_activation() const { return layers_.back()->activation(); }

  // What `steps` steps of so many samples cost by a plan.
  Cost cost(long samples, const Plan& plan, bool training, long steps) const;

  // x (in the workspace's layout) → the output, in the workspace. logits: without the last activation.
  MatrixView<T> forward(const Workspace<T>& ws, MatrixView<const T> x, bool logits, const Member& me) const;

  // After forward, from the last layer's delta to dx (dx.data null: nobody asks) and the gradients of all parameters:
  // stored at `gradients` (or added to what is there), or, if that is null, applied by the optimiser. Other members'
  // shares of dx and of the first layer's gradients may still be missing at the end.
  struct Gradients {
    T* store = nullptr;
    bool accumulate = false;
    Optimizer<T>* apply = nullptr;
  };
  void backward(const Workspace<T>& ws, MatrixView<T> dx, MatrixView<const T> x, bool logits,
                const Gradients& gradients, const Member& me) const;

  // out (rows, outputs) = the network's output for x, on this thread, in batches of the workspace's size.
  void predict(MatrixView<T> out, MatrixView<const T> x, const Workspace<T>& ws, Poll& poll) const;

  // The same on up to `threads` threads, `batch` rows at a time, with workspaces of its own.
  void predict(MatrixView<T> out, MatrixView<const T> x, long batch, int threads, Poll& poll) const;

 private:
  const KernelTable& table_;
  const Kernels<T>& kernels_;
  ParameterArena<T> arena_;
  std::vector<std::unique_ptr<Layer<T>>> layers_;
};

extern template class Network<float>;
extern template class Network<double>;

}  // namespace fastbp
