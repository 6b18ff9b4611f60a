"""A graph of ONNX operators: nodes, and the constants that they take."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Node:
    """An operator, the names of what goes in, and that of what comes out."""

    operator: str
    inputs: tuple[str, ...]
    output: str
    attributes: dict[str, Any]


class Graph:
    """Grows by a node with each call, which gives the name of what comes out. Numbers become constants.

    >>> graph = Graph(np.dtype("float32"), {})
    >>> graph("Mul", graph("Tanh", "x"), 2.0)
    'Mul_1'
    >>> [(node.operator, *node.inputs) for node in graph.nodes]
    [('Tanh', 'x'), ('Mul', 'Tanh_0', '2.0')]
    """

    def __init__(self, dtype: np.dtype[Any], weights: dict[str, Array]) -> None:
        self.dtype = dtype
        self.constants = dict(weights)
        self.nodes: list[Node] = []
        self.scope = ""  # comes before the names of nodes: the layer they are of

    def __call__(self, operator: str, *inputs: str | float, **attributes: Any) -> str:
        output = f"{self.scope}{operator}_{len(self.nodes)}"
        names = tuple(name if isinstance(name, str) else self.number(name) for name in inputs)
        self.nodes.append(Node(operator, names, output, attributes))
        return output

    def number(self, value: float) -> str:
        """The name of a constant of one number."""
        return self.constant(repr(float(value)), np.asarray(value))

    def constant(self, name: str, values: Array) -> str:
        """The name of a constant; whole numbers stay such, all else has the dtype of the graph."""
        self.constants[name] = values if values.dtype == np.int64 and values.ndim else values.astype(self.dtype)
        return name
