#include "nn/residual.h"

namespace fastbp {

// What the projection keeps, and its ∂loss/∂x.
template <typename T>
struct Residual<T>::Places {
  Record<T> record;
  MatrixView<T> dx;
};

template <typename T>
Residual<T>::Residual(ParameterArena<T>& arena, Stack<T> f, const ActivationKernel<T>& linear) : f_(std::move(f)) {
  if (f_.inputs() != f_.outputs()) {
    projection_.emplace(arena, Nonlinearity<T>{&linear, {}}, f_.inputs(), f_.outputs(), false);
  }
}

template <typename T>
long Residual<T>::kept(long samples, Layout layout, bool training) const {
  if (!projection_ || !training) return 0;
  const MatrixView<T> slopes = lay<T>(nullptr, outputs(), samples, samples_in_rows);
  const MatrixView<T> dx = lay<T>(nullptr, inputs(), samples, layout);
  return slopes.rows * slopes.stride + padded<T>(dx.rows * dx.stride) + projection_->kept(samples, layout, training);
}

template <typename T>
typename Residual<T>::Places Residual<T>::places(const Record<T>& record, long samples, Layout layout) const {
  Room<T> room(record.kept);
  Places places;
  places.record.slopes = room.take(samples * padded<T>(outputs()));
  places.dx = lay<T>(nullptr, inputs(), samples, layout);
  places.dx.data = room.take(places.dx.rows * places.dx.stride);
  places.record.kept = room.take(0);
  return places;
}

template <typename T>
const std::vector<Parameter>& Residual<T>::parameters() const {
  all_ = f_.parameters();
  if (projection_) {
    for (Parameter parameter : projection_->parameters()) {
      parameter.trainable = projection_->trains();
      all_.push_back(parameter);
    }
  }
  return all_;
}

template <typename T>
void Residual<T>::set_trainable(std::vector<bool>::const_iterator& next) {
  auto own = next++;
  f_.set_trainable(next);
  if (projection_) projection_->set_trainable(own);
}

template <typename T>
void Residual<T>::forward(const MatrixView<T>& y, const MatrixView<const T>& x, const Record<T>& record,
                          const Pass<T>& pass) const {
  Pass<T> inner = pass;
  inner.logits = false;
  // x is only read: the first layer of f writes to a place of its own.
  const MatrixView<T> f = f_.forward(*record.inner, {const_cast<T*>(x.data), x.rows, x.cols, x.stride}, inner);
  const long samples = pass.layout == samples_in_rows ? x.rows : x.cols;
  if (projection_) projection_->forward(y, x, places(record, samples, pass.layout).record, inner);
  const MatrixView<T> own = nodes_from(y, pass.layout, this->own_nodes(outputs(), pass));
  const MatrixView<const T> shortcut = projection_ ? MatrixView<const T>(y) : x;
  for (long r = 0; r < own.rows; ++r) {
    const long at = own.row(r) - y.data;
    if (!projection_) copy_row(own.row(r), shortcut.data + at, own.cols);
    pass.kernels.add(own.row(r), f.data + at, own.cols);
  }
}

template <typename T>
void Residual<T>::backward(const MatrixView<T>& dx, const MatrixView<T>& dy, const MatrixView<const T>&,
                           const MatrixView<const T>& x, const Record<T>& record, const Pass<T>& pass) const {
  Pass<T> inner = pass;
  inner.logits = false;
  const long samples = pass.layout == samples_in_rows ? dy.rows : dy.cols;
  const Tape<T>& tape = *record.inner;
  const MatrixView<T> df = tape.delta(static_cast<long>(tape.records.size()) - 1, samples);
  const MatrixView<T> own = nodes_from(dy, pass.layout, this->own_nodes(outputs(), pass));
  for (long r = 0; r < own.rows; ++r) {
    copy_row(df.data + (own.row(r) - dy.data), static_cast<const T*>(own.row(r)), own.cols);
  }
  this->complete(pass);
  f_.backward(tape, dx, x, inner);
  MatrixView<const T> by_shortcut = dy;
  if (projection_) {
    Places place = places(record, samples, pass.layout);
    pass.me.wait();  // nobody is still at f's last product
    projection_->backward(dx.data ? place.dx : MatrixView<T>{}, dy, {}, x, place.record, inner);
    by_shortcut = place.dx;
  }
  if (!dx.data) return;
  const MatrixView<T> below = nodes_from(dx, pass.layout, this->own_nodes(inputs(), pass));
  for (long r = 0; r < below.rows; ++r) {
    pass.kernels.add(below.row(r), by_shortcut.data + (below.row(r) - dx.data), below.cols);
  }
  this->complete(pass);
}

template <typename T>
double Residual<T>::penalty(const MatrixView<const T>& y, const Record<T>& record, const Pass<T>& pass) const {
  return f_.penalty(*record.inner, pass.layout == samples_in_rows ? y.rows : y.cols, pass);
}

template class Residual<float>;
template class Residual<double>;

}  // namespace fastbp
