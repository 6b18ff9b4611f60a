"""From ONNX files."""

import contextlib
import heapq
import json
import os
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np

from fastbp import layers, saving
from fastbp._counterparts import Counterpart, ours
from fastbp.activations import Activation, gelu, linear, mish
from fastbp.converters.assembly import Array, Part, assembled, dense, merged, told, unsupported
from fastbp.exporting import onnx as exporter
from fastbp.exporting.graph import Graph, Node
from fastbp.exporting.operators import OPERATORS, activate, known
from fastbp.models import Sequential

ACTIVATIONS = [
    *OPERATORS,
    Counterpart("Shrink", "hard_shrink", {"threshold": "lambd"}, their_fixed={"bias": 0.0}),
    Counterpart("ThresholdedRelu", "threshold", {"threshold": "alpha"}, {"default_value": 0.0}),
    Counterpart("Softmax", "softmax", their_fixed={"axis": 1}),
    Counterpart("LogSoftmax", "log_softmax", their_fixed={"axis": 1}),
]


# ---- activations of several nodes, told by their formulas ----


Formula = Any  # "x", a number, or (operator, formulas ...)
LONGEST = 10  # nodes of one activation


def _formula(node: Node, formulas: Mapping[str, Formula]) -> Formula:
    parts = [formulas[name] for name in node.inputs]
    return node.operator, *(sorted(parts, key=repr) if node.operator in ("Add", "Mul") else parts)


def _number(values: Array) -> Formula:
    """A constant of one number, as float32 holds it; None for others."""
    return float(np.float32(values.reshape(-1)[0])) if values.size == 1 and values.dtype.kind == "f" else None


def _gelu(g: Graph) -> str:
    """As it was written before it was an operator."""
    return g("Mul", g("Mul", "x", g("Add", g("Erf", g("Div", "x", 2**0.5)), 1)), 0.5)


def _mish(g: Graph) -> str:
    return g("Mul", "x", g("Tanh", g("Softplus", "x")))


@cache
def _formulas() -> dict[Formula, Activation]:
    """Those that our own exports have, with the usual settings, and two more."""

    def ours_of(activation: Activation) -> Callable[[Graph], str]:
        return lambda g: activate(g, activation, "x")

    found = {}
    for dtype in ("float32", "float64"):
        for activation, write in [(gelu, _gelu), (mish, _mish), *((a, ours_of(a)) for a in known())]:
            g = Graph(np.dtype(dtype), {})
            with contextlib.suppress(ValueError):  # gelu in float64
                write(g)
            formulas: dict[str, Formula] = {"x": "x"} | {name: _number(value) for name, value in g.constants.items()}
            for node in g.nodes:
                formulas[node.output] = _formula(node, formulas)
            if g.nodes and not any(node.attributes for node in g.nodes):
                found[formulas[g.nodes[-1].output]] = activation
    return found


# ---- nodes ----


