// What the files of the bindings add to the module.
#pragma once

#include <pybind11/pybind11.h>

#include <string>

namespace fastbp {

// The instruction set chosen at import: the best available, or FASTBP_ISA.
const std::string& chosen_isa();

void register_config(pybind11::module_& m);
void register_kernels(pybind11::module_& m);
void register_network(pybind11::module_& m);
void register_norm(pybind11::module_& m);
void register_random(pybind11::module_& m);
void register_trainer(pybind11::module_& m);

}  // namespace fastbp
