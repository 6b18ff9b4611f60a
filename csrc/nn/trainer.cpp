#include "nn/trainer.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "core/random.h"
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
  const long n = samples.x.rows;
  const int32_t* rows = shuffle_epoch ? order(n, *shuffle_epoch) : nullptr;
  std::vector<Mean> means(1 + metrics_.size());
  for (long b = first; b < last; ++b) {
    batch(samples, rows, b * batch_size, std::min(batch_size, n - b * batch_size), Mode::train, means);
    poll();
  }
  return means;
}

template <typename T>
std::vector<Mean> Trainer<T>::evaluate(const Samples<T>& samples, long batch_size, long first, long last, Poll& poll) {
  const long n = samples.x.rows;
  std::vector<Mean> means(1 + metrics_.size());
  for (long b = first; b < last; ++b) {
    batch(samples, nullptr, b * batch_size, std::min(batch_size, n - b * batch_size), Mode::evaluate, means);
    poll();
  }
  return means;
}

template <typename T>
std::vector<Mean> Trainer<T>::gradients(const Samples<T>& samples) {
  std::vector<Mean> means(1 + metrics_.size());
  batch(samples, nullptr, 0, samples.x.rows, Mode::gradients, means);
  return means;
}

// One batch: samples rows[first], rows[first + 1], ... (rows null: first, first + 1, ...).
template <typename T>
void Trainer<T>::batch(const Samples<T>& samples, const int32_t* rows, long first, long count, Mode mode,
                       std::vector<Mean>& means) {
  const Workspace<T>& ws = workspace(count);
  MatrixView<const T> x = samples.x.rows_from(first, count);  // used where it lies,
  if (rows) {                                                 // unless its rows must be collected
    const MatrixView<T> gathered = ws.x(count);
    for (long r = 0; r < count; ++r) std::copy_n(samples.x.row(rows[first + r]), x.cols, gathered.row(r));
    x = gathered;
  }
  gather_targets(ws, samples, rows, first, count);

  const MatrixView<T> output = network_->forward(ws, x, logits_in_network_);
  const MatrixView<T> d = ws.delta(static_cast<int>(network_->layers().size()) - 1, count);
  loss_rows_(ws.values(), d.data, logits_in_network_ ? output.data : nullptr, output.data,
             {ws.targets(count).data, loss_.sparse ? ws.labels() : nullptr}, ws.scale(), count, output.cols,
             output.stride);
  measure(ws, samples, output, rows, first, means);
  if (mode == Mode::evaluate) return;

  const bool store = mode == Mode::gradients || store_gradients_;
  if (mode == Mode::train) optimizer_.begin_step();
  network_->backward(ws, x, logits_in_network_, store ? nullptr : &optimizer_);
  if (mode == Mode::train && store) optimizer_.apply_stored();
}

template <typename T>
void Trainer<T>::gather_targets(const Workspace<T>& ws, const Samples<T>& samples, const int32_t* rows, long first,
                                long count) {
  const MatrixView<T> y = ws.targets(count);
  for (long r = 0; r < count; ++r) {
    const long from = rows ? rows[first + r] : first + r;
    if (loss_.sparse) {
      ws.labels()[r] = samples.labels[from];
    } else {
      std::copy_n(samples.y.row(from), y.cols, y.row(r));
    }
    ws.scale()[r] = (samples.sample_weight ? samples.sample_weight[from] : T(1)) / static_cast<T>(count);
  }
}

// Adds the batch's losses (in ws.values) and metrics to the means.
template <typename T>
void Trainer<T>::measure(const Workspace<T>& ws, const Samples<T>& samples, MatrixView<const T> output,
                         const int32_t* rows, long first, std::vector<Mean>& means) {
  const auto weight = [&](long r) {
    return samples.sample_weight ? static_cast<double>(samples.sample_weight[rows ? rows[first + r] : first + r]) : 1.0;
  };
  for (long r = 0; r < output.rows; ++r) means[0].sum += weight(r) * static_cast<double>(ws.values()[r]);
  means[0].weight += static_cast<double>(output.rows);  // not Σ weights: Keras divides by the batch size
  for (size_t i = 0; i < metrics_.size(); ++i) {
    metrics_[i]->rows(ws.values(), output.data, {ws.targets(output.rows).data, loss_.sparse ? ws.labels() : nullptr},
                      output.rows, output.cols, output.stride);
    for (long r = 0; r < output.rows; ++r) {
      const double w = weighted_[i] ? weight(r) : 1.0;
      means[1 + i].sum += w * static_cast<double>(ws.values()[r]);
      means[1 + i].weight += w;
    }
  }
}

template <typename T>
const Workspace<T>& Trainer<T>::workspace(long batch) {
  if (!workspace_ || workspace_->batch() < batch) {
    workspace_.emplace(network_->layers(), batch, Workspace<T>::Use::training);
  }
  return *workspace_;
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
