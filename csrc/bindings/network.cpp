#include "bindings/network.h"

#include <pybind11/stl.h>

#include <algorithm>
#include <optional>
#include <tuple>

#include "bindings/arrays.h"
#include "bindings/register.h"
#include "kernels/dispatch.h"

namespace fastbp {
namespace {

// `function(y, slopes or None, x)` fills arrays (samples, nodes).
template <typename T>
ElementFunction<T> element_function(py::object function) {
  if (function.is_none()) return {};
  return [function = SharedObject(std::move(function))](T* y, T* slopes, const T* x, long rows, long cols, long stride,
                                                        Layout layout) {
    const py::gil_scoped_acquire gil;
    function.get()(samples_view(y, rows, cols, stride, layout, true),
                   slopes ? py::object(samples_view(slopes, rows, cols, stride, layout, true)) : py::none(),
                   samples_view(x, rows, cols, stride, layout, false));
  };
}

template <typename T>
std::vector<LayerSpec<T>> specs_of(const py::list& layers) {
  std::vector<LayerSpec<T>> specs;
  for (const py::handle each : layers) {
    const auto d = py::cast<py::dict>(each);
    LayerSpec<T> spec;
    spec.kind = py::cast<std::string>(d["kind"]);
    if (d.contains("units")) spec.units = py::cast<long>(d["units"]);
    if (d.contains("use_bias")) spec.use_bias = py::cast<bool>(d["use_bias"]);
    if (d.contains("name")) spec.name = py::cast<std::string>(d["name"]);
    if (d.contains("settings")) spec.settings = py::cast<std::vector<double>>(d["settings"]);
    if (d.contains("offsets")) spec.offsets = py::cast<std::vector<double>>(d["offsets"]);
    if (d.contains("seed")) spec.seed = py::cast<uint64_t>(d["seed"]);
    if (d.contains("function")) spec.function = element_function<T>(d["function"]);
    if (d.contains("layers")) spec.layers = specs_of<T>(d["layers"]);
    specs.push_back(std::move(spec));
  }
  return specs;
}

template <typename T>
std::shared_ptr<PyNetwork<T>> make_network(long inputs, const py::list& layers, const std::string& isa, uint64_t seed) {
  return std::make_shared<PyNetwork<T>>(kernel_table(isa.empty() ? chosen_isa() : isa), inputs, specs_of<T>(layers),
                                        seed);
}

// A few samples (n, columns), or one of them (columns), in an array that can be used as it is; `rows` is null for
// anything else, which is for others to convert or to explain.
template <typename T>
struct Direct {
  MatrixView<const T> view;
  bool single;

  // one_sample: a dimension is one sample even of a single column; else, with one column, n numbers are n samples.
  Direct(py::handle x, long columns, bool one_sample = false) : view{}, single(false) {
    if (!py::isinstance<py::array>(x)) return;
    const auto a = py::reinterpret_borrow<py::array>(x);
    const bool aligned = a.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_;
    if (!aligned || a.dtype().num() != py::dtype::of<T>().num() || a.dtype().byteorder() != '=') return;
    single = a.ndim() == 1 && (columns > 1 || one_sample);
    if (!single && a.ndim() != 2) return;
    constexpr py::ssize_t item = sizeof(T);
    const py::ssize_t rows = single ? 1 : a.shape(0), cols = single ? a.shape(0) : a.shape(1);
    const py::ssize_t step = single ? cols * item : a.strides(0);
    if (cols != columns || step < 0 || step % item != 0) return;
    if (cols > 1 && a.strides(a.ndim() - 1) != item) return;
    view = {static_cast<const T*>(a.data()), rows, cols, step / item};
  }

  explicit operator bool() const { return view.data; }

