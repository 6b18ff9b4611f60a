#include "bindings/network.h"

#include <pybind11/stl.h>

#include <tuple>

#include "bindings/arrays.h"
#include "bindings/register.h"
#include "kernels/dispatch.h"

namespace fastbp {
namespace {

constexpr long kPredictRows = 256;  // rows at a time: enough for the product, few enough for the caches

template <typename T>
std::shared_ptr<PyNetwork<T>> make_network(long inputs, const std::vector<std::tuple<long, std::string, bool>>& layers,
                                           const std::string& isa) {
  std::vector<DenseSpec> specs;
  for (const auto& [units, activation, use_bias] : layers) specs.push_back({units, activation, use_bias});
  return std::make_shared<PyNetwork<T>>(kernel_table(isa.empty() ? chosen_isa() : isa), inputs, specs);
}

template <typename T>
std::vector<py::array> views(T* buffer, const Network<T>& network, py::handle owner) {
  std::vector<py::array> arrays;
  for (const auto& layer : network.layers()) {
    for (const Block& block : layer->parameters()) arrays.push_back(view_of(buffer, block, owner));
  }
  return arrays;
}

template <typename T>
MatrixView<const T> inputs_of(const py::array& array, const Network<T>& network) {
  const MatrixView<const T> x = matrix_of<T>(array, "x");
  if (x.cols != network.inputs()) {
    throw std::invalid_argument("x has " + std::to_string(x.cols) + " columns; the network expects " +
                                std::to_string(network.inputs()));
  }
  return x;
}

// The outputs for a few rows, (n, in) or one sample (in), of an array that can be used as it is; None for anything
// else, which is for others to convert or to explain. Holds the GIL: the work is shorter than letting it go.
template <typename T>
py::object quick_call(PyNetwork<T>& network, py::handle x) {
  if (!py::isinstance<py::array>(x)) return py::none();
  const auto a = py::reinterpret_borrow<py::array>(x);
  const bool aligned = a.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_;
  if (!aligned || a.dtype().num() != py::dtype::of<T>().num() || a.dtype().byteorder() != '=') return py::none();
  const bool single = a.ndim() == 1 && network.inputs() > 1;  // with one input, n numbers are n samples
  if (!single && a.ndim() != 2) return py::none();
  constexpr py::ssize_t item = sizeof(T);
  const py::ssize_t rows = single ? 1 : a.shape(0), cols = single ? a.shape(0) : a.shape(1);
  const py::ssize_t step = single ? cols * item : a.strides(0);
  if (cols != network.inputs() || rows > PyNetwork<T>::kQuickRows || step < 0 || step % item != 0) return py::none();
  if (cols > 1 && a.strides(a.ndim() - 1) != item) return py::none();

  py::array_t<T> result(single ? std::vector<py::ssize_t>{network.outputs()}
                               : std::vector<py::ssize_t>{rows, network.outputs()});
  const MatrixView<const T> in = {static_cast<const T*>(a.data()), rows, cols, step / item};
  network.predict_few({result.mutable_data(), rows, network.outputs(), network.outputs()}, in);
  return result;
}

template <typename T>
void register_network_of(py::module_& m, const char* name) {
  using Net = PyNetwork<T>;
  py::class_<Net, std::shared_ptr<Net>>(m, name)
      .def(py::init(&make_network<T>), py::arg("inputs"), py::arg("layers"), py::arg("isa") = "")
      .def_property_readonly("isa", [](const Net& self) { return self.table().name; })
      .def_property_readonly("inputs", &Net::inputs)
      .def_property_readonly("outputs", &Net::outputs)
      .def_property_readonly(
          "weights",
          [](py::object self) {
            Net& net = self.cast<Net&>();
            return views(net.arena().values(), net, self);
          },
          "Writable views: kernel (in, out) and bias (out), layer by layer.")
      .def_property_readonly(
          "gradients",
          [](py::object self) {
            Net& net = self.cast<Net&>();
            return views(net.arena().gradients(), net, self);
          },
          "The stored gradients, as weights.")
      .def(
          "weights_finite",
          [](Net& self) { return self.kernels().all_finite(self.arena().values(), self.arena().size()); },
          "Whether no weight is NaN or infinite.")
      .def("quick", &quick_call<T>, py::arg("x"),
           "The outputs for up to 64 rows in the network's dtype, or for one sample; None where x must be converted "
           "first.")
      .def(
          "__call__",
          [](Net& self, const py::array& array, long batch, int threads) {
            const MatrixView<const T> x = inputs_of<T>(array, self);
            py::array_t<T> result({x.rows, self.outputs()});
            const MatrixView<T> out = {result.mutable_data(), x.rows, self.outputs(), self.outputs()};
            if (x.rows <= Net::kQuickRows) {
              self.predict_few(out, x);
            } else {
              Poll poll = signal_poll();
              py::gil_scoped_release release;  // both arrays are held by this call
              self.predict(out, x, batch > 0 ? batch : kPredictRows, threads, poll);
            }
            return result;
          },
          py::arg("x"), py::arg("batch") = 0, py::arg("threads") = 1,
          "The outputs for x (n, in), (n, out); `batch` rows at a time, on so many threads at most.");
}

}  // namespace

void register_network(py::module_& m) {
  register_network_of<float>(m, "Network32");
  register_network_of<double>(m, "Network64");
}

}  // namespace fastbp
