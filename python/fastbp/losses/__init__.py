"""Losses: how far a prediction is from its target, sample by sample.

The loss of a batch is Σᵢ weightᵢ·lossᵢ / batch size, as in Keras's default reduction. Every loss is a class that holds
its settings, and a function that gives the loss of each row.
"""

from collections.abc import Mapping
from typing import Any

from fastbp import _registry
from fastbp._registry import Registry
from fastbp.losses.base import Loss
from fastbp.losses.base import _as_rows as _as_rows
from fastbp.losses.crossentropy import (
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    SparseCategoricalCrossentropy,
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_generalized_cross_entropy,
    sparse_categorical_crossentropy,
)
from fastbp.losses.custom import CustomLoss
from fastbp.losses.hinge import CategoricalHinge, Hinge, SquaredHinge, categorical_hinge, hinge, squared_hinge
from fastbp.losses.probabilistic import KLDivergence, Poisson, kl_divergence, poisson
from fastbp.losses.regression import (
    CosineSimilarity,
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Quantile,
    cosine_similarity,
    huber,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    quantile,
)

__all__ = [
    "LOSSES",
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "CustomLoss",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "Quantile",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy",
    "categorical_hinge",
    "cosine_similarity",
    "deserialize",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "quantile",
    "serialize",
    "sparse_categorical_crossentropy",
    "squared_hinge",
]

LOSSES: Registry[Loss] = Registry(
    "loss",
    Loss,
    {
        str(cls.kernel): cls
        for cls in (
            MeanSquaredError,
            MeanAbsoluteError,
            MeanAbsolutePercentageError,
            MeanSquaredLogarithmicError,
            Huber,
            LogCosh,
            Quantile,
            CosineSimilarity,
            Poisson,
            KLDivergence,
            Hinge,
            SquaredHinge,
            CategoricalHinge,
            BinaryCrossentropy,
            BinaryFocalCrossentropy,
            CategoricalCrossentropy,
            SparseCategoricalCrossentropy,
            CategoricalFocalCrossentropy,
            CategoricalGeneralizedCrossEntropy,
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
        "logcosh": "log_cosh",
        "kld": "kl_divergence",
        "KLD": "kl_divergence",
        "kullback_leibler_divergence": "kl_divergence",
        "bce": "binary_crossentropy",
        "BCE": "binary_crossentropy",
    },
)


def get(identifier: Any) -> Loss:
    """The loss of that name, class, config or function of this module, or the given one.

    Any other function becomes a CustomLoss.

    >>> get("mse")
    <loss mean_squared_error>
    >>> get({"class_name": "Huber", "config": {"delta": 2.0}}).delta
    2.0
    """
    if callable(identifier) and not isinstance(identifier, (type, Loss)):
        name = getattr(identifier, "__name__", "")
        if name not in LOSSES.members or identifier is not globals()[name]:
            return CustomLoss(identifier)
        identifier = name
    return LOSSES.get(identifier)


def serialize(loss: Loss) -> dict[str, Any]:
    """The loss as Keras writes it, of which ``deserialize`` makes an equal one.

    >>> config = serialize(Huber(delta=2.0))
    >>> config["class_name"], config["config"]["delta"]
    ('Huber', 2.0)
    """
    return _registry.serialize(get(loss))


def deserialize(name: Any, custom_objects: Mapping[str, Any] | None = None) -> Loss:
    """The loss of a name, or of what ``serialize`` gave.

    >>> deserialize(serialize(Huber(delta=2.0))).delta
    2.0
    """
    if isinstance(name, Mapping):
        return LOSSES.deserialize(name, custom_objects)
    return get((custom_objects or {}).get(name, name))
