"""What one layer did in a step."""

from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp.layers import Dense, Layer
from fastbp.tracing.update import WeightTrace
from fastbp.tracing.walk import Part

__all__ = ["LayerTrace"]

Array = npt.NDArray[Any]


class LayerTrace:
    """What one layer did in a step: values forwards, slopes of the loss backwards. All arrays are (n, nodes).

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

    >>> from fastbp import Dense, Input, Sequential, explain
    >>> model = Sequential([Input((1,)), Dense(1, "relu", kernel_initializer="ones")])
    >>> model.compile("sgd", "mse")
    >>> layer = explain(model, [[2.0]], [[5.0]]).layers[0]
    >>> layer.sums.item(), layer.values.item(), layer.slopes.item(), layer.value_slopes.item()
    (2.0, 2.0, 1.0, -6.0)
    """

    def __init__(self, layer: Layer, parts: list[Part], x: Array, dx: Array, weights: dict[int, WeightTrace]) -> None:
        """``parts`` are the layer's; x and dx stand for what passes through a layer that has none."""
        first, last = (parts[0], parts[-1]) if parts else (None, None)
        self.name, self.kind, self.description = str(layer.name), type(layer).__name__, repr(layer)
        self.is_dense = isinstance(layer, Dense)
        self.inputs, self.outputs = (first.x, last.y) if first and last else (x, x)
        self.input_slopes, self.output_slopes = (first.dx, last.dy) if first and last else (dx, dx)
        self.activation = getattr(layer, "activation", None)
        self.sums = self.values = self.slopes = self.sum_slopes = self.value_slopes = None
        if self.activation is not None:
            part = parts[1] if self.is_dense else parts[0]
            self.sums, self.values, self.sum_slopes, self.value_slopes = part.x, part.y, part.dx, part.dy
            if part.dy is not None and not self.by_sample:
                self.slopes = np.asarray(self.activation.slope(part.x))
        self.penalized = self.is_dense and len(parts) > 2  # whether values have a penalty of their own
        self.weights = {weight.name: weight for weight in weights.values()}
        self.numbers = {weight.name: k for k, weight in weights.items()}

    @property
    def by_sample(self) -> bool:
        """Whether each value depends on all sums of its sample, as softmax's do."""
        return self.activation is not None and self.activation.kernel in ("softmax", "log_softmax")

    def to_dict(self) -> dict[str, Any]:
        """All numbers, for JSON."""
        arrays = ("inputs", "sums", "values", "slopes", "outputs")
        backward = ("output_slopes", "value_slopes", "sum_slopes", "input_slopes")
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
        return {"name": self.name, "kind": self.kind, "activation": activation, **numbers, "weights": weights}

    def __repr__(self) -> str:
        return f"<LayerTrace {self.name}: {self.description}>"


def _listed(array: Array | None) -> Any:
    return None if array is None else array.tolist()
