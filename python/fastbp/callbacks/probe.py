"""What is measured of the layers of a model at one instant of its training."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp import _core, _data
from fastbp.callbacks.idle_units import IdleUnits
from fastbp.layers import Layer

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class LayerRecord:
    """One layer at one instant. The norms are Euclidean, over all its weights that learn; NaN for what is not known."""

    name: str
    number: int  # in the model, from 1
    weight: float  # norm of the weights
    gradient: float  # norm of the slopes of the loss of the sample
    update: float  # norm of the change of the weights
    ratio: float  # update / weight, for each step
    dead: float  # the share of ReLUs that fire for none of the samples
    saturated: float  # the share of units that are at an end of their range for nearly all samples


class Watched:
    """A layer's weights that learn and their slopes, where they lie, and a copy of the weights from before."""

    def __init__(self, name: str, number: int, weights: list[Array], gradients: list[Array]) -> None:
        self.name, self.number, self.weights, self.gradients = name, number, weights, gradients
        self._before = [np.empty_like(w) for w in weights]
        self._remembers = False

    def remember(self) -> None:
        for copy, weight in zip(self._before, self.weights, strict=True):
            np.copyto(copy, weight)
        self._remembers = True

    def record(self, steps: int, dead: float, saturated: float) -> LayerRecord:
        """The layer now, so many steps after those it remembers."""
        weight = gradient = update = ratio = float("nan")
        if self.weights:
            weight, gradient = _core.norm(self.weights), _core.norm(self.gradients)
        if self.weights and self._remembers:
            update = _core.norm(self.weights, self._before)
            ratio = update / weight / max(steps, 1) if weight else float("nan")
        self._remembers = False
        return LayerRecord(self.name, self.number, weight, gradient, update, ratio, dead, saturated)


class Probe:
    """Measures the layers of a model on a sample (x, y). It is prepared once, so that a look costs little more than
    what the core computes.
    """

    def __init__(self, model: Any, x: Any, y: Any) -> None:
        self._model, self._x = model, x
        self._samples = model._samples(x, y, None)[0]
        self._known: tuple[Any, int] | None = None  # the network, and the version of what learns, of ``_layers``
        self._layers: list[Watched] = []
        self._idle: IdleUnits | None = None
        self._step = 0  # when the weights were remembered

    def remember(self) -> None:
        """Keeps the weights, which the next look tells the change of."""
        self._find()
        self._step = self._model._require_trainer().core.batches
        for layer in self._layers:
            layer.remember()

    def look(self) -> tuple[int, float, list[LayerRecord]]:
        """The batches trained on so far, the loss of the sample, and every layer that has weights that learn or units
        that may be idle.
        """
        self._find()
        trainer = self._model._require_trainer()
        step, loss = trainer.core.batches, trainer.gradients(self._samples)
        idle = {} if self._idle is None else self._idle.shares()
        unknown = (float("nan"), float("nan"))
        steps = step - self._step
        return step, loss, [layer.record(steps, *idle.get(layer.number, unknown)) for layer in self._layers]

    def _find(self) -> None:
        """Looks for weights and slopes anew where the model has another network, or other layers learn."""
        model, network = self._model, self._model._require_network()
        if self._known == (network, Layer.version):
            return
        self._known = (network, Layer.version)
        self._idle = None if _data.is_sparse(self._x) else IdleUnits(model, self._x)
        self._layers = []
        gradients = iter(network.gradients)
        for number, layer in enumerate(model.layers, 1):
            learns = [variable.trainable and layer.trainable for variable in layer.variables]
            pairs = [(w, next(gradients)) for w in layer.weights]
            chosen = [pair for pair, flag in zip(pairs, learns, strict=True) if flag]
            if chosen or (self._idle is not None and number in self._idle.numbers):
                self._layers.append(Watched(str(layer.name), number, [w for w, _ in chosen], [g for _, g in chosen]))
