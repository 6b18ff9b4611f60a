"""Saving and loading: weights, the state of training, and whole models.

The files are one format. Their tensors are the weights, named "0/dense/kernel": the number of the layer, its name, that
of the weight. The state of training adds what the optimiser remembers, "optimizer/momentum/0": the slot, the number of
the weight; and the entry ``state``, what training counts. A whole model adds the entries ``config`` and ``compile``:
its parts. So weights can be loaded from any of them.

A part is written as its kind, the name of its class, and the arguments that make an equal one. Loading makes objects of
the classes in ``TABLES`` alone, and executes nothing.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp import _core
from fastbp._files import File, Path, checked_path, decode, encode, read, write
from fastbp._registry import Registry, unknown_name
from fastbp.activations import ACTIVATIONS, Activation
from fastbp.constraints import CONSTRAINTS
from fastbp.initializers import INITIALIZERS
from fastbp.layers import LAYERS, Input
from fastbp.losses import LOSSES
from fastbp.metrics import METRICS
from fastbp.optimizers import OPTIMIZERS, Optimizer
from fastbp.optimizers.schedules import SCHEDULES
from fastbp.regularizers import REGULARIZERS

__all__ = [
    "deserialize",
    "from_bytes",
    "load_model",
    "load_state",
    "load_weights",
    "save_model",
    "save_state",
    "save_weights",
    "serialize",
    "to_bytes",
]

Array = npt.NDArray[Any]
TABLES: dict[str, Registry[Any] | dict[str, Any]] = {  # by kind; models add theirs
    "activation": ACTIVATIONS,
    "constraint": CONSTRAINTS,
    "initializer": INITIALIZERS,
    "layer": {"Input": Input, **LAYERS},
    "loss": LOSSES,
    "metric": METRICS,
    "optimizer": OPTIMIZERS,
    "regularizer": REGULARIZERS,
    "schedule": SCHEDULES,
}


# ---- parts as JSON ----


def _members(kind: str) -> Mapping[str, Any]:
    table = TABLES[kind]
    return table.members if isinstance(table, Registry) else table


def _named(kind: str) -> dict[str, Any]:
    """Classes by their names, and activations, which are objects with settings, by theirs."""
    return {m.__name__ if isinstance(m, type) else name: m for name, m in _members(kind).items()}


def _described(part: Any) -> Any:
    """Kind, class name and arguments; the name alone of an activation whose settings are the usual ones."""
    name = part.name if isinstance(part, Activation) else type(part).__name__
    for kind in TABLES:
        member: Any = _named(kind).get(name)
        if type(part) in (member, type(member)):
            config = part._arguments() if isinstance(part, Optimizer) else part.get_config()  # with parts, not configs
            if isinstance(part, Activation) and config == member.get_config():
                return name
            return {"kind": kind, "class_name": name, "config": serialize(config)}
    raise ValueError(f"{part!r} cannot be saved: {type(part).__name__} is none of fastbp's own parts")


def serialize(value: Any) -> Any:
    """A part, or what holds some, as JSON has it: kind, class name and arguments.

    Raises:
        ValueError: for an object that is not in fastbp's tables, for nothing could make it again.

    >>> from fastbp import activations, regularizers
    >>> serialize([activations.relu, regularizers.L2(0.5)])
    ['relu', {'kind': 'regularizer', 'class_name': 'L2', 'config': {'l2': 0.5}}]
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    if isinstance(value, (list, tuple)):
        return [serialize(item) for item in value]
    if isinstance(value, Mapping):
        return {name: serialize(item) for name, item in value.items()}
    return _described(value)


def deserialize(data: Any, kind: str | None = None) -> Any:
    """What ``serialize`` was given, or an equal; of that kind, if one is named.

    Raises:
        ValueError: for kinds, classes and arguments that fastbp does not know.

    >>> deserialize({"kind": "loss", "class_name": "BinaryCrossentropy", "config": {"from_logits": True}}, "loss")
    <loss binary_crossentropy from logits>
    """
    if isinstance(data, list):
        made: Any = [deserialize(item) for item in data]
    elif isinstance(data, Mapping):
        made = {name: deserialize(item) for name, item in data.items()}
    else:
        made = data
    is_part = isinstance(made, dict) and "class_name" in made
    if kind is not None and not (is_part and made.get("kind") == kind):
        raise ValueError(f"expected a {kind}, as its kind, class_name and config; got {data!r}")
    return _make(made) if is_part else made


