"""What one layer did in a step."""

from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp.layers import Dense
from fastbp.tracing.update import WeightTrace
from fastbp.tracing.walk import Part, Place

__all__ = ["LayerTrace"]

Array = npt.NDArray[Any]


class LayerTrace:
    """What one layer did in a step: values forwards, slopes of the loss backwards. All arrays are (n, nodes).

    A residual block stands for its sum: its inputs are what its layers made, its outputs that and what came past them.

    Attributes:
        name, kind: the layer's name, and its class.
        inputs, outputs: what went in and came out.
        input_slopes, output_slopes: the slopes of the loss there; of a batch each sample's share.
        sums: of Dense the weighted sums before the activation, of an activation its inputs; of other layers None.
        values: what the activation made of the sums; None likewise.
        slopes: those of the activation at the sums. None where there is none by itself: softmax works on whole samples,
            and a loss that contains the activation is taken together with it.
        sum_slopes, value_slopes: the slopes of the loss at the sums and at the values; the latter None where the loss
            contains the activation.
        weights: the arrays of weights by name.
        numbers: their places in the model's list of weights.
        start: of a residual block the number of the first of its layers; of other layers None.
        past, past_slopes: what comes past a block's layers, by the projection if there is one, and the slopes of the
            loss that go back by that way; of other layers None.
        begun: the residual blocks that begin with this layer, the inner ones first.
        fed_slopes: the slopes of the loss at what feeds in: ``input_slopes`` and all that comes past those blocks.

    >>> from fastbp import Dense, Input, Sequential, explain
    >>> model = Sequential([Input((1,)), Dense(1, "relu", kernel_initializer="ones")])
    >>> model.compile("sgd", "mse")
    >>> layer = explain(model, [[2.0]], [[5.0]]).layers[0]
    >>> layer.sums.item(), layer.values.item(), layer.slopes.item(), layer.value_slopes.item()
    (2.0, 2.0, 1.0, -6.0)
    """

    def __init__(self, place: Place, parts: list[Part], x: Array, weights: dict[int, WeightTrace]) -> None:
        """``parts`` are the layer's; x is what passes through a layer that has none."""
        layer = place.layer
        first, last = (parts[0], parts[-1]) if parts else (None, None)
        self.name, self.kind, self.description = place.name, type(layer).__name__, repr(layer)
        self.is_dense = isinstance(layer, Dense)
        self.inputs, self.outputs = (first.x, last.y) if first and last else (x, x)
        self.passes = not parts  # whether what goes in comes out
        self.input_slopes: Array = first.dx if first else x
        self.output_slopes: Array | None = last.dy if last else x
        self.start, self.begun = place.start, list[LayerTrace]()
        self.past = self.past_slopes = None
        if place.start is not None:
            self.past, self.past_slopes = parts[0].past, parts[0].dpast
            self.description = "what its layers made + what came past them" + ", projected" * bool(weights)
        self.activation = getattr(layer, "activation", None)
        self.sums = self.values = self.slopes = self.sum_slopes = self.value_slopes = None
        if self.activation is not None:
            part = parts[1] if self.is_dense else parts[0]
            self.sums, self.values, self.sum_slopes, self.value_slopes = part.x, part.y, part.dx, part.dy
            if part.dy is not None and not self.by_sample:
                self.slopes = np.asarray(self.activation.slope(part.x))
        self.penalized = self.is_dense and len(parts) > 2  # whether values have a penalty of their own
        self.weights = {weight.name.rpartition("/")[2]: weight for weight in weights.values()}
        self.numbers = {weight.name.rpartition("/")[2]: k for k, weight in weights.items()}

    def set_passing(self, slopes: Array) -> None:
        """Tells a layer that has no parts what slopes of the loss pass through it."""
        if self.passes:
            self.input_slopes = self.output_slopes = slopes

    @property
    def fed_slopes(self) -> Array:
        """The slopes of the loss at what feeds in."""
        slopes = self.input_slopes
        for block in self.begun:
            assert block.past_slopes is not None
            slopes = slopes + block.past_slopes
        return slopes

    @property
    def by_sample(self) -> bool:
        """Whether each value depends on all sums of its sample, as softmax's do."""
        return self.activation is not None and self.activation.kernel in ("softmax", "log_softmax")

    def to_dict(self) -> dict[str, Any]:
        """All numbers, for JSON."""
        arrays = ("inputs", "past", "sums", "values", "slopes", "outputs")
        backward = ("output_slopes", "value_slopes", "sum_slopes", "input_slopes", "past_slopes")
        numbers = {name: _listed(getattr(self, name)) for name in arrays + backward}
        weights = {
            name: {
                "old": w.old.tolist(),
                "gradient": w.gradient.tolist(),
                "new": w.new.tolist(),
                "trained": w.trained,
            }
            for name, w in self.weights.items()
        }
        activation = None if self.activation is None else self.activation.name
        about = {"name": self.name, "kind": self.kind, "start": self.start, "activation": activation}
        return {**about, **numbers, "weights": weights}

    def __repr__(self) -> str:
        return f"<LayerTrace {self.name}: {self.description}>"


def _listed(array: Array | None) -> Any:
    return None if array is None else array.tolist()
