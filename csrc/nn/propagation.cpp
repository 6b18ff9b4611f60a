#include "nn/propagation.h"

#include <algorithm>

#include "core/denormals.h"

namespace fastbp {
namespace {

// All work on all samples together.
template <typename T>
Plan together(const Network<T>& network, long samples) {
  return {network.stack().mixes_samples() ? samples_in_columns : layout_of(samples), samples, 1};
}

// The member's samples of a matrix of samples, to where they lie as the layout says. Writes true elements only.
template <typename T>
void take_in(const MatrixView<T>& nodes, const MatrixView<const T>& rows, Layout layout, const Kernels<T>& kernels,
             const Member& me) {
  const Range own = me.share(rows.rows, kShareUnit);
  if (layout == samples_in_rows) {
    for (long s = own.first; s < own.last; ++s) copy_row(nodes.row(s), rows.row(s), rows.cols);
  } else {
    kernels.transpose(nodes.data + own.first, nodes.stride, rows.row(own.first), rows.stride, nullptr, own.count(),
                      rows.cols);
  }
}

template <typename T>
void give_out(const MatrixView<T>& rows, const MatrixView<const T>& nodes, Layout layout, const Kernels<T>& kernels,
              const Member& me) {
  const Range own = me.share(rows.rows, kShareUnit);
  if (layout == samples_in_rows) {
    for (long s = own.first; s < own.last; ++s) copy_row(rows.row(s), nodes.row(s), rows.cols);
  } else {
    kernels.transpose(rows.row(own.first), rows.stride, nodes.data + own.first, nodes.stride, nullptr, nodes.rows,
                      own.count());
  }
}

}  // namespace

template <typename T>
void Propagation<T>::forward(Network<T>& network, const MatrixView<T>& out, const MatrixView<const T>& x, int threads) {
  const long n = x.rows;
  const Plan plan = together(network, n);
  if (!workspace_ || workspace_->layout() != plan.layout || workspace_->samples() < n ||
      workspace_->members() < threads) {
    workspace_.reset();  // first, so that memory need not hold both
    workspace_.emplace(network.stack(), n, plan.layout, Workspace<T>::Use::training, threads);
  }
  const Workspace<T>& ws = *workspace_;
  samples_ = 0;  // what was kept is written over
  Failure failure;
  run_team(best_team_size(network.cost(n, plan, false, 1), threads), [&](const Member& me) {
    const FlushDenormals flush;
    take_in(ws.x(n), x, plan.layout, network.kernels(), me);
    me.wait();
    const Pass<T> pass = network.pass(ws, true, n, 0, &failure, me);
    const MatrixView<const T> y = network.stack().forward(ws.tape(), ws.x(n), pass);
    give_out(out, y, plan.layout, network.kernels(), me);
    if (!failure.happened()) network.stack().settle(ws.tape(), pass);
  });
  failure.rethrow();
  network.set_draws(network.draws() + 1);
  samples_ = n;
}

template <typename T>
void Propagation<T>::backward(Network<T>& network, const MatrixView<T>& dx, const MatrixView<const T>& d, int threads) {
  const Workspace<T>& ws = *workspace_;
  const long n = samples_;
  const Plan plan = together(network, n);
  MatrixView<T> inner = lay<T>(nullptr, network.inputs(), n, plan.layout);
  const AlignedBuffer<T> memory(inner.rows * inner.stride);
  inner.data = memory.data();
  const int most = std::min(threads, ws.members());
  run_team(best_team_size(network.cost(n, plan, true, 1), most), [&](const Member& me) {
    const FlushDenormals flush;
    take_in(ws.delta(n), d, plan.layout, network.kernels(), me);
    me.wait();
    Pass<T> pass = network.pass(ws, true, n, 0, nullptr, me);
    pass.gradients = network.arena().gradients();
    pass.accumulate = true;
    network.stack().backward(ws.tape(), inner, ws.x(n), pass);
    me.wait();
    give_out<T>(dx, inner, plan.layout, network.kernels(), me);
  });
}

template class Propagation<float>;
template class Propagation<double>;

}  // namespace fastbp
