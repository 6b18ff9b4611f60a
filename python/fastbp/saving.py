"""Saving and loading: weights, the state of training, and whole models.

The files are one format. Their tensors are the weights, named "0/dense/kernel": the number of the layer, its name, that
of the weight. The state of training adds what the optimiser remembers, "optimizer/momentum/0": the slot, the number of
the weight; and the entry ``state``, what training counts. A whole model adds the entries ``config`` and ``compile``:
its parts. So weights can be loaded from any of them.

How parts are written, and what loading makes of them, is in ``_parts``.

No memory is taken for what a file promises before it is known to hold that. Whatever is wrong with one is a ValueError.
"""

import math
import os
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp import _core
from fastbp._files import File, Path, checked_path, decode, encode, read, told, write
from fastbp._parts import CustomObjects, custom_objects, deserialize, deserialized, make, serialize, short
from fastbp.layers import Input

__all__ = [
    "custom_objects",
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
MOST_WITHOUT_WEIGHTS = 2**24  # columns: else a short file could ask for any amount of memory


# ---- weights ----


def _names(layers: Iterable[Any], inputs: int) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights by the names that they have in files."""
    shapes = {}
    for i, layer in enumerate(layers):
        for variable in layer._variables(inputs):
            shapes[f"{i}/{str(layer.name).replace('/', '_')}/{variable.name}"] = variable.shape
        inputs = layer._outputs(inputs)
    return shapes


def _shapes(model: Any) -> dict[str, tuple[int, ...]]:
    """Those of a model, which is built if it is not yet."""
    return _names(model.layers, model._require_network().inputs)


def _weights(model: Any) -> dict[str, Array]:
    """Views of the weights by the names that they have in files."""
    return dict(zip(_shapes(model), model.weights, strict=True))


def _place(name: str, by_name: bool = False) -> tuple[str, str]:
    """Number, or name, of the layer and name of the weight: what must be the same in file and model."""
    number, layer, weight = (*name.split("/", 2), "", "")[:3]
    return layer if by_name else number, weight


def _by_place(names: Iterable[str], by_name: bool, where: str) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for name in names:
        if (other := found.setdefault(_place(name, by_name), name)) != name:
            raise ValueError(f"{where} has both {other} and {name}, which are one place")
    return found


def _fitting_weights(
    shapes: Mapping[str, tuple[int, ...]], file: File, by_name: bool = False, skip_mismatch: bool = False
) -> dict[str, Array]:
    """The file's weights by the model's names for them; ValueError if they are others.

    With ``by_name`` those of the layers whose names are in both, with ``skip_mismatch`` those of the layers that fit.
    """
    tensors = {name: array for name, array in file.tensors.items() if not name.startswith("optimizer/")}
    own, found = _by_place(shapes, by_name, "the model"), _by_place(tensors, by_name, file.path)
    common = {layer for layer, _ in own} & {layer for layer, _ in found}
    if by_name and not common:
        theirs = ", ".join(dict.fromkeys(layer for layer, _ in found)) or "none"
        raise ValueError(f"{file.path} has no layer of a name that is in the model; there are: {theirs}")
    wrong: list[tuple[str, str, str]] = []  # the layer, in what way, what
    for place in own | found:
        if by_name and place[0] not in common:
            continue
        if place not in found:
            wrong.append((place[0], "it lacks ", own[place]))
        elif place not in own:
            wrong.append((place[0], "the model lacks ", found[place]))
        elif what := _misfit(own[place], shapes[own[place]], found[place], tensors[found[place]]):
            wrong.append((place[0], "", what))

    def message(layer: str | None = None) -> str:
        ways: dict[str, list[str]] = {}
        for of, way, what in wrong:
            if layer in (None, of):
                ways.setdefault(way, []).append(what)
        parts = [way + ", ".join(whats) for way, whats in ways.items()]
        return f"{file.path} has {len(found)} weights, the model {len(own)}: {'; '.join(parts)}"

    if wrong and not skip_mismatch:
        raise ValueError(message())
    unfit = dict.fromkeys(layer for layer, _, _ in wrong)
    for layer in unfit:
        warnings.warn(f"{message(layer)}; that layer is left as it is", stacklevel=4)
    return {name: tensors[found[place]] for place, name in own.items() if place in found and place[0] not in unfit}


def _misfit(name: str, shape: tuple[int, ...], their_name: str, array: Array) -> str:
    if array.shape != shape:
        return f"{their_name} has shape {array.shape}; {name} has {shape} in the model"
    if array.dtype not in (np.float32, np.float64):
        return f"{their_name} has dtype {array.dtype}; expected float32 or float64"
    return ""


def save_weights(model: Any, filepath: Path, overwrite: bool = True) -> None:
    """``Sequential.save_weights``.

    >>> import os, tempfile, fastbp
    >>> model = fastbp.Sequential([fastbp.Input((1,)), fastbp.Dense(1)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_weights(model, f"{folder}/some.weights.safetensors")
    ...     os.listdir(folder)
    ['some.weights.safetensors']
    """
    model._require_network()  # builds the model, or says what it lacks
    write(filepath, _weights(model), {}, overwrite)


def load_weights(model: Any, filepath: Path, skip_mismatch: bool = False, by_name: bool = False) -> None:
    """``Sequential.load_weights``.

    >>> import tempfile, fastbp
    >>> one, other = (fastbp.Sequential([fastbp.Input((1,)), fastbp.Dense(1)]) for _ in range(2))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     one.save_weights(f"{folder}/some.weights.safetensors")
    ...     load_weights(other, f"{folder}/some.weights.safetensors")
    >>> bool(one.layers[0].kernel == other.layers[0].kernel)
    True
    """
    with told(os.fspath(filepath)):
        found = _fitting_weights(_shapes(model), read(filepath), by_name, skip_mismatch)
        model.set_weights([found.get(name, view) for name, view in _weights(model).items()])


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
        require(name, isinstance(count, int) and not isinstance(count, bool) and 0 <= count < end)
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


def _slot_shapes(model: Any) -> dict[str, tuple[int, ...]]:
    """The shapes of what ``_slots`` will be, before there are any."""
    optimizer = model.optimizer
    names = [*_core.optimizer_fields(optimizer.kernel)[0]]
    names += ["running_mean"] * optimizer.use_ema
    names += ["accumulated_gradient"] * (optimizer.gradient_accumulation_steps is not None)
    return {f"optimizer/{name}/{i}": view.shape for name in names for i, view in enumerate(model.weights)}


def _restore(model: Any, file: File) -> int:
    """Sets the model to the state in the file, and gives the epoch to go on with."""
    weights, state = _fitting_weights(_shapes(model), file), _checked_state(file)
    if model.optimizer is None:
        model._require_trainer()  # says so
    slots = {name: array for name, array in file.tensors.items() if name.startswith("optimizer/")}
    own = _slot_shapes(model)
    if state["optimizer"] != type(model.optimizer).__name__ or slots.keys() != own.keys():
        kinds = sorted({name.split("/")[1] for name in slots})
        raise ValueError(
            f"{file.path} is of the optimiser {short(state['optimizer'])} with the slots "
            f"{', '.join(kinds) or 'none'}; the model has {model.optimizer!r}"
        )
    for name, array in (weights | slots).items():
        if array.dtype != model.dtype:
            raise ValueError(f"{file.path}: {name} has dtype {array.dtype}; the model has {model.dtype}")
    for name, array in slots.items():
        if array.shape != own[name]:
            raise ValueError(f"{file.path}: {name} has shape {array.shape}; the optimiser's has {own[name]}")

    if state["learning_rate"] is not None and _constant_rate(model.optimizer) is not None:
        model.optimizer.learning_rate = state["learning_rate"]
    if state["seed"] != model.seed:
        _reseed(model, state["seed"])
    trainer = model._require_trainer(loss=False)
    model.set_weights(weights.values())
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
    with told(os.fspath(filepath)):
        return _restore(model, read(filepath))


# ---- whole models ----


def _whole(model: Any) -> tuple[dict[str, Array], dict[str, Any]]:
    """All of a model: arrays, and entries beside them."""
    custom_objects(model)  # for one name may stand for two things only if parts are looked at by themselves
    entries = {"config": serialize(model)}
    compiled = model.get_compile_config()
    if compiled is not None:
        entries["compile"] = compiled | {"without_weight_decay": _without_weight_decay(model)}
    if not model.built:
        return {}, entries
    if compiled is None:
        return _weights(model), entries
    tensors, state = _state(model)
    return tensors, entries | {"state": state}


def _without_weight_decay(model: Any) -> list[int]:
    """The numbers of the weights that the optimiser was told not to let decay, be it by name."""
    if not model.built:
        if model.optimizer._excluded_names:
            raise ValueError("exclude_from_weight_decay is saved by the numbers of weights: build the model first")
        return []
    variables = zip(model._variables(), model.weights, strict=True)
    return [
        i
        for i, (v, view) in enumerate(variables)
        if not model.optimizer.uses_weight_decay(v.name.rpartition("/")[2], view)
    ]


def _give_weights(layers: list[Any], dtype: Any, file: File) -> None:
    """Hands layers the weights that a file has for them: so a model of them takes no more memory than it shall."""
    if not layers or not isinstance(layers[0], Input):
        return  # a model that is not built
    width = math.prod(layers[0].shape)
    weights = _fitting_weights(_names(layers[1:], width), file)
    if not weights and width > MOST_WITHOUT_WEIGHTS:
        raise ValueError(f"its samples have {width} columns, and it has no weights")
    for name, array in weights.items():
        if array.dtype != np.dtype(dtype):
            raise ValueError(f"{name} has dtype {array.dtype}; the model has {dtype}")
    values = iter(weights.values())
    for layer in layers[1:]:
        layer._weights, layer._inputs = [next(values) for _ in layer._variables(width)], width
        width = layer._outputs(width)


def _from_whole(file: File, custom: CustomObjects | None, compile: bool = True) -> Any:
    with told(file.path):
        described = file.json("config")
        config = described.get("config") if isinstance(described, dict) else None
        if not isinstance(config, dict) or described.get("kind") != "model":
            raise ValueError(f"its config is {short(described)}; expected a model, as its kind, class_name and config")
        config = deserialized(config, custom or {}, 1)
        if isinstance(config.get("layers"), list):
            _give_weights(config["layers"], config.get("dtype"), file)
        model = make(described | {"config": config}, custom or {})
        if model.built:
            model.set_weights(_fitting_weights(_shapes(model), file).values())
        elif file.tensors:
            raise ValueError(f"its config has no Input, but there are {len(file.tensors)} arrays")
        if compile and "compile" in file.metadata:
            _compile(model, file.json("compile"), custom)
            if "state" in file.metadata:
                _restore(model, file)
        return model


def _compile(model: Any, config: Any, custom: CustomObjects | None) -> None:
    if not isinstance(config, dict):
        raise ValueError(f"what it was compiled with is {short(config)}; expected arguments by name")
    numbers = config.pop("without_weight_decay", [])
    model.compile_from_config(config, custom)
    if numbers:
        weights = model.weights
        if not isinstance(numbers, list) or any(i not in range(len(weights)) for i in numbers):
            raise ValueError(f"weights without decay are {short(numbers)}; expected numbers below {len(weights)}")
        model.optimizer.exclude_from_weight_decay(var_list=[weights[i] for i in numbers])


def to_bytes(model: Any) -> bytes:
    """What ``save_model`` would write, of a model that need not be built.

    >>> import fastbp
    >>> from_bytes(to_bytes(fastbp.Sequential([fastbp.Dense(3)], name="small")))
    <Sequential small: <Dense 3 linear>>
    """
    return encode(*_whole(model))


def from_bytes(data: bytes, custom_objects: CustomObjects | None = None) -> Any:
    """The model of which ``to_bytes`` made these bytes; they are checked as files are.

    >>> from_bytes(b"")
    Traceback (most recent call last):
        ...
    ValueError: the bytes are not those of a whole safetensors file: Error while deserializing: header too small
    """
    return _from_whole(decode(data), custom_objects)


def save_model(model: Any, filepath: Path, overwrite: bool = True) -> None:
    """``Sequential.save``.

    >>> save_model(None, "model.keras")
    Traceback (most recent call last):
        ...
    ValueError: fastbp writes safetensors files: expected a path that ends in '.safetensors'; got 'model.keras'
    """
    checked_path(filepath)
    model._require_network()  # builds the model, or says what it lacks
    write(filepath, *_whole(model), overwrite)


def load_model(
    filepath: Path, custom_objects: CustomObjects | None = None, compile: bool = True, safe_mode: bool = True
) -> Any:
    """The model that ``Sequential.save`` saved; only what is fastbp's or given here is made, and no code is loaded.

    Args:
        filepath: the file.
        custom_objects: what the model has that is not fastbp's, by name: a class by its own; a function by that of the
            loss, metric or activation made of it, which is its own unless another was given; for an activation a pair
            (function, derivative). ``saving.custom_objects(model)`` gives them.
        compile: whether it is compiled as it was, and goes on training where it was.
        safe_mode: taken for Keras's sake: there is no code in these files, so it changes nothing.

    Raises:
        ValueError: if it is no such file, or naming what is not in ``custom_objects``.

    >>> import tempfile, fastbp
    >>> sine = fastbp.activations.CustomActivation(np.sin, np.cos, name="sine")
    >>> model = fastbp.Sequential([fastbp.Input((2,)), fastbp.Dense(3, sine)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model.save(f"{folder}/model.safetensors")
    ...     same = fastbp.load_model(f"{folder}/model.safetensors", {"sine": (np.sin, np.cos)})
    >>> bool((same([1.0, 2.0]) == model([1.0, 2.0])).all())
    True
    """
    return _from_whole(read(filepath), custom_objects, compile)