def _make(part: dict[str, Any]) -> Any:
    kind, name, config = str(part.get("kind")), str(part["class_name"]), part.get("config")
    if kind not in TABLES:
        raise unknown_name("kind of part", kind, TABLES)
    members = _named(kind)
    if name not in members:
        raise unknown_name(kind, name, members)
    if not isinstance(config, dict):
        raise ValueError(f"the config of {kind} {name} is {config!r}; expected arguments by name")
    member = members[name]
    try:
        return member(**config) if isinstance(member, type) else member.with_settings(**config)
    except (TypeError, ValueError) as error:
        raise ValueError(f"cannot make the {kind} {name}: {error}") from None


# ---- weights ----


def _weights(model: Any) -> dict[str, Array]:
    """Views of the weights by the names that they have in files."""
    return {
        f"{i}/{layer.name.replace('/', '_')}/{name}": weight
        for i, layer in enumerate(model.layers)
        for name, weight in zip(layer.weight_names, layer.weights, strict=True)
    }


def _place(name: str) -> tuple[str, str]:
    """Number of the layer and name of the weight: what must be the same where layers are named otherwise."""
    number, _, weight = (*name.split("/", 2), "", "")[:3]
    return number, weight


def _fitting_weights(model: Any, file: File) -> list[Array]:
    """The file's weights in the order of the model's; ValueError if they are others."""
    model.weights  # noqa: B018  # builds the model, or says what it lacks
    own = {_place(name): (name, view) for name, view in _weights(model).items()}
    found = {_place(name): (name, array) for name, array in file.tensors.items() if not name.startswith("optimizer/")}
    lacks = [name for place, (name, _) in own.items() if place not in found]
    more = [name for place, (name, _) in found.items() if place not in own]
    if lacks or more:
        parts = [f"it lacks {', '.join(lacks)}"] * bool(lacks) + [f"the model lacks {', '.join(more)}"] * bool(more)
        raise ValueError(f"{file.path} has {len(found)} weights, the model {len(own)}: {'; '.join(parts)}")
    for place, (name, view) in own.items():
        array = found[place][1]
        if array.shape != view.shape:
            raise ValueError(
                f"{file.path}: {found[place][0]} has shape {array.shape}; {name} has {view.shape} in the model"
            )
        if array.dtype not in (np.float32, np.float64):
            raise ValueError(f"{file.path}: {found[place][0]} has dtype {array.dtype}; expected float32 or float64")
    return [found[place][1] for place in own]


def save_weights(model: Any, filepath: Path, overwrite: bool = True) -> None:
    """``Sequential.save_weights``.

    >>> import os, tempfile, fastbp
    >>> model = fastbp.Sequential([fastbp.Input((1,)), fastbp.Dense(1)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_weights(model, f"{folder}/some.weights.safetensors")
    ...     os.listdir(folder)
    ['some.weights.safetensors']
    """
    model.weights  # noqa: B018  # builds the model, or says what it lacks
    write(filepath, _weights(model), {}, overwrite)


def load_weights(model: Any, filepath: Path) -> None:
    """``Sequential.load_weights``.

    >>> import tempfile, fastbp
    >>> one, other = (fastbp.Sequential([fastbp.Input((1,)), fastbp.Dense(1)]) for _ in range(2))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     one.save_weights(f"{folder}/some.weights.safetensors")
    ...     load_weights(other, f"{folder}/some.weights.safetensors")
    >>> bool(one.layers[0].kernel == other.layers[0].kernel)
    True
    """
    model.set_weights(_fitting_weights(model, read(filepath)))


# ---- the state of training ----


def _slots(trainer: Any) -> dict[str, Array]:
    """Views of the optimiser's slots, and of what else a step leaves for the next, by the names that files have."""
    names = [*_core.optimizer_fields(trainer.kernel)[0], "running_mean", "accumulated_gradient"]
    arrays = [*trainer.core.slots(), *trainer.core.buffers()]
    return {
        f"optimizer/{name}/{i}": view for name, views in zip(names, arrays, strict=True) for i, view in enumerate(views)
    }


