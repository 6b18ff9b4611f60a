"""Backpropagation in NumPy float32: plain, but in place throughout, so that nothing large is allocated in training."""

from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import blas
from benchmarks.workloads import Array, Workload

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7  # Adam's, as in Keras
BLOCK = 1 << 15  # parameters updated at a time: five arrays of 128 KB pass through the second-level cache once


class Layer:
    """Views of one layer's parameters and gradients, and what it computes for a batch."""

    def __init__(self, w: Array, b: Array, dw: Array, db: Array, batch: int) -> None:
        self.w, self.b, self.dw, self.db = w, b, dw, db  # (in, out), (out)
        self.a = np.empty((batch, len(b)), np.float32)  # x·w + b, then activated where it lies
        self.da = np.empty_like(self.a)  # its slope, then that of x·w + b
        self.slope = np.empty_like(self.a)


class Peer:
    """The layers over one array of parameters and one of gradients, so that an update is a few long operations."""

    def __init__(self, workload: Workload, x: Array, y: npt.NDArray[np.generic], weights: list[Array]) -> None:
        self.x, self.y, self.batch, self.steps = x, y, workload.batch, workload.steps
        self.bx = np.empty((self.batch, *x.shape[1:]), x.dtype)
        self.by = np.empty((self.batch, *y.shape[1:]), y.dtype)
        self.rows = np.arange(self.batch)
        self.rng = np.random.default_rng(0)
        self.learning_rate, self.step = workload.learning_rate, 0
        self.tanh = workload.activation == "tanh"
        self.loss = {"mse": self.mean_squared_error, "crossentropy": self.crossentropy}[workload.loss]
        self.update = {"sgd": self.sgd, "adam": self.adam}[workload.optimizer]

        self.shapes = [w.shape for w in weights]
        parameters = np.concatenate([w.ravel() for w in weights])
        gradients = np.empty_like(parameters)
        self.parameters = self.views(parameters)
        slopes = self.views(gradients)
        self.layers = [
            Layer(w, b, dw, db, self.batch)
            for (w, b), (dw, db) in zip(
                zip(self.parameters[::2], self.parameters[1::2], strict=True),
                zip(slopes[::2], slopes[1::2], strict=True),
                strict=True,
            )
        ]
        slots = [np.zeros_like(parameters) for _ in range(2 if workload.optimizer == "adam" else 0)]
        self.blocks = [
            tuple(array[i : i + BLOCK] for array in (parameters, gradients, *slots))
            for i in range(0, len(parameters), BLOCK)
        ]
        self.scratch = np.empty(BLOCK, np.float32)

    def views(self, flat: Array) -> list[Array]:
        ends = np.cumsum([np.prod(shape) for shape in self.shapes])
        return [part.reshape(shape) for part, shape in zip(np.split(flat, ends[:-1]), self.shapes, strict=True)]

    def train(self, epochs: int, shuffle: bool) -> float:
        for _ in range(epochs):
            total = 0.0
            order = self.rng.permutation(len(self.x)) if shuffle else None
            for first in range(0, len(self.x), self.batch):
                last = first + self.batch
                if order is None:
                    total += self.train_batch(self.x[first:last], self.y[first:last])
                else:  # "clip", for with "raise" take fills a buffer of its own before `out`
                    np.take(self.x, order[first:last], axis=0, out=self.bx, mode="clip")
                    np.take(self.y, order[first:last], axis=0, out=self.by, mode="clip")
                    total += self.train_batch(self.bx, self.by)
        return total / self.steps

    def train_batch(self, x: Array, y: npt.NDArray[np.generic]) -> float:
        inputs = [x, *(layer.a for layer in self.layers[:-1])]
        for layer, x_in in zip(self.layers, inputs, strict=True):
            np.matmul(x_in, layer.w, out=layer.a)
            layer.a += layer.b
            if layer is not self.layers[-1]:
                self.activate(layer.a)
        loss = self.loss(self.layers[-1].a, self.layers[-1].da, y)
        for i in reversed(range(len(self.layers))):
            layer, x_in = self.layers[i], inputs[i]
            np.matmul(x_in.T, layer.da, out=layer.dw)
            np.add.reduce(layer.da, axis=0, out=layer.db)
            if i:
                below = self.layers[i - 1]
                np.matmul(layer.da, layer.w.T, out=below.da)
                self.times_slope(below)
        self.step += 1
        self.update()
        return loss

    def activate(self, a: Array) -> None:
        if self.tanh:
            np.tanh(a, out=a)
        else:
            np.maximum(a, 0, out=a)

    def times_slope(self, layer: Layer) -> None:
        # tanh' = 1 - tanh²;  relu' = 1 where relu > 0, else 0
        if self.tanh:
            np.multiply(layer.a, layer.a, out=layer.slope)
            np.subtract(1, layer.slope, out=layer.slope)
        else:
            np.greater(layer.a, 0, out=layer.slope, casting="unsafe")
        layer.da *= layer.slope

    def mean_squared_error(self, a: Array, da: Array, y: npt.NDArray[Any]) -> float:
        # L = Σ (a - y)² / size;  da = 2·(a - y) / size
        np.subtract(a, y, out=da)
        loss = float(np.vdot(da, da)) / da.size
        da *= 2 / da.size
        return loss

    def crossentropy(self, z: Array, dz: Array, labels: npt.NDArray[Any]) -> float:
        # L = Σ_rows (log Σ e^z - z[label]) / batch;  dz = (softmax(z) - [label]) / batch
        z -= z.max(axis=1, keepdims=True)
        np.exp(z, out=dz)
        sums = dz.sum(axis=1, keepdims=True)
        loss = float(np.log(sums).sum() - z[self.rows, labels].sum()) / self.batch
        dz /= sums
        dz[self.rows, labels] -= 1
        dz *= 1 / self.batch
        return loss

    def sgd(self) -> None:
        # w -= η·dw
        for w, dw in self.blocks:
            dw *= self.learning_rate
            w -= dw

    def adam(self) -> None:
        # m += (1 - β₁)·(dw - m);  v += (1 - β₂)·(dw² - v);  w -= η·√(1 - β₂ᵗ) / (1 - β₁ᵗ) · m / (√v + ε)
        alpha = self.learning_rate * (1 - BETA_2**self.step) ** 0.5 / (1 - BETA_1**self.step)
        for w, dw, m, v in self.blocks:
            t = self.scratch[: len(w)]
            np.subtract(dw, m, out=t)
            t *= 1 - BETA_1
            m += t
            dw *= dw
            dw -= v
            dw *= 1 - BETA_2
            v += dw
            np.sqrt(v, out=t)
            t += EPSILON
            np.divide(m, t, out=t)
            t *= alpha
            w -= t

    def weights(self) -> list[Array]:
        return self.parameters

    @staticmethod
    def about() -> dict[str, Any]:
        return blas.about()
