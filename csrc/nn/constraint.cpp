#include "nn/constraint.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace fastbp {
namespace {

constexpr double kEpsilon = 1e-7;  // as Keras has it: a norm of 0 stays 0

struct Kind {
  const char* name;
  size_t numbers;
};
constexpr Kind kKinds[] = {{"non_neg", 0}, {"norm", 3}};  // norm: least, most, rate

}  // namespace

void Constraint::check() const {
  if (name.empty()) return;
  for (const Kind& kind : kKinds) {
    if (name == kind.name && numbers.size() == kind.numbers) return;
  }
  throw std::invalid_argument("unknown constraint '" + name + "' of " + std::to_string(numbers.size()) + " numbers");
}

// What a column, or whatever the norm is of, is multiplied by.
double Constraint::factor(double norm) const {
  const double low = numbers[0], high = numbers[1], rate = numbers[2];
  return (rate * std::clamp(norm, low, high) + (1 - rate) * norm) / (kEpsilon + norm);
}

template <typename T>
void Constraint::apply(T* values, const Block& block) const {
  if (name == "non_neg") {
    for (long r = 0; r < block.rows; ++r) {
      T* const row = values + r * block.stride;
      for (long c = 0; c < block.cols; ++c) row[c] = std::max(row[c], T(0));
    }
    return;
  }
  const Norm of = block.is_vector ? Norm::of_all : norm;
  const long groups = of == Norm::of_columns ? block.cols : of == Norm::of_rows ? block.rows : 1;
  std::vector<double> factors(groups);
  const auto group = [&](long r, long c) { return of == Norm::of_columns ? c : of == Norm::of_rows ? r : 0; };
  for (long r = 0; r < block.rows; ++r) {
    for (long c = 0; c < block.cols; ++c) {
      const double w = values[r * block.stride + c];
      factors[group(r, c)] += w * w;
    }
  }
  for (double& each : factors) each = factor(std::sqrt(each));
  for (long r = 0; r < block.rows; ++r) {
    for (long c = 0; c < block.cols; ++c) values[r * block.stride + c] *= static_cast<T>(factors[group(r, c)]);
  }
}

template void Constraint::apply(float*, const Block&) const;
template void Constraint::apply(double*, const Block&) const;

}  // namespace fastbp
