// Norms of weights and slopes, for those who look at training.
#include <pybind11/stl.h>

#include <cmath>
#include <optional>
#include <vector>

#include "bindings/arrays.h"
#include "bindings/register.h"

namespace fastbp {
namespace {

constexpr int kSums = 8;  // side by side, so that one addition need not wait for the one before

// Σ (x - y)² in float64, so that no square is lost or too large; y null: of x alone.
template <typename T>
double sum_of_squares(const T* x, const T* y, long n) {
  double sums[kSums] = {};
  const auto add = [&](int lane, long i) {
    const double d = static_cast<double>(x[i]) - (y ? static_cast<double>(y[i]) : 0.0);
    sums[lane] += d * d;
  };
  long i = 0;
  for (; i + kSums <= n; i += kSums) {
    for (int lane = 0; lane < kSums; ++lane) add(lane, i + lane);
  }
  for (; i < n; ++i) add(0, i);
  double sum = 0;
  for (const double each : sums) sum += each;
  return sum;
}

template <typename T>
MatrixView<const T> rows_of(const py::array& a) {
  if (a.ndim() == 1) return {vector_of<T>(a, a.shape(0), "an array"), 1, a.shape(0), a.shape(0)};
  return matrix_of<T>(a, "an array");
}

template <typename T>
double sum_of_squares(const py::array& x, const py::array* y) {
  const MatrixView<const T> a = rows_of<T>(x), b = y ? rows_of<T>(*y) : MatrixView<const T>{};
  if (y && (a.rows != b.rows || a.cols != b.cols)) throw std::invalid_argument("arrays of different shapes");
  double sum = 0;
  for (long r = 0; r < a.rows; ++r) sum += sum_of_squares(a.row(r), y ? b.row(r) : nullptr, a.cols);
  return sum;
}

double norm(const std::vector<py::array>& arrays, const std::optional<std::vector<py::array>>& minus) {
  if (minus && minus->size() != arrays.size()) throw std::invalid_argument("as many arrays must be subtracted");
  double sum = 0;
  for (size_t i = 0; i < arrays.size(); ++i) {
    const py::array* other = minus ? &(*minus)[i] : nullptr;
    const bool single = arrays[i].dtype().equal(py::dtype::of<float>());
    sum += single ? sum_of_squares<float>(arrays[i], other) : sum_of_squares<double>(arrays[i], other);
  }
  return std::sqrt(sum);
}

}  // namespace

void register_norm(py::module_& m) {
  m.def("norm", &norm, py::arg("arrays"), py::arg("minus") = py::none(),
        "√Σ x² over all of some arrays, or √Σ (x - y)² if there are others to subtract; in float64.");
}

}  // namespace fastbp
