"""What each loss is tried on: targets and outputs that it is for, activations that give such outputs, other settings.

A loss that is not in CASES is tried as one of numbers, or of labels.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fastbp import reference

EACH = "each"  # a setting of this value stands for a list of one number for each output


def simplex(rng, n, m):
    return rng.dirichlet(np.ones(m), n)


@dataclass(frozen=True)
class Case:
    targets: Callable[[np.random.Generator, int, int], Any] = lambda rng, n, m: rng.normal(size=(n, m))
    outputs: Callable[[np.random.Generator, int, int], Any] = lambda rng, n, m: rng.normal(size=(n, m))
    heads: tuple[str, ...] = ("linear", "tanh")
    settings: tuple[dict[str, Any], ...] = ()  # beside the defaults


NUMBERS = Case()
POSITIVE = Case(
    lambda rng, n, m: rng.exponential(size=(n, m)),
    lambda rng, n, m: rng.exponential(size=(n, m)) + 0.05,
    ("sigmoid", "softmax"),
)
SIGNS = Case(lambda rng, n, m: rng.choice([-1.0, 1.0], (n, m)))
PROBABILITIES = Case(
    lambda rng, n, m: rng.random((n, m)), lambda rng, n, m: rng.uniform(0.01, 0.99, (n, m)), ("sigmoid", "softmax")
)
DISTRIBUTIONS = Case(simplex, lambda rng, n, m: simplex(rng, n, m) + 0.02, ("softmax", "sigmoid"))
LABELS = replace(DISTRIBUTIONS, targets=lambda rng, n, m: rng.integers(0, m, n))
ONE_HOT = replace(NUMBERS, targets=lambda rng, n, m: np.eye(m)[rng.integers(0, m, n)])

CASES = {
    "mean_squared_error": replace(NUMBERS, heads=("linear", "relu", "sigmoid", "softmax", "tanh")),
    "mean_absolute_percentage_error": replace(NUMBERS, targets=lambda rng, n, m: rng.uniform(10, 30, (n, m))),
    "mean_squared_logarithmic_error": POSITIVE,
    "huber": replace(NUMBERS, settings=({"delta": 0.3},)),
    "quantile": replace(NUMBERS, settings=({"quantile": 0.9}, {"quantile": EACH})),
    "poisson": replace(POSITIVE, targets=lambda rng, n, m: rng.poisson(2.0, (n, m)) / 1),
    "kl_divergence": DISTRIBUTIONS,
    "hinge": SIGNS,
    "squared_hinge": SIGNS,
    "categorical_hinge": ONE_HOT,
    "binary_crossentropy": replace(PROBABILITIES, settings=({"label_smoothing": 0.2},)),
    "binary_focal_crossentropy": replace(
        PROBABILITIES,
        settings=(
            {"gamma": 0.0},
            {"gamma": 0.5, "alpha": 0.3},
            {"gamma": 3.0, "alpha": 0.3, "apply_class_balancing": True, "label_smoothing": 0.2},
        ),
    ),
    "categorical_crossentropy": replace(DISTRIBUTIONS, settings=({"label_smoothing": 0.2},)),
    "sparse_categorical_crossentropy": replace(LABELS, settings=({"ignore_class": 0}, {"ignore_class": -1})),
    "categorical_focal_crossentropy": replace(
        DISTRIBUTIONS,
        settings=({"gamma": 0.0}, {"gamma": 0.5, "alpha": EACH}, {"gamma": 3.0, "alpha": 0.5, "label_smoothing": 0.2}),
    ),
    "categorical_generalized_cross_entropy": replace(LABELS, settings=({"q": 0.9},)),
}


def case_of(name):
    return CASES.get(name, LABELS if name in reference.losses.SPARSE else NUMBERS)


HEADS = {name: case_of(name).heads[0] for name in reference.LOSSES}  # the activation that a network for it ends in
FORMS = [  # (loss, from_logits)
    (name, logits) for name, forms in reference.LOSSES.items() for logits in (False, True) if forms[logits]
]
OUTPUTS = [  # (loss, from_logits, output activation): each loss on every activation whose range it takes
    (name, logits, head) for name, logits in FORMS for head in (("linear", "tanh") if logits else case_of(name).heads)
]
SETTINGS = [  # (loss, from_logits, settings)
    (name, logits, settings) for name, logits in FORMS for settings in ({}, *case_of(name).settings)
]


def for_outputs(settings, m):
    """The settings for m outputs."""
    return {name: np.linspace(0.2, 0.8, m).tolist() if value == EACH else value for name, value in settings.items()}


def problem(name, from_logits, n, m, seed=0):
    """Targets and outputs (or logits) of n samples."""
    rng = np.random.default_rng(seed)
    case = case_of(name)
    return case.targets(rng, n, m), (rng.normal(size=(n, m)) * 2 if from_logits else case.outputs(rng, n, m))
