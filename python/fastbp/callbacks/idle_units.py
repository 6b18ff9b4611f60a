"""Units that do nothing, or say always the same: dead ReLUs and saturated units."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp import _core
from fastbp.threads import get_num_threads

Array = npt.NDArray[Any]

FLOORS = {"relu": 0.0, "relu6": 0.0}  # what a unit that does not fire gives, by activation
RANGES = {  # between what the values of a unit lie, by activation
    "sigmoid": (0.0, 1.0),
    "hard_sigmoid": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "hard_tanh": (-1.0, 1.0),
    "softsign": (-1.0, 1.0),
}
EDGE = 0.01  # of the range: a value so close to an end is saturated
MOSTLY = 0.9  # a unit whose values are saturated for that share of the samples is saturated


@dataclass(frozen=True)
class Stretch:
    """Layers of a model up to the next whose units may be idle, as a network of its own."""

    number: int  # of the last of them, from 1
    activation: str
    network: Any
    weights: list[tuple[Array, Array]]  # the network's, and the model's, both as views


class IdleUnits:
    """Counts the idle units of a model's layers on samples x. The layers after the last that can have some are left
    out.
    """

    def __init__(self, model: Any, x: Any) -> None:
        self._rows = model._inputs(x)
        self._stretches: list[Stretch] = []
        core: Any = _core.Network32 if model.dtype == np.float32 else _core.Network64
        inputs, specs, views = self._rows.shape[1], [], []
        for number, (layer, width) in enumerate(model._widths(self._rows.shape[1]), 1):
            specs += layer._specs(width)
            views += layer.weights
            name = getattr(getattr(layer, "activation", None), "name", None)
            if name in FLOORS or name in RANGES:
                network = core(inputs, specs, model._isa)
                pairs = list(zip(network.weights, views, strict=True))
                self._stretches.append(Stretch(number, name, network, pairs))
                inputs, specs, views = layer._outputs(width), [], []

    @property
    def numbers(self) -> list[int]:
        """Of the layers that are looked at."""
        return [stretch.number for stretch in self._stretches]

    def shares(self) -> dict[int, tuple[float, float]]:
        """The shares of dead and of saturated units by the layer's number; NaN where its activation knows no such."""
        found = {}
        values = self._rows
        for stretch in self._stretches:
            for view, weights in stretch.weights:
                view[...] = weights
            values = stretch.network(values, 0, get_num_threads())
            found[stretch.number] = _dead(stretch.activation, values), _saturated(stretch.activation, values)
        return found


def _dead(activation: str, values: Array) -> float:
    if activation not in FLOORS:
        return float("nan")
    return int(np.count_nonzero(values.max(axis=0) == FLOORS[activation])) / values.shape[1]


def _saturated(activation: str, values: Array) -> float:
    if activation not in RANGES:
        return float("nan")
    low, high = RANGES[activation]
    edge = EDGE * (high - low)
    at_end = np.count_nonzero((values <= low + edge) | (values >= high - edge), axis=0)
    return int(np.count_nonzero(at_end >= MOSTLY * len(values))) / values.shape[1]
