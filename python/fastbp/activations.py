"""Activations: functions of a layer's weighted sums, each with its slope.

Every activation is an object that can be called on an array; a layer takes it, or its name. They are computed by the
same kernels that train. Settings are given in the call, ``elu(x, alpha=0.5)``, or kept, ``elu.with_settings(0.5)``.

At ±∞ the value is the limit, and NaN stays NaN. At a kink the slope is 0 if the function is flat on one side, else that
of the left side.
"""

import copy
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from fastbp import _core, _data
from fastbp._registry import Registry

__all__ = [
    "ACTIVATIONS",
    "Activation",
    "CustomActivation",
    "celu",
    "deserialize",
    "elu",
    "exponential",
    "gelu",
    "get",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "serialize",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
    "threshold",
]

Array: TypeAlias = npt.NDArray[Any]
Settings: TypeAlias = dict[str, Any]
Kernel: TypeAlias = tuple[str, tuple[float, ...]]  # its name, and its settings in its order


# ---- settings: what a value becomes, or an error ----


def _number(name: str, value: Any) -> float:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{name} must be a number; got {type(value).__name__} {value!r}")
    if not math.isfinite(value):
        raise ValueError(f"{name} must be finite; got {value}")
    return float(value)


def _positive(name: str, value: Any) -> float:
    if _number(name, value) <= 0:
        raise ValueError(f"{name} must be greater than 0; got {value}")
    return float(value)


def _not_negative(name: str, value: Any) -> float:
    if _number(name, value) < 0:
        raise ValueError(f"{name} must be at least 0; got {value}")
    return float(value)


def _bound(name: str, value: Any) -> float | None:
    return None if value is None else _not_negative(name, value)


def _flag(name: str, value: Any) -> bool:
    return bool(value)


class Activation:
    """An activation of the core, called on an array of any shape. Its ``name`` is Keras's."""

    def __init__(
        self,
        name: str,
        doc: str | None,
        settings: Mapping[str, tuple[Any, Callable[[str, Any], Any]]] | None = None,
        kernel: Callable[..., Kernel] | None = None,
    ) -> None:
        """Settings are name: (default, check), in Keras's order; ``kernel`` chooses by them, else the name does."""
        self.name = name
        self.__doc__ = doc
        self._checks = {key: check for key, (_, check) in (settings or {}).items()}
        self._defaults = {key: default for key, (default, _) in (settings or {}).items()}
        self._choose = kernel
        self._settings: Settings = dict(self._defaults)

    @property
    def _kernel(self) -> Kernel:
        return self._choose(**self._settings) if self._choose else (self.name, tuple(self._settings.values()))

    @property
    def kernel(self) -> str | None:
        """The name of the core's function, which may depend on the settings; None if there is none in the core.

        >>> relu.kernel, relu.with_settings(max_value=4.0).kernel
        ('relu', 'bounded_relu')
        """
        return self._kernel[0]

    @property
    def kernel_settings(self) -> tuple[float, ...]:
        """The numbers that the kernel takes, in its order.

        >>> leaky_relu.kernel_settings
        (0.2,)
        """
        return self._kernel[1]

    def with_settings(self, *values: Any, **settings: Any) -> "Activation":
        """The same activation with other settings, given in order or by name.

        >>> leaky_relu.with_settings(negative_slope=0.1)
        <activation leaky_relu negative_slope=0.1>
        """
        names = list(self._defaults)
        given = dict(zip(names, values, strict=False))
        if len(values) > len(names) or not settings.keys() <= set(names) - given.keys():
            came = ", ".join([*map(repr, values), *(f"{key}={value!r}" for key, value in settings.items())])
            raise TypeError(f"{self.name} takes {', '.join(names) or 'no settings'}; got {came}")
        other = copy.copy(self)
        other._settings = self._settings | {k: self._checks[k](k, v) for k, v in (given | settings).items()}
        return other

    def __call__(self, x: npt.ArrayLike, *values: Any, **settings: Any) -> Array:
        if values or settings:
            return self.with_settings(*values, **settings)(x)
        return self._map(x, lambda rows: _core.activation(rows, *self._for_core()))

    def slope(self, x: npt.ArrayLike) -> Array:
        """f'(x), element by element.

        >>> relu.slope([-1.0, 0.0, 2.0])
        array([0., 0., 1.])
        """
        return self._map(x, lambda rows: _core.activation_slopes(rows, np.ones_like(rows), *self._for_core()))

    def _for_core(self) -> tuple[str, list[float]]:
        name, settings = self._kernel
        return name, list(settings)

    def _map(self, x: npt.ArrayLike, function: Callable[[Array], Array]) -> Array:
        a = _data.as_floats(x, "x")
        if a.size == 0:
            return a
        rows = _data.aligned(a.reshape(-1, a.shape[-1] if a.ndim else 1), a.dtype)
        return function(rows).reshape(a.shape)

    def get_config(self) -> Settings:
        """The settings by name.

        >>> relu.get_config()
        {'negative_slope': 0.0, 'max_value': None, 'threshold': 0.0}
        """
        return dict(self._settings)

    def __repr__(self) -> str:
        changed = [f" {key}={value!r}" for key, value in self._settings.items() if value != self._defaults[key]]
        return f"<activation {self.name}{''.join(changed)}>"


