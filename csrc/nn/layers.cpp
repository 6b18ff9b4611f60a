#include "nn/layers.h"

#include <stdexcept>

#include "kernels/dispatch.h"
#include "nn/activation.h"
#include "nn/activity_regularization.h"
#include "nn/batch_normalization.h"
#include "nn/dense.h"
#include "nn/layer_normalization.h"
#include "nn/noise.h"
#include "nn/residual.h"

namespace fastbp {
namespace {

template <typename T>
class Maker {
 public:
  Maker(const Kernels<T>& kernels, ParameterArena<T>& arena) : kernels_(kernels), arena_(arena) {}

  Stack<T> stack(long inputs, const std::vector<LayerSpec<T>>& specs) {
    if (inputs < 1 || specs.empty()) throw std::invalid_argument("a network needs at least one input and one layer");
    std::vector<std::unique_ptr<Layer<T>>> layers;
    for (const LayerSpec<T>& spec : specs) {
      layers.push_back(layer(inputs, spec));
      inputs = layers.back()->outputs();
    }
    return Stack<T>(std::move(layers));
  }

 private:
  using Made = std::unique_ptr<Layer<T>>;

  Made layer(long inputs, const LayerSpec<T>& spec) {
    const auto& s = spec.settings;
    if (spec.kind == "dense") {
      if (spec.units < 1) throw std::invalid_argument("units must be at least 1; got " + std::to_string(spec.units));
      return std::make_unique<Dense<T>>(arena_, nonlinearity(spec, spec.units), inputs, spec.units, spec.use_bias);
    }
    if (spec.kind == "activation") return std::make_unique<Activation<T>>(nonlinearity(spec, inputs), inputs);
    if (spec.kind == "function") return std::make_unique<Function<T>>(spec.function, inputs);
    if (spec.kind == "noise") {
      const NoiseKernel<T>& kernel = find_by_name(kernels_.noises, spec.name, "random layer");
      require_settings(kernel, s, inputs);
      return std::make_unique<NoiseLayer<T>>(kernel, s, inputs, noises_++, spec.seed);
    }
    if (spec.kind == "batch_normalization") {  // momentum, epsilon, center, scale
      require_numbers(spec, 4);
      return std::make_unique<BatchNormalization<T>>(arena_, inputs, s[0], s[1], s[2] != 0, s[3] != 0);
    }
    if (spec.kind == "layer_normalization") {  // epsilon, center, scale, by the root mean square
      require_numbers(spec, 4);
      return std::make_unique<LayerNormalization<T>>(arena_, inputs, s[0], s[1] != 0, s[2] != 0, s[3] != 0);
    }
    if (spec.kind == "normalization") {  // invert
      require_numbers(spec, 1);
      return std::make_unique<Normalization<T>>(arena_, inputs, s[0] != 0);
    }
    if (spec.kind == "rescaling") {  // scales, and offsets
      require_numbers(spec, inputs);
      if (spec.offsets.size() != s.size()) throw std::invalid_argument("rescaling needs as many offsets as scales");
      return std::make_unique<Rescaling<T>>(s, spec.offsets);
    }
    if (spec.kind == "activity_regularization") {  // l1, l2
      require_numbers(spec, 2);
      return std::make_unique<ActivityRegularization<T>>(inputs, s[0], s[1]);
    }
    if (spec.kind == "residual") {
      const ActivationKernel<T>& linear = find_by_name(kernels_.activations, "linear", "activation");
      return std::make_unique<Residual<T>>(arena_, stack(inputs, spec.layers), linear);
    }
    throw std::invalid_argument("unknown kind of layer '" + spec.kind + "'");
  }

  Nonlinearity<T> nonlinearity(const LayerSpec<T>& spec, long nodes) const {
    const ActivationKernel<T>& kernel = find_by_name(kernels_.activations, spec.name, "activation");
    require_settings(kernel, spec.settings, nodes);
    return {&kernel, spec.settings};
  }

  static void require_numbers(const LayerSpec<T>& spec, long count) {
    if (static_cast<long>(spec.settings.size()) == count) return;
    throw std::invalid_argument(spec.kind + " takes " + std::to_string(count) + " settings; got " +
                                std::to_string(spec.settings.size()));
  }

  const Kernels<T>& kernels_;
  ParameterArena<T>& arena_;
  uint32_t noises_ = 0;
};

}  // namespace

template <typename T>
Stack<T> make_stack(const Kernels<T>& kernels, ParameterArena<T>& arena, long inputs,
                    const std::vector<LayerSpec<T>>& specs) {
  return Maker<T>(kernels, arena).stack(inputs, specs);
}

template Stack<float> make_stack(const Kernels<float>&, ParameterArena<float>&, long,
                                 const std::vector<LayerSpec<float>>&);
template Stack<double> make_stack(const Kernels<double>&, ParameterArena<double>&, long,
                                  const std::vector<LayerSpec<double>>&);

}  // namespace fastbp
