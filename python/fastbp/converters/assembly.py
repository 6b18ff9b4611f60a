"""A model from layers and the weights that came with them: shapes are checked before any memory is taken."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp._files import told as told
from fastbp.activations import Activation, linear
from fastbp.layers import Activation as ActivationLayer
from fastbp.layers import Dense, Flatten, Input, Layer
from fastbp.models import Sequential
from fastbp.saving import MOST_WITHOUT_WEIGHTS as MOST_WITHOUT_WEIGHTS

Array = npt.NDArray[Any]


@dataclass
class Part:
    """A layer, its weights, and what it is called where it comes from."""

    layer: Layer
    weights: list[Array] = field(default_factory=list)
    source: str = ""


def unsupported(source: str, kind: str, known: Iterable[str]) -> ValueError:
    """The error for a layer that has no counterpart here."""
    return ValueError(f"{source}: {kind} is not supported; known: {', '.join(sorted(known))}")


def dense(kernel: Array, bias: Array | None, activation: Activation, source: str) -> Part:
    """A Dense layer with kernel (in, out) and bias (out)."""
    if kernel.ndim != 2 or 0 in kernel.shape:
        raise ValueError(f"{source}: its kernel has shape {kernel.shape}; expected (in, out)")
    layer = Dense(kernel.shape[1], activation, use_bias=bias is not None)
    return Part(layer, [kernel] if bias is None else [kernel, bias], source)


def merged(parts: Iterable[Part]) -> list[Part]:
    """Activations taken into the Dense before them, where that has none."""
    found: list[Part] = []
    for part in parts:
        before = found[-1].layer if found else None
        if isinstance(part.layer, ActivationLayer) and isinstance(before, Dense) and before.activation is linear:
            before.activation = part.layer.activation
        else:
            found.append(part)
    return found


def assembled(parts: Sequence[Part], shape: Sequence[int] | None = None, **settings: Any) -> Sequential:
    """The model of these layers with these weights, whose dtype it has.

    Args:
        parts: the layers.
        shape: of one sample; taken from the first weights, if not given.
        settings: of ``Sequential``.
    """
    if not parts:
        raise ValueError("there is no layer")
    weights = [weight for part in parts for weight in part.weights]
    for part in parts:
        for weight in part.weights:
            if weight.dtype not in (np.float32, np.float64):
                raise ValueError(f"{part.source}: a weight has dtype {weight.dtype}; expected float32 or float64")
    if shape is None:
        if not weights:
            raise ValueError("nothing tells the width of the input: there are no weights")
        shape = weights[0].shape[:1]
    inputs = Input(shape)
    width = math.prod(inputs.shape)
    for part in parts:
        expected = [variable.shape for variable in part.layer._variables(width)]
        came = [weight.shape for weight in part.weights]
        if came != expected:
            raise ValueError(f"{part.source}: {width} inputs need weights of shapes {expected}; got {came}")
        part.layer._weights, part.layer._inputs = part.weights, width  # which the model copies
        width = part.layer._outputs(width)
    if not weights and width > MOST_WITHOUT_WEIGHTS:
        raise ValueError(f"{width} inputs and no weights: a network without any has at most {MOST_WITHOUT_WEIGHTS:,}")
    if len(inputs.shape) > 1:
        _require_elementwise(parts)
    dtype = np.result_type(*weights) if weights else np.dtype("float32")
    model = Sequential([inputs, *(part.layer for part in parts)], **({"dtype": dtype} | settings))
    model.build()
    return model


def _require_elementwise(parts: Sequence[Part]) -> None:
    """Before a Flatten ours are rows already, along which softmax would be another."""
    for part in parts:
        if isinstance(part.layer, Flatten):
            return
        activation = getattr(part.layer, "activation", None)
        if activation is not None and "softmax" in activation.name:
            raise ValueError(f"{part.source}: {activation.name} before Flatten is along one axis of the samples only")
