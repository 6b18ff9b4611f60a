"""One layer at a time through the core, forwards and back: what goes into every part of a layer, and what slopes.

Every part of a layer, such as the product of a Dense layer or its activation, is made a network of its own, which the
core computes as it computes the whole. So all values and slopes are the core's own, of any kind of layer.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp import _core, reference
from fastbp.layers import Dense, Layer
from fastbp.layers.base import Spec
from fastbp.models import Sequential

__all__ = ["Part", "Walk"]

Array = npt.NDArray[Any]
NO_NOISE: Spec = {"kind": "noise", "name": "dropout", "settings": [0.0]}


@dataclass
class Part:
    """A part of a layer: its place, what goes in and out (n, nodes), and the slopes of the loss there.

    The slopes ``dy`` are None where activation and loss are taken as one.
    """

    layer: int
    spec: Spec
    network: Any
    weights: list[int] = field(default_factory=list)  # which of the model's
    x: Array = field(default_factory=lambda: np.zeros((0, 0)))
    y: Array = field(default_factory=lambda: np.zeros((0, 0)))
    dx: Array = field(default_factory=lambda: np.zeros((0, 0)))
    dy: Array | None = None
    gradients: list[Array] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """As the core calls it."""
        return str(self.spec["kind"])


class Walk:
    """A batch through all parts of a model, as in training.

    ``logits``: whether the loss contains the last activation, so that its slope is at the sums.
    """

    def __init__(self, model: Sequential, x: Array) -> None:
        self.parts = list(_parts(model))
        loss = model.loss
        ends_in = self.parts[-1].spec.get("name") if self.parts else None
        contained = reference.LOSSES[loss.kernel][2] if loss and loss.kernel else None
        self.logits = bool(loss and not loss.from_logits and contained and contained == ends_in)
        for part in self.parts:
            part.x = x
            x = part.y = part.network.forward(x, 1)
        self.prediction = x
        self.outputs = self.parts[-1].x if self.logits else x  # what the loss is computed from

    def back(self, d: Array) -> Array:
        """From the slope of the loss at ``outputs`` to that at x."""
        for i, part in reversed(list(enumerate(self.parts))):
            if self.logits and i == len(self.parts) - 1:
                part.dx = d
                continue
            part.dy = d
            part.network.zero_gradients()
            d = part.dx = part.network.backward(d, 1)
            part.gradients = [g.copy() for g in part.network.gradients]
        return d


def _parts(model: Sequential) -> Iterator[Part]:
    """The parts of all layers in order, each a network of its own with the model's weights."""
    core: Any = _core.Network32 if model.dtype == np.float32 else _core.Network64
    noises, first = 0, 0  # random layers and weights that came before
    for number, (layer, inputs) in enumerate(model._widths(model._network.inputs)):
        count = len(layer.weights)
        for specs, flags in _split(layer, inputs):
            # Random layers draw by their number in the network.
            network = core(inputs, [NO_NOISE] * noises + specs, model._isa, model.seed)
            network.set_trainable([True] * noises + flags)
            network.draws = model._network.draws
            own = list(range(first, first + count)) if network.weights else []
            for view, k in zip(network.weights, own, strict=True):
                view[...] = model.weights[k]
            yield Part(number, specs[0], network, own)
            noises += sum(map(_noises, specs))
            inputs = network.outputs
        first += count


def _split(layer: Layer, inputs: int) -> Iterator[tuple[list[Spec], list[bool]]]:
    """What the core makes of a layer, with the product of a Dense layer apart; and whether each of it learns."""
    specs = layer._specs(inputs)
    if not isinstance(layer, Dense):
        if specs:
            yield specs, layer._flags(inputs)
        return
    product, *others = specs
    yield [{"kind": "dense", "units": layer.units, "use_bias": layer.use_bias, "name": "linear"}], [True]
    if layer.activation.kernel is not None:
        others = [{"kind": "activation", "name": product["name"], "settings": product["settings"]}, *others]
    for spec in others:
        yield [spec], [True]


def _noises(spec: Spec) -> int:
    return int(spec["kind"] == "noise") + sum(map(_noises, spec.get("layers", ())))
