"""Files, replaced as a whole or not at all; those of arrays, by safetensors, are read whole and checked."""

import contextlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Path = str | os.PathLike[str]

FORMAT = "fastbp"
VERSION = 1
SUFFIX = ".safetensors"
TEMPORARY = ".tmp"  # the end of what is being written, after the name of the target and eight hexadecimal digits


@dataclass
class File:
    """What a file holds: arrays by name, and entries beside them."""

    path: str
    tensors: dict[str, Array]
    metadata: dict[str, str]

    def json(self, name: str) -> Any:
        """An entry of the metadata."""
        if name not in self.metadata:
            raise ValueError(f"{self.path} has no {name!r}; there are: {', '.join(sorted(self.metadata))}")
        try:
            return json.loads(self.metadata[name])
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{self.path}: {name!r} is not JSON: {error}") from None


@contextlib.contextmanager
def told(source: str) -> Iterator[None]:
    """Errors within, of whatever a file may hold, are ValueErrors that name it."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise ValueError(f"{error}" if source in str(error) else f"{source}: {error}") from None


def checked_path(path: Path) -> str:
    """The path, if it has the ending of the files that are written here.

    >>> checked_path("model.keras")
    Traceback (most recent call last):
        ...
    ValueError: fastbp writes safetensors files: expected a path that ends in '.safetensors'; got 'model.keras'
    """
    name = os.fspath(path)
    if not name.endswith(SUFFIX):
        raise ValueError(f"fastbp writes safetensors files: expected a path that ends in {SUFFIX!r}; got {name!r}")
    return name


def encode(tensors: dict[str, Array], entries: dict[str, Any]) -> bytes:
    """What a file of arrays, and of entries as JSON, consists of."""
    from safetensors.numpy import save

    metadata = {"format": FORMAT, "version": str(VERSION)} | {
        name: json.dumps(value) for name, value in entries.items()
    }
    return save({name: np.ascontiguousarray(array) for name, array in tensors.items()}, metadata)


def write(path: Path, tensors: dict[str, Array], entries: dict[str, Any], overwrite: bool) -> None:
    """Writes arrays, and entries as JSON."""
    path = checked_path(path)
    if not overwrite and os.path.exists(path):
        raise FileExistsError(f"{path} exists, and overwrite is False")
    replace(path, encode(tensors, entries))


def replace(path: Path, data: bytes) -> None:
    """Writes a file. Whatever happens, it is what it was or what it shall be."""
    target = os.path.realpath(path)  # a link stays one
    temporary = f"{target}.{os.urandom(4).hex()}{TEMPORARY}"  # in the same folder: only there is replacing it one step
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())  # else after a crash the new name may have no content
        os.replace(temporary, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.remove(temporary)
        if isinstance(error, OSError) and error.filename == temporary:  # which no user knows of
            raise OSError(error.errno, error.strerror, os.fspath(path)) from None
        raise
    folder = os.open(os.path.dirname(target), os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def remove_left_over(path: Path) -> None:
    """Removes what processes left that died while they wrote this file. None may be writing it now."""
    target = os.path.realpath(path)
    folder, name = os.path.split(target)
    for other in os.listdir(folder) if os.path.isdir(folder) else ():
        if re.fullmatch(re.escape(name) + r"\.[0-9a-f]{8}" + re.escape(TEMPORARY), other):
            with contextlib.suppress(FileNotFoundError):
                os.remove(os.path.join(folder, other))


def read(path: Path) -> File:
    """The whole file; ValueError if it is none that ``write`` wrote."""
    from safetensors import SafetensorError, safe_open

    path = os.fspath(path)
    try:
        with told(path), safe_open(path, "numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # it is no dict
    except SafetensorError as error:
        raise ValueError(f"{path} is not a whole safetensors file: {error}") from None
    return _checked(File(path, tensors, metadata))


def decode(data: bytes) -> File:
    """What ``encode`` was given; ValueError for bytes that it did not give."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        with told("the bytes"):
            tensors = load(data)
    except SafetensorError as error:
        raise ValueError(f"the bytes are not those of a whole safetensors file: {error}") from None
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])  # which load has found to be one
    return _checked(File("the bytes", tensors, header.get("__metadata__") or {}))


def _checked(file: File) -> File:
    version = file.metadata.get("version", "")
    if file.metadata.get("format") != FORMAT or not version.isdecimal():
        raise ValueError(
            f"{file.path} was not written by fastbp: its metadata do not say format {FORMAT!r} and a version"
        )
    if int(version) > VERSION:
        raise ValueError(f"{file.path} has version {version} of the format; this fastbp reads up to {VERSION}")
    return file
