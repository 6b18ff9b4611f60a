"""One layer at a time through the core, forwards and back: what goes into every part of a layer, and what slopes.

Every part of a layer, such as the product of a Dense layer or its activation, is made a network of its own, which the
core computes as it computes the whole. So all values and slopes are the core's own, of any kind of layer. A residual
block is opened: its layers come one after the other, and then the sum of what they make of x and x itself.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp import _core, reference
from fastbp.layers import Dense, Layer, Residual
from fastbp.layers.base import Spec, Variable
from fastbp.models import Sequential

__all__ = ["Part", "Place", "Walk", "places"]

Array = npt.NDArray[Any]
SUM: Spec = {"kind": "sum"}  # of a residual block
NO_NOISE: Spec = {"kind": "noise", "name": "dropout", "settings": [0.0]}


@dataclass(frozen=True)
class Place:
    """A layer where it stands: those of a residual block before the block itself, which stands for the sum.

    ``start`` is, of a block, the number of the first of its layers; of other layers None.
    """

    name: str  # of a layer within a block "block/layer"
    layer: Layer
    inputs: int  # width of what goes in
    trainable: bool  # what the blocks around it say
    start: int | None

    @property
    def variables(self) -> list[Variable]:
        """What its weights are."""
        return self.layer._variables(self.inputs)


def places(model: Sequential) -> list[Place]:
    """All layers of a built model in the order in which they work, blocks opened."""
    found: list[Place] = []

    def visit(layers: Iterable[tuple[Layer, int]], prefix: str, trainable: bool) -> None:
        for layer, inputs in layers:
            name, start = f"{prefix}{layer.name}", None
            if isinstance(layer, Residual):
                start = len(found)
                visit(layer._widths(inputs), f"{name}/", trainable and layer.trainable)
            found.append(Place(name, layer, inputs, trainable, start))

    visit(model._widths(model._network.inputs), "", True)
    return found


@dataclass
class Part:
    """A part of a layer: its place, what goes in and out (n, nodes), and the slopes of the loss there.

    The slopes ``dy`` are None where activation and loss are taken as one.

    At the sum of a residual block, x is what its layers made, and ``past`` what comes past them, by the projection (the
    network) if there is one; ``dpast`` is the slope of the loss that goes back by that way. ``start`` is the first
    part of the block, or the sum.
    """

    layer: int
    spec: Spec
    network: Any
    weights: list[int] = field(default_factory=list)  # which of the model's
    start: int | None = None
    x: Array = field(default_factory=lambda: np.zeros((0, 0)))
    y: Array = field(default_factory=lambda: np.zeros((0, 0)))
    dx: Array = field(default_factory=lambda: np.zeros((0, 0)))
    dy: Array | None = None
    past: Array = field(default_factory=lambda: np.zeros((0, 0)))
    dpast: Array = field(default_factory=lambda: np.zeros((0, 0)))
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
        self.places = places(model)
        self.parts = _parts(model, self.places)
        loss = model.loss
        ends_in = self.parts[-1].spec.get("name") if self.parts else None
        contained = reference.LOSSES[loss.kernel][2] if loss and loss.kernel else None
        self.logits = bool(loss and not loss.from_logits and contained and contained == ends_in)
        for part in self.parts:
            part.x = x
            if part.start is None:
                x = part.y = part.network.forward(x, 1)
                continue
            begun = self.parts[part.start].x
            part.past = begun if part.network is None else part.network.forward(begun, 1)
            x = part.y = part.past + x
        self.prediction = x
        self.outputs = self.parts[-1].x if self.logits else x  # what the loss is computed from

    def back(self, d: Array) -> Array:
        """From the slope of the loss at ``outputs`` to that at x."""
        joining: dict[int, list[Array]] = {}  # by part, the slopes that came past the blocks which begin with it
        for i, part in reversed(list(enumerate(self.parts))):
            if self.logits and i == len(self.parts) - 1:
                part.dx = d
                continue
            part.dy = d
            if part.start is None:
                d = part.dx = _back(part, d)
            else:
                part.dx, part.dpast = d, d if part.network is None else _back(part, d)
                joining.setdefault(part.start, []).append(part.dpast)
            for past in reversed(joining.pop(i, [])):  # those of inner blocks first, as in the core
                d = d + past
        return d


def _back(part: Part, d: Array) -> Array:
    part.network.zero_gradients()
    dx: Array = part.network.backward(d, 1)
    part.gradients = [g.copy() for g in part.network.gradients]
    return dx


def _parts(model: Sequential, found: list[Place]) -> list[Part]:
    """The parts of all layers in order, each a network of its own with the model's weights."""
    core: Any = _core.Network32 if model.dtype == np.float32 else _core.Network64
    parts: list[Part] = []
    begins: list[int] = []  # by layer, which part is its first
    noises, first = 0, 0  # random layers and weights that came before

    def add(number: int, inputs: int, specs: list[Spec], flags: list[bool], start: int | None = None) -> Part:
        # Random layers draw by their number in the network.
        network = core(inputs, [NO_NOISE] * noises + specs, model._isa, model.seed)
        network.set_trainable([True] * noises + flags)
        network.draws = model._network.draws
        own = list(range(first, first + len(network.weights)))
        for view, k in zip(network.weights, own, strict=True):
            view[...] = model.weights[k]
        parts.append(Part(number, specs[0], network, own, start))
        return parts[-1]

    for number, place in enumerate(found):
        begins.append(len(parts))
        inputs = place.inputs
        if place.start is not None:
            outputs, start = place.layer._outputs(inputs), begins[place.start]
            if outputs == inputs:
                parts.append(Part(number, SUM, None, start=start))
            else:
                projection: Spec = {"kind": "dense", "units": outputs, "use_bias": False, "name": "linear"}
                add(number, inputs, [projection], [True], start).spec = SUM
                first += 1
            continue
        for specs, flags in _split(place.layer, inputs):
            inputs = add(number, inputs, specs, [flag and place.trainable for flag in flags]).network.outputs
            noises += sum(spec["kind"] == "noise" for spec in specs)
        first += len(place.variables)
    return parts


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
