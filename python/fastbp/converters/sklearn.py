"""From scikit-learn."""

from collections.abc import Callable
from typing import Any

import numpy as np

from fastbp import activations
from fastbp.converters.assembly import Part, assembled, dense, unsupported
from fastbp.models import Sequential

ACTIVATIONS = {
    "identity": "linear",
    "logistic": "sigmoid",
    "tanh": "tanh",
    "relu": "relu",
    "softmax": "softmax",
    "exp": "exponential",
}


def _perceptron(estimator: Any) -> list[Part]:
    names = [estimator.activation] * (len(estimator.coefs_) - 1) + [estimator.out_activation_]
    layers = zip(estimator.coefs_, estimator.intercepts_, names, strict=True)
    return [dense(w, b, activations.get(ACTIVATIONS[name]), f"layer {i}") for i, (w, b, name) in enumerate(layers)]


def _linear(activation: Callable[[int], str]) -> Callable[[Any], list[Part]]:
    """What makes one layer of a linear model, with an activation by the number of outputs."""

    def read(estimator: Any) -> list[Part]:
        kernel = np.atleast_2d(estimator.coef_).T
        bias = np.broadcast_to(np.asarray(estimator.intercept_, kernel.dtype), kernel.shape[1:])
        return [dense(kernel, bias, activations.get(activation(kernel.shape[1])), type(estimator).__name__)]

    return read


_plain = _linear(lambda outputs: "linear")
ESTIMATORS: dict[str, Callable[[Any], list[Part]]] = {
    "MLPClassifier": _perceptron,
    "MLPRegressor": _perceptron,
    "LogisticRegression": _linear(lambda outputs: "sigmoid" if outputs == 1 else "softmax"),
    "LinearRegression": _plain,
    "Ridge": _plain,
    "Lasso": _plain,
    "ElasticNet": _plain,
    "SGDRegressor": _plain,
}


def from_sklearn(estimator: Any) -> Sequential:
    """The network of a fitted estimator: MLPClassifier, MLPRegressor, LogisticRegression or a linear regressor.

    Its outputs are what ``predict_proba`` gives, or ``predict`` of a regressor; with two classes there is one output,
    the probability of the second. The classes' names stay behind: ``estimator.classes_[outputs.argmax(axis=1)]``.
    The weights are copied bit for bit.

    Raises:
        ValueError: for another estimator, or one that is not fitted.

    >>> from_sklearn(3)
    Traceback (most recent call last):
        ...
    TypeError: expected an estimator of scikit-learn; got int
    """
    name = type(estimator).__name__
    if not type(estimator).__module__.startswith("sklearn."):
        raise TypeError(f"expected an estimator of scikit-learn; got {name}")
    if name not in ESTIMATORS:
        raise unsupported("the estimator", name, ESTIMATORS)
    if not hasattr(estimator, "coefs_" if name.startswith("MLP") else "coef_"):
        raise ValueError(f"the {name} is not fitted: it has no weights yet")
    if name == "LogisticRegression" and len(estimator.classes_) > 2 and _one_against_rest(estimator):
        raise ValueError("the LogisticRegression has a model for each class; only a multinomial one is a network")
    return assembled(ESTIMATORS[name](estimator))


def _one_against_rest(estimator: Any) -> bool:
    return estimator.solver == "liblinear" or getattr(estimator, "multi_class", "auto") == "ovr"
