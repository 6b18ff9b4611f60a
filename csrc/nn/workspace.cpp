#include "nn/workspace.h"

#include <algorithm>

namespace fastbp {

template <typename T>
Workspace<T>::Workspace(const std::vector<std::unique_ptr<Layer<T>>>& layers, long samples, Layout layout, Use use,
                        int members)
    : samples_(samples), layout_(layout), inputs_(layers.front()->inputs()) {
  for (const auto& layer : layers) widths_.push_back(layer->outputs());
  const long widest = *std::max_element(widths_.begin(), widths_.end());
  const bool training = use == Use::training;
  outputs_.resize(training ? layers.size() : std::min<size_t>(2, layers.size()));
  if (training) slopes_.resize(layers.size());

  // Twice: first to add up the sizes, then to hand out the places.
  for (int round = 0; round < 2; ++round) {
    long used = 0;
    const auto take = [&](T*& place, long width, Layout lies) {
      const MatrixView<T> view = nodes(nullptr, width, samples, lies);
      if (round == 1) place = memory_.data() + used;
      used += view.rows * view.stride;
    };
    for (size_t i = 0; i < outputs_.size(); ++i) take(outputs_[i], training ? widths_[i] : widest, layout);
    if (training) {
      for (size_t i = 0; i < slopes_.size(); ++i) take(slopes_[i], widths_[i], samples_in_rows);
      if (layout == samples_in_columns) {
        for (T*& delta : deltas_) take(delta, widest, layout);
      } else {
        take(loss_output_, widths_.back(), samples_in_columns);
        take(loss_delta_, widths_.back(), samples_in_columns);
      }
      take(x_, inputs_, layout);
      take(targets_, widths_.back(), samples_in_columns);
      take(scale_, 1, samples_in_columns);
      take(values_, 1, samples_in_columns);
      take(weights_, 1, samples_in_columns);
      take(scratch_, widths_.back(), samples_in_columns);
    }
    if (round == 0) memory_ = AlignedBuffer<T>(used);
  }
  if (training && layout == samples_in_columns) {  // the loss works where the last layer does
    loss_output_ = outputs_.back();
    loss_delta_ = deltas_[(layers.size() - 1) % 2];
  }
  for (int i = 0; i < members; ++i) {
    packs_.emplace_back(kPackBytes / sizeof(T));
    rows_.emplace_back(training ? padded<T>(widest) : 0);
  }
  if (training) labels_ = AlignedBuffer<int32_t>(padded<T>(samples));
}

template class Workspace<float>;
template class Workspace<double>;

}  // namespace fastbp
