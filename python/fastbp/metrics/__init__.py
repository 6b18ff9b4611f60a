"""Metrics: what is reported beside the loss, computed from sums over all samples, without keeping any."""

import inspect
from collections.abc import Mapping
from typing import Any

from fastbp import _registry
from fastbp._registry import Registry, unknown_name
from fastbp.losses import Loss
from fastbp.metrics.accuracy import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
)
from fastbp.metrics.auc import AUC
from fastbp.metrics.confusion import (
    FalseNegatives,
    FalsePositives,
    Precision,
    PrecisionAtRecall,
    Recall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
    TrueNegatives,
    TruePositives,
)
from fastbp.metrics.f_score import F1Score, FBetaScore
from fastbp.metrics.hinge import CategoricalHinge, Hinge, SquaredHinge
from fastbp.metrics.metric import Metric, snake_case
from fastbp.metrics.probabilistic import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    KLDivergence,
    Poisson,
    SparseCategoricalCrossentropy,
)
from fastbp.metrics.reduction import Mean, MeanMetricWrapper, Sum
from fastbp.metrics.regression import (
    CosineSimilarity,
    LogCoshError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    R2Score,
    RootMeanSquaredError,
)

__all__ = [
    "AUC",
    "METRICS",
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "F1Score",
    "FBetaScore",
    "FalseNegatives",
    "FalsePositives",
    "Hinge",
    "KLDivergence",
    "LogCoshError",
    "Mean",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanMetricWrapper",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Metric",
    "Poisson",
    "Precision",
    "PrecisionAtRecall",
    "R2Score",
    "Recall",
    "RecallAtPrecision",
    "RootMeanSquaredError",
    "SensitivityAtSpecificity",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "SpecificityAtSensitivity",
    "SquaredHinge",
    "Sum",
    "TopKCategoricalAccuracy",
    "TrueNegatives",
    "TruePositives",
    "deserialize",
    "get",
    "serialize",
]

METRICS: Registry[Metric] = Registry(
    "metric",
    Metric,
    {
        snake_case(cls.__name__): cls
        for cls in (
            Accuracy,
            BinaryAccuracy,
            CategoricalAccuracy,
            SparseCategoricalAccuracy,
            TopKCategoricalAccuracy,
            SparseTopKCategoricalAccuracy,
            TruePositives,
            TrueNegatives,
            FalsePositives,
            FalseNegatives,
            Precision,
            Recall,
            SensitivityAtSpecificity,
            SpecificityAtSensitivity,
            PrecisionAtRecall,
            RecallAtPrecision,
            AUC,
            F1Score,
            FBetaScore,
            MeanSquaredError,
            RootMeanSquaredError,
            MeanAbsoluteError,
            MeanAbsolutePercentageError,
            MeanSquaredLogarithmicError,
            LogCoshError,
            CosineSimilarity,
            R2Score,
            Poisson,
            KLDivergence,
            BinaryCrossentropy,
            CategoricalCrossentropy,
            SparseCategoricalCrossentropy,
            Hinge,
            SquaredHinge,
            CategoricalHinge,
            Mean,
            Sum,
            MeanMetricWrapper,
        )
    },
    aliases={
        "mse": "mean_squared_error",
        "MSE": "mean_squared_error",
        "mae": "mean_absolute_error",
        "MAE": "mean_absolute_error",
        "mape": "mean_absolute_percentage_error",
        "MAPE": "mean_absolute_percentage_error",
        "msle": "mean_squared_logarithmic_error",
        "MSLE": "mean_squared_logarithmic_error",
        "bce": "binary_crossentropy",
        "BCE": "binary_crossentropy",
    },
)


_ACCURACIES = (SparseCategoricalAccuracy, BinaryAccuracy, CategoricalAccuracy)
_CROSSENTROPIES = (SparseCategoricalCrossentropy, BinaryCrossentropy, CategoricalCrossentropy)
BY_LOSS: dict[str, tuple[type[Metric], ...]] = {  # for labels, for binary targets, for classes
    "accuracy": _ACCURACIES,
    "acc": _ACCURACIES,
    "crossentropy": _CROSSENTROPIES,
    "ce": _CROSSENTROPIES,
}


def _fitting(name: str, loss: Loss, outputs: int | None) -> Metric:
    """What one of BY_LOSS is with that loss, of which it takes over what both have."""
    for_labels, for_binary, for_classes = BY_LOSS[name]
    binary = str(loss.kernel).startswith("binary") or outputs == 1
    fitting: type[Metric] = for_labels if loss.sparse else for_binary if binary else for_classes
    common = {"from_logits", "ignore_class"} & set(inspect.signature(fitting).parameters)
    return fitting(**{argument: getattr(loss, argument) for argument in common})


def get(identifier: Any, loss: Loss | None = None, outputs: int | None = None) -> Metric:
    """The metric that a name, a class, a function, a config or a Metric stands for; a name becomes that in the logs.

    "accuracy" (or "acc") is the accuracy that fits the loss: sparse for labels, binary for binary cross-entropy or a
    single output, else categorical. So is "crossentropy" (or "ce") the cross-entropy. A function of y_true and y_pred
    gives a value for each sample.

    >>> get("mse")
    <metric mse>
    """
    if not isinstance(identifier, str):
        if callable(identifier) and not isinstance(identifier, (type, Metric)):
            return MeanMetricWrapper(identifier, getattr(identifier, "__name__", None))
        return METRICS.get(identifier)
    name = identifier.lower()
    if name in BY_LOSS and loss is not None:
        metric = _fitting(name, loss, outputs)
    elif identifier in METRICS or identifier in METRICS.aliases:
        metric = METRICS.get(identifier)
    elif name in BY_LOSS:
        choices = ", ".join(snake_case(cls.__name__) for cls in BY_LOSS[name])
        raise ValueError(f"{identifier!r} depends on the loss; name one of {choices}")
    else:
        raise unknown_name("metric", identifier, {*METRICS, *BY_LOSS})
    metric.name = identifier
    return metric


def serialize(metric: Metric) -> dict[str, Any]:
    """The metric as Keras writes it, of which JSON can be made.

    >>> serialize(TopKCategoricalAccuracy(k=3))["config"]
    {'name': 'top_k_categorical_accuracy', 'dtype': None, 'k': 3}
    """
    return _registry.serialize(metric)


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Metric:
    """The metric that ``serialize`` described; ``custom_objects`` are classes of your own by name.

    >>> deserialize({"class_name": "TopKCategoricalAccuracy", "config": {"k": 3}}).k
    3
    """
    return METRICS.deserialize(config, custom_objects)
