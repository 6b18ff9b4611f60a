"""NumPy, in arrays that are there before it begins."""

from typing import Any

import numpy as np

from benchmarks import blas
from benchmarks.queries import Query
from benchmarks.workloads import Array


class Peer:
    """The weights, and an array for what each layer computes."""

    def __init__(self, query: Query, weights: list[Array]) -> None:
        self.single = query.rows == 1
        shapes = [(width,) if self.single else (query.rows, width) for width in query.widths[1:]]
        outputs = [np.empty(shape, np.float32) for shape in shapes]
        *self.hidden, self.last = zip(weights[::2], weights[1::2], outputs, strict=True)

    def prepared(self, x: Array) -> Array:
        return x[0] if self.single else x

    def predict(self, x: Array) -> Array:
        for w, b, a in self.hidden:
            np.dot(x, w, out=a)
            a += b
            x = np.maximum(a, 0, out=a)
        w, b, a = self.last
        np.dot(x, w, out=a)
        a += b
        return a

    @staticmethod
    def about() -> dict[str, Any]:
        return blas.about()
