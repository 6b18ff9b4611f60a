#include "bindings/register.h"

// Many packages have a library called _core. The controller for threadpoolctl knows this one by this symbol.
extern "C" PYBIND11_EXPORT const char* fastbp_version() { return FASTBP_VERSION; }

PYBIND11_MODULE(_core, m) {
  m.doc() = "The compiled core of fastbp. Private: its names may change.";
  fastbp::register_config(m);
  fastbp::register_kernels(m);
  fastbp::register_random(m);
  fastbp::register_network(m);
  fastbp::register_norm(m);
  fastbp::register_trainer(m);
}