COUNTS = {  # what training counts, and what that must be below
    "batches": 10**12,
    "draws": 2**32,
    "epochs_trained": 2**32,
    "epoch": 2**32,
    "seed": 2**64,
}


def _constant_rate(optimizer: Any) -> float | None:
    rate = optimizer.get_config()["learning_rate"]
    return rate if isinstance(rate, float) else None  # else a schedule, which is a function of the steps


def _state(model: Any, epoch: int | None = None) -> tuple[dict[str, Array], dict[str, Any]]:
    """Weights and slots, and what training counts."""
    trainer = model._require_trainer(loss=False)
    state = {
        "optimizer": type(model.optimizer).__name__,
        "learning_rate": _constant_rate(model.optimizer),
        "batches": trainer.core.batches,
        "draws": trainer.network.draws,
        "epochs_trained": model.epochs_trained,
        "epoch": model.epochs_trained if epoch is None else epoch,
        "seed": model.seed,
    }
    return _weights(model) | _slots(trainer), state


def _checked_state(file: File) -> dict[str, Any]:
    state = file.json("state")
    if not isinstance(state, dict):
        raise ValueError(f"{file.path}: its state is {state!r}; expected counts by name")

    def require(name: str, holds: bool) -> None:
        if not holds:
            raise ValueError(f"{file.path}: its state has the {name} {state.get(name)!r}")

    require("optimizer", isinstance(state.get("optimizer"), str))
    require("learning_rate", isinstance(state.get("learning_rate"), float | None))
    for name, end in COUNTS.items():
        count = state.get(name)
        require(name, isinstance(count, int) and 0 <= count < end)
    return state


def _reseed(model: Any, seed: int) -> None:
    """Makes the network anew, for shuffles and the numbers of random layers come from its seed."""
    before, optimizer = model.weights, model.optimizer
    model.seed = seed
    model._make_network(model._network.inputs)
    optimizer._excluded_weights = {
        new.ctypes.data: new
        for old, new in zip(before, model.weights, strict=True)
        if old.ctypes.data in optimizer._excluded_weights
    }


def _restore(model: Any, file: File) -> int:
    """Sets the model to the state in the file, and gives the epoch to go on with."""
    weights, state = _fitting_weights(model, file), _checked_state(file)
    trainer = model._require_trainer(loss=False)
    slots = {name: array for name, array in file.tensors.items() if name.startswith("optimizer/")}
    own = _slots(trainer)
    if state["optimizer"] != type(model.optimizer).__name__ or slots.keys() != own.keys():
        kinds = sorted({name.split("/")[1] for name in slots})
        raise ValueError(
            f"{file.path} is of the optimiser {state['optimizer']} with the slots {', '.join(kinds) or 'none'}; "
            f"the model has {model.optimizer!r}"
        )
    for name, array in zip((*_weights(model), *slots), (*weights, *slots.values()), strict=True):
        if array.dtype != model.dtype:
            raise ValueError(f"{file.path}: {name} has dtype {array.dtype}; the model has {model.dtype}")
    for name, array in slots.items():
        if array.shape != own[name].shape:
            raise ValueError(f"{file.path}: {name} has shape {array.shape}; the optimiser's has {own[name].shape}")

    if state["learning_rate"] is not None and _constant_rate(model.optimizer) is not None:
        model.optimizer.learning_rate = state["learning_rate"]
    if state["seed"] != model.seed:
        _reseed(model, state["seed"])
        trainer = model._require_trainer(loss=False)
    model.set_weights(weights)
    trainer._hand_over_settings()  # before the steps are counted, and these before the slots, which they may set
    trainer.core.batches = state["batches"]
    trainer.network.draws = state["draws"]
    for name, view in _slots(trainer).items():
        view[...] = slots[name]
    model.epochs_trained = state["epochs_trained"]
    epoch: int = state["epoch"]
    return epoch


def remember(model: Any) -> Callable[[], object]:
    """What sets a compiled model back to the state of training that it has now."""
    tensors, state = _state(model)
    file = decode(encode(tensors, {"state": state}))
    return lambda: _restore(model, file)


