"""ONNX files: opset 20, for onnxruntime and its kin.

Weights keep their names, "0/dense/kernel". Beside the graph stands the description that ``save`` writes, by which
``from_onnx`` gives back the very model; other programs pass it over.
"""

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from fastbp import _core, layers, saving
from fastbp.exporting.graph import Array, Graph
from fastbp.exporting.operators import activate
from fastbp.layers.base import Layer
from fastbp.layers.preprocessing import LEAST_DEVIATION

__all__ = ["export", "proto", "require_onnx"]

OPSET, IR_VERSION = 20, 9  # which onnxruntime reads from 1.17 on
MOST_BYTES = 2**31 - 2**20  # a message of protobuf ends at 2 GiB; some go to the graph


def require_onnx() -> Any:
    """The package onnx."""
    try:
        import onnx
    except ImportError as error:
        raise ImportError("ONNX files need the package onnx: pip install 'fastbp[onnx]'") from error
    return onnx


# ---- layers ----


Names = Iterator[str]  # of the weights, in their order


def _activation(g: Graph, layer: Any, x: str, width: int, names: Names) -> str:
    return activate(g, layer.activation, x)


def _dense(g: Graph, layer: layers.Dense, x: str, width: int, names: Names) -> str:
    weights = [next(names) for _ in layer._variables(width)]
    return activate(g, layer.activation, g("Gemm", x, *weights))


def _scaled(g: Graph, layer: Any, names: Names, width: int) -> tuple[str, str]:
    """Gamma and beta, which are 1 and 0 where the layer has none."""
    gamma = next(names) if layer.scale else g.constant(f"ones_{width}", np.ones(width))
    return gamma, next(names) if layer.center else g.constant(f"zeros_{width}", np.zeros(width))


def _batch_normalization(g: Graph, layer: layers.BatchNormalization, x: str, width: int, names: Names) -> str:
    weights = [*_scaled(g, layer, names, width), next(names), next(names)]
    if g.dtype == np.float32:
        return g("BatchNormalization", x, *weights, epsilon=layer.epsilon, momentum=layer.momentum)
    gamma, beta, mean, variance = weights
    deviation = g("Sqrt", g("Add", variance, layer.epsilon))
    return g("Add", g("Mul", g("Div", g("Sub", x, mean), deviation), gamma), beta)


def _mean(g: Graph, x: str) -> str:
    return g("ReduceMean", x, g.constant("last_axis", np.array([-1])), keepdims=1)


def _over_root_mean_square(g: Graph, x: str, epsilon: float) -> str:
    return g("Div", x, g("Sqrt", g("Add", _mean(g, g("Mul", x, x)), epsilon)))


def _layer_normalization(g: Graph, layer: layers.LayerNormalization, x: str, width: int, names: Names) -> str:
    gamma, beta = _scaled(g, layer, names, width)
    if g.dtype == np.float32:
        return g("LayerNormalization", x, gamma, beta, axis=-1, epsilon=layer.epsilon)
    normal = _over_root_mean_square(g, g("Sub", x, _mean(g, x)), layer.epsilon)
    return g("Add", g("Mul", normal, gamma), beta)


def _rms_normalization(g: Graph, layer: layers.RMSNormalization, x: str, width: int, names: Names) -> str:
    return g("Mul", _over_root_mean_square(g, x, layer.epsilon), next(names))


def _normalization(g: Graph, layer: layers.Normalization, x: str, width: int, names: Names) -> str:
    mean, deviation = next(names), g("Sqrt", next(names))
    if layer.invert:
        return g("Add", g("Mul", x, deviation), mean)
    return g("Div", g("Sub", x, mean), g("Max", deviation, LEAST_DEVIATION))


def _rescaling(g: Graph, layer: layers.Rescaling, x: str, width: int, names: Names) -> str:
    (spec,) = layer._specs(width)
    scale = g.constant(f"{g.scope}scale", np.array(spec["settings"]))
    return g("Add", g("Mul", x, scale), g.constant(f"{g.scope}offset", np.array(spec["offsets"])))


def _residual(g: Graph, layer: layers.Residual, x: str, width: int, names: Names) -> str:
    f = _through(g, layer._widths(width), x, names)
    return g("Add", g("Gemm", x, next(names)) if layer._outputs(width) != width else x, f)


def _nothing(g: Graph, layer: Layer, x: str, width: int, names: Names) -> str:
    """Layers that do something in training only, and Flatten: the features are in rows from the beginning."""
    return x


LAYERS: dict[str, Callable[[Graph, Any, str, int, Names], str]] = {
    "Dense": _dense,
    "Activation": _activation,
    "ReLU": _activation,
    "LeakyReLU": _activation,
    "ELU": _activation,
    "Softmax": _activation,
    "Dropout": _nothing,
    "GaussianNoise": _nothing,
    "GaussianDropout": _nothing,
    "AlphaDropout": _nothing,
    "ActivityRegularization": _nothing,
    "BatchNormalization": _batch_normalization,
    "LayerNormalization": _layer_normalization,
    "RMSNormalization": _rms_normalization,
    "Normalization": _normalization,
    "Rescaling": _rescaling,
    "Flatten": _nothing,
    "Residual": _residual,
}


def _through(g: Graph, stack: Iterable[tuple[Layer, int]], x: str, names: Names) -> str:
    scope = g.scope
    for i, (layer, width) in enumerate(stack):
        g.scope = f"{scope}{i}/{layer.name}/"
        try:
            x = LAYERS[type(layer).__name__](g, layer, x, width, names)
        except ValueError as error:
            raise ValueError(f"layer {layer.name!r} cannot be exported to ONNX: {error}") from None
    g.scope = scope
    return x


