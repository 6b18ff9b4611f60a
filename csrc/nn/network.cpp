#include "nn/network.h"

#include <algorithm>
#include <atomic>
#include <stdexcept>

#include "kernels/dispatch.h"

namespace fastbp {
namespace {

struct Stopped {};

long layers_in(const auto& specs) {
  long count = 0;
  for (const auto& layer : specs) count += 1 + (layer->inner() ? layers_in(layer->inner()->layers()) : 0);
  return count;
}

}  // namespace

template <typename T>
Network<T>::Network(const KernelTable& table, long inputs, const std::vector<LayerSpec<T>>& layers, uint64_t seed)
    : table_(table), kernels_(kernels_of<T>(table)), stack_(make_stack(kernels_, arena_, inputs, layers)), seed_(seed) {
  arena_.allocate();
}

template <typename T>
void Network<T>::set_trainable(const std::vector<bool>& flags) {
  if (static_cast<long>(flags.size()) != layers_in(stack_.layers())) {
    throw std::invalid_argument("one flag for each layer");
  }
  auto next = flags.begin();
  stack_.set_trainable(next);
}

template <typename T>
Cost Network<T>::cost(long samples, const Plan& plan, bool training, long steps, double entries, bool updates) const {
  double nodes = 0;
  for (const auto& layer : stack_.layers()) nodes += static_cast<double>(layer->outputs() * samples);
  const int layers = static_cast<int>(stack_.layers().size());
  // Half of what the vectors' width allows at some 4 GHz: what training reaches in the middle of its range.
  const double rate = 8e9 * table_.vector_bytes / sizeof(T);
  const Layer<T>& front = *stack_.layers().front();
  const double kernel = static_cast<double>(front.inputs() * front.outputs());
  double first = front.work() * static_cast<double>(samples);
  const double others = stack_.work() * static_cast<double>(samples) - first;
  double update = 0, parameters = static_cast<double>(arena_.size());
  if (entries >= 0) {
    constexpr double kScattered = 4;    // times as long: rows of w come one by one, from beyond the nearest cache
    constexpr double kUpdate = 0.5e-9;  // seconds for a weight and its slots, from there as well
    first = kScattered * 2 * entries * static_cast<double>(front.outputs());
    update = updates ? kUpdate * rate * kernel : 0;
    parameters -= std::max(0.0, kernel - entries * static_cast<double>(front.outputs()));  // rows that nobody reads
  }
  const double products = first + others;
  const double work = training ? 3 * products - first + update : products;  // nobody asks for the first layer's dx
  parameters *= sizeof(T);
  if (plan.groups > 1) return {work, rate, training ? 2 * parameters : 0.0, 2, steps, plan.groups};
  const double traffic = training ? 0.5 * parameters + 2 * nodes * sizeof(T) : nodes * sizeof(T);
  return {work, rate, traffic, training ? 3 + 4 * layers : 3 + layers, steps, kMostMembers};
}

template <typename T>
Pass<T> Network<T>::pass(const Workspace<T>& ws, bool training, long batch, long first_sample, Failure* failure,
                         const Member& me) const {
  Pass<T> pass = {kernels_, me, ws.layout()};
  pass.pack = ws.pack(me);
  pass.failure = failure;
  pass.training = training;
  pass.seed = seed_;
  pass.step = draws_;
  pass.first_sample = first_sample;
  pass.batch = batch;
  return pass;
}

template <typename T>
void Network<T>::predict(const MatrixView<T>& out, const Inputs<T>& x, const Workspace<T>& ws, long all,
                         Poll& poll) const {
  const Member me = Member::alone();
  Failure failure;
  const bool in_place = stack_.reads_any_rows(false);
  for (long first = 0; first < x.rows(); first += ws.samples()) {
    const long rows = std::min(ws.samples(), x.rows() - first);
    const Inputs<T> part = x.rows_from(first, rows);
    const MatrixView<const T> from = part.matrix;
    MatrixView<T> in = {const_cast<T*>(from.data), rows, from.cols, from.stride};  // only read
    if (!in_place && !x.is_sparse()) {
      in = ws.x(rows);
      for (long r = 0; r < rows; ++r) copy_row(in.row(r), from.row(r), from.cols);
    }
    const SparseBatch<T> sparse = {part.sparse, nullptr, nullptr};
    Pass<T> each = pass(ws, false, all, first, &failure, me);
    if (x.is_sparse()) each.x = &sparse;
    const MatrixView<T> y = stack_.forward(ws.tape(), in, each);
    failure.rethrow();
    for (long r = 0; r < rows; ++r) copy_row(out.row(first + r), static_cast<const T*>(y.row(r)), y.cols);
    poll();
  }
}

template <typename T>
void Network<T>::predict(const MatrixView<T>& out, const Inputs<T>& x, long batch, int threads, Poll& poll) const {
  const long n = x.rows();
  const double entries = x.is_sparse() ? static_cast<double>(x.entries()) : -1;
  const int size = best_team_size(cost(n, plan_of(n, 0), false, 1, entries), threads);
  const long most = (n + size - 1) / size + kShareUnit;  // rows of a share
  std::vector<Workspace<T>> workspaces;
  for (int i = 0; i < size; ++i) {
    workspaces.emplace_back(stack_, std::min(std::max(batch, kPredictRows), most), samples_in_rows,
                            Workspace<T>::Use::inference);
  }
  Failure failure;
  run_team(size, [&](const Member& me) {
    const Range rows = me.share(n, kShareUnit);
    // Only the caller's thread may ask Python; the others look whether somebody has stopped.
    Poll own([&] {
      if (failure.happened()) throw Stopped();
    });
    try {
      predict(out.rows_from(rows.first, rows.count()), x.rows_from(rows.first, rows.count()), workspaces[me.rank()], n,
              me.leads() ? poll : own);
    } catch (const Stopped&) {
    } catch (...) {
      failure.report(std::current_exception());
    }
  });
  failure.rethrow();
}

template class Network<float>;
template class Network<double>;

}  // namespace fastbp
