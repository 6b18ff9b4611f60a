#include "core/random.h"

#include <pybind11/stl.h>

#include "bindings/arrays.h"
#include "bindings/register.h"
#include "kernels/dispatch.h"

namespace fastbp {

void register_random(py::module_& m) {
  m.def("philox4x32", &philox4x32, py::arg("counter"), py::arg("key"));
  m.def(
      "random_uniform",
      [](uint64_t seed, uint32_t index, uint64_t first, py::ssize_t count) {
        py::array_t<double> result(count);
        RandomStream stream(seed, Stream::initialize, index);
        double* out = result.mutable_data();
        for (py::ssize_t i = 0; i < count; ++i) out[i] = stream.uniform(first + static_cast<uint64_t>(i));
        return result;
      },
      py::arg("seed"), py::arg("index"), py::arg("first"), py::arg("count"),
      "Numbers first, first + 1, ... in [0, 1) of the initialisers' stream.");
  m.def(
      "shuffled_order",
      [](int32_t n, uint64_t seed, uint32_t epoch, const std::string& isa) {
        py::array_t<int32_t> result(n);
        kernel_table(isa.empty() ? chosen_isa() : isa)
            .shuffle(result.mutable_data(), n, seed, epoch, static_cast<uint32_t>(Stream::shuffle));
        return result;
      },
      py::arg("n"), py::arg("seed"), py::arg("epoch"), py::arg("isa") = "",
      "The order in which an epoch visits its n samples.");
}

}  // namespace fastbp