class _Reader:
    """Goes through a graph from its input to its first output; each step reads a layer of one node or several."""

    def __init__(self, onnx: Any, graph: Any) -> None:
        self.onnx = onnx
        self.constants = {tensor.name: tensor for tensor in graph.initializer}
        self.nodes: list[Node] = []
        for node in graph.node:
            attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            if node.op_type == "Constant" and node.output and "value" in attributes:
                self.constants[node.output[0]] = attributes["value"]
            elif node.output:
                operator = node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}"
                self.nodes.append(Node(operator, tuple(node.input), node.output[0], attributes))
        self.users: dict[str, list[int]] = {}  # by the name of a value the numbers of the nodes that take it
        for i, made in enumerate(self.nodes):
            for name in set(made.inputs):
                self.users.setdefault(name, []).append(i)
        self.parts: list[Part] = []
        self.shape: tuple[int, ...] | None = None  # of one sample

    def read(self, graph: Any) -> Sequential:
        """The model."""
        inputs = [value for value in graph.input if value.name not in self.constants]
        if len(inputs) != 1 or not graph.output:
            raise ValueError(f"expected one input and an output; got {len(inputs)} and {len(graph.output)}")
        dims = inputs[0].type.tensor_type.shape.dim
        if len(dims) < 2:
            raise ValueError(f"its input has {len(dims)} dimensions; expected samples, and their features")
        if all(dim.dim_value > 0 for dim in dims[1:]):
            self.shape = tuple(dim.dim_value for dim in dims[1:])
        x, steps = inputs[0].name, 0
        while x != graph.output[0].name:
            x, steps = self._step(x), steps + 1
            if steps > len(self.nodes):
                raise ValueError("its nodes go round in a circle")
        return assembled(merged(self.parts) or [Part(layers.Activation("linear"))], self.shape)

    def _step(self, x: str) -> str:
        """Reads what comes after x, and gives the name of what comes out."""
        users = self.users.get(x, [])
        if not users:
            raise ValueError(f"nothing leads from {x!r} to the output")
        node = self.nodes[users[0]]
        source = f"node {node.output!r} ({node.operator})"
        with told(source):
            activation, output = self._one_node(node, x) if len(users) == 1 else (None, "")
            if activation is None:
                activation, output = self._several_nodes(x)
            if activation is not None:
                self.parts.append(Part(layers.Activation(activation), source=source))
                return output
            if len(users) == 1 and node.operator in READERS:
                self.parts += READERS[node.operator](self, node, x)
                self.parts[-1:] = [Part(part.layer, part.weights, part.source or source) for part in self.parts[-1:]]
                return node.output
        if len(users) > 1:
            raise ValueError(f"{source}: the graph branches here, and makes none of the known activations")
        raise unsupported(source, node.operator, {*READERS, *(row.theirs for row in ACTIVATIONS)})

    def _one_node(self, node: Node, x: str) -> tuple[Activation | None, str]:
        return (
            ours(ACTIVATIONS, node.operator, lambda key: self.setting(node, key)) if node.inputs == (x,) else None
        ), (node.output)

    def _several_nodes(self, x: str) -> tuple[Activation | None, str]:
        """The activation of the next nodes, if their formula is known and nothing else takes what is within."""
        formulas: dict[str, Formula] = {x: "x"}
        waiting, seen = list(self.users[x]), set(self.users[x])
        heapq.heapify(waiting)
        for _ in range(LONGEST):
            if not waiting:
                break
            i = heapq.heappop(waiting)
            node = self.nodes[i]
            for name in node.inputs:
                if name in self.constants and name not in formulas:
                    formulas[name] = _number(self.constant(name))
            if node.attributes or any(name not in formulas for name in node.inputs):
                break
            formulas[node.output] = formula = _formula(node, formulas)
            activation = _formulas().get(formula)
            if activation is not None and not waiting:
                return activation, node.output
            for user in self.users.get(node.output, []):
                if user not in seen:
                    seen.add(user)
                    heapq.heappush(waiting, user)
        return None, ""

    def setting(self, node: Node, key: str) -> Any:
        """An attribute of a node, or what it is if it is not given."""
        value = node.attributes.get(key)
        if value is None:
            attribute = self.onnx.defs.get_schema(node.operator, exporter.OPSET).attributes.get(key)
            value = attribute and self.onnx.helper.get_attribute_value(attribute.default_value)
        return value.decode(errors="replace") if isinstance(value, bytes) else value

    def constant(self, name: str) -> Array:
        """A constant's values; ValueError if there is none of that name, or it is damaged."""
        if name not in self.constants:
            raise ValueError(f"{name!r} must be a constant: an initializer of the graph")
        tensor = self.constants[name]
        if tensor.data_location == self.onnx.TensorProto.EXTERNAL:
            raise ValueError(f"{name!r} lies in another file, which is not read")
        try:
            return np.asarray(self.onnx.numpy_helper.to_array(tensor))
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            raise ValueError(f"the constant {name!r} is damaged: {error}") from None

    def others(self, node: Node, x: str, least: int, most: int) -> list[Array]:
        """The constants that a node takes after x."""
        given = [name for name in node.inputs[1:] if name]
        if node.inputs[0] != x or not least <= len(given) <= most:
            raise ValueError(f"it must take the value before it and {least} to {most} constants; got {node.inputs}")
        return [self.constant(name) for name in given]

    def require(self, node: Node, **settings: Any) -> None:
        """ValueError if an attribute is another."""
        for key, value in settings.items():
            if self.setting(node, key) != value:
                raise ValueError(f"{key} must be {value}; got {self.setting(node, key)}")


