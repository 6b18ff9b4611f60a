// The memory of one batch on its way through a network, sized once.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/arena.h"
#include "core/matrix.h"
#include "nn/layer.h"

namespace fastbp {

template <typename T>
class Workspace {
 public:
  enum class Use { inference, training };

  // For up to `samples` of them at a time.
  Workspace(const std::vector<std::unique_ptr<Layer<T>>>& layers, long samples, Layout layout, Use use,
            int members = 1);

  long samples() const { return samples_; }
  Layout layout() const { return layout_; }
  T* pack(const Member& me) const { return packs_[me.rank()].data(); }
  T* row(const Member& me) const { return rows_[me.rank()].data(); }
  int members() const { return static_cast<int>(packs_.size()); }

  // The output of a layer. Inference needs only two of them at a time, so they take turns.
  MatrixView<T> output(int layer, long n) const {
    return nodes(outputs_[layer % outputs_.size()], widths_[layer], n, layout_);
  }

  // ∂loss/∂z of a layer (n, nodes). Each has a place of its own, so that its pads, once 0, stay 0.
  MatrixView<T> slopes(int layer, long n) const { return nodes(slopes_[layer], widths_[layer], n, samples_in_rows); }

  // ∂loss/∂output of a layer: with samples in rows the same place, else one of two that take turns.
  MatrixView<T> delta(int layer, long n) const {
    return layout_ == samples_in_rows ? slopes(layer, n) : nodes(deltas_[layer % 2], widths_[layer], n, layout_);
  }

  MatrixView<T> x(long n) const { return nodes(x_, inputs_, n, layout_); }  // a gathered batch

  // What the loss reads and writes has samples in columns always: (outputs, n).
  MatrixView<T> targets(long n) const { return nodes(targets_, widths_.back(), n, samples_in_columns); }
  MatrixView<T> loss_output(long n) const { return nodes(loss_output_, widths_.back(), n, samples_in_columns); }
  MatrixView<T> loss_delta(long n) const { return nodes(loss_delta_, widths_.back(), n, samples_in_columns); }
  int32_t* labels() const { return labels_.data(); }
  T* scale() const { return scale_; }      // sample weight / batch size
  T* values() const { return values_; }    // losses
  T* weights() const { return weights_; }  // of samples
  T* scratch() const { return scratch_; }  // (outputs, n), for metrics

 private:
  static MatrixView<T> nodes(T* data, long width, long n, Layout layout) {
    if (layout == samples_in_rows) return {data, n, width, padded<T>(width)};
    return {data, width, n, padded<T>(n)};
  }

  long samples_;
  Layout layout_;
  long inputs_;
  std::vector<long> widths_;  // of the layers' outputs
  AlignedBuffer<T> memory_;
  std::vector<AlignedBuffer<T>> packs_;
  std::vector<AlignedBuffer<T>> rows_;
  AlignedBuffer<int32_t> labels_;
  std::vector<T*> outputs_;
  std::vector<T*> slopes_;
  T* deltas_[2] = {};
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
