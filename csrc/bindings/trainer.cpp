#include "nn/trainer.h"

#include <pybind11/stl.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <tuple>

#include "bindings/arrays.h"
#include "bindings/network.h"
#include "bindings/register.h"

namespace fastbp {
namespace {

// The arrays of a fit, held as long as they are borrowed.
template <typename T>
struct HeldSamples {
  py::array x;
  py::array y;
  std::optional<py::array> sample_weight;
  Samples<T> view;
  int32_t highest_label;
};

template <typename T>
HeldSamples<T> make_samples(py::array x, py::array y, std::optional<py::array> sample_weight) {
  Samples<T> view = {};
  view.x = matrix_of<T>(x, "x");
  const long n = view.x.rows;
  int32_t highest = 0;
  if (n < 1 || n > std::numeric_limits<int32_t>::max()) {
    throw std::invalid_argument("x must have between 1 and 2^31 - 1 rows; got " + std::to_string(n));
  }
  if (y.ndim() == 1) {
    view.labels = vector_of<int32_t>(y, n, "labels");
    const auto [low, high] = std::minmax_element(view.labels, view.labels + n);
    if (*low < 0) throw std::invalid_argument("label " + std::to_string(*low) + " is out of range");
    highest = *high;
  } else {
    view.y = matrix_of<T>(y, "y");
    if (view.y.rows != n) throw std::invalid_argument("x and y differ in length");
  }
  if (sample_weight) view.sample_weight = vector_of<T>(*sample_weight, n, "sample_weight");
  return {std::move(x), std::move(y), std::move(sample_weight), view, highest};
}

template <typename T>
void require_fit(const Trainer<T>& trainer, const HeldSamples<T>& held, long batch_size, long first, long last) {
  const Network<T>& network = trainer.network();
  const Samples<T>& samples = held.view;
  const long n = samples.x.rows;
  if (!trainer.has_loss()) throw std::invalid_argument("the trainer has no loss");
  if (samples.x.cols != network.inputs()) throw std::invalid_argument("x does not have the network's columns");
  if (trainer.sparse() != (samples.labels != nullptr)) throw std::invalid_argument("the loss takes another kind of y");
  if (samples.labels) {
    if (held.highest_label >= network.outputs()) {
      throw std::invalid_argument("label " + std::to_string(held.highest_label) + " is out of range");
    }
  } else if (samples.y.cols != network.outputs()) {
    throw std::invalid_argument("y does not have the network's outputs");
  }
  if (batch_size < 1 || first < 0 || last < first || last > (n + batch_size - 1) / batch_size) {
    throw std::invalid_argument("no such batches");
  }
}

template <typename T>
std::atomic<bool>& busy_flag(const Trainer<T>& trainer) {
  return static_cast<PyNetwork<T>&>(trainer.network()).busy;  // the constructor takes no other
}

template <typename T>
void register_trainer_of(py::module_& m, const char* name, const char* samples_name) {
  using Train = Trainer<T>;
  using Held = HeldSamples<T>;
  py::class_<Held>(m, samples_name)
      .def(py::init(&make_samples<T>), py::arg("x"), py::arg("y"), py::arg("sample_weight") = py::none());
  py::class_<Train, std::shared_ptr<Train>>(m, name)
      .def(py::init([](std::shared_ptr<PyNetwork<T>> network, const std::string& loss,
                       const std::vector<double>& loss_settings, bool from_logits, const std::string& optimizer,
                       const std::vector<std::tuple<std::string, std::vector<double>, bool>>& metrics, uint64_t seed) {
             typename Trainer<T>::Settings settings = {loss, loss_settings, from_logits, optimizer, {}, seed};
             for (const auto& [metric, numbers, weighted] : metrics) {
               settings.metrics.push_back({metric, numbers, weighted});
             }
             return std::make_shared<Train>(std::move(network), settings);
           }),
           py::arg("network"), py::arg("loss"), py::arg("loss_settings"), py::arg("from_logits"), py::arg("optimizer"),
           py::arg("metrics"), py::arg("seed"))
      .def_property(
          "iterations", [](Train& self) { return self.optimizer().iterations(); },
          [](Train& self, long steps) { self.optimizer().set_iterations(steps); }, "Updates made so far.")
      .def_property("store_gradients", &Train::store_gradients, &Train::set_store_gradients,
                    "Whether gradients are stored first, and not applied as they are computed.")
      .def_property("force_team", &Train::forces_team, &Train::set_forces_team,
                    "Whether calls take as many threads as they may, even where fewer would be done sooner.")
      .def_property_readonly("metric_sizes", &Train::metric_sizes, "How many sums each metric is computed from.")
      .def_property_readonly("team_size", &Train::team_size, "How many threads the last call took.")
      .def("set_threads", &Train::set_threads, py::arg("most"), "The most threads that a call may take.")
      .def(
          "set_hyperparameters",
          [](Train& self, const std::vector<double>& values) { self.optimizer().set_hyperparameters(values); },
          py::arg("values"))
      .def(
          "slots",
          [](py::object self) {
            Train& trainer = self.cast<Train&>();
            std::vector<std::vector<py::array>> slots(trainer.optimizer().kernel().slot_count);
            for (size_t i = 0; i < slots.size(); ++i) {
              for (const auto& layer : trainer.network().layers()) {
                for (const Block& block : layer->parameters()) {
                  slots[i].push_back(view_of(trainer.optimizer().slot(static_cast<int>(i)), block, self));
                }
              }
            }
            return slots;
          },
          "Writable views of the optimiser's slots, each in the order of the weights.")
      .def(
          "train",
          [](Train& self, const Held& samples, long batch_size, std::optional<uint32_t> shuffle_epoch, long first,
             long last) {
            require_fit(self, samples, batch_size, first, last);
            const Busy busy(busy_flag(self));
            Poll poll = signal_poll();
            py::gil_scoped_release release;  // the arrays are held by `samples`, and that by this call
            return self.train(samples.view, batch_size, shuffle_epoch, first, last, poll);
          },
          py::arg("samples"), py::arg("batch_size"), py::arg("shuffle_epoch"), py::arg("first"), py::arg("last"),
          "Trains on batches [first, last) of an epoch; Σ weight · loss and the number of samples, then the state of "
          "each metric.")
      .def(
          "evaluate",
          [](Train& self, const Held& samples, long batch_size, long first, long last) {
            require_fit(self, samples, batch_size, first, last);
            const Busy busy(busy_flag(self));
            Poll poll = signal_poll();
            py::gil_scoped_release release;
            return self.evaluate(samples.view, batch_size, first, last, poll);
          },
          py::arg("samples"), py::arg("batch_size"), py::arg("first"), py::arg("last"))
      .def(
          "gradients",
          [](Train& self, const Held& samples) {
            require_fit(self, samples, samples.view.x.rows, 0, 1);
            const Busy busy(busy_flag(self));
            Poll poll = signal_poll();
            py::gil_scoped_release release;
            return self.gradients(samples.view, poll);
          },
          py::arg("samples"), "Stores the gradients of the loss over all samples, and changes nothing else.")
      .def(
          "apply_gradients",
          [](Train& self) {
            const Busy busy(busy_flag(self));
            self.apply_gradients();
          },
          "One step of the optimiser by the gradients that are stored.");
}

}  // namespace

void register_trainer(py::module_& m) {
  m.def(
      "plan_of",
      [](long batch, long gradients) {
        const Plan plan = plan_of(batch, gradients);
        return py::dict(py::arg("samples_in_columns") = plan.layout == samples_in_columns,
                        py::arg("chunk") = plan.chunk, py::arg("groups") = plan.groups);
      },
      py::arg("batch"), py::arg("gradients"),
      "How a batch is cut, if so many bytes of gradients are to be computed (0: none).");
  register_trainer_of<float>(m, "Trainer32", "Samples32");
  register_trainer_of<double>(m, "Trainer64", "Samples64");
}

}  // namespace fastbp
