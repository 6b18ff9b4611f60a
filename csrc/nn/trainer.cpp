#include "nn/trainer.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <stdexcept>

#include "core/random.h"
#include "core/team.h"
#include "kernels/dispatch.h"

namespace fastbp {

template <typename T>
Trainer<T>::Trainer(std::shared_ptr<Network<T>> network, const Settings& settings)
    : network_(std::move(network)),
      loss_(find_by_name(network_->kernels().losses, settings.loss, "loss")),
      optimizer_(find_by_name(network_->kernels().optimizers, settings.optimizer, "optimizer"), network_->arena()),
      seed_(settings.seed) {
  if (settings.from_logits && !loss_.on_logits) throw std::invalid_argument(settings.loss + " has no form on logits");
  logits_in_network_ =
      !settings.from_logits && loss_.activation && std::strcmp(loss_.activation, network_->output_activation()) == 0;
  loss_rows_ = settings.from_logits || logits_in_network_ ? loss_.on_logits : loss_.on_output;
  for (const MetricSpec& spec : settings.metrics) {
    const MetricKernel<T>& metric = find_by_name(network_->kernels().metrics, spec.name, "metric");
    if (metric.sparse != loss_.sparse) {
      throw std::invalid_argument("metric " + spec.name + " and loss " + settings.loss +
                                  " do not take the same kind of targets (labels or one value for each output)");
    }
    metrics_.push_back(&metric);
    weighted_.push_back(spec.weighted);
  }
}

template <typename T>
std::vector<Mean> Trainer<T>::train(const Samples<T>& samples, long batch_size, std::optional<uint32_t> shuffle_epoch,
                                    long first, long last, Poll& poll) {
  const int32_t* rows = shuffle_epoch ? order(samples.x.rows, *shuffle_epoch) : nullptr;
  return run(samples, rows, batch_size, first, last, Mode::train, poll);
}

template <typename T>
std::vector<Mean> Trainer<T>::evaluate(const Samples<T>& samples, long batch_size, long first, long last, Poll& poll) {
  return run(samples, nullptr, batch_size, first, last, Mode::evaluate, poll);
}

template <typename T>
std::vector<Mean> Trainer<T>::gradients(const Samples<T>& samples, Poll& poll) {
  return run(samples, nullptr, samples.x.rows, 0, 1, Mode::gradients, poll);
}

template <typename T>
std::vector<Mean> Trainer<T>::run(const Samples<T>& samples, const int32_t* rows, long batch_size, long first,
                                  long last, Mode mode, Poll& poll) {
  const long n = samples.x.rows;
  const long largest = std::min(batch_size, n);
  const Cost cost = network_->cost(largest, mode != Mode::evaluate, last - first);
  team_size_ = forces_team_ ? threads_ : best_team_size(cost, threads_);
  prepare_workspace(largest, team_size_);
  std::vector<Mean> means(1 + metrics_.size());
  std::exception_ptr error;
  run_team(team_size_, [&](const Member& me) {
    for (long b = first; b < last; ++b) {
      batch(samples, rows, b * batch_size, std::min(batch_size, n - b * batch_size), mode, means, me);
      if (me.leads()) {
        try {
          poll();
        } catch (...) {
          error = std::current_exception();
        }
      }
      me.wait();  // the batch is done, and all see whether there was an error
      if (error) break;
    }
  });
  if (error) std::rethrow_exception(error);
  return means;
}

// One member's share of one batch: samples rows[first], rows[first + 1], ... (rows null: first, first + 1, ...).
template <typename T>
void Trainer<T>::batch(const Samples<T>& samples, const int32_t* rows, long first, long count, Mode mode,
                       std::vector<Mean>& means, const Member& me) {
  const Workspace<T>& ws = *workspace_;
  const bool store = mode == Mode::gradients || store_gradients_;
  gather(samples, rows, first, count, me);
  if (mode == Mode::train && me.leads()) optimizer_.begin_step();
  me.wait();

  // x is used where it lies, unless its rows had to be collected.
  const MatrixView<const T> x = rows ? MatrixView<const T>(ws.x(count)) : samples.x.rows_from(first, count);
  const MatrixView<T> output = network_->forward(ws, x, logits_in_network_, me);
  const MatrixView<T> d = ws.delta(static_cast<int>(network_->layers().size()) - 1, count);
  const Range own = me.share(count, kRowUnit);
  loss_rows_(ws.values() + own.first, d.row(own.first), logits_in_network_ ? output.row(own.first) : nullptr,
             output.row(own.first), targets(ws, own.first), ws.scale() + own.first, own.count(), output.cols,
             output.stride);
  me.wait();
  if (me.leads()) measure(samples, output, rows, first, means);
  if (mode == Mode::evaluate) return;

  network_->backward(ws, x, logits_in_network_, store ? nullptr : &optimizer_, me);
  if (mode == Mode::train && store) {
    me.wait();
    const Range part = me.share(network_->arena().size(), kAlignment / static_cast<long>(sizeof(T)));
    optimizer_.apply_stored(part.first, part.count());
  }
}

// Collects the member's rows of a batch: x (unless it lies in order), targets, and what their slopes are scaled by.
template <typename T>
void Trainer<T>::gather(const Samples<T>& samples, const int32_t* rows, long first, long count, const Member& me) {
  const Workspace<T>& ws = *workspace_;
  const MatrixView<T> x = ws.x(count), y = ws.targets(count);
  const Range own = me.share(count, kRowUnit);
  for (long r = own.first; r < own.last; ++r) {
    const long from = rows ? rows[first + r] : first + r;
    if (rows) copy_row(x.row(r), samples.x.row(from), x.cols);
    if (loss_.sparse) {
      ws.labels()[r] = samples.labels[from];
    } else {
      copy_row(y.row(r), samples.y.row(from), y.cols);
    }
    ws.scale()[r] = (samples.sample_weight ? samples.sample_weight[from] : T(1)) / static_cast<T>(count);
  }
}

// Adds the batch's losses (in the workspace) and metrics to the means, in the order of the rows.
template <typename T>
void Trainer<T>::measure(const Samples<T>& samples, MatrixView<const T> output, const int32_t* rows, long first,
                         std::vector<Mean>& means) {
  const Workspace<T>& ws = *workspace_;
  const auto weight = [&](long r) {
    return samples.sample_weight ? static_cast<double>(samples.sample_weight[rows ? rows[first + r] : first + r]) : 1.0;
  };
  for (long r = 0; r < output.rows; ++r) means[0].sum += weight(r) * static_cast<double>(ws.values()[r]);
  means[0].weight += static_cast<double>(output.rows);  // not Σ weights: Keras divides by the batch size
  for (size_t i = 0; i < metrics_.size(); ++i) {
    metrics_[i]->rows(ws.values(), output.data, targets(ws, 0), output.rows, output.cols, output.stride);
    for (long r = 0; r < output.rows; ++r) {
      const double w = weighted_[i] ? weight(r) : 1.0;
      means[1 + i].sum += w * static_cast<double>(ws.values()[r]);
      means[1 + i].weight += w;
    }
  }
}

template <typename T>
Targets<T> Trainer<T>::targets(const Workspace<T>& ws, long first) const {
  if (loss_.sparse) return {nullptr, ws.labels() + first};
  return {ws.targets(ws.batch()).row(first), nullptr};
}

template <typename T>
void Trainer<T>::prepare_workspace(long batch, int members) {
  if (workspace_ && workspace_->batch() >= batch && workspace_->members() >= members) return;
  if (workspace_) {
    batch = std::max(batch, workspace_->batch());
    members = std::max(members, workspace_->members());
  }
  workspace_.reset();  // first, so that memory need not hold both
  workspace_.emplace(network_->layers(), batch, Workspace<T>::Use::training, members);
}

template <typename T>
const int32_t* Trainer<T>::order(long n, uint32_t epoch) {
  if (order_epoch_ != epoch || static_cast<long>(order_.size()) != n) {
    order_.resize(n);
    shuffle(order_.data(), static_cast<int32_t>(n), seed_, epoch);
    order_epoch_ = epoch;
  }
  return order_.data();
}

template class Trainer<float>;
template class Trainer<double>;

}  // namespace fastbp
