#include "nn/network.h"

#include <algorithm>
#include <stdexcept>

#include "kernels/dispatch.h"
#include "nn/dense.h"

namespace fastbp {

template <typename T>
Network<T>::Network(const KernelTable& table, long inputs, const std::vector<DenseSpec>& layers)
    : table_(table), kernels_(kernels_of<T>(table)) {
  if (inputs < 1 || layers.empty()) throw std::invalid_argument("a network needs at least one input and one layer");
  for (const DenseSpec& spec : layers) {
    if (spec.units < 1) throw std::invalid_argument("units must be at least 1; got " + std::to_string(spec.units));
    const auto& activation = find_by_name(kernels_.activations, spec.activation, "activation");
    layers_.push_back(std::make_unique<Dense<T>>(arena_, activation, inputs, spec.units, spec.use_bias));
    inputs = spec.units;
  }
  arena_.allocate();
}

template <typename T>
MatrixView<T> Network<T>::forward(const Workspace<T>& ws, MatrixView<const T> x, bool logits) const {
  const int last = static_cast<int>(layers_.size()) - 1;
  MatrixView<const T> in = x;
  for (int i = 0; i <= last; ++i) {
    const MatrixView<T> out = ws.output(i, x.rows);
    layers_[i]->forward(out, in, {kernels_, ws.scratch(), ws.pack(), nullptr, logits && i == last});
    in = out;
  }
  return ws.output(last, x.rows);
}

template <typename T>
void Network<T>::backward(const Workspace<T>& ws, MatrixView<const T> x, bool logits, Optimizer<T>* optimizer) const {
  const int last = static_cast<int>(layers_.size()) - 1;
  for (int i = last; i >= 0; --i) {
    const MatrixView<const T> in = i > 0 ? ws.output(i - 1, x.rows) : x;
    const MatrixView<T> dx = i > 0 ? ws.delta(i - 1, x.rows) : MatrixView<T>{};
    layers_[i]->backward(dx, ws.delta(i, x.rows), ws.output(i, x.rows), in,
                         {kernels_, ws.scratch(), ws.pack(), optimizer, logits && i == last});
  }
}

template <typename T>
void Network<T>::predict(MatrixView<T> out, MatrixView<const T> x, const Workspace<T>& ws, Poll& poll) const {
  for (long first = 0; first < x.rows; first += ws.batch()) {
    const long rows = std::min(ws.batch(), x.rows - first);
    const MatrixView<T> y = forward(ws, x.rows_from(first, rows), false);
    for (long r = 0; r < rows; ++r) std::copy_n(y.row(r), y.cols, out.row(first + r));
    poll();
  }
}

template class Network<float>;
template class Network<double>;

}  // namespace fastbp