class _AlongAxis(Activation):
    """An activation whose outputs each depend on all inputs along an axis."""

    def __call__(self, x: npt.ArrayLike, axis: int = -1) -> Array:
        a = _data.as_floats(x, "x")
        if a.ndim == 0:
            raise ValueError(f"{self.name} works along an axis; x is a single number")
        return np.moveaxis(super().__call__(np.moveaxis(a, axis, -1)), -1, axis)

    def slope(self, x: npt.ArrayLike) -> Array:
        raise TypeError(f"{self.name} has no slope element by element: each output depends on all inputs of its row")


class CustomActivation(Activation):
    """An elementwise activation of your own: f and f', two functions of NumPy arrays.

    Args:
        function: from x to f(x), of the same shape and dtype; called with arrays of any shape that are read-only.
        derivative: from x to f'(x), likewise.
        name: for messages and configs; by default the function's.

    A layer takes the pair itself, too: ``Dense(3, activation=(function, derivative))``. Python is then called for
    every batch, which is slower than a kernel.

    >>> square = CustomActivation(lambda x: x * x, lambda x: 2 * x, name="square")
    >>> square([1.0, 3.0]), square.slope([1.0, 3.0])
    (array([1., 9.]), array([2., 6.]))
    """

    def __init__(
        self, function: Callable[[Array], Array], derivative: Callable[[Array], Array], name: str | None = None
    ) -> None:
        for argument, value in (("function", function), ("derivative", derivative)):
            if not callable(value) or isinstance(value, type):
                raise TypeError(f"{argument} must be a function of an array; got {type(value).__name__} {value!r}")
        super().__init__(str(name or getattr(function, "__name__", "custom")), CustomActivation.__doc__)
        self.function = function
        self.derivative = derivative

    @property
    def kernel(self) -> None:
        """None: it is computed in Python."""
        return

    def _apply(self, which: str, x: npt.ArrayLike) -> Array:
        a = _data.as_floats(x, "x").view()
        a.flags.writeable = False  # who changes x in place would change what the other function is given
        result = np.array(getattr(self, which)(a))
        if (result.shape, result.dtype) != (a.shape, a.dtype):
            raise ValueError(
                f"the {which} of activation {self.name} must keep the shape {a.shape} and the dtype {a.dtype} of its "
                f"input; got {result.shape} and {result.dtype}"
            )
        return result

    def __call__(self, x: npt.ArrayLike) -> Array:
        return self._apply("function", x)

    def slope(self, x: npt.ArrayLike) -> Array:
        """f'(x), element by element."""
        return self._apply("derivative", x)

    def fill(self, y: Array, slopes: Array | None, x: Array) -> None:
        """Computes y = f(x), and slopes = f'(x) if they are asked for: what the core calls."""
        y[...] = self(x)
        if slopes is not None:
            slopes[...] = self.slope(x)


# ---- lines with kinks ----

linear = Activation(
    "linear",
    """f(x) = x, with slope 1.

    >>> linear([-1.0, 2.0])
    array([-1.,  2.])
    """,
)


def _relu_kernel(negative_slope: float, max_value: float | None = None, threshold: float = 0.0) -> Kernel:
    if (max_value, threshold) == (None, 0):
        return ("leaky_relu", (negative_slope,)) if negative_slope else ("relu", ())
    if (negative_slope, max_value, threshold) == (0, 6, 0):
        return "relu6", ()
    return "bounded_relu", (negative_slope, math.inf if max_value is None else max_value, threshold)


