// Constraints: where a parameter may lie after each step.
#pragma once

#include <string>
#include <vector>

#include "core/arena.h"

namespace fastbp {

struct Constraint {
  enum class Norm { of_columns, of_rows, of_all };  // what a norm is taken of

  std::string name;  // empty: none
  std::vector<double> numbers;
  Norm norm = Norm::of_columns;

  // std::invalid_argument for an unknown name or the wrong number of numbers.
  void check() const;

  // Moves the parameter at `values` to the nearest place that is allowed.
  template <typename T>
  void apply(T* values, const Block& block) const;

 private:
  double factor(double norm) const;
};

}  // namespace fastbp
