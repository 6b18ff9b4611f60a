"""From Keras and back; its files are read without it, and nothing in them is executed."""

import io
import json
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from fastbp import _registry, layers
from fastbp._counterparts import Counterpart, theirs
from fastbp.activations import Activation
from fastbp.converters.assembly import MOST_WITHOUT_WEIGHTS, Array, Part, assembled, told, unsupported
from fastbp.layers import LAYERS
from fastbp.models import Sequential

MODELS = {"Sequential": "sequential", "Functional": "functional"}
KINDS = MODELS | {name: cls.kind for name, cls in LAYERS.items()}  # what the files call the layers of each class
SUPPORTED = set(KINDS) - {"Residual"}
LEFT_BEHIND = ("_initializer", "seed")  # the numbers that they give differ in any case
UNHEARD = {"dtype", "renorm_momentum"}  # settings that change nothing here
REQUIRED = {"data_format": "channels_last"}  # others that are not ours must be off
WITH_SETTINGS = [  # an activation of other settings than the usual is a layer of its own there
    Counterpart("ReLU", "relu", {key: key for key in ("negative_slope", "max_value", "threshold")}),
    Counterpart("LeakyReLU", "leaky_relu", {"negative_slope": "negative_slope"}),
    Counterpart("ELU", "elu", {"alpha": "alpha"}),
]
WITHOUT_DEFAULTS = {"threshold"}  # there it must be given its settings, and so has no name that will do


# ---- descriptions ----


def _numbered(kinds: Iterable[str]) -> Iterator[str]:
    """The names that files give to layers: dense, dense_1 and so on."""
    counts: dict[str, int] = {}
    for kind in kinds:
        number = counts[kind] = counts.get(kind, -1) + 1
        yield f"{kind}_{number}" if number else kind


def _member(config: Any, key: str, kind: type | tuple[type, ...], source: str) -> Any:
    """An entry of a description."""
    value = config.get(key) if isinstance(config, Mapping) else None
    if not isinstance(value, kind):
        raise ValueError(f"{source}: its {key} is {value!r}")
    return value


