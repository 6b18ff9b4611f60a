// What was built, what this machine has, what was chosen.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "bindings/register.h"
#include "kernels/dispatch.h"

namespace fastbp {

namespace py = pybind11;

namespace {

// The best of many short runs: other programs and a slow clock only ever take away.
template <typename T>
double peak_flops(const Kernels<T>& kernels) {
  using Clock = std::chrono::steady_clock;
  constexpr long rounds = 20000;  // some 100 µs
  double best = 0;
  for (int run = 0; run < 500; ++run) {
    const auto start = Clock::now();
    volatile T result = kernels.multiply_add(rounds, T(0.5), T(1));
    (void)result;
    const std::chrono::duration<double> seconds = Clock::now() - start;
    best = std::max(best, static_cast<double>(rounds * kernels.flops_per_round) / seconds.count());
  }
  return best;
}

}  // namespace

const std::string& chosen_isa() {
  static const std::string name = [] {
    const char* forced = std::getenv("FASTBP_ISA");
    return forced && *forced ? std::string(forced) : available_isas().front();
  }();
  return name;
}

void register_config(py::module_& m) {
  try {
    kernel_table(chosen_isa());
  } catch (const std::invalid_argument& error) {
    throw py::import_error(std::string("FASTBP_ISA: ") + error.what());
  }
  m.attr("__version__") = FASTBP_VERSION;
  m.attr("compiler") = FASTBP_COMPILER;
  m.def("built_isas", &built_isas, "Instruction sets in this build, best first.");
  m.def("available_isas", &available_isas, "Those that this machine runs, best first.");
  m.def("chosen_isa", &chosen_isa, "The one that networks use.");
  m.def(
      "isa_properties",
      [](const std::string& isa) {
        const KernelTable& table = kernel_table(isa);
        return py::dict(py::arg("vector_bytes") = table.vector_bytes,
                        py::arg("fused_multiply_add") = table.fused_multiply_add);
      },
      py::arg("isa"), "What the kernels of an instruction set were compiled to, measured in them.");
  m.def(
      "peak_flops",
      [](const std::string& isa, const std::string& dtype) {
        const KernelTable& table = kernel_table(isa.empty() ? chosen_isa() : isa);
        if (dtype == "float32") return peak_flops(table.f32);
        if (dtype == "float64") return peak_flops(table.f64);
        throw std::invalid_argument("dtype must be float32 or float64; got " + dtype);
      },
      py::arg("isa") = "", py::arg("dtype") = "float32", py::call_guard<py::gil_scoped_release>(),
      "The multiplications and additions that one core does a second with nothing else to do, measured for 50 ms.");
}

}  // namespace fastbp