def _row(values: Array) -> Array:
    """One number, or one for each feature."""
    if any(size != 1 for size in values.shape[:-1]) or values.dtype.kind != "f" or values.size == 0:
        raise ValueError(f"expected a number, or one for each feature; got shape {values.shape} of {values.dtype}")
    return values.reshape(-1)


def _gemm(reader: _Reader, node: Node, x: str) -> list[Part]:
    reader.require(node, transA=0, alpha=1.0, beta=1.0)
    kernel, *bias = reader.others(node, x, 1, 2)
    kernel = kernel.T if reader.setting(node, "transB") else kernel
    if kernel.ndim != 2:
        raise ValueError(f"its kernel has shape {kernel.shape}; expected (in, out)")
    return [dense(kernel, np.broadcast_to(_row(bias[0]), kernel.shape[1:]) if bias else None, linear, node.output)]


def _matmul(reader: _Reader, node: Node, x: str) -> list[Part]:
    (kernel,) = reader.others(node, x, 1, 1)
    return [dense(kernel, None, linear, node.output)]


def _batch_normalization(reader: _Reader, node: Node, x: str) -> list[Part]:
    reader.require(node, training_mode=0)
    settings = {key: reader.setting(node, key) for key in ("epsilon", "momentum")}
    return [Part(layers.BatchNormalization(**settings), reader.others(node, x, 4, 4))]


def _layer_normalization(reader: _Reader, node: Node, x: str) -> list[Part]:
    if reader.setting(node, "axis") not in (-1, 1):
        raise ValueError(f"axis must be -1; got {reader.setting(node, 'axis')}")
    weights = reader.others(node, x, 1, 2)
    return [Part(layers.LayerNormalization(epsilon=reader.setting(node, "epsilon"), center=len(weights) == 2), weights)]


def _flatten(reader: _Reader, node: Node, x: str) -> list[Part]:
    reader.require(node, axis=1)
    return [Part(layers.Flatten())]


def _reshape(reader: _Reader, node: Node, x: str) -> list[Part]:
    shape = reader.others(node, x, 1, 1)[0].tolist()
    if reader.parts or reader.shape is None or shape not in ([-1, n := int(np.prod(reader.shape))], [0, n], [0, -1]):
        raise ValueError(f"expected a shape that makes rows of the samples at the beginning; got {shape}")
    return [Part(layers.Flatten())]


def _dropout(reader: _Reader, node: Node, x: str) -> list[Part]:
    rate, *training = [reader.constant(name) for name in node.inputs[1:] if name] or [np.array(0.5)]
    if any(flag.any() for flag in training):
        raise ValueError("it must not be in training")
    return [Part(layers.Dropout(float(reader.setting(node, "ratio") or rate)))]


def _arithmetic(scale: Callable[[Array], Any], offset: Callable[[Array], Any]) -> Callable[..., list[Part]]:
    """What makes a Rescaling of an operation with a constant, after x."""

    def read(reader: _Reader, node: Node, x: str) -> list[Part]:
        constant = _row(reader.others(node, x, 1, 1)[0])
        return [Part(layers.Rescaling(scale(constant), offset(constant)))]

    return read


