#include "nn/workspace.h"

#include <algorithm>

namespace fastbp {

template <typename T>
Workspace<T>::Workspace(const std::vector<std::unique_ptr<Layer<T>>>& layers, long batch, Use use, int members)
    : batch_(batch), inputs_(layers.front()->inputs()) {
  long widest = 0, scratch = 0;
  for (const auto& layer : layers) {
    widths_.push_back(layer->outputs());
    widest = std::max(widest, padded<T>(layer->outputs()));
    scratch = std::max(scratch, layer->scratch_size(batch));
  }
  const bool training = use == Use::training;
  outputs_.resize(training ? layers.size() : std::min<size_t>(2, layers.size()));
  if (training) deltas_.resize(layers.size());

  // Twice: first to add up the sizes, then to hand out the places.
  for (int round = 0; round < 2; ++round) {
    long used = 0;
    const auto take = [&](T*& place, long size) {
      if (round == 1) place = memory_.data() + used;
      used += padded<T>(size);
    };
    for (size_t i = 0; i < outputs_.size(); ++i) take(outputs_[i], batch * (training ? padded<T>(widths_[i]) : widest));
    if (training) {
      take(scratch_, scratch);
      take(row_, widest);
      for (size_t i = 0; i < deltas_.size(); ++i) take(deltas_[i], batch * padded<T>(widths_[i]));
      take(x_, batch * padded<T>(inputs_));
      take(targets_, batch * padded<T>(widths_.back()));
      take(scale_, batch);
      take(values_, batch);
    }
    if (round == 0) memory_ = AlignedBuffer<T>(used);
  }
  for (int i = 0; i < members; ++i) packs_.emplace_back(kPackBytes / sizeof(T));
  if (training) label_memory_ = AlignedBuffer<int32_t>(batch);
}

template class Workspace<float>;
template class Workspace<double>;

}  // namespace fastbp