def _histories(value: Any) -> Iterator[str]:
    """The names of the layers whose outputs stand in the arguments of a call."""
    if isinstance(value, Mapping):
        history = value.get("keras_history")
        if isinstance(history, (list, tuple)) and history:
            yield str(history[0])
        for item in value.values():
            yield from _histories(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _histories(item)


def _chain(entries: list[Any], source: str) -> list[int]:
    """The order of a Functional model's layers; ValueError if it is no chain."""
    after: dict[str, int] = {}
    beginnings = []
    for i, entry in enumerate(entries):
        name, nodes = _member(entry, "name", str, source), _member(entry, "inbound_nodes", list, source)
        before = list(_histories(nodes))
        if len(nodes) > 1 or len(before) > 1 or any(other in after for other in before):
            raise ValueError(f"{source}: layer {name!r} makes it no chain of layers, for it has branches")
        if before:
            after[before[0]] = i
        else:
            beginnings.append(i)
    order = beginnings[:1]
    while order and len(order) <= len(entries) and (name := entries[order[-1]]["name"]) in after:
        order.append(after[name])
    if len(order) != len(entries):
        raise ValueError(f"{source} is no chain of layers from one input to one output")
    return order


def _entries(kind: str, config: Any, source: str, path: str) -> Iterator[tuple[str, Any, str]]:
    """Class, description and path of each layer, those in inner models too."""
    described = _member(config, "layers", list, source)
    classes = [_member(entry, "class_name", str, source) for entry in described]
    paths = list(_numbered(KINDS.get(name, name) for name in classes))
    for i in _chain(described, source) if kind == "Functional" else range(len(described)):
        entry, own = described[i], f"{path}layers/{paths[i]}"
        if classes[i] in MODELS:
            inner = _member(entry, "config", dict, source)
            yield from _entries(classes[i], inner, f"{source}/{inner.get('name')}", f"{own}/")
        else:
            yield classes[i], entry, own


def _activation(value: Any) -> Any:
    """An activation's name, or the activation that a layer of ours computes."""
    if not isinstance(value, Mapping):
        return value
    name, config = value.get("class_name"), value.get("config")
    if name in LAYERS and isinstance(config, Mapping):
        made = _layer(str(name), config)
        if hasattr(made, "activation"):
            return made.activation
    return config if isinstance(config, str) else dict(value)


def _axis(value: Any) -> Any:
    return value[0] if isinstance(value, (list, tuple)) and len(value) == 1 else value


def _numbers(value: Any) -> Any:
    """Numbers that came as an array are described like an object."""
    array = isinstance(value, Mapping) and value.get("class_name") == "__numpy__"
    return _member(value.get("config"), "value", (int, float, list), "the array") if array else value


TRANSLATED: dict[str, Callable[[Any], Any]] = {
    "activation": _activation,
    "axis": _axis,
    "scale": _numbers,
    "offset": _numbers,
}


def _layer(name: str, config: Mapping[str, Any]) -> layers.Layer:
    own = LAYERS[name]._arguments()
    for key, value in config.items():
        if key not in own and key not in UNHEARD and value and value != REQUIRED.get(key):
            raise ValueError(f"{key}={value!r} has no counterpart")
    taken = {key: value for key, value in config.items() if key in own and not key.endswith(LEFT_BEHIND)}
    layer: layers.Layer = LAYERS[name](
        **{key: TRANSLATED[key](value) if key in TRANSLATED else value for key, value in taken.items()}
    )
    return layer


def _read(kind: str, config: Any, weights: Callable[[str], list[Array]], source: str) -> Sequential:
    parts: list[Part] = []
    shape: list[Any] | None = None
    for name, entry, path in _entries(kind, config, source, ""):
        described = _member(entry, "config", dict, source)
        own = f"{source}, layer {described.get('name')!r} ({name})"
        if name == "InputLayer":
            with told(own):
                shape = shape or list(_member(described, "batch_shape", (list, tuple), own))[1:]
            continue
        if name not in SUPPORTED:
            raise unsupported(own, name, SUPPORTED)
        with told(own):
            layer, arrays = _layer(name, described), weights(path)
            if isinstance(layer, layers.Normalization):
                arrays = arrays[:2] or _known_moments(layer, entry)
        parts.append(Part(layer, arrays, own))
    with told(source):
        return assembled(parts, shape)


def _known_moments(layer: layers.Normalization, entry: Any) -> list[Array]:
    """Mean and variance that were given and not learned: they are no weights there."""
    shape = _member(
        _member(entry, "build_config", dict, "Normalization"), "input_shape", (list, tuple), "Normalization"
    )
    width = shape[-1] if shape else None
    if not isinstance(width, int) or not 0 < width <= MOST_WITHOUT_WEIGHTS:
        raise ValueError(f"its input_shape is {shape!r}; expected the features last")
    return [np.asarray(known, np.float32) for known in layer._initial_weights(width, 0, 0)]


# ---- models, and files ----


def _live(model: Any, path: str = "") -> dict[str, list[Array]]:
    found: dict[str, list[Array]] = {}
    kinds = (KINDS.get(type(layer).__name__, type(layer).__name__) for layer in model.layers)
    for layer, name in zip(model.layers, _numbered(kinds), strict=True):
        own = f"{path}layers/{name}"
        found |= _live(layer, f"{own}/") if hasattr(layer, "layers") else {own: layer.get_weights()}
    return found


def _h5(data: bytes, source: str) -> Callable[[str], list[Array]]:
    """What gives the weights of a layer by its path in an HDF5 file."""
    try:
        import h5py
    except ImportError as error:
        raise ImportError("the weights of a .keras file need h5py: pip install 'fastbp[keras]'") from error

    def group(parent: Any, name: str) -> Any:
        if not isinstance(parent.get(name, getlink=True), h5py.HardLink):  # others may lead to other files
            raise ValueError(f"has no {name}")
        return parent[name]

    def array(dataset: Any) -> Array:
        plain = isinstance(dataset, h5py.Dataset) and dataset.dtype.kind in "fiu"
        if not plain or dataset.external or dataset.is_virtual or dataset.chunks:
            raise ValueError("is no plain array")
        if dataset.id.get_storage_size() != dataset.nbytes:
            raise ValueError(f"says {dataset.nbytes} bytes and holds {dataset.id.get_storage_size()}")
        return np.asarray(dataset[()])

    def weights(path: str) -> list[Array]:
        try:
            with h5py.File(io.BytesIO(data), "r") as file:
                found: Any = file
                for name in (*path.split("/"), "vars"):
                    found = group(found, name)
                return [array(group(found, str(i))) for i in range(len(found))]
        except (OSError, RuntimeError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"{source}: the weights {path}: {error}") from None

    return weights


def _entry(archive: zipfile.ZipFile, name: str, source: str) -> bytes:
    """A member of an archive, if it lies there as it is: then it takes no more memory than the file."""
    if name not in archive.namelist():
        raise ValueError(f"{source} has no {name}; there are: {', '.join(archive.namelist()) or 'none'}")
    info = archive.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
        raise ValueError(f"{source}: {name} is compressed, as Keras does not write it")
    return archive.read(name)


def _file(path: str) -> Sequential:
    try:
        with zipfile.ZipFile(path) as archive:
            config = json.loads(_entry(archive, "config.json", path))
            data = _entry(archive, "model.weights.h5", path)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RecursionError, RuntimeError, UnicodeError) as error:
        raise ValueError(f"{path} is not a whole .keras file: {error}") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: config.json is not JSON: {error}") from None
    kind = _member(config, "class_name", str, path)
    if kind not in MODELS:
        raise unsupported(path, kind, MODELS)
    return _read(kind, _member(config, "config", dict, path), _h5(data, path), path)


