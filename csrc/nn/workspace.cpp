#include "nn/workspace.h"

namespace fastbp {

template <typename T>
Workspace<T>::Workspace(const Stack<T>& stack, long samples, Layout layout, Use use, int members, bool gathers)
    : samples_(samples), inputs_(stack.inputs()), outputs_(stack.outputs()) {
  Room<T> size;
  place(size, stack, layout, use, gathers);
  const Pages pages = use == Use::training ? Pages::large : Pages::small;  // `predict` makes one for each call
  memory_ = AlignedBuffer<T>(size.used(), pages);
  Room<T> room(memory_.data());
  place(room, stack, layout, use, gathers);
  for (int i = 0; i < members; ++i) packs_.push_back(AlignedBuffer<T>::unwritten(kPackBytes / sizeof(T), pages));
  if (use == Use::training) labels_ = AlignedBuffer<int32_t>(padded<T>(samples));
}

template <typename T>
void Workspace<T>::place(Room<T>& room, const Stack<T>& stack, Layout layout, Use use, bool gathers) {
  const bool training = use == Use::training;
  tape_ = stack.tape(room, samples_, layout, training);
  const auto take = [&](T*& to, long width, Layout lies) {
    const MatrixView<T> view = lay<T>(nullptr, width, samples_, lies);
    to = room.take(view.rows * view.stride);
  };
  if (gathers && (training || !stack.reads_any_rows(training))) take(x_, inputs_, layout);
  if (!training) return;
  if (layout == samples_in_rows) {
    take(loss_output_, outputs_, samples_in_columns);
    take(loss_delta_, outputs_, samples_in_columns);
  }
  take(targets_, outputs_, samples_in_columns);
  for (T** each : {&scale_, &values_, &weights_}) take(*each, 1, samples_in_columns);
  take(scratch_, outputs_, samples_in_columns);
}

template class Workspace<float>;
template class Workspace<double>;

}  // namespace fastbp
