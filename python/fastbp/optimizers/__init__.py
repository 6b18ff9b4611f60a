"""Optimisers: how a slope becomes a step.

An optimiser holds the settings; what it remembers of earlier steps (its slots) lies beside the weights in the core.
"""

import math
from typing import Any

from fastbp._registry import Configurable, Registry
from fastbp.optimizers import schedules

__all__ = ["OPTIMIZERS", "SGD", "Adam", "Optimizer", "get", "schedules"]


def _fraction(name: str, value: float) -> float:
    value = float(value)
    if not 0.0 <= value < 1.0:
        raise ValueError(f"{name} must be in [0, 1); got {value}")
    return value


class Optimizer(Configurable):
    """What all optimisers share: the learning rate, which may be changed between steps."""

    name: str

    def __init__(self, learning_rate: float) -> None:
        self.learning_rate = learning_rate

    @property
    def learning_rate(self) -> float:
        """What a slope is multiplied by."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        value = float(value)
        if not (value >= 0.0 and math.isfinite(value)):
            raise ValueError(f"learning_rate must be finite and at least 0; got {value}")
        self._learning_rate = value

    @property
    def kernel(self) -> str:
        """The name of the core's update rule."""
        return self.name

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal optimiser.

        >>> SGD(0.1).get_config()
        {'learning_rate': 0.1, 'momentum': 0.0, 'nesterov': False}
        """
        raise TypeError("Optimizer is the base class; use SGD or Adam")

    def __repr__(self) -> str:
        settings = ", ".join(f"{key}={value!r}" for key, value in self.get_config().items())
        return f"{type(self).__name__}({settings})"


class SGD(Optimizer):
    """Stochastic gradient descent: w -= η·dw, where dw is the slope of the batch's loss.

    With momentum μ > 0:  v = μ·v - η·dw;  w += v  (Nesterov: w += μ·v - η·dw).

    >>> SGD(learning_rate=0.1, momentum=0.9)
    SGD(learning_rate=0.1, momentum=0.9, nesterov=False)
    """

    name = "sgd"

    def __init__(self, learning_rate: float = 0.01, momentum: float = 0.0, nesterov: bool = False) -> None:
        super().__init__(learning_rate)
        self.momentum = float(momentum)
        if not 0.0 <= self.momentum <= 1.0:
            raise ValueError(f"momentum must be in [0, 1]; got {momentum}")
        self.nesterov = bool(nesterov)

    @property
    def kernel(self) -> str:
        if self.momentum == 0.0:
            return "sgd"
        return "nesterov" if self.nesterov else "momentum"

    def get_config(self) -> dict[str, Any]:
        return {"learning_rate": self.learning_rate, "momentum": self.momentum, "nesterov": self.nesterov}


class Adam(Optimizer):
    """Adam: steps of about the learning rate, whatever the size of the slopes.

    m = β₁·m + (1 - β₁)·dw;  v = β₂·v + (1 - β₂)·dw²;  w -= η·√(1 - β₂ᵗ) / (1 - β₁ᵗ) · m / (√v + ε)

    Source: Kingma and Ba, arXiv 1412.6980, in the form at the end of its section 2, as in Keras.

    >>> Adam().learning_rate
    0.001
    """

    name = "adam"

    def __init__(
        self, learning_rate: float = 0.001, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-7
    ) -> None:
        super().__init__(learning_rate)
        self.beta_1 = _fraction("beta_1", beta_1)
        self.beta_2 = _fraction("beta_2", beta_2)
        self.epsilon = float(epsilon)
        if not self.epsilon > 0.0:
            raise ValueError(f"epsilon must be greater than 0; got {epsilon}")

    def get_config(self) -> dict[str, Any]:
        return {
            "learning_rate": self.learning_rate,
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
        }


OPTIMIZERS: Registry[Optimizer] = Registry("optimizer", Optimizer, {cls.name: cls for cls in (SGD, Adam)})


def get(identifier: Any) -> Optimizer:
    """The optimiser of that name, of that class, or the given one.

    >>> get("adam").name
    'adam'
    """
    return OPTIMIZERS.get(identifier)
