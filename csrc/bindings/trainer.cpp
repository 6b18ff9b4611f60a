#include "nn/trainer.h"

#include <pybind11/stl.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <tuple>

#include "bindings/arrays.h"
#include "bindings/network.h"
#include "bindings/register.h"
#include "nn/pace.h"

namespace fastbp {
namespace {

// The arrays of a fit, held as long as they are borrowed.
template <typename T>
struct HeldSamples {
  HeldInputs<T> x;
  py::array y;
  std::optional<py::array> sample_weight;
  Samples<T> view;
  int32_t lowest_label;
  int32_t highest_label;
};

template <typename T>
HeldSamples<T> make_samples(const py::object& x_object, py::array y, std::optional<py::array> sample_weight) {
  Samples<T> view = {};
  HeldInputs<T> x = inputs_of<T>(x_object);
  view.x = x.view;
  const long n = view.x.rows();
  int32_t lowest = 0, highest = 0;
  if (n < 1 || n > std::numeric_limits<int32_t>::max()) {
    throw std::invalid_argument("x must have between 1 and 2^31 - 1 rows; got " + std::to_string(n));
  }
  if (y.ndim() == 1) {
    view.labels = vector_of<int32_t>(y, n, "labels");
    const auto [low, high] = std::minmax_element(view.labels, view.labels + n);
    lowest = *low, highest = *high;
  } else {
    view.y = matrix_of<T>(y, "y");
    if (view.y.rows != n) throw std::invalid_argument("x and y differ in length");
  }
  if (sample_weight) view.sample_weight = vector_of<T>(*sample_weight, n, "sample_weight");
  return {std::move(x), std::move(y), std::move(sample_weight), view, lowest, highest};
}

template <typename T>
void require_fit(const Trainer<T>& trainer, const HeldSamples<T>& held, long batch_size, long first, long last) {
  const Network<T>& network = trainer.network();
  const Samples<T>& samples = held.view;
  const long n = samples.x.rows();
  if (!trainer.has_loss()) throw std::invalid_argument("the trainer has no loss");
  require_inputs(samples.x, network);
  if (trainer.sparse() != (samples.labels != nullptr)) throw std::invalid_argument("the loss takes another kind of y");
  if (samples.labels) {
    const bool low = held.lowest_label < 0, high = held.highest_label >= network.outputs();
    if ((low || high) && !trainer.settings().ignored_label) {
      const int32_t label = low ? held.lowest_label : held.highest_label;
      throw std::invalid_argument("label " + std::to_string(label) + " is out of range");
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

// A batch as Python's functions get it: targets (n, outputs) or labels (n), outputs (n, outputs), weights (n) or None.
template <typename T>
std::tuple<py::object, py::object, py::object> arrays_of(const Outcome<T>& o) {
  const auto [y, targets, labels, weights] = o;
  const auto matrix = [&y](const T* data) {
    return samples_view(data, y.rows, y.cols, y.stride, samples_in_columns, false);
  };
  const py::object expected = labels ? py::object(py::array_t<int32_t>(y.cols, labels)) : py::object(matrix(targets));
  return {expected, matrix(y.data), weights ? py::object(py::array_t<T>(y.cols, weights)) : py::none()};
}

template <typename T>
typename Trainer<T>::Settings settings_of(const py::dict& d) {
  typename Trainer<T>::Settings settings;
  settings.optimizer = py::cast<std::string>(d["optimizer"]);
  settings.seed = py::cast<uint64_t>(d["seed"]);
  if (d.contains("loss")) settings.loss = py::cast<std::string>(d["loss"]);
  if (d.contains("loss_settings")) settings.loss_settings = py::cast<std::vector<double>>(d["loss_settings"]);
  if (d.contains("from_logits")) settings.from_logits = py::cast<bool>(d["from_logits"]);
  if (d.contains("metrics")) {
    using Metric = std::tuple<std::string, std::vector<double>, bool>;
    for (const auto& [name, numbers, weighted] : py::cast<std::vector<Metric>>(d["metrics"])) {
      settings.metrics.push_back({name, numbers, weighted});
    }
  }
  if (d.contains("reduction")) {
    const auto name = py::cast<std::string>(d["reduction"]);
    settings.reduction = name == "sum"             ? Reduction::sum
                         : name == "weighted_mean" ? Reduction::weighted_mean
                                                   : Reduction::mean;
  }
  if (d.contains("loss_weight")) settings.loss_weight = py::cast<double>(d["loss_weight"]);
  if (d.contains("ignored_label")) settings.ignored_label = py::cast<int32_t>(d["ignored_label"]);
  if (d.contains("own_loss_sparse")) settings.own_loss_sparse = py::cast<bool>(d["own_loss_sparse"]);
  if (d.contains("own_loss")) {  // (targets, outputs) -> (losses (n), slopes (n, outputs))
    settings.own_loss = [f = SharedObject(d["own_loss"])](T* values, T* slopes, const Outcome<T>& outcome) {
      const py::gil_scoped_acquire gil;
      const auto [expected, output, weights] = arrays_of(outcome);
      const auto [v, s] = py::cast<std::tuple<py::array, py::array>>(f.get()(expected, output));
      const MatrixView<const T> y = outcome.output;
      const MatrixView<const T> rows = matrix_of<T>(s, "the slopes of the loss");
      if (rows.rows != y.cols || rows.cols != y.rows) throw std::invalid_argument("slopes of another shape");
      std::copy_n(vector_of<T>(v, y.cols, "the losses"), y.cols, values);
      for (long n = 0; n < y.rows; ++n) {
        for (long i = 0; i < y.cols; ++i) slopes[n * y.stride + i] = rows.row(i)[n];
      }
    };
  }
  if (d.contains("own_metrics")) {  // (targets, outputs, weights)
    settings.own_metrics = [f = SharedObject(d["own_metrics"])](const Outcome<T>& outcome) {
      const py::gil_scoped_acquire gil;
      const auto [expected, output, weights] = arrays_of(outcome);
      f.get()(expected, output, weights);
    };
  }
  return settings;
}

template <typename T>
Totals totals_of(const Trainer<T>& trainer, std::optional<Totals> given) {
  Totals totals = trainer.no_totals();
  if (!given) return totals;
  if (given->size() != totals.size()) {
    throw std::invalid_argument("there are " + std::to_string(totals.size()) + " totals; got " +
                                std::to_string(given->size()));
  }
  return *std::move(given);
}

template <typename T>
void set_update(Trainer<T>& trainer, const py::dict& d, const py::list& treatments) {
  const auto number = [&d](const char* name) { return d.contains(name) ? py::cast<double>(d[name]) : 0.0; };
  UpdateSettings settings;
  settings.weight_decay = number("weight_decay");
  settings.clip_value = number("clipvalue");
  settings.clip_norm = number("clipnorm");
  settings.global_clip_norm = number("global_clipnorm");
  settings.accumulation_steps = std::max(1L, static_cast<long>(number("gradient_accumulation_steps")));
  settings.use_mean = number("use_ema") != 0;
  settings.mean_momentum = number("ema_momentum");
  settings.mean_overwrites = static_cast<long>(number("ema_overwrite_frequency"));
  std::vector<Treatment> each;
  for (const py::handle of : treatments) {
    using Fields = std::tuple<bool, double, double, bool, std::string, std::vector<double>, int>;
    const auto [decays, l1, l2, per_sample, name, numbers, norm] = py::cast<Fields>(of);
    if (norm < 0 || norm > 2) throw std::invalid_argument("a norm is of columns (0), of rows (1) or of all (2)");
    each.push_back({decays, l1, l2, per_sample, {name, numbers, static_cast<Constraint::Norm>(norm)}});
  }
  trainer.update().set(settings, trainer.network().stack().parameters(), each);
}

template <typename T>
void register_trainer_of(py::module_& m, const char* name, const char* samples_name) {
  using Train = Trainer<T>;
  using Held = HeldSamples<T>;
  py::class_<Held>(m, samples_name)
      .def(py::init(&make_samples<T>), py::arg("x"), py::arg("y"), py::arg("sample_weight") = py::none());
  py::class_<Train, std::shared_ptr<Train>>(m, name)
      .def(py::init([](std::shared_ptr<PyNetwork<T>> network, const py::dict& settings) {
             return std::make_shared<Train>(std::move(network), settings_of<T>(settings));
           }),
           py::arg("network"), py::arg("settings"))
      .def_property(
          "iterations", [](Train& self) { return self.optimizer().iterations(); },
          [](Train& self, long steps) { self.optimizer().set_iterations(steps); }, "Updates made so far.")
      .def_property(
          "batches", [](Train& self) { return self.update().batches(); },
          [](Train& self, long n) { self.update().set_batches(n); },
          "Batches trained on so far: more than updates, where gradients are added up over several.")
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
      .def_property_readonly(
          "trained",
          [](const Train& self) {
            std::vector<bool> flags;
            for (const Parameter& each : self.network().stack().parameters()) flags.push_back(each.trainable);
            return flags;
          },
          "Which of the weights are trained.")
      .def("set_update", &set_update<T>, py::arg("settings"), py::arg("treatments"),
           "How gradients become steps: settings of all, and a treatment for each parameter.")
      .def(
          "set_rates",
          [](Train& self, long first, std::vector<double> rates) { self.update().set_rates(first, std::move(rates)); },
          py::arg("first"), py::arg("rates"), "The learning rates of the batches from number `first` on.")
      .def(
          "take_means", [](Train& self) { self.update().take_means(); },
          "Puts the running means of the weights into the weights, if there are any.")
      .def(
          "buffers",
          [](py::object self) {
            Train& trainer = self.cast<Train&>();
            std::vector<std::vector<py::array>> buffers;
            for (T* buffer : {trainer.update().means(), trainer.update().accumulated()}) {
              buffers.push_back(buffer ? views(buffer, trainer.network(), self) : std::vector<py::array>{});
            }
            return buffers;
          },
          "Writable views of the running means of the weights, and of the gradients added up so far; empty where there "
          "are none.")
      .def(
          "slots",
          [](py::object self) {
            Train& trainer = self.cast<Train&>();
            std::vector<std::vector<py::array>> slots(trainer.optimizer().kernel().slot_count);
            for (size_t i = 0; i < slots.size(); ++i) {
              slots[i] = views(trainer.optimizer().slot(static_cast<int>(i)), trainer.network(), self);
            }
            return slots;
          },
          "Writable views of the optimiser's slots, each in the order of the weights.")
      .def(
          "train",
          [](Train& self, const Held& samples, long batch_size, std::optional<uint32_t> shuffle_epoch, long first,
             long last, std::optional<Totals> totals) {
            require_fit(self, samples, batch_size, first, last);
            Totals so_far = totals_of(self, std::move(totals));
            const Busy busy(busy_flag(self));
            Poll poll = signal_poll();
            py::gil_scoped_release release;  // the arrays are held by `samples`, and that by this call
            return self.train(samples.view, batch_size, shuffle_epoch, first, last, std::move(so_far), poll);
          },
          py::arg("samples"), py::arg("batch_size"), py::arg("shuffle_epoch"), py::arg("first"), py::arg("last"),
          py::arg("totals") = py::none(),
          "Trains on batches [first, last) of an epoch; Σ weight · loss and the number of samples, then the state of "
          "each metric, all added to `totals`.")
      .def(
          "train_epochs",
          [](Train& self, py::array_t<double> totals, const Held& samples, long batch_size,
             std::optional<uint32_t> shuffle_epoch) {
            require_fit(self, samples, batch_size, 0, 0);
            const MatrixView<const double> rows = matrix_of<double>(totals, "totals");
            if (rows.rows < 1 || rows.cols != self.totals() || rows.stride != rows.cols) {
              throw std::invalid_argument("totals must be contiguous, (epochs, " + std::to_string(self.totals()) + ")");
            }
            const Busy busy(busy_flag(self));
            Poll poll = signal_poll();
            double* const data = totals.mutable_data();
            py::gil_scoped_release release;
            self.train_epochs(samples.view, batch_size, shuffle_epoch, {data, rows.rows, rows.cols, rows.stride}, poll);
          },
          py::arg("totals").noconvert(), py::arg("samples"), py::arg("batch_size"), py::arg("shuffle_epoch"),
          "Trains for whole epochs, each of which adds to its row of `totals` what `train` returns.")
      .def(
          "evaluate",
          [](Train& self, const Held& samples, long batch_size, long first, long last, std::optional<Totals> totals) {
            require_fit(self, samples, batch_size, first, last);
            Totals so_far = totals_of(self, std::move(totals));
            const Busy busy(busy_flag(self));
            Poll poll = signal_poll();
            py::gil_scoped_release release;
            return self.evaluate(samples.view, batch_size, first, last, std::move(so_far), poll);
          },
          py::arg("samples"), py::arg("batch_size"), py::arg("first"), py::arg("last"), py::arg("totals") = py::none())
      .def(
          "gradients",
          [](Train& self, const Held& samples) {
            require_fit(self, samples, samples.view.x.rows(), 0, 1);
            const Busy busy(busy_flag(self));
            Poll poll = signal_poll();
            py::gil_scoped_release release;
            return self.gradients(samples.view, poll);
          },
          py::arg("samples"), "Stores the gradients of the loss over all samples, and changes nothing else.")
      .def(
          "apply_gradients",
          [](Train& self, bool penalties) {
            const Busy busy(busy_flag(self));
            self.apply_gradients(penalties);
          },
          py::arg("penalties"),
          "One step of the optimiser by the gradients that are stored, with or without the slopes of penalties added.");
}

}  // namespace

void register_trainer(py::module_& m) {
  m.def(
      "pace_of",
      [](double gain, double alone, double shared, long steps, long call) {
        std::vector<std::pair<bool, long>> stretches;
        Pace pace(gain, alone);
        for (long done = 0; done < steps; done += stretches.back().second) {
          if (call > 0 && done > 0 && done % call == 0) pace.renew();
          const Pace::Stretch stretch = pace.next(std::min(steps, call > 0 ? (done / call + 1) * call : steps) - done);
          pace.record(stretch, static_cast<double>(stretch.steps) * (stretch.shared ? shared : alone));
          stretches.emplace_back(stretch.shared, stretch.steps);
        }
        return stretches;
      },
      py::arg("gain"), py::arg("alone"), py::arg("shared"), py::arg("steps"), py::arg("call") = 0,
      "How so many steps are taken that need `alone` seconds each by one thread and `shared` by a team, expected to be "
      "`gain` times as fast: whether by the team, and how many. After each `call` steps, if given, there is a rest.");
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
