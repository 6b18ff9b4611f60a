#include "nn/trainer.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <exception>
#include <stdexcept>

#include "core/denormals.h"
#include "core/random.h"
#include "core/team.h"
#include "kernels/dispatch.h"

namespace fastbp {

template <typename T>
Trainer<T>::Trainer(std::shared_ptr<Network<T>> network, const Settings& settings)
    : network_(std::move(network)),
      settings_(settings),
      optimizer_(find_by_name(network_->kernels().optimizers, settings.optimizer, "optimizer"), network_->arena()),
      update_(network_->kernels(), network_->arena(), optimizer_) {
  const std::vector<Parameter> parameters = network_->stack().parameters();
  update_.set({}, parameters, std::vector<Treatment>(parameters.size()));
  if (!settings.loss.empty()) {
    loss_ = &find_by_name(network_->kernels().losses, settings.loss, "loss");
    require_settings(*loss_, settings.loss_settings, network_->outputs());
    if (settings.from_logits && !loss_->on_logits) {
      throw std::invalid_argument(settings.loss + " has no form on logits");
    }
    const char* ends_in = network_->output_activation();
    logits_in_network_ =
        !settings.from_logits && loss_->activation && ends_in && std::strcmp(loss_->activation, ends_in) == 0;
    loss_columns_ = settings.from_logits || logits_in_network_ ? loss_->on_logits : loss_->on_output;
  }
  if (!has_loss()) return;
  for (const MetricSpec& spec : settings.metrics) {
    const MetricKernel<T>& metric = find_by_name(network_->kernels().metrics, spec.name, "metric");
    if (metric.sparse != sparse()) {
      throw std::invalid_argument("metric " + spec.name + " and loss " + settings.loss +
                                  " do not take the same kind of targets (labels or one value for each output)");
    }
    require_settings(metric, spec.settings, network_->outputs());
    metrics_.push_back({&metric, spec.settings, spec.weighted, totals_});
    totals_ += metric.state_size(network_->outputs(), spec.settings.data());
  }
}

template <typename T>
std::vector<long> Trainer<T>::metric_sizes() const {
  std::vector<long> sizes;
  for (const Metric& metric : metrics_) {
    sizes.push_back(metric.kernel->state_size(network_->outputs(), metric.settings.data()));
  }
  return sizes;
}

template <typename T>
Totals Trainer<T>::train(const Samples<T>& samples, long batch_size, std::optional<uint32_t> shuffle_epoch, long first,
                         long last, Totals totals, Poll& poll) {
  run(samples, shuffle_epoch, batch_size, first, last, Mode::train, totals.data(), poll);
  return totals;
}

template <typename T>
void Trainer<T>::train_epochs(const Samples<T>& samples, long batch_size, std::optional<uint32_t> shuffle_epoch,
                              MatrixView<double> totals, Poll& poll) {
  const long batches = (samples.x.rows() + batch_size - 1) / batch_size;
  run(samples, shuffle_epoch, batch_size, 0, totals.rows * batches, Mode::train, totals.data, poll);
}

template <typename T>
Totals Trainer<T>::evaluate(const Samples<T>& samples, long batch_size, long first, long last, Totals totals,
                            Poll& poll) {
  run(samples, {}, batch_size, first, last, Mode::evaluate, totals.data(), poll);
  return totals;
}

template <typename T>
Totals Trainer<T>::gradients(const Samples<T>& samples, Poll& poll) {
  Totals totals = no_totals();
  run(samples, {}, samples.x.rows(), 0, 1, Mode::gradients, totals.data(), poll);
  return totals;
}

template <typename T>
void Trainer<T>::apply_gradients(bool penalties) {
  const FlushDenormals flush;
  const Member me = Member::alone();
  const ParameterArena<T>& arena = network_->arena();
  std::vector<T> given;
  if (update_.needs_gradients()) given.assign(arena.gradients(), arena.gradients() + arena.size());
  update_.begin(penalties ? PenaltyScale{1, 1} : PenaltyScale{});
  update_.apply(me);
  update_.finish(me);
  std::copy(given.begin(), given.end(), arena.gradients());
}

// Batches are counted on from an epoch to the next, and each epoch adds to its own totals_ of `totals`.
template <typename T>
void Trainer<T>::run(const Samples<T>& samples, std::optional<uint32_t> shuffle_epoch, long batch_size, long first,
                     long last, Mode mode, double* totals, Poll& poll) {
  const long n = samples.x.rows(), batches = (n + batch_size - 1) / batch_size;
  prepare(samples, std::min(batch_size, n), mode, last - first);
  const int32_t* rows = nullptr;
  const auto begin_epoch = [&](long b) {
    if (shuffle_epoch) rows = order(n, *shuffle_epoch + static_cast<uint32_t>(b / batches));
    if (!samples.x.is_sparse() || mode == Mode::evaluate) return;
    const long at = b % batches;
    const long entries = most_entries(samples, rows, batch_size, at, std::min(batches, at + last - b));
    if (!by_column_ || by_column_->entries() < entries || by_column_->members() < team_size_) {
      by_column_.reset();  // first, so that memory need not hold both
      by_column_.emplace(samples.x.cols(), entries, team_size_);
    }
  };
  begin_epoch(first);
  // Members must see the same, or one would wait for another that has left: so each of these is written between
  // barriers that all take part in after they have read it.
  Failure failure, interruption;
  const auto one = [&](long b, const Member& me) {
    const long start = b % batches * batch_size;
    Batch batch = {samples, rows, start, std::min(batch_size, n - start)};
    const double scale = scale_of(batch);
    batch.scale = settings_.loss_weight * scale;
    batch.penalties = {1, scale};
    if (b == first || mode == Mode::train) update_.measure(me);  // before any member can change a weight
    const bool done = step(batch, mode, totals + b / batches * totals_, failure, me);
    if (done && me.leads()) {
      try {
        poll();
        if (b + 1 < last && (b + 1) % batches == 0) begin_epoch(b + 1);
      } catch (...) {
        interruption.report(std::current_exception());
      }
    }
    me.wait();  // the batch is done
    return done && !interruption.happened();
  };
  Habit& habit = habits_[static_cast<int>(mode)];
  Pace& pace = habit.pace;
  const bool tries = team_size_ > 1 && !forces_team_;
  Pace::Stretch stretch = {true, last - first};
  bool goes_on = true;
  run_team(team_size_, [&](const Member& me) {
    using Clock = std::chrono::steady_clock;
    const FlushDenormals flush;
    for (long b = first; b < last && goes_on; b += stretch.steps) {
      if (tries) {
        me.wait();  // nobody reads the last stretch any more
        if (me.leads()) stretch = pace.next(last - b);
        me.wait();
      }
      const Clock::time_point start = Clock::now();
      if (stretch.shared || me.leads()) {
        const Member by = stretch.shared ? me : Member::alone();
        bool done = true;
        for (long i = 0; i < stretch.steps && done; ++i) done = one(b + i, by);
        if (me.leads()) goes_on = done;
      }
      if (!tries) return;
      if (me.leads()) pace.record(stretch, std::chrono::duration<double>(Clock::now() - start).count());
      me.wait();
    }
  });
  habit.ended = std::chrono::steady_clock::now();
  interruption.rethrow();
  failure.rethrow();
}

// One member's share of one batch. If a function of the user's fails, the batch changes nothing; false for all members.
template <typename T>
bool Trainer<T>::step(const Batch& batch, Mode mode, double* totals, Failure& failure, const Member& me) {
  const long chunks = plan_.chunks(batch.count);
  const int groups = plan_.groups_for(batch.count);
  const bool together = plan_.groups == 1;
  const bool counts = mode == Mode::train && !may_fail();  // whatever comes of it
  const bool fused = counts && together && chunks == 1 && batch.count <= kMostTogether && !store_gradients_ &&
                     !update_.needs_gradients();
  const auto through = [&](long number, bool is_first, int group, const Member& by) {
    const Range part = {number * plan_.chunk, std::min((number + 1) * plan_.chunk, batch.count)};
    const bool stored = mode != Mode::evaluate && !fused;
    chunk(batch, part, workspaces_[together ? 0 : me.rank()], mode, {stored ? gradients_of(group) : nullptr, !is_first},
          &chunk_totals_[number * totals_], failure, by);
  };
  if (me.leads()) {
    if (counts) update_.begin(batch.penalties);
    other_groups_.clear();
    for (int g = 1; mode != Mode::evaluate && g < groups; ++g) other_groups_.push_back(gradients_of(g));
  }
  if (together) {
    for (long i = 0; i < chunks; ++i) {
      if (i > 0) me.wait();
      through(i, i == 0, 0, me);
    }
  } else {
    const Range own = me.share(groups, 1);
    for (long g = own.first; g < own.last; ++g) {
      const Range part = {chunks * g / groups, chunks * (g + 1) / groups};
      for (long i = part.first; i < part.last; ++i) through(i, i == part.first, static_cast<int>(g), Member::alone());
    }
  }
  me.wait();
  if (failure.happened()) return false;
  if (me.leads()) {
    batch_totals_.assign(totals_, 0);
    for (long i = 0; i < chunks * totals_; ++i) batch_totals_[i % totals_] += chunk_totals_[i];
    batch_totals_[0] += update_.penalty(batch.penalties) * static_cast<double>(batch.count);
    for (long i = 0; i < totals_; ++i) totals[i] += batch_totals_[i];
    if (mode == Mode::train) network_->set_draws(network_->draws() + 1);
  }
  if (mode == Mode::evaluate) return true;
  if (!fused) {
    update_.collect(other_groups_, me);
    if (mode == Mode::gradients) update_.penalize(batch.penalties, me);
    if (!counts) {
      if (mode == Mode::train && me.leads()) update_.begin(batch.penalties);
      me.wait();
    }
    if (mode == Mode::train) update_.apply(me);
  }
  if (mode == Mode::train) update_.finish(me);
  return true;
}

// A part of a batch through the network, forward and (but for evaluation) back.
template <typename T>
void Trainer<T>::chunk(const Batch& batch, Range part, const Workspace<T>& ws, Mode mode, const Gradients& gradients,
                       double* totals, Failure& failure, const Member& me) {
  const Kernels<T>& kernels = network_->kernels();
  const Stack<T>& stack = network_->stack();
  const long n = part.count();
  const bool in_rows = ws.layout() == samples_in_rows;
  Pass<T> pass = network_->pass(ws, mode != Mode::evaluate, batch.count, part.first, &failure, me);
  pass.logits = logits_in_network_;
  const MatrixView<T> x = gather(batch, part, ws, me);
  SparseBatch<T> sparse_x = {batch.samples.x.sparse, batch.order, by_column_ ? &*by_column_ : nullptr};
  if (batch.samples.x.is_sparse()) {
    sparse_x = sparse_x.from(batch.first + part.first);
    pass.x = &sparse_x;
  }
  std::optional<Ahead<T>> ahead = mode == Mode::train ? after(batch, part, me) : std::nullopt;
  if (ahead) pass.ahead = &*ahead;
  me.wait();
  const MatrixView<T> output = stack.forward(ws.tape(), x, pass);
  const Range own = me.share(n, kShareUnit);
  const MatrixView<T> y = in_rows ? ws.loss_output(n) : output, d = ws.loss_delta(n);
  if (in_rows) {
    kernels.transpose(y.data + own.first, y.stride, output.row(own.first), output.stride, nullptr, own.count(), y.rows);
  }
  if (settings_.own_loss) {
    me.wait();
    if (me.leads() && !failure.happened()) {
      try {
        settings_.own_loss(ws.values(), d.data, outcome(batch, ws, y));
        for (long c = 0; c < d.rows; ++c) {
          for (long s = 0; s < n; ++s) d.row(c)[s] *= ws.scale()[s];
        }
      } catch (...) {
        failure.report(std::current_exception());
      }
    }
    me.wait();
  } else {
    loss_columns_(ws.values() + own.first, d.data + own.first, logits_in_network_ ? y.data + own.first : nullptr,
                  y.data + own.first, targets(ws, own.first, n), ws.scale() + own.first, y.rows, own.count(), y.stride,
                  settings_.loss_settings.data());
  }
  if (in_rows && mode != Mode::evaluate) {
    const MatrixView<T> delta = ws.delta(n);
    for (long s = own.first; s < own.last; ++s) {
      for (long c = 0; c < d.rows; ++c) delta.row(s)[c] = d.row(c)[s];
    }
  }
  me.wait();
  if (me.leads()) {
    measure(batch, part, ws, y, totals);
    totals[0] += stack.penalty(ws.tape(), n, pass);
    if (settings_.own_metrics && !failure.happened()) {
      try {
        settings_.own_metrics(outcome(batch, ws, y));
      } catch (...) {
        failure.report(std::current_exception());
      }
    }
  }
  if (settings_.own_metrics) me.wait();
  if (mode == Mode::evaluate || failure.happened()) return;
  if (mode == Mode::train) stack.settle(ws.tape(), pass);
  pass.gradients = gradients.store;
  pass.accumulate = gradients.accumulate;
  pass.optimizer = &optimizer_;
  stack.backward(ws.tape(), {}, x, pass);
}

template <typename T>
Outcome<T> Trainer<T>::outcome(const Batch& batch, const Workspace<T>& ws, const MatrixView<const T>& y) const {
  const bool labels = sparse();
  return {y, labels ? nullptr : ws.targets(y.cols).data, labels ? ws.labels() : nullptr,
          batch.samples.sample_weight ? ws.weights() : nullptr};
}

// What each loss of a batch is multiplied by, beside its weight.
template <typename T>
double Trainer<T>::scale_of(const Batch& batch) const {
  if (settings_.reduction == Reduction::sum) return 1;
  const bool weighted = settings_.reduction == Reduction::weighted_mean && batch.samples.sample_weight;
  if (!weighted && !settings_.ignored_label) return 1.0 / static_cast<double>(batch.count);
  double sum = 0;
  for (long s = 0; s < batch.count; ++s) {
    const long at = batch.order ? batch.order[batch.first + s] : batch.first + s;
    if (settings_.ignored_label && batch.samples.labels[at] == *settings_.ignored_label) continue;
    sum += weighted ? static_cast<double>(batch.samples.sample_weight[at]) : 1.0;
  }
  return sum != 0 ? 1 / sum : 0;
}

// The member's samples of the same part of the next batch, if they are worth being asked for: more than a core keeps in
// its cache, and few enough.
template <typename T>
std::optional<Ahead<T>> Trainer<T>::after(const Batch& batch, Range part, const Member& me) const {
  constexpr long kFar = 2 * 1024 * 1024, kMostLines = 24;  // bytes of x; at a time
  const MatrixView<const T>& x = batch.samples.x.matrix;
  const long first = batch.first + batch.count + part.first;
  const Range own = me.share(std::min(part.count(), x.rows - first), kShareUnit);
  if (!batch.order || batch.samples.x.is_sparse() || own.count() <= 0) return {};
  if (x.rows * x.stride * static_cast<long>(sizeof(T)) < kFar) return {};
  const long calls = 2 * static_cast<long>(network_->stack().layers().size());
  const Ahead<T> ahead(x, batch.order + first + own.first, own.count(), calls);
  return ahead.lines() <= kMostLines ? std::optional(ahead) : std::nullopt;
}

// Collects the member's samples of a chunk: x, targets, and what the slopes are scaled by. Returns x, whole: where it
// lies, if nothing must be moved.
template <typename T>
MatrixView<T> Trainer<T>::gather(const Batch& batch, Range part, const Workspace<T>& ws, const Member& me) {
  const Kernels<T>& kernels = network_->kernels();
  const Samples<T>& samples = batch.samples;
  const long n = part.count(), start = batch.first + part.first;
  const Range own = me.share(n, kShareUnit);
  const MatrixView<T> x = ws.x(n), y = ws.targets(n);
  // Of a matrix of samples, this member's, from where their numbers or they themselves begin.
  const int32_t* index = batch.order ? batch.order + start + own.first : nullptr;
  const long from = batch.order ? 0 : start + own.first;
  const MatrixView<const T> all = samples.x.matrix;
  const bool in_place = ws.layout() == samples_in_rows && !batch.order && network_->stack().reads_any_rows(true);
  if (samples.x.is_sparse()) {  // layers read it where it lies
  } else if (ws.layout() == samples_in_columns) {
    if (network_->stack().layers().front()->shares_inputs(n, batch.count, ws.layout())) {
      const Range inputs = me.share(x.rows, kShareUnit);
      const T* const rows = all.row(from - (index ? 0 : own.first)) + inputs.first;
      kernels.transpose(x.row(inputs.first), x.stride, rows, all.stride, index ? index - own.first : nullptr, n,
                        inputs.count());
    } else {
      kernels.transpose(x.data + own.first, x.stride, all.row(from), all.stride, index, own.count(), x.rows);
    }
  } else if (!in_place) {
    for (long s = own.first; s < own.last; ++s) {
      copy_row(x.row(s), all.row(index ? index[s - own.first] : start + s), x.cols);
    }
  }
  if (!sparse()) {
    kernels.transpose(y.data + own.first, y.stride, samples.y.row(from), samples.y.stride, index, own.count(), y.rows);
  }
  for (long s = own.first; s < own.last; ++s) {
    const long of = index ? index[s - own.first] : start + s;
    if (sparse()) ws.labels()[s] = samples.labels[of];
    if (samples.sample_weight) ws.weights()[s] = samples.sample_weight[of];
    ws.scale()[s] = (samples.sample_weight ? samples.sample_weight[of] : T(1)) * static_cast<T>(batch.scale);
  }
  if (!in_place || samples.x.is_sparse()) return x;
  return {const_cast<T*>(all.row(start)), n, all.cols, all.stride};  // only read
}

// The losses (in the workspace) and the metrics of a chunk, in the order of the samples.
template <typename T>
void Trainer<T>::measure(const Batch& batch, Range part, const Workspace<T>& ws, const MatrixView<const T>& y,
                         double* totals) const {
  const long n = part.count();
  const T* weights = batch.samples.sample_weight ? ws.weights() : nullptr;
  std::fill_n(totals, totals_, 0.0);
  for (long s = 0; s < n; ++s) {
    totals[0] += (weights ? static_cast<double>(weights[s]) : 1.0) * static_cast<double>(ws.values()[s]);
  }
  // As Keras, an epoch's loss is the mean of the batches' losses, each counted by its samples.
  totals[0] *= batch.scale * static_cast<double>(batch.count);
  totals[1] = static_cast<double>(n);
  for (const Metric& metric : metrics_) {
    metric.kernel->accumulate(totals + metric.at, ws.scratch(), y.data, targets(ws, 0, n),
                              metric.weighted ? weights : nullptr, y.rows, n, y.stride, metric.settings.data());
  }
}

template <typename T>
Targets<T> Trainer<T>::targets(const Workspace<T>& ws, long first, long n) const {
  if (sparse()) return {nullptr, ws.labels() + first};
  return {ws.targets(n).data + first, nullptr};
}

template <typename T>
T* Trainer<T>::gradients_of(int group) const {
  return group == 0 ? network_->arena().gradients() : group_gradients_[group - 1].data();
}

constexpr std::chrono::milliseconds kRest{100};  // between two calls, after which other cores have gone to sleep

template <typename T>
int Trainer<T>::team_for(const Cost& cost, long batch, Mode mode) {
  const int size = best_team_size(cost, threads_);
  if (size == 1) return 1;
  Habit& habit = habits_[static_cast<int>(mode)];
  if (habit.batch != batch || habit.team != size) {
    habit = {batch, size, Pace(seconds(cost, 1) / seconds(cost, size), cost.work / cost.rate), {}};
  } else if (std::chrono::steady_clock::now() - habit.ended > kRest) {
    habit.pace.renew();
  }
  if (habit.pace.wants_team(cost.steps)) return size;
  habit.pace.skip(cost.steps);
  return 1;
}

// Decides how batches go through the network, and makes room for it.
template <typename T>
void Trainer<T>::prepare(const Samples<T>& samples, long batch, Mode mode, long steps) {
  const ParameterArena<T>& arena = network_->arena();
  const bool backward = mode != Mode::evaluate;
  const bool whole = settings_.own_loss || settings_.own_metrics || (backward && network_->stack().mixes_samples());
  bool gathers = !samples.x.is_sparse();
  // Sparse x: one group, for most of a group's gradients would be 0.
  const long gradients = gathers ? arena.size() * static_cast<long>(sizeof(T)) : kTooMuchForGroups;
  plan_ = plan_of(batch, backward ? gradients : 0, whole);
  const double share = static_cast<double>(batch) / static_cast<double>(samples.x.rows());
  const double entries = gathers ? -1 : static_cast<double>(samples.x.entries()) * share;
  const bool updates = !optimizer_.ignores_zero(0) || store_gradients_ || update_.needs_gradients();
  const Cost cost = network_->cost(batch, plan_, backward, steps, entries, updates);
  team_size_ = forces_team_ ? threads_ : team_for(cost, batch, mode);
  size_t spaces = plan_.groups == 1 ? 1 : team_size_;
  int members = plan_.groups == 1 ? team_size_ : 1;
  long chunk = plan_.chunk;
  const auto fits = [&](const Workspace<T>& ws) {
    return ws.layout() == plan_.layout && ws.samples() >= chunk && ws.members() >= members &&
           (ws.gathers() || !gathers);
  };
  if (workspaces_.size() < spaces || !std::all_of(workspaces_.begin(), workspaces_.end(), fits)) {
    if (!workspaces_.empty() && workspaces_[0].layout() == plan_.layout) {  // for those before as well: they come again
      spaces = std::max(spaces, workspaces_.size());
      members = std::max(members, workspaces_[0].members());
      chunk = std::max(chunk, workspaces_[0].samples());
      gathers = gathers || workspaces_[0].gathers();
    }
    workspaces_.clear();  // first, so that memory need not hold both
    for (size_t i = 0; i < spaces; ++i) {
      workspaces_.emplace_back(network_->stack(), chunk, plan_.layout, Workspace<T>::Use::training, members, gathers);
    }
  }
  while (backward && static_cast<int>(group_gradients_.size()) < plan_.groups - 1) {
    group_gradients_.emplace_back(arena.size());
  }
  chunk_totals_.resize(plan_.chunks(batch) * totals_);
}

// Of a chunk of these batches, whose order is known by now: so room is made before members work.
template <typename T>
long Trainer<T>::most_entries(const Samples<T>& samples, const int32_t* order, long batch_size, long first,
                              long last) const {
  const long n = samples.x.rows();
  const int64_t* const starts = samples.x.sparse.starts;
  long most = 0;
  for (long b = first; b < last; ++b) {
    const long end = std::min((b + 1) * batch_size, n);
    long entries = 0;
    for (long s = b * batch_size; s < end; ++s) {
      if ((s - b * batch_size) % plan_.chunk == 0) entries = 0;
      const long row = order ? order[s] : s;
      entries += starts[row + 1] - starts[row];
      most = std::max(most, entries);
    }
  }
  return most;
}

template <typename T>
const int32_t* Trainer<T>::order(long n, uint32_t epoch) {
  if (order_epoch_ != epoch || static_cast<long>(order_.size()) != n) {
    order_.resize(n);
    network_->table().shuffle(order_.data(), n, settings_.seed, epoch, static_cast<uint32_t>(Stream::shuffle));
    order_epoch_ = epoch;
  }
  return order_.data();
}

template class Trainer<float>;
template class Trainer<double>;

}  // namespace fastbp
