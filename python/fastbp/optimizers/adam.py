"""Adam and its kin: steps by running means of the slopes and of their size."""

import math
from typing import Unpack

import numpy as np

from fastbp.optimizers.base import AT_LEAST_0, BELOW_1, EPSILON, Array, LearningRate, Optimizer, Others, number


class _Moments(Optimizer):
    """Two running means, and their settings."""

    _interleaved = 2

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        weight_decay: float | None = None,
        **others: Unpack[Others],
    ) -> None:
        super().__init__(learning_rate, weight_decay, **others)
        self.beta_1 = number("beta_1", beta_1, BELOW_1)
        self.beta_2 = number("beta_2", beta_2, BELOW_1)
        self.epsilon = number("epsilon", epsilon, EPSILON)


class Adam(_Moments):
    """Adam: steps of about the learning rate, whatever the size of the slopes.

    m = β₁·m + (1 - β₁)·dw;  v = β₂·v + (1 - β₂)·dw²;  w -= η·√(1 - β₂ᵗ) / (1 - β₁ᵗ) · m / (√v + ε)

    in step t = 1, 2, …; with ``amsgrad`` the greatest v so far divides instead of v.

    Sources: Kingma and Ba, arXiv 1412.6980, in the form at the end of its section 2, as in Keras; Reddi et al., arXiv
    1904.09237.

    >>> Adam().learning_rate
    0.001
    """

    name = "adam"

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        weight_decay: float | None = None,
        **others: Unpack[Others],
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, weight_decay, **others)
        self.amsgrad = bool(amsgrad)

    @property
    def kernel(self) -> str:
        return "amsgrad" if self.amsgrad else "adam"


class AdamW(Adam):
    """Adam with weight decay: before each of its steps w is multiplied by 1 - η·weight_decay.

    Source: Loshchilov and Hutter, arXiv 1711.05101.

    >>> AdamW(learning_rate=0.01).weight_decay
    0.004
    """

    name = "adamw"

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **others: Unpack[Others],
    ) -> None:
        decay = number("weight_decay", weight_decay, AT_LEAST_0)  # None is no choice here
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, decay, **others)


class Nadam(_Moments):
    """Adam with Nesterov's momentum: the mean of the slopes is taken one step ahead.

    m, v as Adam's;  uₜ = β₁·(1 - ½·0.96ᵗ);  Π = u₁·u₂·…·uₜ;
    w -= η·(uₜ₊₁·m / (1 - Π·uₜ₊₁) + (1 - uₜ)·dw / (1 - Π)) / (√(v / (1 - β₂ᵗ)) + ε)

    Source: Dozat, "Incorporating Nesterov Momentum into Adam", ICLR workshop 2016.

    >>> Nadam(0.002, beta_2=0.99)
    Nadam(learning_rate=0.002, beta_2=0.99)
    """

    name = "nadam"

    @property
    def variables(self) -> list[Array]:
        """As Optimizer's, and at last Π."""
        product = math.prod(self.beta_1 * (1 - 0.5 * 0.96**t) for t in range(1, self.iterations + 1))
        return [*super().variables, *([np.array(product)] if self.built else [])]


class Adamax(_Moments):
    """Adam by the greatest slope instead of the mean square: rare large slopes count for long.

    m = β₁·m + (1 - β₁)·dw;  u = max(β₂·u, |dw|);  w -= η / (1 - β₁ᵗ) · m / (u + ε)

    Source: Kingma and Ba, arXiv 1412.6980, section 7.1.

    >>> Adamax(0.002)
    Adamax(learning_rate=0.002)
    """

    name = "adamax"
