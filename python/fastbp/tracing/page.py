"""A trace as a page that shows the step happen, layer by layer: one file that needs no network."""

import html
import json
import re
from collections.abc import Iterable
from importlib import resources
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastbp.tracing.layer_trace import LayerTrace
from fastbp.tracing.update import WeightTrace

if TYPE_CHECKING:
    from fastbp.tracing.trace import Trace

__all__ = ["frame", "page"]

Array = npt.NDArray[Any]
NODES = 10  # a layer of so many is drawn as a whole
MOST = 8  # nodes of a wider one: those that count most
SAMPLES = 8  # of a batch that are drawn, one at a time
CELLS = 48  # rows and columns of a map of weights, at most
LEVELS = 99  # of its colours, on each side of 0


def page(trace: "Trace") -> str:
    """The whole page."""
    parts = {
        "title": html.escape(f"Backpropagation in {trace.model_name}"),
        "css": _resource("page.css"),
        "js": _resource("page.js"),
        "data": _script_safe(json.dumps(_rounded(_data(trace)), ensure_ascii=False, separators=(",", ":"))),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], _resource("page.html"))


def frame(trace: "Trace") -> str:
    """The page within a page, for notebooks: nothing of it touches what is around."""
    return (
        f'<iframe srcdoc="{html.escape(page(trace), quote=True)}" title="Backpropagation, step by step" '
        'style="width: 100%; height: 760px; border: 0"></iframe>'
    )


def _resource(name: str) -> str:
    return resources.files("fastbp.tracing").joinpath(name).read_text("utf-8")


