// Layers by their descriptions.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nn/function.h"
#include "nn/stack.h"

namespace fastbp {

// What a layer is made from. Which members count depends on the kind; see layers.cpp.
template <typename T>
struct LayerSpec {
  std::string kind;
  long units = 0;
  bool use_bias = true;
  std::string name;  // of an activation's or a random layer's kernel
  std::vector<double> settings;
  std::vector<double> offsets;
  std::optional<uint64_t> seed;  // of a random layer; without one it takes the network's
  ElementFunction<T> function;
  std::vector<LayerSpec> layers;
};

// The stack that the descriptions stand for, its parameters declared in the arena. std::invalid_argument for what
// makes no sense.
template <typename T>
Stack<T> make_stack(const Kernels<T>& kernels, ParameterArena<T>& arena, long inputs,
                    const std::vector<LayerSpec<T>>& specs);

extern template Stack<float> make_stack(const Kernels<float>&, ParameterArena<float>&, long,
                                        const std::vector<LayerSpec<float>>&);
extern template Stack<double> make_stack(const Kernels<double>&, ParameterArena<double>&, long,
                                         const std::vector<LayerSpec<double>>&);

}  // namespace fastbp
