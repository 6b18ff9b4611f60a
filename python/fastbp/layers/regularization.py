"""Layers that make learning harder, so that it learns what holds: noise, and penalties on values. Not there in use."""

from typing import Any

from fastbp import _data, regularizers
from fastbp.layers.base import Layer, Spec


def of_values(identifier: Any) -> regularizers.Regularizer | None:
    """The regulariser for outputs, as Keras's ``activity_regularizer``."""
    regularizer = regularizers.get(identifier)
    if regularizer is not None and regularizer.per_sample:
        raise ValueError(
            "activity_regularizer must not be per_sample, which is for penalties on weights: those on outputs are "
            f"means over the batch; got {regularizer!r}"
        )
    return regularizer


def penalty_specs(regularizer: regularizers.Regularizer | None) -> list[Spec]:
    """What the core is to make of a penalty on values."""
    if regularizer is None:
        return []
    return [{"kind": "activity_regularization", "settings": [regularizer.l1, regularizer.l2]}]


class _Noise(Layer):
    """A layer that draws new numbers for every value of every batch, in training only.

    They are a function of the seed, the layer, how many batches came before, and the value's place: so the same seed
    gives the same numbers on any number of threads.
    """

    amount: str  # the name of its one setting
    below = 1.0  # which the setting must be

    def __init__(self, amount: float, seed: int | None, name: str | None, trainable: bool) -> None:
        super().__init__(name, trainable)
        value = _data.real(amount, self.amount, least=0.0)
        if value >= self.below:
            raise ValueError(f"{self.amount} must be at least 0 and below {self.below:g}; got {amount}")
        setattr(self, self.amount, value)
        self.seed = None if seed is None else _data.positive_int(seed, "seed", least=0)
        if self.seed is not None and self.seed >= 2**64:
            raise ValueError(f"seed must be below 2**64; got {seed}")

    def _specs(self, inputs: int) -> list[Spec]:
        spec = {"kind": "noise", "name": self.kind, "settings": [getattr(self, self.amount)]}
        return [spec if self.seed is None else spec | {"seed": self.seed}]


class Dropout(_Noise):
    """In training each value becomes 0 with probability ``rate``, and else x / (1 - rate).

    Source: Srivastava and others, J. Mach. Learn. Res. 15, 2014.

    >>> Dropout(0.5, seed=5)([[1.0] * 6], training=True).tolist()
    [[0.0, 2.0, 2.0, 2.0, 0.0, 0.0]]
    >>> Dropout(0.5)([[1.0] * 6]).tolist()
    [[1.0, 1.0, 1.0, 1.0, 1.0, 1.0]]
    """

    kind = "dropout"
    amount = "rate"
    rate: float

    def __init__(
        self,
        rate: float,
        noise_shape: None = None,
        seed: int | None = None,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(rate, seed, name, trainable)
        if noise_shape is not None:
            raise ValueError(f"noise_shape must be None: each value is drawn by itself; got {noise_shape!r}")
        self.noise_shape = noise_shape


class GaussianNoise(_Noise):
    """In training y = x + stddev·n, with standard normal n.

    >>> GaussianNoise(0.1)([[1.0]]).tolist()
    [[1.0]]
    """

    kind = "gaussian_noise"
    amount = "stddev"
    below = float("inf")
    stddev: float

    def __init__(self, stddev: float, seed: int | None = None, name: str | None = None, trainable: bool = True) -> None:
        super().__init__(stddev, seed, name, trainable)


class GaussianDropout(_Noise):
    """In training y = x·(1 + √(rate / (1 - rate))·n), with standard normal n.

    Source: Srivastava and others, J. Mach. Learn. Res. 15, 2014, section 10.

    >>> GaussianDropout(0.1)([[1.0]]).tolist()
    [[1.0]]
    """

    kind = "gaussian_dropout"
    amount = "rate"
    rate: float

    def __init__(self, rate: float, seed: int | None = None, name: str | None = None, trainable: bool = True) -> None:
        super().__init__(rate, seed, name, trainable)


class AlphaDropout(_Noise):
    """Dropout to SELU's lowest value, then scaled and shifted: mean 0 and variance 1 stay as they are.

    Source: Klambauer and others, arXiv 1706.02515.

    >>> AlphaDropout(0.1)([[1.0]]).tolist()
    [[1.0]]
    """

    kind = "alpha_dropout"
    amount = "rate"
    rate: float

    def __init__(
        self,
        rate: float,
        noise_shape: None = None,
        seed: int | None = None,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(rate, seed, name, trainable)
        if noise_shape is not None:
            raise ValueError(f"noise_shape must be None: each value is drawn by itself; got {noise_shape!r}")
        self.noise_shape = noise_shape


class ActivityRegularization(Layer):
    """y = x, and the loss grows by (l1·Σ|x| + l2·Σx²) / batch.

    >>> ActivityRegularization(l2=0.1)([[1.0]]).tolist()
    [[1.0]]
    """

    kind = "activity_regularization"

    def __init__(self, l1: float = 0.0, l2: float = 0.0, name: str | None = None, trainable: bool = True) -> None:
        super().__init__(name, trainable)
        self.l1, self.l2 = _data.real(l1, "l1", least=0.0), _data.real(l2, "l2", least=0.0)

    def _specs(self, inputs: int) -> list[Spec]:
        return penalty_specs(regularizers.L1L2(self.l1, self.l2))

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1, "l2": self.l2, "name": self.name, "trainable": self.trainable}