relu = Activation(
    "relu",
    """f(x) = max(x, 0). The slope is 1 where x > 0, else 0.

    With settings, min(x, max_value) where x > threshold, else negative_slope·(x - threshold). The slope is 1 between
    threshold and max_value, 0 above, negative_slope below. None of them may be negative.

    >>> relu([-1.0, 2.0])
    array([0., 2.])
    >>> relu([-1.0, 2.0, 9.0], negative_slope=0.5, max_value=4.0)
    array([-0.5,  2. ,  4. ])
    """,
    {"negative_slope": (0.0, _not_negative), "max_value": (None, _bound), "threshold": (0.0, _not_negative)},
    _relu_kernel,
)

leaky_relu = Activation(
    "leaky_relu",
    """f(x) = x where x > 0, else negative_slope·x. The slope is 1 where x > 0, else negative_slope, at least 0.

    >>> leaky_relu([-1.0, 2.0])
    array([-0.2,  2. ])
    """,
    {"negative_slope": (0.2, _not_negative)},
    _relu_kernel,
)

relu6 = Activation(
    "relu6",
    """f(x) = min(max(x, 0), 6). The slope is 1 where 0 < x < 6, else 0.

    >>> relu6([-1.0, 2.0, 9.0])
    array([0., 2., 6.])
    """,
)

hard_tanh = Activation(
    "hard_tanh",
    """f(x) = x kept within [-1, 1]. The slope is 1 where -1 < x < 1, else 0.

    >>> hard_tanh([-2.0, 0.5, 2.0])
    array([-1. ,  0.5,  1. ])
    """,
)

hard_sigmoid = Activation(
    "hard_sigmoid",
    """f(x) = (x + 3) / 6 kept within [0, 1]. The slope is 1/6 where -3 < x < 3, else 0.

    >>> hard_sigmoid([-4.0, 0.0, 4.0])
    array([0. , 0.5, 1. ])
    """,
)

sparse_sigmoid = Activation(
    "sparse_sigmoid",
    """f(x) = (x + 1) / 2 kept within [0, 1]. The slope is 1/2 where -1 < x < 1, else 0 (Blondel et al. 2019).

    >>> sparse_sigmoid([-2.0, 0.0, 2.0])
    array([0. , 0.5, 1. ])
    """,
)

soft_shrink = Activation(
    "soft_shrink",
    """f(x) = x moved towards 0 by at most threshold, at least 0. The slope is 1 where |x| > threshold, else 0.

    >>> soft_shrink([-2.0, 0.25, 2.0])
    array([-1.5,  0. ,  1.5])
    """,
    {"threshold": (0.5, _not_negative)},
)

hard_shrink = Activation(
    "hard_shrink",
    """f(x) = 0 where |x| <= threshold, at least 0, else x. The slope is 1 where |x| > threshold, else 0.

    >>> hard_shrink([-2.0, 0.25, 2.0])
    array([-2.,  0.,  2.])
    """,
    {"threshold": (0.5, _not_negative)},
)

threshold = Activation(
    "threshold",
    """f(x) = default_value where x <= threshold, else x. The slope is 1 where x > threshold, else 0.

    >>> threshold([-1.0, 0.25, 2.0], 0.5, -3.0)
    array([-3., -3.,  2.])
    """,
    {"threshold": (0.0, _number), "default_value": (0.0, _number)},
)

# ---- with exponentials below 0 ----

elu = Activation(
    "elu",
    """f(x) = x where x > 0, else α·(eˣ - 1), α at least 0. The slope is 1 where x > 0, else α·eˣ (Clevert et al. 2016).

    >>> elu([-1000.0, 2.0])
    array([-1.,  2.])
    """,
    {"alpha": (1.0, _not_negative)},
)

selu = Activation(
    "selu",
    """f(x) = λ·elu(x, α), λ = 1.0507 and α = 1.6733: they keep mean 0 and variance 1 from layer to layer.

    The slope is λ where x > 0, else λ·α·eˣ. For layers with ``kernel_initializer="lecun_normal"`` (Klambauer et al.
    2017).

    >>> selu([-1000.0, 2.0]).round(4)
    array([-1.7581,  2.1014])
    """,
)