def _add(reader: _Reader, node: Node, x: str) -> list[Part]:
    """A bias, after a product; else an offset."""
    node = _data_first(node, x)
    before = reader.parts[-1].layer if reader.parts else None
    if not isinstance(before, layers.Dense) or before.use_bias or before.activation is not linear:
        return _arithmetic(lambda c: 1.0, lambda c: c)(reader, node, x)
    bias = np.broadcast_to(_row(reader.others(node, x, 1, 1)[0]), (before.units,))
    product = reader.parts.pop()
    return [dense(product.weights[0], bias, linear, product.source)]


def _mul(reader: _Reader, node: Node, x: str) -> list[Part]:
    return _arithmetic(lambda c: c, lambda c: 0.0)(reader, _data_first(node, x), x)


def _data_first(node: Node, x: str) -> Node:
    return Node(node.operator, tuple(sorted(node.inputs, key=lambda name: name != x)), node.output, node.attributes)


READERS: dict[str, Callable[[_Reader, Node, str], list[Part]]] = {
    "Gemm": _gemm,
    "MatMul": _matmul,
    "Add": _add,
    "Sub": _arithmetic(lambda c: 1.0, lambda c: -c),
    "Mul": _mul,
    "Div": _arithmetic(lambda c: 1 / c, lambda c: 0.0),
    "BatchNormalization": _batch_normalization,
    "LayerNormalization": _layer_normalization,
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Dropout": _dropout,
    "Identity": lambda reader, node, x: [],
}


# ---- files ----


def _as_described(onnx: Any, proto: Any, reader: _Reader) -> Sequential | None:
    """The model that our own export described beside the graph, if the graph is still that model's."""
    properties = {entry.key: entry.value for entry in proto.metadata_props}
    with contextlib.suppress(ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError):
        description = json.loads(properties["fastbp"])
        config = dict(description["model"]["config"])
        made = [saving.deserialize(layer, "layer") for layer in config.pop("layers")]
        first, *stack = made if isinstance(made[0], layers.Input) else [None, *made]
        found = {saving._place(name): name for name in reader.constants}
        width = first.shape if first else proto.graph.input[0].type.tensor_type.shape.dim[1].dim_value
        inputs = int(np.prod(width, dtype=object))
        parts = []
        for i, layer in enumerate(stack):
            names = [found[str(i), variable.name] for variable in layer._variables(inputs)]
            parts.append(Part(layer, [reader.constant(name) for name in names], str(layer.name)))
            inputs = layer._outputs(inputs)
        model = assembled(parts, np.atleast_1d(width).tolist(), **config)
        if exporter.proto(model, description["labels"]).graph == proto.graph:
            return model
    return None


def from_onnx(path: str | os.PathLike[str]) -> Sequential:
    """The network in an ONNX file, with its weights bit for bit.

    A file that our own ``export`` wrote gives the very model. Of others a chain of Gemm, MatMul, Add, Sub, Mul and Div
    with constants, BatchNormalization, LayerNormalization, Flatten, Reshape to rows, Dropout, Identity and activations
    is read, up to the graph's first output.

    Raises:
        ValueError: naming the node that has no counterpart, or if the file is none or damaged.
        ImportError: if the package onnx is missing: ``pip install 'fastbp[onnx]'``.

    >>> from_onnx("missing.onnx")
    Traceback (most recent call last):
        ...
    FileNotFoundError: [Errno 2] No such file or directory: 'missing.onnx'
    """
    with open(path, "rb") as file:
        data = file.read()
    onnx = exporter.require_onnx()
    from google.protobuf.message import DecodeError

    with told(os.fspath(path)):
        try:
            proto = onnx.load_model_from_string(data)
        except DecodeError as error:
            raise ValueError(f"it is no ONNX file: {error}") from None
        if not proto.graph.node:
            raise ValueError("it is no ONNX file: there is no graph")
        reader = _Reader(onnx, proto.graph)
        return _as_described(onnx, proto, reader) or reader.read(proto.graph)