def from_keras(model: Any) -> Sequential:
    """The network of a Keras model, a Sequential or a Functional one that is a chain, with its weights bit for bit.

    Args:
        model: the model, or the path of the ``.keras`` file that its ``save`` wrote, which is read without Keras.

    Penalties and constraints come along; initialisers, seeds and what ``compile`` got do not.

    Raises:
        ValueError: naming the layer that has no counterpart, or if the file is none or damaged.
        ImportError: for a file, if h5py is missing: ``pip install 'fastbp[keras]'``.

    >>> from_keras(3)
    Traceback (most recent call last):
        ...
    TypeError: expected a model of Keras, Sequential or Functional, or a path; got int
    """
    if isinstance(model, (str, os.PathLike)):
        return _file(os.fspath(model))
    kind = next((cls.__name__ for cls in type(model).__mro__ if cls.__name__ in MODELS), None)
    if kind is None or not type(model).__module__.startswith("keras"):
        raise TypeError(f"expected a model of Keras, Sequential or Functional, or a path; got {type(model).__name__}")
    if not model.built:
        raise ValueError(f"the model {model.name!r} is not built: it has no weights yet")
    live = _live(model)
    return _read(kind, model.get_config(), live.__getitem__, f"model {model.name!r}")


def to_keras(model: Sequential) -> Any:
    """A ``keras.Sequential`` with the model's layers, weights bit for bit, and dtype, in Keras's active backend.

    Penalties and constraints come along; initialisers, seeds and what ``compile`` got do not.

    Raises:
        ValueError: naming the layer that has no counterpart: ``Residual``, an activation with settings for which Keras
            has no layer, or one of your own; or if the backend has no float64 (JAX, unless JAX_ENABLE_X64 is set).
        ImportError: if Keras is missing.
    """
    try:
        import keras
    except ImportError as error:
        raise ImportError("to_keras needs Keras: pip install keras, and a backend") from error
    model._require_network()  # builds the model, or says what it lacks
    made = keras.Sequential(name=model.name)
    made.add(keras.Input(model._input.shape if model._input is not None else model.input_shape[1:]))
    for layer in model.layers:
        with told(f"layer {layer.name!r}"):
            first, *more = _their_layers(keras, layer, model.dtype.name)
            for their in (first, *more):
                made.add(their)
            if not isinstance(layer, layers.Normalization):
                first.set_weights(layer.get_weights())
            if any(weight.dtype != model.dtype for weight in first.get_weights()):
                raise ValueError(f"Keras's backend {keras.backend.backend()} has no {model.dtype}")
    return made


def _their_layers(keras: Any, layer: Any, dtype: str) -> list[Any]:
    """The layer, and one for its activation if they cannot be one."""
    name = type(layer).__name__
    if name not in SUPPORTED:
        raise ValueError(f"{name} is not supported; known: {', '.join(sorted(SUPPORTED))}")
    config = {key: _theirs(value) for key, value in layer.get_config().items() if not key.endswith(LEFT_BEHIND)}
    if isinstance(layer, layers.Normalization):
        config |= {"mean": layer.mean.tolist(), "variance": layer.variance.tolist()}
    activation = config.get("activation")
    if activation is None or isinstance(activation, str):
        return [getattr(keras.layers, name)(**config, dtype=dtype)]
    found = theirs(WITH_SETTINGS, activation)
    if found is None:
        raise ValueError(f"Keras has no layer for {activation!r}")
    own = getattr(keras.layers, found[0])(**found[1], dtype=dtype)
    if isinstance(layer, layers.Dense):
        return [keras.layers.Dense(**config | {"activation": None}, dtype=dtype), own]
    return [own]


def _theirs(value: Any) -> Any:
    """A setting of ours as Keras takes it; an activation of other settings than the usual as it is."""
    if isinstance(value, Activation):
        usual = value.kernel is not None and value.get_config() == value._defaults
        return value.name if usual and value.name not in WITHOUT_DEFAULTS else value
    if isinstance(value, np.ndarray):
        return value.tolist()
    return _registry.serialize(value) if isinstance(value, _registry.Configurable) else value