celu = Activation(
    "celu",
    """f(x) = x where x > 0, else α·(e^(x/α) - 1), α > 0. The slope is 1 where x > 0, else e^(x/α) (Barron 2017).

    >>> celu([-1000.0, 2.0], alpha=0.5)
    array([-0.5,  2. ])
    """,
    {"alpha": (1.0, _positive)},
)

# ---- smooth ----

exponential = Activation(
    "exponential",
    """f(x) = eˣ, its own slope.

    >>> exponential([0.0, -1000.0])
    array([1., 0.])
    """,
)

sigmoid = Activation(
    "sigmoid",
    """σ(x) = 1 / (1 + e⁻ˣ). The slope is σ(x)·(1 - σ(x)).

    >>> sigmoid([0.0, 1000.0])
    array([0.5, 1. ])
    """,
)

tanh = Activation(
    "tanh",
    """f(x) = tanh x. The slope is 1 - tanh² x.

    >>> tanh([0.0, 1000.0])
    array([0., 1.])
    """,
)

tanh_shrink = Activation(
    "tanh_shrink",
    """f(x) = x - tanh x. The slope is tanh² x.

    >>> tanh_shrink([0.0, 1000.0])
    array([  0., 999.])
    """,
)

softplus = Activation(
    "softplus",
    """f(x) = log(1 + eˣ). The slope is σ(x).

    >>> softplus([-1000.0, 0.0, 1000.0]).round(4)
    array([0.000e+00, 6.931e-01, 1.000e+03])
    """,
)

log_sigmoid = Activation(
    "log_sigmoid",
    """f(x) = log σ(x) = -log(1 + e⁻ˣ). The slope is σ(-x).

    >>> log_sigmoid([-1000.0, 0.0, 1000.0]).round(4)
    array([-1.000e+03, -6.931e-01, -0.000e+00])
    """,
)

softsign = Activation(
    "softsign",
    """f(x) = x / (1 + |x|). The slope is 1 / (1 + |x|)².

    >>> softsign([-3.0, 1.0])
    array([-0.75,  0.5 ])
    """,
)

squareplus = Activation(
    "squareplus",
    """f(x) = (x + √(x² + b)) / 2, b > 0. The slope is f(x) / √(x² + b) (Barron 2021).

    >>> squareplus([-1.5, 0.0, 1.5])
    array([0.5, 1. , 2. ])
    """,
    {"b": (4.0, _positive)},
)

sparse_plus = Activation(
    "sparse_plus",
    """f(x) = 0 where x < -1, x where x > 1, (x + 1)² / 4 between. The slope is sparse_sigmoid(x).

    >>> sparse_plus([-2.0, 0.0, 2.0])
    array([0.  , 0.25, 2.  ])
    """,
)

# ---- x times a gate that closes below ----

silu = swish = Activation(
    "silu",
    """f(x) = x·σ(x). The slope is σ + x·σ·(1 - σ) (Ramachandran et al. 2017).

    >>> silu([-1000.0, 0.0, 1000.0])
    array([   0.,    0., 1000.])
    """,
)


def _gelu_kernel(approximate: bool) -> Kernel:
    return ("gelu_tanh" if approximate else "gelu"), ()


gelu = Activation(
    "gelu",
    """f(x) = x·Φ(x), where Φ is the normal distribution. The slope is Φ(x) + x·φ(x) (Hendrycks and Gimpel 2016).

    With ``approximate``, Φ(x) becomes (1 + tanh y) / 2 with y = √(2/π)·(x + 0.044715·x³).

    >>> gelu([-1.0, 0.0, 1.0]).round(4)
    array([-0.1587,  0.    ,  0.8413])
    >>> gelu([-1.0, 0.0, 1.0], approximate=True).round(4)
    array([-0.1588,  0.    ,  0.8412])
    """,
    {"approximate": (False, _flag)},
    _gelu_kernel,
)

mish = Activation(
    "mish",
    """f(x) = x·t, t = tanh(log(1 + eˣ)). The slope is t + x·(1 - t²)·σ(x) (Misra 2019).

    >>> mish([-1.0, 0.0, 1.0]).round(4)
    array([-0.3034,  0.    ,  0.8651])
    """,
)

