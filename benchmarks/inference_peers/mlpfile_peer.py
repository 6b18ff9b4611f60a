"""mlpfile: single samples, in C++ with Eigen."""

import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlpfile
import numpy as np

from benchmarks.loading import Unsupported
from benchmarks.queries import Query
from benchmarks.workloads import Array

LINEAR, RELU = 2, 3


def written(weights: list[Array]) -> bytes:
    """Its file format, little-endian: the number of layers, the inputs, each layer's kind and outputs, all numbers."""
    kernels, biases = weights[::2], weights[1::2]
    header = [2 * len(kernels) - 1, len(kernels[0])]
    for kernel in kernels:
        header += [LINEAR, kernel.shape[1], RELU]
    numbers = [
        array.astype("<f4").tobytes() for pair in zip(kernels, biases, strict=True) for array in (pair[0].T, pair[1])
    ]
    return np.array(header[:-1], "<u4").tobytes() + b"".join(numbers)  # no RELU after the last


class Peer:
    """A Model."""

    def __init__(self, query: Query, weights: list[Array]) -> None:
        if query.rows > 1:
            raise Unsupported("takes one sample a call")
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "network.mlp")
            file.write_bytes(written(weights))
            self.predict = mlpfile.Model.load(str(file)).forward

    def prepared(self, x: Array) -> Array:
        return x[0]

    @staticmethod
    def about() -> dict[str, Any]:
        return {"version": version("mlpfile"), "threads": 1}
