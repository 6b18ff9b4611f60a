// From gradients to parameters: penalties, accumulation over batches, clipping, the optimiser's rule, running means of
// the weights, constraints; in this order, as Keras has it.
#pragma once

#include <vector>

#include "core/team.h"
#include "nn/constraint.h"
#include "nn/layer.h"
#include "nn/optimizer.h"

namespace fastbp {

// What holds for every step. 0: none.
struct UpdateSettings {
  double weight_decay = 0;
  double clip_value = 0;
  double clip_norm = 0;         // of each parameter array
  double global_clip_norm = 0;  // of all together
  long accumulation_steps = 1;
  bool use_mean = false;  // running means of the weights
  double mean_momentum = 0;
  long mean_overwrites = 0;  // steps between two times that they replace the weights; 0: never
};

// What holds for one parameter.
struct Treatment {
  bool decays = true;
  double l1 = 0;
  double l2 = 0;
  bool per_sample = false;  // whether the penalty is divided as the losses of a batch are
  Constraint constraint;
  bool penalizes() const { return l1 != 0 || l2 != 0; }
};

template <typename T>
class Update {
 public:
  Update(const Kernels<T>& kernels, ParameterArena<T>& arena, Optimizer<T>& optimizer);

  // What is trained and how, in the order of the parameters.
  void set(const UpdateSettings& settings, const std::vector<Parameter>& parameters,
           const std::vector<Treatment>& treatments);

  // The learning rates of the steps from number `first` on; beyond them the last one holds.
  void set_rates(long first, std::vector<double> rates);

  // Whether gradients must be stored before they are applied.
  bool needs_gradients() const;

  // How many batches have come.
  long batches() const { return batches_; }
  void set_batches(long n);

  // Running means and accumulated gradients, laid out as the arena; null where there are none.
  T* means() const { return means_.data(); }
  T* accumulated() const { return accumulated_.data(); }

  // The penalties on the weights as they are. Every member its share; complete after a barrier.
  void measure(const Member& me);

  // What those that were measured add to a loss.
  double penalty(const PenaltyScale& scale) const;

  // By one member, before the others go on: counts the batch, whose gradients want these slopes of penalties added.
  void begin(const PenaltyScale& scale);

  // All gradients to one place: adds those of groups to the arena's. Every member its share; complete after a barrier.
  void collect(const std::vector<T*>& groups, const Member& me);

  // Adds the slopes of penalties to the member's share of the stored gradients, which `collect` and `apply` share out
  // alike.
  void penalize(const PenaltyScale& scale, const Member& me);

  // Applies what was collected. Has barriers of its own.
  void apply(const Member& me);

  // What comes after the rule, also where gradients were applied as they were computed.
  void finish(const Member& me);

  // Puts running means into the weights, if there are any.
  void take_means();

 private:
  // A part of a parameter, small enough to be shared out.
  struct Piece {
    long first;
    long count;
    int parameter;
  };
  Range own(const Member& me) const { return me.share(static_cast<long>(pieces_.size()), 1); }
  double clip_factor(int parameter) const;

  const Kernels<T>& kernels_;
  ParameterArena<T>& arena_;
  Optimizer<T>& optimizer_;
  UpdateSettings settings_;
  std::vector<Parameter> parameters_;
  std::vector<Treatment> treatments_;
  std::vector<Piece> pieces_;      // of what is trained
  std::vector<double> penalties_;  // by piece
  std::vector<double> squares_;    // of gradients, by piece
  AlignedBuffer<T> means_;
  AlignedBuffer<T> accumulated_;
  std::vector<double> rates_ = {0};
  long first_rate_ = 0;
  long batches_ = 0;
  PenaltyScale penalty_scale_;  // of this batch
  bool penalized_ = false;
  bool constrained_ = false;
};

extern template class Update<float>;
extern template class Update<double>;

}  // namespace fastbp
