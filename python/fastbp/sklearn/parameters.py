"""The arguments of the estimators: what each may be."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from fastbp import _data, activations

Check = Callable[[Any, str], Any]

SOLVERS = ("lbfgs", "sgd", "adam")
ACTIVATIONS = {"identity": "linear", "logistic": "sigmoid"}  # scikit-learn's names for ours; the others are the same


def _number(least: float, most: float = math.inf, above: bool = False, below: bool = False) -> Check:
    """A number in a range: from ``least`` to ``most``, or above and below them."""

    def check(value: Any, name: str) -> None:
        number = _data.real(value, name, least, most)
        if (above and number == least) or (below and number == most):
            raise ValueError(f"{name} must be {'above' if number == least else 'below'} {number:g}; got {value}")

    return check


def _whole(least: int) -> Check:
    return lambda value, name: _data.positive_int(value, name, least)


def _one_of(*known: Any) -> Check:
    def check(value: Any, name: str) -> None:
        if not any(value is each or (isinstance(each, str) and value == each) for each in known):
            raise ValueError(f"{name} must be one of {', '.join(map(repr, known))}; got {value!r}")

    return check


def _flag(value: Any, name: str) -> None:
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False; got {type(value).__name__} {value!r}")


def _or(exception: Any, check: Check) -> Check:
    """What ``check`` allows, or one value beside it."""
    return lambda value, name: None if value is exception or value == exception else check(value, name)


def _rates(value: Any, name: str) -> None:
    for rate in value if isinstance(value, Sequence) else [value]:
        _number(0.0, 1.0, below=True)(rate, name)


CHECKS: dict[str, Check] = {
    "solver": _one_of(*SOLVERS),
    "alpha": _number(0.0),
    "batch_size": _or("auto", _whole(1)),
    "learning_rate": _one_of("constant", "invscaling", "adaptive"),
    "learning_rate_init": _number(0.0, above=True),
    "power_t": _number(0.0),
    "max_iter": _whole(1),
    "shuffle": _flag,
    "tol": _number(0.0),
    "warm_start": _flag,
    "momentum": _number(0.0, 1.0),
    "nesterovs_momentum": _flag,
    "early_stopping": _one_of(False, True, "score", "loss"),
    "validation_fraction": _number(0.0, 1.0, below=True),
    "beta_1": _number(0.0, 1.0, below=True),
    "beta_2": _number(0.0, 1.0, below=True),
    "epsilon": _number(0.0, above=True),
    "n_iter_no_change": _or(math.inf, _whole(1)),
    "max_fun": _whole(1),
    "dropout": _rates,
    "batch_norm": _flag,
    "time_budget": _or(None, _number(0.0)),
    "n_threads": _or(None, _whole(1)),
    "dtype": _one_of(None, "float32", "float64", np.float32, np.float64),
}


def check(estimator: Any) -> None:
    """ValueError or TypeError for the first argument of an estimator that is not allowed."""
    for name, allowed in CHECKS.items():
        allowed(getattr(estimator, name), name)


def widths(hidden_layer_sizes: Any) -> list[int]:
    """The hidden layers' widths, of which one may be given as it is.

    >>> widths((100, 20)), widths(5)
    ([100, 20], [5])
    """
    sizes = hidden_layer_sizes if isinstance(hidden_layer_sizes, Iterable) else [hidden_layer_sizes]
    return [_data.positive_int(size, "hidden_layer_sizes") for size in sizes]


def for_each(value: Any, layers: int, name: str) -> list[Any]:
    """One value for each hidden layer, from one for all or a sequence.

    >>> for_each(0.5, 2, "dropout"), for_each(["relu", "tanh"], 2, "activation")
    ([0.5, 0.5], ['relu', 'tanh'])
    """
    if isinstance(value, str) or not isinstance(value, Sequence):
        return [value] * layers
    if len(value) != layers:
        raise ValueError(f"{name} has {len(value)} values; expected one, or one for each of {layers} hidden layers")
    return list(value)


def activation(name: Any) -> activations.Activation:
    """The activation of one of scikit-learn's names, or of ours.

    >>> activation("logistic").name
    'sigmoid'
    """
    return activations.get(ACTIVATIONS.get(name, name) if isinstance(name, str) else name)
