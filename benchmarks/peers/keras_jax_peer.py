"""Keras on JAX, as a user would call it."""

import os
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import machine
from benchmarks.workloads import Array, Workload

os.environ["KERAS_BACKEND"] = "jax"  # read at import
import jax
import keras

OPTIMIZERS = {"sgd": keras.optimizers.SGD, "adam": keras.optimizers.Adam}


class Peer:
    """A Sequential and its data. Cross-entropy comes from logits, which is faster than from a softmax layer."""

    def __init__(self, workload: Workload, x: Array, y: npt.NDArray[np.generic], weights: list[Array]) -> None:
        keras.backend.clear_session()
        self.x, self.y, self.batch = x, y, workload.batch
        inputs, *hidden, outputs = workload.widths
        layers = [keras.layers.Dense(width, workload.activation) for width in hidden]
        self.model = keras.Sequential([keras.Input((inputs,)), *layers, keras.layers.Dense(outputs)])
        crossentropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        loss = {"mse": "mean_squared_error", "crossentropy": crossentropy}[workload.loss]
        self.model.compile(OPTIMIZERS[workload.optimizer](workload.learning_rate), loss)
        self.model.set_weights(weights)

    def train(self, epochs: int, shuffle: bool) -> float:
        history = self.model.fit(self.x, self.y, self.batch, epochs=epochs, shuffle=shuffle, verbose=0)
        return history.history["loss"][-1]

    def weights(self) -> list[Array]:
        return self.model.get_weights()

    @staticmethod
    def about() -> dict[str, Any]:
        return {"version": keras.__version__, "JAX": jax.__version__, "threads": machine.cores()}  # XLA's