  // An array for as many samples of other columns.
  py::array_t<T> like(long columns) const {
    return py::array_t<T>(single ? std::vector<py::ssize_t>{columns} : std::vector<py::ssize_t>{view.rows, columns});
  }
};

template <typename T>
MatrixView<T> rows_of(py::array_t<T>& a, long rows, long cols) {
  return {a.mutable_data(), rows, cols, cols};
}

// The outputs for a few rows. Holds the GIL: the work is shorter than letting it go.
template <typename T>
py::object quick_call(PyNetwork<T>& network, py::handle x) {
  const Direct<T> in(x, network.inputs());
  if (!in || in.view.rows > PyNetwork<T>::kQuickRows) return py::none();
  py::array_t<T> result = in.like(network.outputs());
  network.predict_few(rows_of(result, in.view.rows, network.outputs()), {in.view});
  return result;
}

// threads 0: a few rows, as in a quick call.
template <typename T>
bool is_for(const Direct<T>& in, int threads) {
  return in && in.view.rows > 0 && (threads > 0 || in.view.rows <= PyNetwork<T>::kQuickRows);
}

template <typename T>
py::object forward(PyNetwork<T>& network, py::handle x, int threads) {
  const Direct<T> in(x, network.inputs());
  if (!is_for(in, threads)) return py::none();
  py::array_t<T> result = in.like(network.outputs());
  const MatrixView<T> out = rows_of(result, in.view.rows, network.outputs());
  const Busy busy(network.busy);
  std::optional<py::gil_scoped_release> release;  // both arrays are held by this call
  if (threads > 0) release.emplace();
  network.propagation.forward(network, out, in.view, std::max(threads, 1));
  release.reset();
  return result;
}

template <typename T>
py::object backward(PyNetwork<T>& network, py::handle d, int threads) {
  const Busy busy(network.busy);
  const long n = network.propagation.samples();
  const Direct<T> slopes(d, network.outputs(), n == 1);
  if (!is_for(slopes, threads) || slopes.view.rows != n) return py::none();
  py::array_t<T> result = slopes.like(network.inputs());
  const MatrixView<T> dx = rows_of(result, n, network.inputs());
  std::optional<py::gil_scoped_release> release;
  if (threads > 0) release.emplace();
  network.propagation.backward(network, dx, slopes.view, std::max(threads, 1));
  release.reset();
  return result;
}

template <typename T>
void register_network_of(py::module_& m, const char* name) {
  using Net = PyNetwork<T>;
  py::class_<Net, std::shared_ptr<Net>>(m, name)
      .def(py::init(&make_network<T>), py::arg("inputs"), py::arg("layers"), py::arg("isa") = "", py::arg("seed") = 0)
      .def("set_trainable", &Net::set_trainable, py::arg("flags"),
           "Which layers learn: one flag each, those within a layer after it.")
      .def_property("draws", &Net::draws, &Net::set_draws, "For how many batches random layers have drawn.")
      .def_property_readonly("isa", [](const Net& self) { return self.table().name; })
      .def_property_readonly("inputs", &Net::inputs)
      .def_property_readonly("outputs", &Net::outputs)
      .def_property_readonly(
          "weights",
          [](py::object self) {
            Net& net = self.cast<Net&>();
            return views(net.arena().values(), net, self);
          },
          "Writable views of all parameters, layer by layer.")
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
      .def("forward", &forward<T>, py::arg("x"), py::arg("threads") = 0,
           "The outputs for x (n, in) in the network's dtype, or for one sample, with what backward needs kept. None "
           "where "
           "x must be converted first, or `threads` is 0 and it has more than 64 rows.")
      .def("backward", &backward<T>, py::arg("d"), py::arg("threads") = 0,
           "From d = ∂loss/∂out to ∂loss/∂x; adds to the gradients. None as forward, or where d has other rows.")
      .def_property_readonly(
          "samples_forward", [](const Net& self) { return self.propagation.samples(); },
          "How many samples went forward last; 0 before any did.")
      .def(
          "zero_gradients", [](Net& self) { std::fill_n(self.arena().gradients(), self.arena().size(), T(0)); },
          "Sets all gradients to 0.")
      .def(
          "__call__",
          [](Net& self, const py::object& x_object, long batch, int threads) {
            const HeldInputs<T> held = inputs_of<T>(x_object);
            const Inputs<T>& x = held.view;
            require_inputs<T>(x, self);
            py::array_t<T> result({x.rows(), self.outputs()});
            const MatrixView<T> out = {result.mutable_data(), x.rows(), self.outputs(), self.outputs()};
            if (x.rows() <= Net::kQuickRows) {
              self.predict_few(out, x);
            } else {
              Poll poll = signal_poll();
              py::gil_scoped_release release;  // both arrays are held by this call
              self.predict(out, x, batch, threads, poll);
            }
            return result;
          },
          py::arg("x"), py::arg("batch") = 0, py::arg("threads") = 1,
          "The outputs for x (n, in), (n, out); up to `batch` rows at a time, or 512, on so many threads at most.");
}

}  // namespace

void register_network(py::module_& m) {
  register_network_of<float>(m, "Network32");
  register_network_of<double>(m, "Network64");
}

}  // namespace fastbp
