// Forward propagation and back, one after the other, for loops of the user's own.
#pragma once

#include <optional>

#include "nn/network.h"

namespace fastbp {

// Keeps what the way back needs of the last way forward.
template <typename T>
class Propagation {
 public:
  // How many samples went forward last; 0 before any did.
  long samples() const { return samples_; }

  // out (n, outputs) = the network's output for x (n, inputs), on up to `threads` threads.
  void forward(Network<T>& network, const MatrixView<T>& out, const MatrixView<const T>& x, int threads);

  // From d = ∂loss/∂out (n, outputs) to dx = ∂loss/∂x (n, inputs); the gradients of the parameters are added to those
  // in the arena. May be called again: the way forward is kept.
  void backward(Network<T>& network, const MatrixView<T>& dx, const MatrixView<const T>& d, int threads);

 private:
  std::optional<Workspace<T>> workspace_;
  long samples_ = 0;
};

extern template class Propagation<float>;
extern template class Propagation<double>;

}  // namespace fastbp
