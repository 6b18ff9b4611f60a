#include "nn/update.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace fastbp {

template <typename T>
Update<T>::Update(const Kernels<T>& kernels, ParameterArena<T>& arena, Optimizer<T>& optimizer)
    : kernels_(kernels), arena_(arena), optimizer_(optimizer) {}

template <typename T>
void Update<T>::set(const UpdateSettings& settings, const std::vector<Parameter>& parameters,
                    const std::vector<Treatment>& treatments) {
  constexpr long kLeast = 512, kMost = 8192, kPieces = 32;  // elements: worth a call; and pieces that share out evenly
  if (treatments.size() != parameters.size()) throw std::invalid_argument("one treatment for each parameter");
  for (const Treatment& treatment : treatments) treatment.constraint.check();
  settings_ = settings;
  parameters_ = parameters;
  treatments_ = treatments;
  std::vector<Span> spans;
  pieces_.clear();
  penalized_ = constrained_ = false;
  const long size = std::clamp(arena_.size() / kPieces / kShareUnit * kShareUnit, kLeast, kMost);
  for (size_t i = 0; i < parameters.size(); ++i) {
    const auto& [block, trainable] = parameters[i];
    const Treatment& treatment = treatments[i];
    spans.push_back({block.offset, block.offset + block.size(), trainable, treatment.decays, treatment.l1, treatment.l2,
                     treatment.per_sample});
    if (!trainable) continue;
    penalized_ = penalized_ || treatment.penalizes();
    constrained_ = constrained_ || !treatment.constraint.name.empty();
    for (long at = 0; at < block.size(); at += size) {
      pieces_.push_back({block.offset + at, std::min(size, block.size() - at), static_cast<int>(i)});
    }
  }
  if (spans.empty()) spans.push_back({0, 0});
  optimizer_.set_spans(std::move(spans));
  optimizer_.set_weight_decay(settings.weight_decay);
  penalties_.assign(pieces_.size(), 0);
  squares_.assign(pieces_.size(), 0);
  if (settings.use_mean && !means_.data()) {  // what comes to be trained later, or is never, has its weights as means
    means_ = AlignedBuffer<T>(arena_.size());
    std::copy_n(arena_.values(), arena_.size(), means_.data());
  }
  if (settings.accumulation_steps > 1 && !accumulated_.data()) accumulated_ = AlignedBuffer<T>(arena_.size());
}

template <typename T>
void Update<T>::set_rates(long first, std::vector<double> rates) {
  if (rates.empty()) throw std::invalid_argument("no learning rates");
  first_rate_ = first;
  rates_ = std::move(rates);
}

template <typename T>
bool Update<T>::needs_gradients() const {
  return settings_.accumulation_steps > 1 || settings_.clip_value > 0 || settings_.clip_norm > 0 ||
         settings_.global_clip_norm > 0;
}

template <typename T>
void Update<T>::set_batches(long n) {
  batches_ = n;
  optimizer_.set_iterations(n / settings_.accumulation_steps);
}

template <typename T>
void Update<T>::measure(const Member& me) {
  if (!penalized_) return;
  for (long i = own(me).first; i < own(me).last; ++i) {
    const Piece& piece = pieces_[i];
    const Treatment& treatment = treatments_[piece.parameter];
    if (!treatment.penalizes()) continue;
    penalties_[i] = kernels_.flat.penalty(arena_.values() + piece.first, treatment.l1, treatment.l2, piece.count);
  }
}

template <typename T>
double Update<T>::penalty(const PenaltyScale& scale) const {
  double sum = 0;
  for (size_t i = 0; penalized_ && i < pieces_.size(); ++i) {
    sum += scale.of(treatments_[pieces_[i].parameter].per_sample) * penalties_[i];
  }
  return sum;
}

template <typename T>
void Update<T>::begin(const PenaltyScale& scale) {
  penalty_scale_ = scale;
  optimizer_.set_penalty_scale(needs_gradients() ? PenaltyScale{} : scale);  // else `apply` adds them
  const long at = std::clamp<long>(batches_ - first_rate_, 0, static_cast<long>(rates_.size()) - 1);
  ++batches_;
  if (batches_ % settings_.accumulation_steps == 0) optimizer_.begin_step(rates_[at]);
}

template <typename T>
void Update<T>::collect(const std::vector<T*>& groups, const Member& me) {
  for (long i = own(me).first; i < own(me).last; ++i) {
    const Piece& piece = pieces_[i];
    for (T* group : groups) kernels_.add(arena_.gradients() + piece.first, group + piece.first, piece.count);
  }
}

