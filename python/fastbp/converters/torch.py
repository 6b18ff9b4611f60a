"""From PyTorch and back."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from fastbp import activations, layers
from fastbp._counterparts import Counterpart, ours, theirs
from fastbp.activations import Activation
from fastbp.converters.assembly import Array, Part, assembled, dense, merged, told, unsupported
from fastbp.exporting.operators import PLAIN_RELU
from fastbp.models import Sequential

ACTIVATIONS = [  # modules of torch.nn
    Counterpart("Identity", "linear"),
    Counterpart("ReLU", "relu", our_fixed=PLAIN_RELU),
    Counterpart("LeakyReLU", "leaky_relu", {"negative_slope": "negative_slope"}),
    Counterpart("LeakyReLU", "relu", {"negative_slope": "negative_slope"}, {"max_value": None, "threshold": 0.0}),
    Counterpart("ReLU6", "relu6"),
    Counterpart("Hardtanh", "hard_tanh", their_fixed={"min_val": -1.0, "max_val": 1.0}),
    Counterpart(
        "Hardtanh", "relu", {"max_value": "max_val"}, {"negative_slope": 0.0, "threshold": 0.0}, {"min_val": 0.0}
    ),
    Counterpart("Hardsigmoid", "hard_sigmoid"),
    Counterpart("Softshrink", "soft_shrink", {"threshold": "lambd"}),
    Counterpart("Hardshrink", "hard_shrink", {"threshold": "lambd"}),
    Counterpart("Threshold", "threshold", {"threshold": "threshold", "default_value": "value"}),
    Counterpart("ELU", "elu", {"alpha": "alpha"}),
    Counterpart("SELU", "selu"),
    Counterpart("CELU", "celu", {"alpha": "alpha"}),
    Counterpart("Sigmoid", "sigmoid"),
    Counterpart("Tanh", "tanh"),
    Counterpart("Tanhshrink", "tanh_shrink"),
    Counterpart("Softplus", "softplus", their_fixed={"beta": 1.0, "threshold": 40.0}),  # beyond it x: float64's equal
    Counterpart("Softplus", "softplus", their_fixed={"beta": 1.0}),
    Counterpart("LogSigmoid", "log_sigmoid"),
    Counterpart("Softsign", "softsign"),
    Counterpart("SiLU", "silu"),
    Counterpart("GELU", "gelu", our_fixed={"approximate": False}, their_fixed={"approximate": "none"}),
    Counterpart("GELU", "gelu", our_fixed={"approximate": True}, their_fixed={"approximate": "tanh"}),
    Counterpart("Mish", "mish"),
    Counterpart("Hardswish", "hard_silu"),
    Counterpart("Softmax", "softmax", their_fixed={"dim": -1}),
    Counterpart("Softmax", "softmax", their_fixed={"dim": 1}),
    Counterpart("LogSoftmax", "log_softmax", their_fixed={"dim": -1}),
    Counterpart("LogSoftmax", "log_softmax", their_fixed={"dim": 1}),
]


def _array(tensor: Any) -> Array:
    """A tensor, or an array, in float32 or float64; half floats become float32, which holds them exactly."""
    if hasattr(tensor, "detach"):
        tensor = tensor.detach().cpu()
        tensor = tensor.float() if tensor.element_size() < 4 and tensor.is_floating_point() else tensor
        tensor = tensor.numpy()
    array = np.asarray(tensor)
    return array.astype(np.float32) if array.dtype.name in ("float16", "bfloat16") else array


# ---- modules, and back ----


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(what)


def _read_linear(module: Any) -> Part:
    bias = None if module.bias is None else _array(module.bias)
    return dense(_array(module.weight).T, bias, activations.linear, "its weight")


def _present(*tensors: Any) -> list[Array]:
    return [_array(tensor) for tensor in tensors if tensor is not None]


def _read_batch_norm(module: Any) -> Part:
    _require(module.running_mean is not None, "without running statistics it depends on the batch")
    _require(module.momentum is not None, "momentum must be a number; got None, a mean over all batches")
    layer = layers.BatchNormalization(
        momentum=1 - module.momentum, epsilon=module.eps, center=module.affine, scale=module.affine
    )
    return Part(layer, _present(module.weight, module.bias, module.running_mean, module.running_var))


def _read_layer_norm(module: Any) -> Part:
    _require(len(module.normalized_shape) == 1, f"normalized_shape must be (features); got {module.normalized_shape}")
    layer = layers.LayerNormalization(
        epsilon=module.eps, scale=module.weight is not None, center=module.bias is not None
    )
    return Part(layer, _present(module.weight, module.bias))


def _read_rms_norm(module: Any) -> Part:
    _require(len(module.normalized_shape) == 1, f"normalized_shape must be (features); got {module.normalized_shape}")
    weight = np.ones(module.normalized_shape, np.float32) if module.weight is None else _array(module.weight)
    epsilon = float(np.finfo(weight.dtype).eps) if module.eps is None else module.eps
    return Part(layers.RMSNormalization(epsilon=epsilon), [weight])


def _read_flatten(module: Any) -> Part:
    _require((module.start_dim, module.end_dim) == (1, -1), f"it must flatten all but the batch; got {module!r}")
    return Part(layers.Flatten())


READERS: dict[str, Callable[[Any], Part]] = {
    "Linear": _read_linear,
    "BatchNorm1d": _read_batch_norm,
    "LayerNorm": _read_layer_norm,
    "RMSNorm": _read_rms_norm,
    "Flatten": _read_flatten,
    "Dropout": lambda module: Part(layers.Dropout(module.p)),
    "AlphaDropout": lambda module: Part(layers.AlphaDropout(module.p)),
}


def _read(module: Any, source: str) -> Iterator[Part]:
    from torch import nn

    kind = type(module).__name__
    if type(module) is not getattr(nn, kind, None):
        raise ValueError(
            f"{source}: the order of a {kind}'s layers is in its code; expected modules of torch.nn in an "
            "nn.Sequential, or, for a stack of Linear, its state_dict"
        )
    if kind == "Sequential":
        for name, child in module.named_children():
            yield from _read(child, f"{source}.{name}")
    elif kind in READERS:
        with told(f"{source} ({kind})"):
            part = READERS[kind](module)
        part.source = f"{source} ({kind})"
        yield part
    else:
        with told(f"{source} ({kind})"):
            activation = ours(ACTIVATIONS, kind, lambda name: getattr(module, name))
        if activation is None:
            raise unsupported(source, repr(module), {"Sequential", *READERS, *(row.theirs for row in ACTIVATIONS)})
        if activation.kernel != "linear":
            yield Part(layers.Activation(activation), source=source)


# ---- a state_dict, or a file of one ----


def _chained(found: dict[str, dict[str, Array]]) -> list[str]:
    """The order of layers, which a file does not tell: by numbers, if their names are equal but for them, or shapes."""

    def numbers(name: str) -> list[int]:
        return [int(digits) for digits in re.findall(r"\d+", name)]

    if len({re.sub(r"\d+", "0", name) for name in found}) <= 1:
        return sorted(found, key=numbers)
    after = {layer["weight"].shape[-1]: name for name, layer in found.items()}
    widths = {layer["weight"].shape[0] for layer in found.values()}
    first = [name for width, name in after.items() if width not in widths]
    if len(after) < len(found) or len(first) != 1:
        raise ValueError(f"neither names nor shapes tell the order of {', '.join(found)}; pass a state_dict")
    order = first
    while (width := found[order[-1]]["weight"].shape[0]) in after:
        order.append(after[width])
    return order


def _of_state(state: Mapping[str, Any], activation: Any, output_activation: Any, in_order: bool) -> list[Part]:
    found: dict[str, dict[str, Array]] = {}
    for key, tensor in state.items():
        name, _, leaf = str(key).rpartition(".")
        array = _array(tensor)
        if (leaf, array.ndim) not in (("weight", 2), ("bias", 1)):
            raise ValueError(
                f"{key} {array.shape} is not of a Linear layer, of which a state_dict may consist: a weight (out, in) "
                "and a bias (out); pass the module"
            )
        found.setdefault(name, {})[leaf] = array
    for name, layer in found.items():
        if "weight" not in layer:
            raise ValueError(f"{name or 'the state_dict'} has a bias, but no weight")
    order = list(found) if in_order else _chained(found)
    hidden, last = activations.get(activation), activations.get(output_activation)
    return [
        dense(found[name]["weight"].T, found[name].get("bias"), last if name == order[-1] else hidden, name)
        for name in order
    ]


def _tensors(path: str) -> dict[str, Array]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # it is no dict
    except (SafetensorError, TypeError) as error:  # TypeError: a dtype that NumPy has not
        raise ValueError(f"it is not a whole safetensors file of float tensors: {error}") from None


def from_torch(module_or_state_dict: Any, *, activation: Any = None, output_activation: Any = None) -> Sequential:
    """The network of a PyTorch module, with its weights bit for bit; its outputs are those of ``eval()``.

    Args:
        module_or_state_dict: an ``nn.Sequential``, in which there may be others, of Linear, activations, Dropout,
            AlphaDropout, BatchNorm1d, LayerNorm, RMSNorm, Flatten and Identity. Or the ``state_dict`` of a stack of
            Linear layers, in their order. Or the path of a safetensors file of one, for which PyTorch is not needed.
        activation: of the hidden layers, which a state_dict does not tell; linear if not given.
        output_activation: of the last layer, likewise.

    BatchNorm1d's momentum m becomes 1 - m. Half floats become float32.

    Raises:
        ValueError: naming the layer that has no counterpart.

    >>> state = {"0.weight": np.ones((3, 2)), "0.bias": np.zeros(3), "2.weight": np.ones((1, 3))}
    >>> from_torch(state, activation="relu")
    <Sequential sequential: <Dense 3 relu>, <Dense 1 linear>>
    """
    if isinstance(module_or_state_dict, (str, os.PathLike)):
        path = os.fspath(module_or_state_dict)
        with told(path):
            return assembled(_of_state(_tensors(path), activation, output_activation, in_order=False))
    if isinstance(module_or_state_dict, Mapping):
        return assembled(_of_state(module_or_state_dict, activation, output_activation, in_order=True))
    if not hasattr(module_or_state_dict, "named_children"):
        came = type(module_or_state_dict).__name__
        raise TypeError(f"expected a module of PyTorch, its state_dict or a path; got {came}")
    if (activation, output_activation) != (None, None):
        raise ValueError("activation and output_activation are for a state_dict; a module has its own")
    return assembled(merged(_read(module_or_state_dict, "module")))


def _filled(module: Any, tensors: dict[str, Array]) -> Any:
    """The module with these values."""
    import torch

    with torch.no_grad():
        for name, values in tensors.items():
            getattr(module, name).copy_(torch.from_numpy(np.array(values)))
    return module


def _named(names: tuple[tuple[str, str], ...], layer: Any) -> dict[str, Array]:
    """Their names of the weights that the layer has, and the values."""
    return {their: getattr(layer, our) for our, their in names if layer._has(our)}


SCALED = (("gamma", "weight"), ("beta", "bias"))
MOVING = (("moving_mean", "running_mean"), ("moving_variance", "running_var"))


def _linear_module(nn: Any, layer: layers.Dense, dtype: Any) -> Any:
    module = nn.Linear(*layer.kernel.shape, bias=layer.use_bias, dtype=dtype)
    return _filled(module, {"weight": layer.kernel.T} | ({"bias": layer.bias} if layer.use_bias else {}))


def _batch_norm_module(nn: Any, layer: layers.BatchNormalization, dtype: Any) -> Any:
    affine = layer.scale or layer.center  # what the layer lacks stays 1 or 0
    module = nn.BatchNorm1d(len(layer.moving_mean), layer.epsilon, 1 - layer.momentum, affine, dtype=dtype)
    return _filled(module, _named(SCALED + MOVING, layer))


def _layer_norm_module(nn: Any, layer: layers.LayerNormalization, dtype: Any) -> Any:
    affine = layer.scale or layer.center
    module = nn.LayerNorm(layer._inputs, layer.epsilon, affine, layer.center, dtype=dtype)
    return _filled(module, _named(SCALED, layer))


def _rms_norm_module(nn: Any, layer: layers.RMSNormalization, dtype: Any) -> Any:
    return _filled(nn.RMSNorm(layer._inputs, layer.epsilon, dtype=dtype), {"weight": layer.scale})


WRITERS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "Dense": _linear_module,
    "BatchNormalization": _batch_norm_module,
    "LayerNormalization": _layer_norm_module,
    "RMSNormalization": _rms_norm_module,
    "Flatten": lambda nn, layer, dtype: nn.Flatten(),
    "Dropout": lambda nn, layer, dtype: nn.Dropout(layer.rate),
    "AlphaDropout": lambda nn, layer, dtype: nn.AlphaDropout(layer.rate),
}


def _activation_module(nn: Any, activation: Activation, source: str) -> Any:
    found = theirs(ACTIVATIONS, activation)
    if found is None:
        raise unsupported(source, repr(activation), {row.ours for row in ACTIVATIONS})
    return getattr(nn, found[0])(**found[1])


def to_torch(model: Sequential) -> Any:
    """An ``nn.Sequential`` in ``eval()`` with the model's layers, weights bit for bit, and dtype.

    Penalties, constraints and initialisers stay behind.

    Raises:
        ValueError: naming the layer that has no counterpart: ``Residual``, ``Rescaling``, ``Normalization``, noise, an
            activation that PyTorch lacks, or one of your own.
        ImportError: if PyTorch is missing.
    """
    try:
        import torch
    except ImportError as error:
        raise ImportError("to_torch needs PyTorch: pip install torch") from error
    model._require_network()  # builds the model, or says what it lacks
    modules = []
    for layer in model.layers:
        kind, source = type(layer).__name__, f"layer {layer.name!r}"
        activation = getattr(layer, "activation", None)
        if kind not in WRITERS and activation is None:
            raise unsupported(source, kind, {*WRITERS, "Activation"})
        if kind in WRITERS:
            modules.append(WRITERS[kind](torch.nn, layer, getattr(torch, model.dtype.name)))
        if activation is not None and activation.kernel != "linear":
            modules.append(_activation_module(torch.nn, activation, source))
    return torch.nn.Sequential(*modules).eval()
