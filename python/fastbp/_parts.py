"""Parts as JSON: layers, losses, optimisers and all that a model is made of.

A part is written as its kind, the name of its class, and the arguments that make an equal one. Loading makes objects of
the classes in ``TABLES`` alone, and executes nothing. Parts of the user's own are written by name, and loading takes
them from ``custom_objects``: never by importing what a file names.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from fastbp._files import told
from fastbp._registry import Registry, unknown_name
from fastbp.activations import ACTIVATIONS, Activation, CustomActivation
from fastbp.constraints import CONSTRAINTS
from fastbp.initializers import INITIALIZERS
from fastbp.initializers.base import Function
from fastbp.layers import LAYERS, Input, Layer
from fastbp.losses import LOSSES, CustomLoss
from fastbp.metrics import METRICS, MeanMetricWrapper
from fastbp.optimizers import OPTIMIZERS, Optimizer
from fastbp.optimizers.schedules import SCHEDULES
from fastbp.regularizers import REGULARIZERS

CustomObjects = Mapping[str, Any]
TABLES: dict[str, Registry[Any]] = {  # by kind; models add theirs
    "activation": ACTIVATIONS,
    "constraint": CONSTRAINTS,
    "initializer": INITIALIZERS,
    "layer": Registry("layer", Layer, {"Input": Input, **LAYERS}),
    "loss": LOSSES,
    "metric": METRICS,
    "optimizer": OPTIMIZERS,
    "regularizer": REGULARIZERS,
    "schedule": SCHEDULES,
}


WRAPPERS: dict[str, tuple[type[Any], Callable[..., Any], Callable[[Any], tuple[Any, dict[str, Any]]]]] = {
    # What holds functions of the user's by kind: its class, what makes one of them, and they with the other arguments.
    "activation": (
        CustomActivation,
        lambda pair, **config: CustomActivation(*pair, **config),
        lambda part: ((part.function, part.derivative), {"name": part.name}),
    ),
    "initializer": (Function, Function, lambda part: (part.function, {})),
    "loss": (
        CustomLoss,
        CustomLoss,
        lambda part: (part.function, {key: value for key, value in part.get_config().items() if key != "function"}),
    ),
    "metric": (
        MeanMetricWrapper,
        MeanMetricWrapper,
        lambda part: (part.fn, {key: value for key, value in part.get_config().items() if key != "fn"}),
    ),
}
DEEPEST = 100  # lists and parts within each other: more than any network needs, and few enough for recursion


def _named(kind: str) -> dict[str, Any]:
    """Classes by their names, and activations, which are objects with settings, by theirs."""
    return {m.__name__ if isinstance(m, type) else name: m for name, m in TABLES[kind].members.items()}


def _require_shallow(depth: int) -> None:
    if depth > DEEPEST:
        raise ValueError(f"parts lie within each other deeper than {DEEPEST} levels")


def _config(part: Any) -> dict[str, Any]:
    config: dict[str, Any] = part._arguments() if isinstance(part, Optimizer) else part.get_config()
    return config  # with parts, not configs


def _described(part: Any, custom: dict[str, Any], depth: int) -> Any:
    """Kind, class name and arguments; the name alone of an activation whose settings are the usual ones."""
    bases = [(kind, (table.base, Input) if kind == "layer" else table.base) for kind, table in TABLES.items()]
    kind = next((kind for kind, base in bases if isinstance(part, base)), None)
    if kind is None:
        known = ", ".join(table.base.__name__ for table in TABLES.values())
        raise ValueError(f"{part!r} cannot be saved: {type(part).__name__} is no class of these: {known}")
    if kind in WRAPPERS and type(part) is WRAPPERS[kind][0]:
        return _custom(kind, part.name, *WRAPPERS[kind][2](part), custom, depth)
    name = part.name if isinstance(part, Activation) else type(part).__name__
    member: Any = _named(kind).get(name)
    config = _config(part)
    if type(part) not in (member, type(member)):
        return _custom(kind, name, type(part), config, custom, depth)
    if isinstance(part, Activation) and config == member.get_config():
        return name
    return {"kind": kind, "class_name": name, "config": _serialized(config, custom, depth + 1)}


def _custom(kind: str, name: str, found: Any, config: dict[str, Any], custom: dict[str, Any], depth: int) -> Any:
    """What is not ours is described by its name; what that stands for goes to ``custom``."""
    if name == "<lambda>":
        raise ValueError(f"the {kind} {found!r} cannot be saved: a lambda has no name to find it by; give it one")
    if custom.setdefault(name, found) != found:
        raise ValueError(f"{name!r} is the name of {custom[name]!r} and of {found!r}; they could not be told apart")
    return {"kind": kind, "custom": name, "config": _serialized(config, custom, depth + 1)}


def _serialized(value: Any, custom: dict[str, Any], depth: int = 0) -> Any:
    _require_shallow(depth)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    if isinstance(value, (list, tuple)):
        return [_serialized(item, custom, depth + 1) for item in value]
    if isinstance(value, Mapping):
        return {name: _serialized(item, custom, depth + 1) for name, item in value.items()}
    return _described(value, custom, depth)


def serialize(value: Any) -> Any:
    """A part, or what holds some, as JSON has it: kind, class name and arguments.

    A part of your own, an object of a subclass or a function, is described by name: ``custom`` in place of
    ``class_name``.

    Raises:
        ValueError: for an object that is no part, a lambda that was given no name, and two parts of one's own that bear
            the same name.

    >>> from fastbp import activations, regularizers
    >>> serialize([activations.relu, regularizers.L2(0.5)])
    ['relu', {'kind': 'regularizer', 'class_name': 'L2', 'config': {'l2': 0.5}}]
    >>> serialize(CustomActivation(np.sin, np.cos, name="sine"))
    {'kind': 'activation', 'custom': 'sine', 'config': {'name': 'sine'}}
    """
    return _serialized(value, {})


def custom_objects(model: Any) -> dict[str, Any]:
    """All that a model has of its user's: functions and classes by name, as ``load_model`` takes them.

    >>> import fastbp
    >>> sine = fastbp.Dense(3, activation=CustomActivation(np.sin, np.cos, name="sine"))
    >>> custom_objects(fastbp.Sequential([sine]))
    {'sine': (<ufunc 'sin'>, <ufunc 'cos'>)}
    """
    found: dict[str, Any] = {}
    _serialized([model, model.layers, model._compiled_parts()], found)
    return found


def deserialize(data: Any, kind: str | None = None, custom_objects: CustomObjects | None = None) -> Any:
    """What ``serialize`` was given, or an equal; of that kind, if one is named.

    Args:
        data: what ``serialize`` gave.
        kind: "layer", "loss" and so on; what was described must be one.
        custom_objects: parts of your own by name: a class; a function, or for an activation a pair (function,
            derivative), which is given the settings that were described; or an object, which is taken as it is.

    Raises:
        ValueError: for kinds, classes and arguments that fastbp does not know, and for what is not in
            ``custom_objects``.

    >>> deserialize({"kind": "loss", "class_name": "BinaryCrossentropy", "config": {"from_logits": True}}, "loss")
    <loss binary_crossentropy from logits>
    >>> deserialize({"kind": "activation", "custom": "sine", "config": {}}, custom_objects={"sine": (np.sin, np.cos)})
    <activation sin>
    """
    is_part = isinstance(data, Mapping) and not data.keys().isdisjoint(("class_name", "custom"))
    if kind is not None and not (is_part and data.get("kind") == kind):
        raise ValueError(f"expected a {kind}, as its kind, class_name and config; got {short(data)}")
    return deserialized(data, custom_objects or {}, 0)


def deserialized(data: Any, custom: CustomObjects, depth: int) -> Any:
    _require_shallow(depth)
    if isinstance(data, list):
        return [deserialized(item, custom, depth + 1) for item in data]
    if not isinstance(data, Mapping):
        return data
    if depth > 0 and data.get("kind") == "model":  # else it would be built, and with weights that no file has
        raise ValueError("a model cannot be part of another")
    made = {name: deserialized(item, custom, depth + 1) for name, item in data.items()}
    return make(made, custom) if "class_name" in made or "custom" in made else made


def make(part: dict[str, Any], custom: CustomObjects) -> Any:
    kind, name = str(part.get("kind")), str(part.get("custom", part.get("class_name")))
    config = part.get("config")
    if kind not in TABLES:
        raise unknown_name("kind of part", short(kind), TABLES)
    if not isinstance(config, dict):
        raise ValueError(f"the config of {kind} {short(name)} is {short(config)}; expected arguments by name")
    with told(f"cannot make the {kind} {short(name)}"):
        if "custom" in part:
            return _own(kind, name, config, custom)
        members = _named(kind)
        if name not in members:
            raise unknown_name(kind, short(name), members)
        member = members[name]
        return member(**config) if isinstance(member, type) else member.with_settings(**config)


def _own(kind: str, name: str, config: dict[str, Any], custom: CustomObjects) -> Any:
    """A part of the user's own, from what they gave."""
    if name not in custom:
        raise ValueError(
            f"it is no part of fastbp: expected it in custom_objects, which has {', '.join(custom) or 'nothing'}"
        )
    found, base = custom[name], TABLES[kind].base
    if isinstance(found, base):
        return found
    if isinstance(found, type) and issubclass(found, base):
        return found.from_config(config) if hasattr(found, "from_config") else found(**config)
    if kind in WRAPPERS:
        return WRAPPERS[kind][1](found, **config)
    raise TypeError(f"expected a {base.__name__}, or a subclass, in custom_objects[{name!r}]; got {found!r}")


def short(value: Any) -> str:
    """What a file says, for a message."""
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 100 else f"{text[:100]}..."
