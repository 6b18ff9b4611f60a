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

  Workspace(const std::vector<std::unique_ptr<Layer<T>>>& layers, long batch, Use use, int members = 1);

  long batch() const { return batch_; }
  T* scratch() const { return scratch_; }
  T* row() const { return row_; }
  T* pack(const Member& me) const { return packs_[me.rank()].data(); }
  int members() const { return static_cast<int>(packs_.size()); }

  // The output of a layer. Inference needs only two of them at a time, so they take turns.
  MatrixView<T> output(int layer, long rows) const {
    return first_rows(outputs_[layer % outputs_.size()], widths_[layer], rows);
  }

  // ∂loss/∂output of a layer. Each has a place of its own, so that its pads, once 0, stay 0.
  MatrixView<T> delta(int layer, long rows) const { return first_rows(deltas_[layer], widths_[layer], rows); }

  MatrixView<T> x(long rows) const { return first_rows(x_, inputs_, rows); }  // a gathered batch
  MatrixView<T> targets(long rows) const { return first_rows(targets_, widths_.back(), rows); }
  int32_t* labels() const { return label_memory_.data(); }  // (batch)
  T* scale() const { return scale_; }                       // (batch): sample weight / batch size
  T* values() const { return values_; }                     // (batch): losses or metrics of the rows

 private:
  static MatrixView<T> first_rows(T* data, long cols, long rows) { return {data, rows, cols, padded<T>(cols)}; }

  long batch_;
  long inputs_;
  std::vector<long> widths_;  // of the layers' outputs
  AlignedBuffer<T> memory_;
  std::vector<AlignedBuffer<T>> packs_;
  AlignedBuffer<int32_t> label_memory_;
  std::vector<T*> outputs_;
  std::vector<T*> deltas_;
  T* x_ = nullptr;
  T* targets_ = nullptr;
  T* scale_ = nullptr;
  T* values_ = nullptr;
  T* scratch_ = nullptr;
  T* row_ = nullptr;
};

extern template class Workspace<float>;
extern template class Workspace<double>;

}  // namespace fastbp
