"""Activations as operators of ONNX's opset 20: one, where it has the same, else several that make it.

onnxruntime computes many operators in float32 only, and their attributes are float32 too. So a float64 model has other
operators, in which settings are constants: equal to the last bits.
"""

import math
from collections.abc import Callable

import numpy as np

from fastbp._counterparts import Counterpart, theirs
from fastbp.activations import ACTIVATIONS, Activation, gelu
from fastbp.exporting.graph import Graph

PLAIN_RELU = {"negative_slope": 0.0, "max_value": None, "threshold": 0.0}

OPERATORS = [
    Counterpart("Relu", "relu", our_fixed=PLAIN_RELU),
    Counterpart("LeakyRelu", "leaky_relu", {"negative_slope": "alpha"}),
    Counterpart("LeakyRelu", "relu", {"negative_slope": "alpha"}, {"max_value": None, "threshold": 0.0}),
    Counterpart("HardSigmoid", "hard_sigmoid", their_fixed={"alpha": 1 / 6, "beta": 0.5}),
    Counterpart("HardSigmoid", "sparse_sigmoid", their_fixed={"alpha": 0.5, "beta": 0.5}),
    Counterpart("Elu", "elu", {"alpha": "alpha"}),
    Counterpart("Selu", "selu"),
    Counterpart("Celu", "celu", {"alpha": "alpha"}),
    Counterpart("Exp", "exponential"),
    Counterpart("Sigmoid", "sigmoid"),
    Counterpart("Tanh", "tanh"),
    Counterpart("Softplus", "softplus"),
    Counterpart("Softsign", "softsign"),
    Counterpart("Gelu", "gelu", our_fixed={"approximate": False}, their_fixed={"approximate": "none"}),
    Counterpart("Gelu", "gelu", our_fixed={"approximate": True}, their_fixed={"approximate": "tanh"}),
    Counterpart("Mish", "mish"),
    Counterpart("HardSwish", "hard_silu"),
    Counterpart("Softmax", "softmax", their_fixed={"axis": -1}),
    Counterpart("LogSoftmax", "log_softmax", their_fixed={"axis": -1}),
]
IN_FLOAT64 = {"Relu", "Exp", "Sigmoid", "Tanh", "Softmax", "LogSoftmax"}  # of them, what onnxruntime computes so


def activate(g: Graph, activation: Activation, x: str) -> str:
    """The name of activation(x); ValueError if there is no way to have it."""
    found = theirs(OPERATORS, activation)
    if found and (g.dtype == np.float32 or found[0] in IN_FLOAT64):
        return g(found[0], x, **found[1])
    if not activation.kernel:
        raise ValueError(
            f"the activation {activation.name!r} is a function of your own, for which ONNX has no operator"
        )
    if activation.name == "gelu" and not activation.get_config()["approximate"] and g.dtype != np.float32:
        raise ValueError(
            "onnxruntime has no gelu in float64 but the approximate one: use gelu(approximate=True) or a float32 model"
        )
    return COMPOSED[activation.name](g, x, **activation.get_config())


# ---- of several operators ----


def _relu(g: Graph, x: str, negative_slope: float, max_value: float | None, threshold: float) -> str:
    if negative_slope == threshold == 0 and max_value is not None:
        return g("Clip", x, 0, max_value)
    above = x if max_value is None else g("Min", x, max_value)
    return g("Where", g("Greater", x, threshold), above, g("Mul", g("Sub", x, threshold), negative_slope))


def _celu(g: Graph, x: str, alpha: float) -> str:
    below = g("Mul", g("Sub", g("Exp", g("Div", g("Min", x, 0), alpha)), 1), alpha)
    return g("Where", g("Greater", x, 0), x, below)


def _elu(g: Graph, x: str, alpha: float) -> str:
    return g("Where", g("Greater", x, 0), x, g("Mul", g("Sub", g("Exp", g("Min", x, 0)), 1), alpha))


def _softplus(g: Graph, x: str) -> str:
    """By the form whose exponential cannot overflow."""
    return g("Add", g("Relu", x), g("Log", g("Add", g("Exp", g("Neg", g("Abs", x))), 1)))


def _squareplus(g: Graph, x: str, b: float) -> str:
    """relu(x) + b / 2(√(x² + b) + |x|), in which nothing cancels."""
    root = g("Sqrt", g("Add", g("Mul", x, x), b))
    return g("Add", g("Relu", x), g("Div", b / 2, g("Add", root, g("Abs", x))))


def _sparse_plus(g: Graph, x: str) -> str:
    half = _line_within(g, x, 1, 2)
    return g("Where", g("Greater", x, 1), x, g("Mul", half, half))


def _line_within(g: Graph, x: str, offset: float, width: float) -> str:
    """(x + offset) / width, kept within [0, 1]."""
    return g("Div", g("Clip", g("Add", x, offset), 0, width), width)


def _gelu(g: Graph, x: str, approximate: bool) -> str:
    """The approximate one: the other is one operator, or none."""
    cube = g("Mul", g("Mul", x, g("Mul", x, x)), 0.044715)
    gate = g("Add", g("Tanh", g("Mul", g("Add", x, cube), math.sqrt(2 / math.pi))), 1)
    return g("Mul", g("Mul", x, 0.5), gate)


def _selu(g: Graph, x: str) -> str:
    return g("Mul", _elu(g, x, 1.6732632423543772), 1.0507009873554805)


def _other(name: str) -> Callable[[Graph, str], str]:
    return lambda g, x: activate(g, ACTIVATIONS.get(name), x)


softplus = _other("softplus")
COMPOSED: dict[str, Callable[..., str]] = {
    "linear": lambda g, x: x,
    "relu": _relu,
    "leaky_relu": lambda g, x, negative_slope: _relu(g, x, negative_slope, None, 0.0),
    "relu6": lambda g, x: g("Clip", x, 0, 6),
    "hard_tanh": lambda g, x: g("Clip", x, -1, 1),
    "hard_sigmoid": lambda g, x: _line_within(g, x, 3, 6),
    "sparse_sigmoid": lambda g, x: _line_within(g, x, 1, 2),
    "soft_shrink": lambda g, x, threshold: g("Sub", x, g("Clip", x, -threshold, threshold)),
    "hard_shrink": lambda g, x, threshold: g("Where", g("LessOrEqual", g("Abs", x), threshold), 0, x),
    "threshold": lambda g, x, threshold, default_value: g("Where", g("LessOrEqual", x, threshold), default_value, x),
    "elu": _elu,
    "selu": _selu,
    "celu": _celu,
    "tanh_shrink": lambda g, x: g("Sub", x, g("Tanh", x)),
    "softplus": _softplus,
    "log_sigmoid": lambda g, x: g("Neg", softplus(g, g("Neg", x))),
    "softsign": lambda g, x: g("Div", x, g("Add", g("Abs", x), 1)),
    "squareplus": _squareplus,
    "sparse_plus": _sparse_plus,
    "silu": lambda g, x: g("Mul", x, g("Sigmoid", x)),
    "gelu": _gelu,
    "mish": lambda g, x: g("Mul", x, g("Tanh", softplus(g, x))),
    "hard_silu": lambda g, x: g("Mul", x, _line_within(g, x, 3, 6)),
}


def known() -> list[Activation]:
    """Every activation with its usual settings, and gelu with each."""
    return [*ACTIVATIONS.members.values(), gelu.with_settings(approximate=True)]
