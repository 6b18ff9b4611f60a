// NumPy arrays in and out. Python has explained and converted already; here the same things are checked once more.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <memory>
#include <stdexcept>
#include <string>

#include "core/arena.h"
#include "core/matrix.h"
#include "core/poll.h"

namespace fastbp {

namespace py = pybind11;

template <typename T>
void require_dtype(const py::array& a, const char* name) {
  if (!a.dtype().equal(py::dtype::of<T>())) {
    throw std::invalid_argument(std::string(name) + " must have dtype " + std::string(py::str(py::dtype::of<T>())) +
                                "; got " + std::string(py::str(a.dtype())));
  }
}

// A two-dimensional array whose rows are contiguous, where it lies.
template <typename T>
MatrixView<const T> matrix_of(const py::array& a, const char* name) {
  require_dtype<T>(a, name);
  constexpr py::ssize_t item = sizeof(T);
  if (a.ndim() != 2) throw std::invalid_argument(std::string(name) + " must have 2 dimensions");
  const bool rows_contiguous = a.size() == 0 || a.shape(1) <= 1 || a.strides(1) == item;
  const bool usable = a.size() == 0 || a.shape(0) <= 1 || (a.strides(0) % item == 0 && a.strides(0) >= 0);
  if (!rows_contiguous || !usable) throw std::invalid_argument(std::string(name) + " must have contiguous rows");
  return {static_cast<const T*>(a.data()), a.shape(0), a.shape(1), a.strides(0) / item};
}

// A one-dimensional contiguous array of `size` elements.
template <typename T>
const T* vector_of(const py::array& a, long size, const char* name) {
  require_dtype<T>(a, name);
  if (a.ndim() != 1 || a.shape(0) != size || (size > 1 && a.strides(0) != sizeof(T))) {
    throw std::invalid_argument(std::string(name) + " must be contiguous with " + std::to_string(size) + " elements");
  }
  return static_cast<const T*>(a.data());
}

// A block of a flat buffer as a writable array, without its pads; `owner` is kept alive by it.
template <typename T>
py::array view_of(T* buffer, const Block& block, py::handle owner) {
  constexpr py::ssize_t item = sizeof(T);
  if (block.is_vector) return py::array(py::dtype::of<T>(), {block.cols}, {item}, buffer + block.offset, owner);
  return py::array(py::dtype::of<T>(), {block.rows, block.cols}, {block.stride * item, item}, buffer + block.offset,
                   owner);
}

// A Python object that C++ code copies and lets go without thinking of the GIL.
class SharedObject {
 public:
  explicit SharedObject(py::object object)
      : object_(new py::object(std::move(object)), [](py::object* held) {
          const py::gil_scoped_acquire gil;
          delete held;
        }) {}
  const py::object& get() const { return *object_; }

 private:
  std::shared_ptr<py::object> object_;
};

// Takes the GIL back to run pending signal handlers; an exception of theirs (KeyboardInterrupt) ends the work.
inline Poll signal_poll() {
  return Poll([] {
    py::gil_scoped_acquire gil;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
  });
}

}  // namespace fastbp
