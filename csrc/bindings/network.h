// The network as Python holds it.
#pragma once

#include <atomic>
#include <optional>
#include <stdexcept>
#include <vector>

#include "bindings/arrays.h"
#include "nn/network.h"
#include "nn/propagation.h"

namespace fastbp {

// One user at a time: a second thread gets an error and not a torn model.
class Busy {
 public:
  explicit Busy(std::atomic<bool>& flag) : flag_(flag) {
    if (flag_.exchange(true)) throw std::runtime_error("the model is being trained or evaluated by another thread");
  }
  ~Busy() { flag_ = false; }

 private:
  std::atomic<bool>& flag_;
};

template <typename T>
class PyNetwork : public Network<T> {
 public:
  using Network<T>::Network;

  std::atomic<bool> busy{false};  // while a trainer of this network works, or its propagation
  Propagation<T> propagation;

  static constexpr long kQuickRows = 64;

  // Predicts up to kQuickRows rows, in a workspace kept from one call to the next: the GIL keeps it to one caller.
  void predict_few(MatrixView<T> out, MatrixView<const T> x) {
    if (!quick_) quick_.emplace(this->stack(), kQuickRows, samples_in_rows, Workspace<T>::Use::inference);
    Poll nothing([] {});
    this->predict(out, x, *quick_, nothing);
  }

 private:
  std::optional<Workspace<T>> quick_;
};

// Views of all parameters, or of what is laid out as they are.
template <typename T>
std::vector<py::array> views(T* buffer, const Network<T>& network, py::handle owner) {
  std::vector<py::array> arrays;
  for (const Parameter& parameter : network.stack().parameters()) {
    arrays.push_back(view_of(buffer, parameter.block, owner));
  }
  return arrays;
}

// A view of values as Python's functions get them: (samples, nodes).
template <typename T>
py::array samples_view(const T* data, long rows, long cols, long stride, Layout layout, bool writable) {
  constexpr py::ssize_t item = sizeof(T);
  const py::ssize_t row = static_cast<py::ssize_t>(stride) * item;
  const py::capsule nobody(data, [](void*) {});  // a base, so that the array is a view
  py::array view = layout == samples_in_rows ? py::array(py::dtype::of<T>(), {rows, cols}, {row, item}, data, nobody)
                                             : py::array(py::dtype::of<T>(), {cols, rows}, {item, row}, data, nobody);
  if (!writable) view.attr("setflags")(py::arg("write") = false);
  return view;
}

}  // namespace fastbp
