#include "nn/stack.h"

#include <algorithm>

namespace fastbp {

template <typename T>
Stack<T>::Stack(std::vector<std::unique_ptr<Layer<T>>> layers) : layers_(std::move(layers)) {}

template <typename T>
double Stack<T>::work() const {
  double sum = 0;
  for (const auto& layer : layers_) sum += layer->work();
  return sum;
}

template <typename T>
bool Stack<T>::mixes_samples() const {
  return std::any_of(layers_.begin(), layers_.end(), [](const auto& layer) { return layer->mixes_samples(); });
}

template <typename T>
bool Stack<T>::may_fail() const {
  return std::any_of(layers_.begin(), layers_.end(), [](const auto& layer) { return layer->may_fail(); });
}

template <typename T>
bool Stack<T>::trains() const {
  return std::any_of(layers_.begin(), layers_.end(), [](const auto& layer) { return layer->trains(); });
}

template <typename T>
bool Stack<T>::reads_any_rows(bool training) const {
  for (const auto& layer : layers_) {
    if (training || !layer->trains_only()) return layer->reads_any_rows();
  }
  return true;
}

template <typename T>
std::vector<Parameter> Stack<T>::parameters() const {
  std::vector<Parameter> all;
  for (const auto& layer : layers_) {
    for (Parameter parameter : layer->parameters()) {
      parameter.trainable = parameter.trainable && layer->trains();
      all.push_back(parameter);
    }
  }
  return all;
}

template <typename T>
void Stack<T>::set_trainable(std::vector<bool>::const_iterator& next) const {
  for (const auto& layer : layers_) layer->set_trainable(next);
}

template <typename T>
Tape<T> Stack<T>::tape(Room<T>& room, long samples, Layout layout, bool training) const {
  Tape<T> tape = {layout, {}, {}, {}};
  long widest = 0;
  for (const auto& layer : layers_) {
    tape.widths.push_back(layer->outputs());
    widest = std::max(widest, layer->outputs());
  }
  const auto place = [&](long width, Layout lies) {
    const MatrixView<T> view = lay<T>(nullptr, width, samples, lies);
    return room.take(view.rows * view.stride);
  };
  T* turns[2] = {};
  if (!training) {
    for (T*& turn : turns) turn = place(widest, layout);
  }
  int turn = 0;
  for (const auto& layer : layers_) {
    Record<T> record;
    if (training) {
      record.output = place(layer->outputs(), layout);
      if (layout == samples_in_rows || layer->wants_slopes()) record.slopes = place(layer->outputs(), samples_in_rows);
    } else if (!layer->trains_only()) {
      record.output = turns[turn++ % 2];
    }
    record.kept = room.take(layer->kept(samples, layout, training));
    if (const Stack* inner = layer->inner()) {
      record.inner = std::make_unique<Tape<T>>(inner->tape(room, samples, layout, training));
    }
    tape.records.push_back(std::move(record));
  }
  if (training && layout == samples_in_columns) {
    for (T*& delta : tape.deltas) delta = place(widest, layout);
  }
  return tape;
}

template <typename T>
MatrixView<T> Stack<T>::forward(const Tape<T>& tape, const MatrixView<T>& in, const Pass<T>& pass) const {
  const long last = static_cast<long>(layers_.size()) - 1;
  const long samples = tape.layout == samples_in_rows ? in.rows : in.cols;
  MatrixView<T> x = in;
  Pass<T> inner = pass;
  inner.ahead = nullptr;
  for (long i = 0; i <= last; ++i) {
    const Layer<T>& layer = *layers_[i];
    if (!pass.training && layer.trains_only()) continue;
    inner.logits = pass.logits && i == last;
    inner.x = i == 0 ? pass.x : nullptr;
    const MatrixView<T> y = tape.output(i, samples);
    if (pass.ahead) pass.ahead->some();
    layer.forward(y, x, tape.records[i], inner);
    pass.me.wait();
    x = y;
  }
  return x;
}

template <typename T>
void Stack<T>::backward(const Tape<T>& tape, const MatrixView<T>& dx, const MatrixView<const T>& x,
                        const Pass<T>& pass) const {
  const long last = static_cast<long>(layers_.size()) - 1;
  const long samples = tape.layout == samples_in_rows ? x.rows : x.cols;
  long first = 0;  // below it nobody asks for slopes
  while (!dx.data && first < last && !layers_[first]->trains()) ++first;
  Pass<T> inner = pass;
  inner.ahead = nullptr;
  for (long i = last; i >= first; --i) {
    if (pass.ahead) pass.ahead->some();
    inner.logits = pass.logits && i == last;
    inner.x = i == 0 ? pass.x : nullptr;
    const MatrixView<T> below = i == 0 ? dx : i == first && !dx.data ? MatrixView<T>{} : tape.delta(i - 1, samples);
    const MatrixView<const T> in = i > 0 ? tape.output(i - 1, samples) : x;
    layers_[i]->backward(below, tape.delta(i, samples), tape.output(i, samples), in, tape.records[i], inner);
  }
}

template <typename T>
void Stack<T>::settle(const Tape<T>& tape, const Pass<T>& pass) const {
  for (size_t i = 0; i < layers_.size(); ++i) layers_[i]->settle(tape.records[i], pass);
}

template <typename T>
double Stack<T>::penalty(const Tape<T>& tape, long samples, const Pass<T>& pass) const {
  double sum = 0;
  for (size_t i = 0; i < layers_.size(); ++i) {
    sum += layers_[i]->penalty(tape.output(static_cast<long>(i), samples), tape.records[i], pass);
  }
  return sum;
}

template class Stack<float>;
template class Stack<double>;

}  // namespace fastbp
