// The trainer: the epoch loop over batches. Owns what training needs beside the network.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/poll.h"
#include "nn/network.h"
#include "nn/optimizer.h"
#include "nn/pace.h"
#include "nn/update.h"

namespace fastbp {

// Borrowed data of a fit. y or labels is null, as the loss wants; sample_weight may be.
template <typename T>
struct Samples {
  Inputs<T> x;             // (n, inputs)
  MatrixView<const T> y;   // (n, outputs)
  const int32_t* labels;   // (n)
  const T* sample_weight;  // (n)
};

struct MetricSpec {
  std::string name;
  std::vector<double> settings;
  bool weighted;
};

// A batch as functions of the user's get it: samples in columns, of one stride.
template <typename T>
struct Outcome {
  MatrixView<const T> output;  // (outputs, n)
  const T* targets;            // (outputs, n), or null
  const int32_t* labels;       // (n), or null
  const T* weights;            // (n), or null
};

// How the losses of a batch become one: over the batch size, the sum of weights, or as they are.
enum class Reduction { mean, weighted_mean, sum };

// Σ weight · loss and the number of samples, then the state of each metric.
using Totals = std::vector<double>;

template <typename T>
class Trainer {
 public:
  struct Settings {
    std::string loss;  // empty: none, and only apply_gradients works; or own_loss
    std::vector<double> loss_settings;
    bool from_logits = false;
    std::string optimizer;
    std::vector<MetricSpec> metrics;
    uint64_t seed = 0;
    Reduction reduction = Reduction::mean;
    double loss_weight = 1;                // of the losses, beside penalties
    std::optional<int32_t> ignored_label;  // of samples that do not count
    bool own_loss_sparse = false;
    // Functions of the user's, called by the caller's thread, which may throw. values[s] = loss of sample s, and d =
    // ∂loss/∂output, of output's stride.
    std::function<void(T* values, T* d, const Outcome<T>&)> own_loss;
    std::function<void(const Outcome<T>&)> own_metrics;
  };

  Trainer(std::shared_ptr<Network<T>> network, const Settings& settings);

  Network<T>& network() const { return *network_; }
  Optimizer<T>& optimizer() { return optimizer_; }
  Update<T>& update() { return update_; }
  bool has_loss() const { return loss_ || settings_.own_loss; }
  bool sparse() const { return loss_ ? loss_->sparse : settings_.own_loss_sparse; }
  const Settings& settings() const { return settings_; }

  // How many totals there are, and how many of them each metric takes.
  long totals() const { return totals_; }
  std::vector<long> metric_sizes() const;

  // One step by the gradients that are stored, which stay as they are; `penalties`: with the slopes of those added.
  void apply_gradients(bool penalties);

  // Whether gradients are stored before they are applied, or (the default) applied as they are computed.
  bool store_gradients() const { return store_gradients_; }
  void set_store_gradients(bool store) { store_gradients_ = store; }

  // The most threads that a call may take. As many as are expected to be worth it are made; where they turn out not to
  // be, their leader goes on alone.
  void set_threads(int most) { threads_ = most; }

  // Whether a call takes as many as that even where fewer would be done sooner; for tests.
  bool forces_team() const { return forces_team_; }
  void set_forces_team(bool force) { forces_team_ = force; }

  // How many the last call took.
  int team_size() const { return team_size_; }

  // The totals of no batch.
  Totals no_totals() const { return Totals(totals_); }

  // Trains on the batches [first, last) of one epoch: shuffled if shuffle_epoch is given, else in order. What comes of
  // each batch is added to `totals`, so these are the same bits however many calls the batches come in.
  Totals train(const Samples<T>& samples, long batch_size, std::optional<uint32_t> shuffle_epoch, long first, long last,
               Totals totals, Poll& poll);

  // Trains for whole epochs without coming back, shuffled as shuffle_epoch and those after it. Each adds its totals to
  // its row of `totals` (epochs, totals) in time for who stops the call to find those of the epochs that are done.
  void train_epochs(const Samples<T>& samples, long batch_size, std::optional<uint32_t> shuffle_epoch,
                    MatrixView<double> totals, Poll& poll);

