// What was built, what this machine has, what was chosen.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <cstdlib>

#include "bindings/register.h"
#include "kernels/dispatch.h"

namespace fastbp {

namespace py = pybind11;

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
}

}  // namespace fastbp