template <typename T>
void Update<T>::penalize(const PenaltyScale& scale, const Member& me) {
  if (!penalized_) return;
  for (long i = own(me).first; i < own(me).last; ++i) {
    const Piece& piece = pieces_[i];
    const Treatment& treatment = treatments_[piece.parameter];
    const double factor = scale.of(treatment.per_sample);
    if (!treatment.penalizes() || factor == 0) continue;
    kernels_.flat.penalize(arena_.gradients() + piece.first, arena_.values() + piece.first, treatment.l1 * factor,
                           treatment.l2 * factor, piece.count);
  }
}

template <typename T>
void Update<T>::apply(const Member& me) {
  constexpr double unlimited = std::numeric_limits<double>::infinity();
  const Range mine = own(me);
  if (needs_gradients()) penalize(penalty_scale_, me);
  if (settings_.accumulation_steps > 1) {
    const bool due = batches_ % settings_.accumulation_steps == 0;
    for (long i = mine.first; i < mine.last; ++i) {
      const Piece& piece = pieces_[i];
      T* const dw = arena_.gradients() + piece.first;
      T* const sum = accumulated_.data() + piece.first;
      kernels_.add(sum, dw, piece.count);
      if (!due) continue;
      std::copy_n(sum, piece.count, dw);
      std::fill_n(sum, piece.count, T(0));
      kernels_.flat.clip(dw, 1.0 / static_cast<double>(settings_.accumulation_steps), unlimited, piece.count);
    }
    if (!due) return;
  }
  const bool by_norm = settings_.clip_norm > 0 || settings_.global_clip_norm > 0;
  if (by_norm) {
    for (long i = mine.first; i < mine.last; ++i) {
      squares_[i] = kernels_.flat.sum_of_squares(arena_.gradients() + pieces_[i].first, pieces_[i].count);
    }
    me.wait();
  }
  double factor = 1;
  int clipped = -1;  // the parameter that it is of
  for (long i = mine.first; i < mine.last; ++i) {
    const Piece& piece = pieces_[i];
    T* const dw = arena_.gradients() + piece.first;
    if (by_norm) {
      if (piece.parameter != clipped) factor = clip_factor(clipped = piece.parameter);
      kernels_.flat.clip(dw, factor, unlimited, piece.count);
    }
    if (settings_.clip_value > 0) kernels_.flat.clip(dw, 1.0, settings_.clip_value, piece.count);
    optimizer_.apply_stored(piece.first, piece.count);
  }
}

// What the gradient of a parameter is multiplied by, so that no norm is above its limit.
template <typename T>
double Update<T>::clip_factor(int parameter) const {
  const bool global = settings_.clip_norm <= 0;
  double sum = 0;
  for (size_t i = 0; i < pieces_.size(); ++i) {
    if (global || pieces_[i].parameter == parameter) sum += squares_[i];
  }
  const double most = global ? settings_.global_clip_norm : settings_.clip_norm;
  return most / std::max(std::sqrt(sum), most) + (sum - sum);  // NaN where the norm is not finite
}

template <typename T>
void Update<T>::finish(const Member& me) {
  if (!settings_.use_mean && !constrained_) return;
  me.wait();
  if (settings_.use_mean) {
    const long before = (batches_ - 1) / settings_.accumulation_steps;
    const bool overwrites = settings_.mean_overwrites > 0 && (before + 1) % settings_.mean_overwrites == 0;
    for (long i = own(me).first; i < own(me).last; ++i) {
      const Piece& piece = pieces_[i];
      T* const mean = means_.data() + piece.first;
      T* const w = arena_.values() + piece.first;
      kernels_.flat.blend(mean, w, before == 0 ? 0.0 : settings_.mean_momentum, piece.count);
      if (overwrites) std::copy_n(mean, piece.count, w);
    }
    me.wait();
  }
  if (!constrained_) return;
  for (size_t i = me.rank(); i < parameters_.size(); i += me.size()) {
    const auto& [block, trainable] = parameters_[i];
    const Constraint& constraint = treatments_[i].constraint;
    if (trainable && !constraint.name.empty()) constraint.apply(arena_.values() + block.offset, block);
  }
}

template <typename T>
void Update<T>::take_means() {
  if (!settings_.use_mean || batches_ == 0) return;
  for (const Piece& piece : pieces_) {
    std::copy_n(means_.data() + piece.first, piece.count, arena_.values() + piece.first);
  }
}

template class Update<float>;
template class Update<double>;

}  // namespace fastbp
