// The memory of one batch on its way through a network, sized once.
#pragma once

#include <cstdint>
#include <vector>

#include "core/arena.h"
#include "core/matrix.h"
#include "nn/stack.h"

namespace fastbp {

template <typename T>
class Workspace {
 public:
  enum class Use { inference, training };

  // For up to `samples` of them at a time; `gathers`: with a place for x.
  Workspace(const Stack<T>& stack, long samples, Layout layout, Use use, int members = 1, bool gathers = true);

  long samples() const { return samples_; }
  Layout layout() const { return tape_.layout; }
  bool gathers() const { return x_; }
  const Tape<T>& tape() const { return tape_; }
  T* pack(const Member& me) const { return packs_[me.rank()].data(); }
  int members() const { return static_cast<int>(packs_.size()); }

  // ∂loss/∂output of the network.
  MatrixView<T> delta(long n) const { return tape_.delta(static_cast<long>(tape_.records.size()) - 1, n); }

  MatrixView<T> x(long n) const { return lay(x_, inputs_, n, layout()); }  // a gathered batch

  // What the loss reads and writes has samples in columns always: (outputs, n). With samples in columns it works where
  // the last layer does.
  MatrixView<T> targets(long n) const { return lay(targets_, outputs_, n, samples_in_columns); }
  MatrixView<T> loss_output(long n) const { return lay(loss_output_, outputs_, n, samples_in_columns); }
  MatrixView<T> loss_delta(long n) const {
    return layout() == samples_in_columns ? delta(n) : lay(loss_delta_, outputs_, n, samples_in_columns);
  }
  int32_t* labels() const { return labels_.data(); }
  T* scale() const { return scale_; }      // sample weight / batch size
  T* values() const { return values_; }    // losses
  T* weights() const { return weights_; }  // of samples
  T* scratch() const { return scratch_; }  // (outputs, n), for metrics

 private:
  void place(Room<T>& room, const Stack<T>& stack, Layout layout, Use use, bool gathers);

  long samples_;
  long inputs_;
  long outputs_;
  AlignedBuffer<T> memory_;
  std::vector<AlignedBuffer<T>> packs_;
  AlignedBuffer<int32_t> labels_;
  Tape<T> tape_;
  T* x_ = nullptr;
  T* targets_ = nullptr;
  T* loss_output_ = nullptr;
  T* loss_delta_ = nullptr;
  T* scale_ = nullptr;
  T* values_ = nullptr;
  T* weights_ = nullptr;
  T* scratch_ = nullptr;
};

extern template class Workspace<float>;
extern template class Workspace<double>;

}  // namespace fastbp
