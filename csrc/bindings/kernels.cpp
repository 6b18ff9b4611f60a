// Single kernels on arrays: for activations and losses called by themselves, and for tests.
#include <pybind11/stl.h>

#include <algorithm>
#include <optional>
#include <tuple>

#include "bindings/arrays.h"
#include "bindings/register.h"
#include "kernels/dispatch.h"

namespace fastbp {
namespace {

const KernelTable& table_of(const std::string& isa) { return kernel_table(isa.empty() ? chosen_isa() : isa); }

// A matrix with padded rows, copied from and to arrays.
template <typename T>
struct Padded {
  Padded(long rows, long cols) : memory(rows * padded<T>(cols)), view{memory.data(), rows, cols, padded<T>(cols)} {}
  explicit Padded(MatrixView<const T> from) : Padded(from.rows, from.cols) {
    for (long r = 0; r < from.rows; ++r) copy_row(view.row(r), from.row(r), from.cols);
  }
  py::array_t<T> array() const {
    py::array_t<T> result({view.rows, view.cols});
    for (long r = 0; r < view.rows; ++r)
      copy_row(result.mutable_data(r, 0), static_cast<const T*>(view.row(r)), view.cols);
    return result;
  }
  AlignedBuffer<T> memory;
  MatrixView<T> view;
};

// A matrix turned on its side, rows padded: samples in columns, as losses and metrics have them.
template <typename T>
Padded<T> columns(MatrixView<const T> rows, const Kernels<T>& kernels) {
  Padded<T> result(rows.cols, rows.rows);
  kernels.transpose(result.view.data, result.view.stride, rows.data, rows.stride, nullptr, rows.rows, rows.cols);
  return result;
}

using Numbers = std::vector<double>;

template <typename T>
py::array activation(const py::array& z, const std::string& name, const Numbers& settings, const std::string& isa) {
  const auto& kernel = find_by_name(kernels_of<T>(table_of(isa)).activations, name, "activation");
  const Padded<T> a(matrix_of<T>(z, "x"));
  require_settings(kernel, settings, a.view.cols);
  kernel.forward[samples_in_rows](a.view.data, nullptr, a.view.rows, a.view.cols, a.view.stride, settings.data());
  return a.array();
}

// d ⊙ f'(z), or dᵀ·f' where each output depends on all inputs; by either layout.
template <typename T>
py::array activation_slopes(const py::array& z, const py::array& d_array, const std::string& name,
                            const Numbers& settings, Layout layout, const std::string& isa) {
  const Kernels<T>& kernels = kernels_of<T>(table_of(isa));
  const auto& kernel = find_by_name(kernels.activations, name, "activation");
  require_settings(kernel, settings, z.ndim() == 2 ? z.shape(1) : 0);
  const auto laid = [&](MatrixView<const T> rows) {
    return layout == samples_in_rows ? Padded<T>(rows) : columns(rows, kernels);
  };
  const Padded<T> a = laid(matrix_of<T>(z, "x")), d = laid(matrix_of<T>(d_array, "d"));
  const Padded<T> slope(a.view.rows, a.view.cols);
  if (a.view.rows != d.view.rows || a.view.cols != d.view.cols) {
    throw std::invalid_argument("x and d differ in shape");
  }
  const MatrixView<T> v = a.view;
  kernel.forward[layout](v.data, kernel.keeps_slope ? slope.view.data : nullptr, v.rows, v.cols, v.stride,
                         settings.data());
  kernel.backward[layout](d.view.data, kernel.keeps_slope ? slope.view.data : v.data, v.rows, v.cols, v.stride,
                          settings.data());
  return layout == samples_in_rows ? d.array() : columns<T>(d.view, kernels).array();
}

// Targets as a kernel takes them, and their memory.
template <typename T>
struct HeldTargets {
  HeldTargets(const py::array& array, bool sparse, MatrixView<const T> outputs, const Kernels<T>& kernels)
      : labels(padded<int32_t>(outputs.rows)) {
    if (sparse) {
      std::copy_n(vector_of<int32_t>(array, outputs.rows, "y_true"), outputs.rows, labels.data());
      view.labels = labels.data();
      return;
    }
    const MatrixView<const T> rows = matrix_of<T>(array, "y_true");
    if (rows.rows != outputs.rows || rows.cols != outputs.cols) {
      throw std::invalid_argument("y_true and y_pred differ in shape");
    }
    dense.emplace(columns(rows, kernels));
    view.dense = dense->view.data;
  }
  AlignedBuffer<int32_t> labels;
  std::optional<Padded<T>> dense;
  Targets<T> view = {};
};

template <typename T>
std::tuple<py::array, py::array> loss(const py::array& outputs, const py::array& targets, const std::string& name,
                                      const Numbers& settings, bool from_logits, const std::string& isa) {
  const Kernels<T>& kernels = kernels_of<T>(table_of(isa));
  const auto& kernel = find_by_name(kernels.losses, name, "loss");
  const LossColumns<T> on_columns = from_logits ? kernel.on_logits : kernel.on_output;
  if (!on_columns) throw std::invalid_argument(name + " has no form on logits");
  const MatrixView<const T> rows = matrix_of<T>(outputs, "y_pred");
  require_settings(kernel, settings, rows.cols);
  const HeldTargets<T> t(targets, kernel.sparse, rows, kernels);
  const Padded<T> y = columns(rows, kernels);
  const Padded<T> d(rows.cols, rows.rows);
  const AlignedBuffer<T> scale(padded<T>(rows.rows)), values(padded<T>(rows.rows));
  std::fill_n(scale.data(), rows.rows, T(1));
  on_columns(values.data(), d.view.data, nullptr, y.view.data, t.view, scale.data(), rows.cols, rows.rows,
             y.view.stride, settings.data());
  const Padded<T> slopes = columns<T>(d.view, kernels);
  return {py::array_t<T>(rows.rows, values.data()), slopes.array()};
}

template <typename T>
Numbers metric(const py::array& outputs, const py::array& targets, const std::optional<py::array>& weights,
               const std::string& name, const Numbers& settings, const std::string& isa) {
  const Kernels<T>& kernels = kernels_of<T>(table_of(isa));
  const auto& kernel = find_by_name(kernels.metrics, name, "metric");
  const MatrixView<const T> rows = matrix_of<T>(outputs, "y_pred");
  require_settings(kernel, settings, rows.cols);
  const HeldTargets<T> t(targets, kernel.sparse, rows, kernels);
  const Padded<T> y = columns(rows, kernels);
  const Padded<T> scratch(rows.cols, rows.rows);
  const T* weight = weights ? vector_of<T>(*weights, rows.rows, "sample_weight") : nullptr;
  Numbers state(kernel.state_size(rows.cols, settings.data()));
  kernel.accumulate(state.data(), scratch.view.data, y.view.data, t.view, weight, rows.cols, rows.rows, y.view.stride,
                    settings.data());
  return state;
}

template <typename T>
py::array product(const py::array& a_array, const py::array& b_array, bool transpose_a, const std::string& isa,
                  bool in_pieces) {
  const Kernels<T>& kernels = kernels_of<T>(table_of(isa));
  if (in_pieces && !kernels.product_in_pieces) throw std::invalid_argument("no products in pieces here");
  const MatrixView<const T> a = matrix_of<T>(a_array, "a");
  const Padded<T> b(matrix_of<T>(b_array, "b"));
  Product<T> p = {};
  p.m = transpose_a ? a.cols : a.rows, p.n = b.view.cols, p.k = b.view.rows;
  if ((transpose_a ? a.rows : a.cols) != p.k) throw std::invalid_argument("a and b do not match");
  const Padded<T> c(p.m, p.n);
  p.c = c.view.data, p.c_stride = c.view.stride;
  p.a = a.data, p.a_row = transpose_a ? 1 : a.stride, p.a_col = transpose_a ? a.stride : 1;
  p.b = b.view.data, p.b_stride = b.view.stride;
  const AlignedBuffer<T> pack(kPackBytes / sizeof(T));
  p.pack = pack.data();
  (in_pieces ? kernels.product_in_pieces : kernels.product)(p);
  return c.array();
}

template <typename T>
py::array transpose(const py::array& array, const std::string& isa) {
  const MatrixView<const T> in = matrix_of<T>(array, "x");
  py::array_t<T> out({in.cols, in.rows});
  kernels_of<T>(table_of(isa)).transpose(out.mutable_data(), in.rows, in.data, in.stride, nullptr, in.rows, in.cols);
  return out;
}

template <typename T>
py::array math(const py::array& x, const std::string& name, const std::string& isa) {
  const auto& kernel = find_by_name(kernels_of<T>(table_of(isa)).math, name, "function");
  const long n = x.ndim() == 1 ? x.shape(0) : 0;
  py::array_t<T> y(n);
  kernel.map(y.mutable_data(), vector_of<T>(x, n, "x"), n);
  return y;
}

template <typename T>
bool all_finite(const py::array& x) {
  const MatrixView<const T> m = matrix_of<T>(x, "x");
  const auto& kernels = kernels_of<T>(table_of(""));
  if (m.stride == m.cols) return kernels.all_finite(m.data, m.rows * m.cols);
  for (long r = 0; r < m.rows; ++r) {
    if (!kernels.all_finite(m.row(r), m.cols)) return false;
  }
  return true;
}

template <typename Function>
auto by_dtype(const py::array& a, Function f) {
  if (a.dtype().equal(py::dtype::of<float>())) return f(float{});
  if (a.dtype().equal(py::dtype::of<double>())) return f(double{});
  throw std::invalid_argument("expected float32 or float64; got " + std::string(py::str(a.dtype())));
}

template <typename Entry>
std::vector<std::string> names(const List<Entry>& list) {
  std::vector<std::string> result;
  for (const Entry& entry : list) result.push_back(entry.name);
  return result;
}

}  // namespace

void register_kernels(py::module_& m) {
  m.def(
      "tables",
      [] {
        const Kernels<float>& k = table_of("").f32;
        return py::dict(py::arg("activations") = names(k.activations), py::arg("losses") = names(k.losses),
                        py::arg("metrics") = names(k.metrics), py::arg("optimizers") = names(k.optimizers),
                        py::arg("math") = names(k.math));
      },
      "The names of all activations, losses, metrics, optimisers and vector functions of the kernels.");
  m.def(
      "optimizer_fields",
      [](const std::string& name) {
        const auto& kernel = find_by_name(table_of("").f32.optimizers, name, "optimizer");
        return std::make_tuple(std::vector<std::string>(kernel.slot_names, kernel.slot_names + kernel.slot_count),
                               std::vector<std::string>(kernel.hyperparameter_names,
                                                        kernel.hyperparameter_names + kernel.hyperparameter_count));
      },
      py::arg("name"), "The names of an optimiser's slots and hyperparameters.");
  m.def(
      "settings_of",
      [](const std::string& kind, const std::string& name) {
        const Kernels<float>& k = table_of("").f32;
        const Settings settings = kind == "activation" ? find_by_name(k.activations, name, "activation").settings
                                  : kind == "loss"     ? find_by_name(k.losses, name, "loss").settings
                                                       : find_by_name(k.metrics, name, "metric").settings;
        return std::vector<std::string>(settings.names, settings.names + settings.count);
      },
      py::arg("kind"), py::arg("name"), "The names of the numbers that an activation, a loss or a metric takes.");
  m.def(
      "activation",
      [](const py::array& z, const std::string& name, const Numbers& settings, const std::string& isa) {
        return by_dtype(z, [&](auto t) { return activation<decltype(t)>(z, name, settings, isa); });
      },
      py::arg("z"), py::arg("name"), py::arg("settings") = Numbers(), py::arg("isa") = "", "f(z) for z (n, m).");
  m.def(
      "activation_slopes",
      [](const py::array& z, const py::array& d, const std::string& name, const Numbers& settings, bool in_columns,
         const std::string& isa) {
        const Layout layout = in_columns ? samples_in_columns : samples_in_rows;
        return by_dtype(z, [&](auto t) { return activation_slopes<decltype(t)>(z, d, name, settings, layout, isa); });
      },
      py::arg("z"), py::arg("d"), py::arg("name"), py::arg("settings") = Numbers(), py::arg("in_columns") = false,
      py::arg("isa") = "", "From d = ∂loss/∂f(z) (n, m) to ∂loss/∂z.");
  m.def(
      "loss",
      [](const py::array& y_pred, const py::array& y_true, const std::string& name, bool from_logits,
         const Numbers& settings, const std::string& isa) {
        return by_dtype(y_pred,
                        [&](auto t) { return loss<decltype(t)>(y_pred, y_true, name, settings, from_logits, isa); });
      },
      py::arg("y_pred"), py::arg("y_true"), py::arg("name"), py::arg("from_logits"), py::arg("settings") = Numbers(),
      py::arg("isa") = "", "The losses (n) and their slopes with respect to y_pred (n, m).");
  m.def(
      "metric",
      [](const py::array& y_pred, const py::array& y_true, const std::string& name, const Numbers& settings,
         const std::optional<py::array>& sample_weight, const std::string& isa) {
        return by_dtype(
            y_pred, [&](auto t) { return metric<decltype(t)>(y_pred, y_true, sample_weight, name, settings, isa); });
      },
      py::arg("y_pred"), py::arg("y_true"), py::arg("name"), py::arg("settings") = Numbers(),
      py::arg("sample_weight") = py::none(), py::arg("isa") = "", "The sums that a metric is computed from.");
  m.def(
      "product",
      [](const py::array& a, const py::array& b, bool transpose_a, const std::string& isa, bool in_pieces) {
        return by_dtype(a, [&](auto t) { return product<decltype(t)>(a, b, transpose_a, isa, in_pieces); });
      },
      py::arg("a"), py::arg("b"), py::arg("transpose_a"), py::arg("isa") = "", py::arg("in_pieces") = false,
      "a·b or aᵀ·b; in_pieces: by the matrix unit, if the instruction set has one and a is of float32.");
  m.def(
      "transpose",
      [](const py::array& x, const std::string& isa) {
        return by_dtype(x, [&](auto t) { return transpose<decltype(t)>(x, isa); });
      },
      py::arg("x"), py::arg("isa") = "", "xᵀ for x (n, m).");
  m.def(
      "math",
      [](const py::array& x, const std::string& name, const std::string& isa) {
        return by_dtype(x, [&](auto t) { return math<decltype(t)>(x, name, isa); });
      },
      py::arg("x"), py::arg("name"), py::arg("isa") = "", "exp, log ... of x (n).");
  m.def(
      "all_finite", [](const py::array& x) { return by_dtype(x, [&](auto t) { return all_finite<decltype(t)>(x); }); },
      py::arg("x"), "Whether no element of x (n, m) is NaN or infinite.");
}

}  // namespace fastbp
