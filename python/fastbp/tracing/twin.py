"""Copies of models, also of those with parts of the user's own, which cannot be pickled."""

import copy
from typing import Any

import numpy.typing as npt

from fastbp import saving
from fastbp.layers import Layer, Residual
from fastbp.models import Sequential

__all__ = ["twin"]


def twin(model: Sequential, dtype: npt.DTypeLike | None = None) -> Sequential:
    """An equal model with memory of its own, that would go on training alike; in another dtype if one is given.

    Functions of the user's own are shared. Metrics are left behind.

    >>> from fastbp import Dense, Input
    >>> model = Sequential([Input((1,)), Dense(1, kernel_initializer="ones")])
    >>> other = twin(model, "float64")
    >>> other.layers[0].kernel[...] = 5
    >>> model.layers[0].kernel.item(), other.get_weights()[0].dtype
    (1.0, dtype('float64'))
    """
    other = Sequential(name=model.name, dtype=dtype or model.dtype, seed=model.seed)
    other._isa = model._isa
    for layer in ([model._input] if model._input else []) + [_twin_of(layer) for layer in model.layers]:
        other._append(layer)
    other._rebuild()
    if model.built:
        other._build(model._network.inputs)
        other._network.draws = model._network.draws
    other.epochs_trained = model.epochs_trained
    if model.optimizer is None:
        return other
    other.compile(copy.copy(model.optimizer), model.loss, None if model._loss_weight == 1 else model._loss_weight)
    if model.built:
        assert other.optimizer is not None
        places = {w.ctypes.data: new for w, new in zip(model.weights, other.weights, strict=True)}
        kept_still = [places[at] for at in model.optimizer._excluded_weights if at in places]
        other.optimizer._excluded_weights = {w.ctypes.data: w for w in kept_still}
    if model._trainer is not None:
        _copy_state(model._trainer, other._require_trainer(loss=False))
    return other


def _twin_of(layer: Layer) -> Layer:
    config = layer.get_config()
    if isinstance(layer, Residual):
        config["layers"] = [_twin_of(inner) for inner in layer.layers]
    new = type(layer)(**config)
    new._weights = layer.get_weights()  # what the new model begins with
    return new


def _copy_state(old: Any, new: Any) -> None:
    """What the optimiser remembers, and how far it has come."""
    new._hand_over_settings()  # which may set slots
    new.core.batches = old.core.batches
    for own, values in zip(saving._slots(new).values(), saving._slots(old).values(), strict=True):
        own[...] = values
