// The memory of a batch on its way through a stack of layers.
#pragma once

#include <vector>

#include "nn/layer.h"

namespace fastbp {

// Hands out places in one buffer. Without a buffer it adds up what is asked for.
template <typename T>
class Room {
 public:
  explicit Room(T* base = nullptr) : base_(base) {}

  T* take(long size) {
    T* place = base_ ? base_ + used_ : nullptr;
    used_ += padded<T>(size);
    return place;
  }
  long used() const { return used_; }

 private:
  T* base_;
  long used_ = 0;
};

template <typename T>
MatrixView<T> lay(T* data, long width, long samples, Layout layout) {
  if (layout == samples_in_rows) return {data, samples, width, padded<T>(width)};
  return {data, width, samples, padded<T>(samples)};
}

template <typename T>
struct Tape {
  Layout layout;
  std::vector<long> widths;  // of the layers' outputs
  std::vector<Record<T>> records;
  T* deltas[2] = {};  // with samples in columns

  MatrixView<T> output(long layer, long samples) const {
    return lay(records[layer].output, widths[layer], samples, layout);
  }

  // ∂loss/∂output. With samples in rows each has a place of its own, so that its pads, once 0, stay 0; in columns pads
  // are other samples, and two places take turns.
  MatrixView<T> delta(long layer, long samples) const {
    T* place = layout == samples_in_rows ? records[layer].slopes : deltas[layer % 2];
    return lay(place, widths[layer], samples, layout);
  }
};

}  // namespace fastbp