hard_silu = hard_swish = Activation(
    "hard_silu",
    """f(x) = x·hard_sigmoid(x). The slope is 0 where x <= -3, 1 where x > 3, (2x + 3) / 6 between (Howard et al. 2019).

    >>> hard_silu([-4.0, 1.5, 4.0])
    array([0.   , 1.125, 4.   ])
    """,
)

# ---- along an axis ----

softmax = _AlongAxis(
    "softmax",
    """aᵢ = e^xᵢ / Σⱼ e^xⱼ along an axis, by default the last. The slope is ∂aᵢ/∂xⱼ = aᵢ·([i = j] - aⱼ).

    >>> softmax([0.0, 0.0, 1000.0])
    array([0., 0., 1.])
    """,
)

log_softmax = _AlongAxis(
    "log_softmax",
    """aᵢ = xᵢ - log Σⱼ e^xⱼ along an axis, by default the last. The slope is ∂aᵢ/∂xⱼ = [i = j] - e^aⱼ.

    >>> log_softmax([0.0, 0.0, 1000.0])
    array([-1000., -1000.,     0.])
    """,
)

ACTIVATIONS = Registry(
    "activation",
    Activation,
    {
        a.name: a
        for a in (
            *(linear, relu, leaky_relu, relu6, hard_tanh, hard_sigmoid, sparse_sigmoid, soft_shrink, hard_shrink),
            *(threshold, elu, selu, celu, exponential, sigmoid, tanh, tanh_shrink, softplus, log_sigmoid, softsign),
            *(squareplus, sparse_plus, silu, gelu, mish, hard_silu, softmax, log_softmax),
        )
    },
    aliases={"swish": "silu", "hard_swish": "hard_silu"},
)

__test__ = {name: a.__doc__ for name, a in ACTIVATIONS.members.items()}  # doctest finds no docstrings of instances


def get(identifier: Any) -> Activation:
    """The activation of that name or config, the given one, or that of a pair (function, derivative); None is linear.

    >>> get("relu")
    <activation relu>
    >>> get({"class_name": "elu", "config": {"alpha": 0.5}})
    <activation elu alpha=0.5>
    """
    if identifier is None:
        return linear
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, tuple) and len(identifier) == 2:
        return CustomActivation(*identifier)
    if callable(identifier) and not isinstance(identifier, (Activation, type)):
        raise TypeError(
            "expected the activation as a name or as a Activation; got "
            f"{type(identifier).__name__} {identifier!r}: a function needs its derivative, too; "
            "pass the pair (function, derivative)"
        )
    return ACTIVATIONS.get(identifier)


def serialize(activation: Activation) -> str | dict[str, Any]:
    """An activation as its name, or as a config if it is not all told by that: what ``deserialize`` takes.

    Of a CustomActivation only the name is written; whoever reads it gives the functions again.

    >>> serialize(relu), serialize(elu.with_settings(alpha=0.5))
    ('relu', {'class_name': 'elu', 'config': {'alpha': 0.5}})
    """
    activation = get(activation)
    if isinstance(activation, CustomActivation):
        return {"class_name": "CustomActivation", "config": {"name": activation.name}}
    config = activation.get_config()
    if config == ACTIVATIONS.get(activation.name).get_config():
        return activation.name
    return {"class_name": activation.name, "config": config}


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Activation:
    """The activation that ``serialize`` wrote. ``custom_objects`` holds those of your own, by name.

    >>> deserialize({"class_name": "elu", "config": {"alpha": 0.5}})
    <activation elu alpha=0.5>
    >>> config = serialize(CustomActivation(lambda x: x * x, lambda x: 2 * x, name="square"))
    >>> deserialize(config, {"square": (lambda x: x * x, lambda x: 2 * x)})([3.0])
    array([9.])
    """
    if not isinstance(config, dict):
        return get(config)
    if not isinstance(config.get("class_name"), str) or not isinstance(config.get("config", {}), dict):
        raise ValueError(f"the config of an activation must have a class_name and a config; got {config!r}")
    name, settings = config["class_name"], config.get("config", {})
    if name != "CustomActivation":
        return ACTIVATIONS.get(name).with_settings(**settings)
    known = custom_objects or {}
    if settings.get("name") not in known:
        raise ValueError(
            f"activation {settings.get('name')!r} is no part of fastbp; give its function and derivative in "
            f"custom_objects, which has {', '.join(known) or 'none'}"
        )
    return get(known[settings["name"]])
