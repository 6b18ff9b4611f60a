"""Residual blocks."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from fastbp import initializers
from fastbp.layers.base import Array, Layer, Spec, Variable
from fastbp.layers.preprocessing import Flatten


class Residual(Layer):
    """y = x + f(x), with f the given layers one after the other; x·projection + f(x) where f's widths differ.

    So a deep network begins as a shallow one, and slopes reach its first layers undiminished.
    Source: He and others, arXiv 1512.03385.

    Args:
        layers: those of f.
        projection_initializer: what the projection (in, out) begins with.
        name, trainable: see ``Layer``.

    >>> from fastbp.layers import Dense
    >>> Residual([Dense(2, kernel_initializer="zeros")])([[1.0, 2.0]]).tolist()
    [[1.0, 2.0]]
    """

    kind = "residual"

    def __init__(
        self,
        layers: Iterable[Layer],
        projection_initializer: Any = "glorot_uniform",
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(name, trainable)
        self.layers = list(layers)
        if not self.layers:
            raise ValueError("a residual block needs at least one layer; got none")
        names: set[str] = set()
        for layer in self.layers:
            if not isinstance(layer, Layer) or isinstance(layer, Flatten):
                raise TypeError(f"expected a layer with features; got {type(layer).__name__} {layer!r}")
            if layer._owner is not None and layer._owner() is not None:
                raise ValueError(f"layer {layer.name!r} belongs to a model already; make a new one")
            name_layer(layer, names)
        self.projection_initializer = initializers.get(projection_initializer)

    def _widths(self, inputs: int) -> Iterator[tuple[Layer, int]]:
        """The layers, and what goes into each."""
        for layer in self.layers:
            yield layer, inputs
            inputs = layer._outputs(inputs)

    def _outputs(self, inputs: int) -> int:
        for layer in self.layers:
            inputs = layer._outputs(inputs)
        return inputs

    def _specs(self, inputs: int) -> list[Spec]:
        inner = [spec for layer, width in self._widths(inputs) for spec in layer._specs(width)]
        return [{"kind": "residual", "layers": inner}]

    def _variables(self, inputs: int) -> list[Variable]:
        variables = [
            replace(v, name=f"{layer.name}/{v.name}", trainable=v.trainable and layer.trainable)
            for layer, width in self._widths(inputs)
            for v in layer._variables(width)
        ]
        if self._outputs(inputs) != inputs:
            variables.append(Variable("projection", (inputs, self._outputs(inputs)), self.projection_initializer))
        return variables

    def _flags(self, inputs: int) -> list[bool]:
        inner = [flag and self.trainable for layer, width in self._widths(inputs) for flag in layer._flags(width)]
        return [self.trainable, *inner]

    def _take(self, views: Iterable[Array], inputs: int, seed: int, index: int) -> None:
        own = list(views)
        super()._take(own, inputs, seed, index)
        self._hand_out(inputs)

    def _hand_out(self, inputs: int) -> None:
        """Gives the layers of f, and of blocks among them, their weights."""
        rest = iter(self._weights)
        for layer, width in self._widths(inputs):
            layer._inputs = width
            layer._weights = [next(rest) for _ in layer._variables(width)]
            if isinstance(layer, Residual):
                layer._hand_out(width)

    def _let_go(self) -> None:
        super()._let_go()
        if self._inputs is not None:
            self._hand_out(self._inputs)

    def __repr__(self) -> str:
        return f"<Residual {', '.join(map(repr, self.layers))}>"


def name_layer(layer: Layer, taken: set[str]) -> None:
    """Gives the layer a name, if it has none, that differs from those taken; ValueError if its own is among them."""
    if layer.name is None:
        layer.name = next(
            name for i in range(len(taken) + 1) if (name := f"{layer.kind}_{i}" if i else layer.kind) not in taken
        )
    elif layer.name in taken:
        raise ValueError(f"there is a layer {layer.name!r} already; names must differ")
    taken.add(layer.name)
