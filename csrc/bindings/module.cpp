#include "bindings/register.h"

PYBIND11_MODULE(_core, m) {
  m.doc() = "The compiled core of fastbp. Private: its names may change.";
  fastbp::register_config(m);
  fastbp::register_kernels(m);
  fastbp::register_random(m);
  fastbp::register_network(m);
  fastbp::register_trainer(m);
}
