"""Models for other programs to run: one format a module, chosen by the ending of the file."""

import os
from collections.abc import Callable
from typing import Any

from fastbp import _files
from fastbp._registry import unknown_name
from fastbp.exporting import c, onnx

__all__ = ["EXPORTERS", "export"]

EXPORTERS: dict[str, Callable[..., bytes]] = {  # by ending: from a model to what the file holds
    "onnx": onnx.export,
    "c": c.source,
    "h": c.header,
}


def export(model: Any, filepath: _files.Path, format: str | None = None, **kwargs: Any) -> None:
    """``Sequential.export``.

    >>> export(None, "model.pb")
    Traceback (most recent call last):
        ...
    ValueError: unknown format 'pb'. Known: c, h, onnx
    """
    ending = os.path.splitext(os.fspath(filepath))[1].removeprefix(".") if format is None else format
    if ending not in EXPORTERS:
        raise unknown_name("format", ending, EXPORTERS)
    _files.replace(filepath, EXPORTERS[ending](model, **kwargs))
