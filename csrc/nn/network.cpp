#include "nn/network.h"

#include <algorithm>
#include <atomic>
#include <stdexcept>

#include "kernels/dispatch.h"
#include "nn/dense.h"

namespace fastbp {
namespace {

struct Stopped {};

}  // namespace

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
Cost Network<T>::cost(long samples, const Plan& plan, bool training, long steps) const {
  double products = 0, nodes = 0;
  for (const auto& layer : layers_) {
    products += 2.0 * layer->inputs() * layer->outputs() * samples;
    nodes += static_cast<double>(layer->outputs() * samples);
  }
  const int layers = static_cast<int>(layers_.size());
  // Half of what the vectors' width allows at some 4 GHz: what training reaches in the middle of its range.
  const double rate = 8e9 * table_.vector_bytes / sizeof(T);
  const double first = 2.0 * inputs() * layers_.front()->outputs() * samples;  // nobody asks for its dx
  const double work = training ? 3 * products - first : products;
  const double parameters = static_cast<double>(arena_.size()) * sizeof(T);
  if (plan.groups > 1) return {work, rate, training ? 2 * parameters : 0.0, 2, steps, plan.groups};
  const double traffic = training ? 0.5 * parameters + 2 * nodes * sizeof(T) : nodes * sizeof(T);
  return {work, rate, traffic, training ? 3 + 4 * layers : 3 + layers, steps, kMostMembers};
}

template <typename T>
MatrixView<T> Network<T>::forward(const Workspace<T>& ws, MatrixView<const T> x, bool logits, const Member& me) const {
  const int last = static_cast<int>(layers_.size()) - 1;
  const long samples = ws.layout() == samples_in_rows ? x.rows : x.cols;
  MatrixView<const T> in = x;
  for (int i = 0; i <= last; ++i) {
    const MatrixView<T> out = ws.output(i, samples);
    layers_[i]->forward(out, in, {kernels_, me, ws.layout(), ws.pack(me), logits && i == last});
    me.wait();
    in = out;
  }
  return ws.output(last, samples);
}

template <typename T>
void Network<T>::backward(const Workspace<T>& ws, MatrixView<T> dx, MatrixView<const T> x, bool logits,
                          const Gradients& gradients, const Member& me) const {
  const int last = static_cast<int>(layers_.size()) - 1;
  const long samples = ws.layout() == samples_in_rows ? x.rows : x.cols;
  for (int i = last; i >= 0; --i) {
    const MatrixView<const T> in = i > 0 ? ws.output(i - 1, samples) : x;
    layers_[i]->backward(i > 0 ? ws.delta(i - 1, samples) : dx, ws.slopes(i, samples), ws.delta(i, samples),
                         ws.output(i, samples), in,
                         {kernels_, me, ws.layout(), ws.pack(me), logits && i == last, ws.row(me), gradients.store,
                          gradients.accumulate, gradients.apply});
  }
}

template <typename T>
void Network<T>::predict(MatrixView<T> out, MatrixView<const T> x, const Workspace<T>& ws, Poll& poll) const {
  const Member me = Member::alone();
  for (long first = 0; first < x.rows; first += ws.samples()) {
    const long rows = std::min(ws.samples(), x.rows - first);
    const MatrixView<T> y = forward(ws, x.rows_from(first, rows), false, me);
    for (long r = 0; r < rows; ++r) copy_row(out.row(first + r), static_cast<const T*>(y.row(r)), y.cols);
    poll();
  }
}

template <typename T>
void Network<T>::predict(MatrixView<T> out, MatrixView<const T> x, long batch, int threads, Poll& poll) const {
  const int size = best_team_size(cost(x.rows, plan_of(x.rows, 0), false, 1), threads);
  const long most = (x.rows + size - 1) / size + kShareUnit;  // rows of a share
  std::vector<Workspace<T>> workspaces;
  for (int i = 0; i < size; ++i) {
    workspaces.emplace_back(layers_, std::min(batch, most), samples_in_rows, Workspace<T>::Use::inference);
  }
  std::exception_ptr error;
  std::atomic<bool> stopped{false};
  run_team(size, [&](const Member& me) {
    const Range rows = me.share(x.rows, kShareUnit);
    // Only the caller's thread may ask Python; the others look whether it was told to stop.
    Poll own([&] {
      if (stopped) throw Stopped();
    });
    try {
      predict(out.rows_from(rows.first, rows.count()), x.rows_from(rows.first, rows.count()), workspaces[me.rank()],
              me.leads() ? poll : own);
    } catch (...) {
      stopped = true;
      if (me.leads()) error = std::current_exception();
    }
  });
  if (error) std::rethrow_exception(error);
}

template class Network<float>;
template class Network<double>;

}  // namespace fastbp
