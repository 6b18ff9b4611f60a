"""JAX: an epoch is one compiled call, a scan over its batches."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from benchmarks import machine
from benchmarks.workloads import Array, Workload

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7  # Adam's, as in Keras
ACTIVATIONS = {"relu": jax.nn.relu, "tanh": jnp.tanh}


def mean_squared_error(a: jax.Array, y: jax.Array) -> jax.Array:
    return jnp.mean(jnp.square(a - y))


def crossentropy(z: jax.Array, labels: jax.Array) -> jax.Array:
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(z), labels[:, None], axis=1))


LOSSES = {"mse": mean_squared_error, "crossentropy": crossentropy}


class Peer:
    """Weights, the optimiser's slots and the number of steps: one tree, which each epoch takes and gives back."""

    def __init__(self, workload: Workload, x: Array, y: npt.NDArray[np.generic], weights: list[Array]) -> None:
        self.workload = workload
        self.rng = np.random.default_rng(0)
        self.x, self.y = jnp.asarray(x), jnp.asarray(y)
        parameters = [jnp.array(w) for w in weights]
        slots = [[jnp.zeros_like(w) for w in parameters] for _ in range(2 if workload.optimizer == "adam" else 0)]
        self.state = (parameters, slots, jnp.zeros((), jnp.float32))
        self.epoch = jax.jit(self.train_epoch, donate_argnums=0)

    def train(self, epochs: int, shuffle: bool) -> float:
        n = len(self.x)
        for _ in range(epochs):
            # NumPy's, for jax.random.permutation sorts, and takes as long as many a workload
            order = self.rng.permutation(n) if shuffle else np.arange(n)
            self.state, loss = self.epoch(self.state, self.x, self.y, order.astype(np.int32))
        return float(jax.block_until_ready((self.state, loss))[1])

    def train_epoch(self, state: Any, x: jax.Array, y: jax.Array, order: jax.Array) -> tuple[Any, jax.Array]:
        def step(state: Any, rows: jax.Array) -> tuple[Any, jax.Array]:
            parameters, slots, t = state
            loss, slopes = jax.value_and_grad(self.loss)(parameters, x[rows], y[rows])
            return self.updated(parameters, slots, t + 1, slopes), loss

        state, losses = jax.lax.scan(step, state, order.reshape(-1, self.workload.batch))
        return state, losses.mean()

    def loss(self, parameters: list[jax.Array], x: jax.Array, y: jax.Array) -> jax.Array:
        activation = ACTIVATIONS[self.workload.activation]
        *hidden, (w, b) = zip(parameters[::2], parameters[1::2], strict=True)
        for w_hidden, b_hidden in hidden:
            x = activation(x @ w_hidden + b_hidden)
        return LOSSES[self.workload.loss](x @ w + b, y)

    def updated(self, parameters: list[jax.Array], slots: Any, t: jax.Array, slopes: list[jax.Array]) -> Any:
        rate = self.workload.learning_rate
        if not slots:
            return [w - rate * dw for w, dw in zip(parameters, slopes, strict=True)], slots, t
        # m += (1 - β₁)·(dw - m);  v += (1 - β₂)·(dw² - v);  w -= η·√(1 - β₂ᵗ) / (1 - β₁ᵗ) · m / (√v + ε)
        ms = [m + (1 - BETA_1) * (dw - m) for m, dw in zip(slots[0], slopes, strict=True)]
        vs = [v + (1 - BETA_2) * (dw * dw - v) for v, dw in zip(slots[1], slopes, strict=True)]
        alpha = rate * jnp.sqrt(1 - BETA_2**t) / (1 - BETA_1**t)
        parameters = [w - alpha * m / (jnp.sqrt(v) + EPSILON) for w, m, v in zip(parameters, ms, vs, strict=True)]
        return parameters, [ms, vs], t

    def weights(self) -> list[Array]:
        return [np.asarray(w) for w in self.state[0]]

    @staticmethod
    def about() -> dict[str, Any]:
        return {"version": jax.__version__, "threads": machine.cores()}  # XLA's
