// Metrics as sums over samples, samples in columns. To add one: a struct in the header of its family, and its place in
// Metrics at the end.
#pragma once

#include "kernels/accuracy_metrics.h"
#include "kernels/confusion_metrics.h"
#include "kernels/mean_metrics.h"
#include "kernels/regression_metrics.h"

namespace fastbp {
namespace {

template <typename T, typename... F>
struct MetricTable {
  static constexpr MetricKernel<T> entries[] = {
      {F::name, F::sparse, F::uses_scratch, F::settings, F::state_size, F::template accumulate<T>}...};
  static constexpr List<MetricKernel<T>> list = {entries, sizeof...(F)};
};

template <typename T>
using Metrics = MetricTable<
    T, MeanOf<Accuracy>, MeanOf<BinaryAccuracy>, MeanOf<CategoricalAccuracy<false>>, MeanOf<CategoricalAccuracy<true>>,
    MeanOf<TopKCategoricalAccuracy<false>>, MeanOf<TopKCategoricalAccuracy<true>>, Confusion, FBetaScore, R2Score,
    MeanLoss<OverNodes<losses::MeanSquaredError>>, MeanLoss<OverNodes<losses::MeanAbsoluteError>>,
    MeanLoss<OverNodes<losses::MeanAbsolutePercentageError>>, MeanLoss<OverNodes<losses::MeanSquaredLogarithmicError>>,
    MeanLoss<OverNodes<losses::LogCosh>>, MeanLoss<losses::CosineSimilarity>, MeanLoss<OverNodes<losses::Poisson>>,
    MeanLoss<OverNodes<losses::KLDivergence>>, MeanLoss<OverNodes<WithZeros<losses::Hinge>>>,
    MeanLoss<OverNodes<WithZeros<losses::SquaredHinge>>>, MeanLoss<losses::CategoricalHinge>,
    MeanLoss<OverNodes<losses::BinaryCrossentropy>>, MeanLoss<OverClasses<losses::CategoricalCrossentropy>>,
    WithoutIgnored<MeanLoss<OverClasses<losses::SparseCategoricalCrossentropy>>>>;

}  // namespace
}  // namespace fastbp