def _script_safe(text: str) -> str:
    """JSON that ends no script element and begins no comment."""
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _rounded(value: Any) -> Any:
    """Six digits of every number, and no NaN, which JSON has not."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]
    if isinstance(value, float):
        short = float(f"{value:.6g}") if np.isfinite(value) else str(value)
        return int(short) if isinstance(short, float) and short.is_integer() and abs(short) < 1e15 else short
    return value


def _data(trace: "Trace") -> dict[str, Any]:
    columns = _columns(trace)
    return {
        "about": f"One step of {trace.optimizer} on {_counted(len(trace.inputs), 'sample')}; loss {trace.loss_name}.",
        "columns": columns,
        "edges": [
            _edges(trace, layer, columns[number], columns[number + 1]) for number, layer in enumerate(trace.layers)
        ],
        "past": [
            _past(trace, layer, columns[layer.start], columns[number + 1]) | {"from": layer.start, "to": number + 1}
            for number, layer in enumerate(trace.layers)
            if layer.start is not None
        ],
        "maps": [_map(layer, weight) for layer in trace.layers if (weight := _matrix(layer)) and _is_wide(weight)],
        "targets": _targets(trace, columns[-1]["shown"]),
        "losses": [float(loss) for loss in trace.losses[:SAMPLES]],
        "loss": [float(trace.loss_before), float(trace.loss_after)],
        "lossName": trace.loss_name,
        "together": trace.logits,
        "samples": min(len(trace.inputs), SAMPLES),
        "count": len(trace.inputs),
        "rate": trace.learning_rate,
        "moves": trace.update.due,
    }


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


# ---- nodes ----


def _columns(trace: "Trace") -> list[dict[str, Any]]:
    """The input and then all layers: which of their nodes are drawn, and the numbers of those."""
    chosen = _chosen(trace)
    shown = chosen[0]
    first = _column("input", f"{_counted(trace.inputs.shape[1], 'value')}", trace.inputs, trace.input_slopes, shown)
    first["derivations"] = [
        {
            "title": f"input {j}",
            "lines": [["slope of the loss", [], [], _sum(trace.input_slopes[:, j]), "at the input"]],
        }
        for j in shown
    ]
    columns = [first]
    for layer, shown in zip(trace.layers, chosen[1:], strict=True):
        slopes = _slopes(layer)
        kind = layer.description.strip("<>") if layer.is_dense else layer.kind if layer.start is None else "sum"
        column = _column(layer.name, kind, layer.outputs, slopes, shown)
        column["derivations"] = [trace.node(layer.name, j).to_dict() for j in shown]
        for name, weight in layer.weights.items():
            if weight.old.shape == layer.outputs.shape[1:]:
                for place, j in enumerate(shown):
                    more = trace.weight(layer.name, j, name=name).to_dict()
                    column["derivations"][place].setdefault("more", []).append(more)
        columns.append(column)
    return columns


def _column(name: str, kind: str, values: Array, slopes: Array, shown: list[int]) -> dict[str, Any]:
    return {
        "name": name,
        "kind": kind,
        "count": values.shape[1],
        "shown": shown,
        "values": values[:SAMPLES, shown].tolist(),
        "slopes": slopes[:SAMPLES, shown].tolist(),
    }


def _slopes(layer: LayerTrace) -> Array:
    slopes = layer.sum_slopes if layer.output_slopes is None else layer.output_slopes
    assert slopes is not None
    return slopes


def _chosen(trace: "Trace") -> list[list[int]]:
    """The nodes of the input and of all layers that are drawn; the same ones where a layer, or what comes past a
    block's layers, leads from node to same node.
    """
    sizes = [_importance(trace.inputs, trace.input_slopes)]
    groups = [[0]]  # of columns
    for column, layer in enumerate(trace.layers, 1):
        sizes.append(_importance(layer.outputs, _slopes(layer)))
        alike = [] if layer.is_dense or layer.outputs.shape[1] != layer.inputs.shape[1] else [column - 1]
        alike += [] if layer.start is None or layer.weights else [layer.start]
        joined = [group for group in groups if set(alike) & set(group)]
        groups = [group for group in groups if group not in joined] + [[*chain(*joined), column]]
    found = {column: _greatest(np.sum([sizes[c] for c in group], axis=0)) for group in groups for column in group}
    return [found[column] for column in range(len(sizes))]


def _importance(values: Array, slopes: Array) -> Array:
    """By how much the loss would change if a node were 0."""
    return np.abs(values * slopes).sum(axis=0) + 1e-9 * np.abs(values).sum(axis=0)


def _greatest(importance: Array) -> list[int]:
    """The nodes that count most, in order; all, if they are few."""
    if len(importance) <= NODES:
        return list(range(len(importance)))
    return sorted(map(int, np.argsort(-importance, kind="stable")[:MOST]))


def _sum(values: Iterable[float]) -> float:
    return float(sum(map(float, values)))


def _targets(trace: "Trace", shown: list[int]) -> list[list[float]]:
    targets = trace.targets[:SAMPLES]
    if targets.ndim == 1:
        return [[float(label == j) for j in shown] for label in targets]
    return [[float(row[j]) for j in shown] for row in targets]


# ---- weights ----


def _edges(trace: "Trace", layer: LayerTrace, left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    """What is drawn from one column to the next: the weights of a Dense layer, else lines from node to same node."""
    return _weights(trace, layer, left, right) if layer.is_dense else _same_nodes(left, right)


def _past(trace: "Trace", block: LayerTrace, left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    """What is drawn past the layers of a residual block: the weights of its projection, or lines to the same node."""
    return _weights(trace, block, left, right) if block.weights else _same_nodes(left, right)


def _same_nodes(left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    same = [[a, b] for a, i in enumerate(left["shown"]) for b, j in enumerate(right["shown"]) if i == j]
    return {"dense": False, "pairs": same}


def _weights(trace: "Trace", layer: LayerTrace, left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    kernel = _matrix(layer)
    assert kernel is not None
    name = kernel.name.rpartition("/")[2]
    places = [(i, j) for i in left["shown"] for j in right["shown"]]
    return {
        "dense": True,
        "pairs": [[a, b] for a in range(len(left["shown"])) for b in range(len(right["shown"]))],
        "old": [float(kernel.old[at]) for at in places],
        "new": [float(kernel.new[at]) for at in places],
        "gradient": [float(kernel.gradient[at]) for at in places],
        "derivations": [trace.weight(layer.name, *at, name=name).to_dict() for at in places],
    }


def _matrix(layer: LayerTrace) -> WeightTrace | None:
    """The weights between nodes: of a Dense layer, or of a residual block's projection."""
    return next((weight for weight in layer.weights.values() if weight.old.ndim == 2), None)


def _is_wide(weight: WeightTrace) -> bool:
    return max(weight.old.shape) > NODES


def _map(layer: LayerTrace, weight: WeightTrace) -> dict[str, Any]:
    """Pictures of all weights and of all slopes of a layer."""
    arrays = {"old": weight.old, "gradient": weight.gradient, "new": weight.new}
    return {
        "name": layer.name if layer.is_dense else f"{layer.name}, past its layers",
        "shape": list(weight.old.shape),
        **{name: _picture(array) for name, array in arrays.items()},
    }


def _picture(array: Array) -> dict[str, Any]:
    """Means of blocks, as levels from -LEVELS to LEVELS; ``most`` is what the highest stands for."""
    means = array.astype(float)
    for axis, size in enumerate(array.shape):
        if size > CELLS:
            firsts = np.linspace(0, size, CELLS, endpoint=False).astype(int)
            counts = np.diff(np.append(firsts, size))
            means = np.add.reduceat(means, firsts, axis=axis) / (counts if axis else counts[:, None])
    most = float(np.abs(means).max())
    levels = np.nan_to_num(means * (LEVELS / most if most else 0.0), posinf=0.0, neginf=0.0)  # of networks that diverge
    return {"most": most, "cells": np.rint(levels).astype(int).tolist()}