# ---- classes ----


def _probabilities(g: Graph, last: str, outputs: int, y: str) -> str:
    """The probability of every class, from what the last activation gives."""
    if last == "linear":  # logits
        y = g("Sigmoid", y) if outputs == 1 else g("Softmax", y, axis=-1)
    elif last != ("sigmoid" if outputs == 1 else "softmax"):
        raise ValueError(
            "labels need a network that ends in softmax, in sigmoid with one output, or in linear (logits); "
            f"this one has {outputs} outputs of {last}"
        )
    return g("Concat", g("Sub", 1, y), y, axis=1) if outputs == 1 else g("Identity", y)


def _last_activation(stack: Sequence[Layer]) -> str:
    """The name of the one that computes the outputs."""
    for layer in reversed(stack):
        if hasattr(layer, "activation"):
            return str(layer.activation.name)
        if LAYERS[type(layer).__name__] is not _nothing:
            return f"a {type(layer).__name__} layer"
    return "no layer"


def _checked_labels(labels: Sequence[int] | Sequence[str], outputs: int) -> Array:
    names, classes = np.asarray(labels), max(outputs, 2)
    if names.dtype.kind not in "iuU" or names.shape != (classes,) or len(np.unique(names)) != classes:
        raise ValueError(f"labels must be {classes} different whole numbers, or names; got {labels!r}")
    return names if names.dtype.kind == "U" else names.astype(np.int64)


# ---- the file ----


def _graph(model: Any, labels: Array | None) -> tuple[Graph, dict[str, tuple[str, Any, list[Any]]]]:
    """The graph, and its outputs: by the name in the graph their own name, type and shape."""
    inputs, outputs = model.input_shape[1], model.output_shape[1]
    weights = saving._weights(model)
    g = Graph(model.dtype, weights)
    x = "input" if model._input is None or len(model._input.shape) == 1 else g("Flatten", "input", axis=1)
    y = _through(g, model._widths(inputs), x, iter(weights))
    if y == "input":
        y = g("Identity", y)
    named = {y: ("output", model.dtype, ["batch", outputs])}
    if labels is not None:
        probabilities = _probabilities(g, _last_activation(model.layers), outputs, y)
        g.constants["labels"] = labels
        label = g("Gather", "labels", g("ArgMax", probabilities, axis=-1, keepdims=0))
        named[label] = ("label", labels.dtype, ["batch"])
        named[probabilities] = ("probabilities", model.dtype, ["batch", len(labels)])
    return g, named


def proto(model: Any, labels: Sequence[int] | Sequence[str] | None = None) -> Any:
    """The ``ModelProto`` of a model: see ``export``."""
    onnx = require_onnx()
    model._require_network()  # builds the model, or says what it lacks
    size = sum(weight.nbytes for weight in model.weights)
    if size > MOST_BYTES:
        raise ValueError(f"the weights take {size:,} bytes; an ONNX file holds at most {MOST_BYTES:,}")
    classes = None if labels is None else _checked_labels(labels, model.output_shape[1])
    g, named = _graph(model, classes)
    used = {name for node in g.nodes for name in node.inputs}

    def renamed(name: str) -> str:
        return named[name][0] if name in named else name

    def value(name: str, dtype: Any, shape: list[Any]) -> Any:
        kind = onnx.TensorProto.STRING if dtype.kind == "U" else onnx.helper.np_dtype_to_tensor_dtype(dtype)
        return onnx.helper.make_tensor_value_info(name, kind, shape)

    nodes = [
        onnx.helper.make_node(
            n.operator, [renamed(i) for i in n.inputs], [renamed(n.output)], name=n.output, **n.attributes
        )
        for n in g.nodes
    ]
    shape = model._input.shape if model._input is not None else model.input_shape[1:]
    graph = onnx.helper.make_graph(
        nodes,
        model.name,
        [value("input", model.dtype, ["batch", *shape])],
        [value(*described) for described in named.values()],
        [
            onnx.numpy_helper.from_array(array.astype(object) if array.dtype.kind == "U" else array, name)
            for name, array in g.constants.items()
            if name in used
        ],
    )
    made = onnx.helper.make_model(
        graph,
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="fastbp",
        producer_version=_core.__version__,
    )
    with contextlib.suppress(ValueError):  # initialisers or penalties of the user's own, which the graph does not need
        described = {"model": saving.serialize(model), "labels": None if classes is None else classes.tolist()}
        onnx.helper.set_model_props(made, {"fastbp": json.dumps(described)})
    return made


def export(model: Any, labels: Sequence[int] | Sequence[str] | None = None) -> bytes:
    """An ONNX file: from "input" (batch, ...) to "output" (batch, outputs), in the model's dtype, for any batch.

    Args:
        model: the model.
        labels: a whole number or a name for each class. With them there are two outputs more: "label" (batch), int64 or
            strings, the most probable class, and "probabilities" (batch, classes). The network ends in softmax, in
            sigmoid with one output, whose probability is that of the second class, or in linear, whose outputs are
            taken for logits.

    Raises:
        ImportError: if the package onnx is missing: ``pip install 'fastbp[onnx]'``.
        ValueError: for activations of one's own and, in float64, for gelu that is not approximate, naming the layer.
    """
    data: bytes = proto(model, labels).SerializeToString(deterministic=True)
    return data
