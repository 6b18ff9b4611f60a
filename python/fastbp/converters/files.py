"""Models in files, by the ending: what the command line looks at and converts."""

import os
from collections.abc import Callable

from fastbp import _files
from fastbp._registry import unknown_name
from fastbp.converters.keras import from_keras
from fastbp.converters.onnx import from_onnx
from fastbp.exporting import EXPORTERS
from fastbp.models import Sequential
from fastbp.saving import load_model


def _load(path: str) -> Sequential:
    model: Sequential = load_model(path, compile=False)
    return model


READERS: dict[str, tuple[str, Callable[[str], Sequential]]] = {  # by ending: the format, and what reads it
    ".safetensors": ("fastbp", _load),
    ".onnx": ("ONNX", from_onnx),
    ".keras": ("Keras", from_keras),
}


def _reader(path: str) -> tuple[str, Callable[[str], Sequential]]:
    ending = os.path.splitext(path)[1]
    if ending not in READERS:
        raise unknown_name("ending of a file to read", ending, READERS)
    return READERS[ending]


def describe(path: str) -> str:
    """The format, the size, and the layers, or the arrays where a file has weights only."""
    format, read = _reader(path)
    lines = [f"{path}: {format}, {os.path.getsize(path):,} bytes"]
    if format == "fastbp" and "config" not in (file := _files.read(path)).metadata:
        return "\n".join(lines + [f"{name} {array.shape} {array.dtype}" for name, array in file.tensors.items()])
    read(path).summary(lines.append)
    return "\n".join(lines)


def convert(source: str, target: str) -> None:
    """Writes the model of one file to another; each ending tells the format."""
    ending = os.path.splitext(target)[1]
    if ending != _files.SUFFIX and ending.removeprefix(".") not in EXPORTERS:
        raise unknown_name("ending of a file to write", ending, [_files.SUFFIX, *(f".{name}" for name in EXPORTERS)])
    model = _reader(source)[1](source)
    if ending == _files.SUFFIX:
        model.save(target)
    else:
        model.export(target)