  // Loss and metrics of the batches [first, last), without training, added likewise.
  Totals evaluate(const Samples<T>& samples, long batch_size, long first, long last, Totals totals, Poll& poll);

  // The gradients of the loss over all samples as one batch, stored in the arena.
  Totals gradients(const Samples<T>& samples, Poll& poll);

 private:
  // Whether a batch may turn out to fail, so that nothing may change before it is done.
  bool may_fail() const { return settings_.own_loss || settings_.own_metrics || network_->stack().may_fail(); }

  enum class Mode { evaluate, gradients, train };

  struct Metric {
    const MetricKernel<T>* kernel;
    std::vector<double> settings;
    bool weighted;
    long at;  // where its state begins among the totals
  };

  // One batch: samples order[first], order[first + 1], ... (order null: first, first + 1, ...).
  struct Batch {
    const Samples<T>& samples;
    const int32_t* order;
    long first;
    long count;
    double scale = 0;  // what its losses are multiplied by to become one
    PenaltyScale penalties = {};
  };

  void run(const Samples<T>& samples, std::optional<uint32_t> shuffle_epoch, long batch_size, long first, long last,
           Mode mode, double* totals, Poll& poll);
  // What has been found out about teams of a size, for batches of a size.
  struct Habit {
    long batch = 0;
    int team = 0;
    Pace pace;
    std::chrono::steady_clock::time_point ended;  // the last call
  };
  int team_for(const Cost& cost, long batch, Mode mode);
  bool step(const Batch& batch, Mode mode, double* totals, Failure& failure, const Member& me);
  struct Gradients {
    T* store = nullptr;  // where; null: applied as they are computed
    bool accumulate = false;
  };
  void chunk(const Batch& batch, Range part, const Workspace<T>& ws, Mode mode, const Gradients& gradients,
             double* totals, Failure& failure, const Member& me);
  MatrixView<T> gather(const Batch& batch, Range part, const Workspace<T>& ws, const Member& me);
  std::optional<Ahead<T>> after(const Batch& batch, Range part, const Member& me) const;
  void measure(const Batch& batch, Range part, const Workspace<T>& ws, const MatrixView<const T>& y,
               double* totals) const;
  double scale_of(const Batch& batch) const;
  Outcome<T> outcome(const Batch& batch, const Workspace<T>& ws, const MatrixView<const T>& y) const;
  Targets<T> targets(const Workspace<T>& ws, long first, long n) const;
  T* gradients_of(int group) const;
  void prepare(const Samples<T>& samples, long batch, Mode mode, long steps);
  long most_entries(const Samples<T>& samples, const int32_t* order, long batch_size, long first, long last) const;
  const int32_t* order(long n, uint32_t epoch);

  std::shared_ptr<Network<T>> network_;
  Settings settings_;
  const LossKernel<T>* loss_ = nullptr;
  // Whether the network ends in the activation that the loss contains: the two are computed as one.
  bool logits_in_network_ = false;
  LossColumns<T> loss_columns_ = nullptr;
  std::vector<Metric> metrics_;
  long totals_ = 2;  // how many
  Optimizer<T> optimizer_;
  Update<T> update_;
  bool store_gradients_ = false;
  int threads_ = 1;
  bool forces_team_ = false;
  int team_size_ = 1;
  Habit habits_[3];  // by mode
  Plan plan_ = {};
  std::vector<Workspace<T>> workspaces_;           // one for the team, or one for each member
  std::vector<AlignedBuffer<T>> group_gradients_;  // of all groups but the first, whose are the arena's
  std::vector<T*> other_groups_;                   // those of this batch
  std::optional<ByColumn<T>> by_column_;           // of a batch of sparse x
  Totals chunk_totals_;                            // (chunks, totals)
  Totals batch_totals_;                            // their sum, with penalties
  std::vector<int32_t> order_;
  std::optional<uint32_t> order_epoch_;
};

extern template class Trainer<float>;
extern template class Trainer<double>;

}  // namespace fastbp
