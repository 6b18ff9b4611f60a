"""Optimisers: how a slope becomes a step.

An optimiser holds the settings; what it remembers of earlier steps (its slots) lies beside the weights in the core.
"""

from collections.abc import Mapping
from typing import Any

from fastbp._registry import Registry
from fastbp.optimizers import schedules
from fastbp.optimizers.adagrad import Adadelta, Adagrad
from fastbp.optimizers.adam import Adam, Adamax, AdamW, Nadam
from fastbp.optimizers.base import Optimizer
from fastbp.optimizers.lion import Lion
from fastbp.optimizers.rmsprop import RMSprop
from fastbp.optimizers.sgd import SGD

__all__ = [
    "OPTIMIZERS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Lion",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "deserialize",
    "get",
    "schedules",
    "serialize",
]

_CLASSES = (SGD, Adam, AdamW, Nadam, Adamax, Adagrad, Adadelta, RMSprop, Lion)
OPTIMIZERS: Registry[Optimizer] = Registry("optimizer", Optimizer, {cls.name: cls for cls in _CLASSES})


def get(identifier: Any) -> Optimizer:
    """The optimiser of that name (in any case), of that class, of that config, or the given one.

    >>> get("RMSprop").name
    'rmsprop'
    """
    if isinstance(identifier, Mapping):
        return deserialize(identifier)
    return OPTIMIZERS.get(identifier.lower() if isinstance(identifier, str) else identifier)


def serialize(optimizer: Optimizer) -> dict[str, Any]:
    """The optimiser as Keras writes it, of which JSON can be made.

    >>> serialize(Lion(0.5))["class_name"]
    'Lion'
    """
    return {"class_name": type(optimizer).__name__, "config": optimizer.get_config()}


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Optimizer:
    """The optimiser that ``serialize`` described; ``custom_objects`` are classes of your own by name.

    >>> deserialize({"class_name": "SGD", "config": {"learning_rate": 0.5, "momentum": 0.9}})
    SGD(learning_rate=0.5, momentum=0.9)
    """
    if "class_name" not in config:
        raise ValueError(f"expected the optimizer as {{'class_name': ..., 'config': ...}}; got {config!r}")
    name = config["class_name"]
    cls = (custom_objects or {}).get(name) or type(get(name))
    return get(cls.from_config(config.get("config", {}), custom_objects))
