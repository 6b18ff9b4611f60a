// The network as Python holds it.
#pragma once

#include <algorithm>
#include <atomic>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
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
  void predict_few(MatrixView<T> out, const Inputs<T>& x) {
    if (!quick_) quick_.emplace(this->stack(), kQuickRows, samples_in_rows, Workspace<T>::Use::inference);
    Poll nothing([] {});
    this->predict(out, x, *quick_, x.rows(), nothing);
  }

 private:
  std::optional<Workspace<T>> quick_;
};

// Sparse rows whose starts and columns are such that the core may follow them without looking.
template <typename T>
Inputs<T> sparse_rows_of(const py::array& starts, const py::array& columns, const py::array& values, long rows,
                         long cols) {
  if (cols < 0 || starts.size() < 1 || rows != starts.size() - 1) {
    throw std::invalid_argument("x must have a start for each row, and one more");
  }
  const long entries = values.ndim() == 1 ? static_cast<long>(values.shape(0)) : 0;
  const SparseRows<T> x = {vector_of<int64_t>(starts, rows + 1, "starts"),
                           vector_of<int32_t>(columns, entries, "columns"), vector_of<T>(values, entries, "values")};
  if (x.starts[0] != 0 || x.starts[rows] != entries || !std::is_sorted(x.starts, x.starts + rows + 1)) {
    throw std::invalid_argument("the rows of x must begin at 0, follow each other and end at " +
                                std::to_string(entries));
  }
  for (long e = 0; e < entries; ++e) {
    if (x.columns[e] >= 0 && x.columns[e] < cols) continue;
    throw std::invalid_argument("x has an entry in column " + std::to_string(x.columns[e]) + " of " +
                                std::to_string(cols));
  }
  return {{nullptr, rows, cols, 0}, x};
}

// x as Python gives it, and the arrays that are borrowed.
template <typename T>
struct HeldInputs {
  std::vector<py::array> arrays;
  Inputs<T> view;
};

// From an array (n, inputs), or an object with `starts`, `columns`, `values` and `shape`.
template <typename T>
HeldInputs<T> inputs_of(const py::object& x) {
  HeldInputs<T> held;
  if (py::isinstance<py::array>(x)) {
    held.arrays.push_back(py::reinterpret_borrow<py::array>(x));
    held.view.matrix = matrix_of<T>(held.arrays[0], "x");
  } else {
    for (const char* name : {"starts", "columns", "values"}) {
      const py::object array = py::getattr(x, name, py::none());
      if (!py::isinstance<py::array>(array)) throw py::type_error("x must be an array, or sparse rows");
      held.arrays.push_back(py::reinterpret_borrow<py::array>(array));
    }
    const auto [rows, cols] = py::cast<std::tuple<long, long>>(x.attr("shape"));
    held.view = sparse_rows_of<T>(held.arrays[0], held.arrays[1], held.arrays[2], rows, cols);
  }
  return held;
}

template <typename T>
void require_inputs(const Inputs<T>& x, const Network<T>& network) {
  if (x.cols() != network.inputs()) {
    throw std::invalid_argument("x has " + std::to_string(x.cols()) + " columns; the network expects " +
                                std::to_string(network.inputs()));
  }
  if (x.is_sparse() && !network.reads_sparse()) throw std::invalid_argument("sparse x needs a dense layer first");
}

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