def save_state(model: Any, filepath: Path, epoch: int | None = None, overwrite: bool = True) -> None:
    """Saves all that a compiled model needs to go on training with the same bits.

    These are the weights, what the optimiser remembers of earlier steps, its learning rate, the seed, and how many
    batches and epochs came before.

    Args:
        model: the model.
        filepath: where to, ending in ".safetensors".
        epoch: the one that ``load_state`` gives; as many as were trained, if not given.
        overwrite: whether the file may exist.

    >>> import tempfile, fastbp
    >>> def make():
    ...     model = fastbp.Sequential([fastbp.Input((1,)), fastbp.Dense(1)])
    ...     model.compile("adam", "mse")
    ...     return model
    >>> straight, resumed, x, y = make(), make(), [[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0]
    >>> _ = straight.fit(x, y, batch_size=1, epochs=3)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_state(straight, f"{folder}/state.safetensors")
    ...     epoch = load_state(resumed, f"{folder}/state.safetensors")
    >>> for model in (straight, resumed):
    ...     _ = model.fit(x, y, batch_size=1, epochs=6, initial_epoch=epoch)
    >>> bool(straight.layers[0].kernel == resumed.layers[0].kernel)
    True
    """
    tensors, state = _state(model, epoch)
    write(filepath, tensors, {"state": state}, overwrite)


def load_state(model: Any, filepath: Path) -> int:
    """Sets a model of the same layers, compiled with the same optimiser, to what ``save_state`` saved.

    The other settings of the optimiser stay as they were compiled.

    Returns:
        The epoch to go on with: ``fit``'s ``initial_epoch``.

    Raises:
        ValueError: if the file does not fit the model; nothing is changed then.

    >>> import tempfile, fastbp
    >>> model = fastbp.Sequential([fastbp.Input((1,)), fastbp.Dense(1)])
    >>> model.compile("adam", "mse")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_state(model, f"{folder}/state.safetensors", epoch=5)
    ...     load_state(model, f"{folder}/state.safetensors")
    5
    """
    return _restore(model, read(filepath))


# ---- whole models ----


def _whole(model: Any) -> tuple[dict[str, Array], dict[str, Any]]:
    """All of a model: arrays, and entries beside them."""
    compiled = model.get_compile_config()
    entries = {"config": serialize(model)}
    if not model.built:
        return {}, entries | ({"compile": compiled} if compiled else {})
    if compiled is None:
        return _weights(model), entries
    tensors, state = _state(model)
    return tensors, entries | {"compile": compiled, "state": state}


def _from_whole(file: File, compile: bool = True) -> Any:
    model = deserialize(file.json("config"), "model")
    if compile and "compile" in file.metadata:
        model.compile_from_config(file.json("compile"))
    if compile and "state" in file.metadata:
        _restore(model, file)
    elif model.built:
        model.set_weights(_fitting_weights(model, file))
    return model


def to_bytes(model: Any) -> bytes:
    """What ``save_model`` would write, of a model that need not be built.

    >>> import fastbp
    >>> from_bytes(to_bytes(fastbp.Sequential([fastbp.Dense(3)], name="small")))
    <Sequential small: <Dense 3 linear>>
    """
    return encode(*_whole(model))


def from_bytes(data: bytes) -> Any:
    """The model of which ``to_bytes`` made these bytes; they are checked as files are."""
    return _from_whole(decode(data))


def save_model(model: Any, filepath: Path, overwrite: bool = True) -> None:
    """``Sequential.save``.

    >>> save_model(None, "model.keras")
    Traceback (most recent call last):
        ...
    ValueError: fastbp writes safetensors files: expected a path that ends in '.safetensors'; got 'model.keras'
    """
    checked_path(filepath)
    model.weights  # noqa: B018  # builds the model, or says what it lacks
    write(filepath, *_whole(model), overwrite)


def load_model(filepath: Path, compile: bool = True) -> Any:
    """The model that ``Sequential.save`` saved; only classes of fastbp are made, and nothing is executed.

    Args:
        filepath: the file.
        compile: whether it is compiled as it was, and goes on training where it was.

    Raises:
        ValueError: if it is no such file.

    >>> import tempfile, fastbp
    >>> model = fastbp.Sequential([fastbp.Input((2,)), fastbp.Dense(3, "relu")])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model.save(f"{folder}/model.safetensors")
    ...     same = fastbp.load_model(f"{folder}/model.safetensors")
    >>> bool((same([1.0, 2.0]) == model([1.0, 2.0])).all())
    True
    """
    return _from_whole(read(filepath), compile)
