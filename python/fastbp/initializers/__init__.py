"""Initialisers: the weights that training starts from.

The random ones draw from the Philox stream of the core, so the same seed gives the same weights on every machine.
"""

from collections.abc import Mapping
from typing import Any

from fastbp import _registry
from fastbp._registry import Registry
from fastbp.initializers.base import Function, Initializer
from fastbp.initializers.constant import Constant, Identity, Ones, Zeros
from fastbp.initializers.random import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
)

__all__ = [
    "INITIALIZERS",
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "IdentityInitializer",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "OrthogonalInitializer",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "constant",
    "deserialize",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_normal",
    "lecun_uniform",
    "ones",
    "orthogonal",
    "random_normal",
    "random_uniform",
    "serialize",
    "truncated_normal",
    "variance_scaling",
    "zeros",
]

constant = Constant
glorot_normal = GlorotNormal
glorot_uniform = GlorotUniform
he_normal = HeNormal
he_uniform = HeUniform
identity = IdentityInitializer = Identity
lecun_normal = LecunNormal
lecun_uniform = LecunUniform
ones = Ones
orthogonal = OrthogonalInitializer = Orthogonal
random_normal = RandomNormal
random_uniform = RandomUniform
truncated_normal = TruncatedNormal
variance_scaling = VarianceScaling
zeros = Zeros

INITIALIZERS: Registry[Initializer] = Registry(
    "initializer",
    Initializer,
    {
        cls.name: cls
        for cls in (
            Zeros,
            Ones,
            Constant,
            Identity,
            RandomNormal,
            RandomUniform,
            TruncatedNormal,
            Orthogonal,
            VarianceScaling,
            GlorotUniform,
            GlorotNormal,
            HeUniform,
            HeNormal,
            LecunUniform,
            LecunNormal,
        )
    },
    aliases={
        "zero": "zeros",
        "one": "ones",
        "normal": "random_normal",
        "uniform": "random_uniform",
        "IdentityInitializer": "identity",
        "OrthogonalInitializer": "orthogonal",
    },
)


def get(identifier: Any) -> Initializer:
    """The initialiser of that name, class or config, the given one, or one that calls the given function.

    A function takes (shape, dtype) and gives the values.

    >>> get("he_normal"), get({"class_name": "Zeros", "config": {}})
    (<initializer he_normal>, <initializer zeros>)
    >>> import numpy as np
    >>> get(lambda shape, dtype=None: np.full(shape, 0.25))((2,))
    array([0.25, 0.25])
    """
    if callable(identifier) and not isinstance(identifier, (type, Initializer)):
        return Function(identifier)
    return INITIALIZERS.get(identifier)


def serialize(initializer: Initializer) -> dict[str, Any]:
    """The initialiser as Keras writes it, of which JSON can be made.

    >>> serialize(Constant(0.5))
    {'class_name': 'Constant', 'config': {'value': 0.5}}
    """
    return _registry.serialize(initializer)


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Initializer:
    """The initialiser that ``serialize`` described; ``custom_objects`` are classes of your own by name.

    >>> deserialize({"class_name": "Constant", "config": {"value": 0.5}}).value
    0.5
    """
    return INITIALIZERS.deserialize(config, custom_objects)
