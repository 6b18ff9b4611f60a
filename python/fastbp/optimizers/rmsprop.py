"""Slopes divided by their recent size."""

from typing import Unpack

from fastbp.optimizers.base import BELOW_1, EPSILON, UP_TO_1, LearningRate, Optimizer, Others, number


class RMSprop(Optimizer):
    """RMSprop: slopes are divided by the root of the running mean of their squares.

    v = ρ·v + (1 - ρ)·dw²;  w -= η·dw / √(v + ε)

    With momentum μ > 0:  m = μ·m + η·dw / √(v + ε);  w -= m.
    ``centered``:  a = ρ·a + (1 - ρ)·dw, and the variance v - a² in the place of v. Where rounding makes it negative it
    counts as 0; in Keras the weight may become NaN.

    Source: Tieleman and Hinton, lecture 6.5 of Neural Networks for Machine Learning, Coursera 2012; centred: Graves,
    arXiv 1308.0850.

    >>> RMSprop(learning_rate=0.01, momentum=0.9, centered=True).kernel
    'rmsprop_momentum_centered'
    """

    name = "rmsprop"

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        weight_decay: float | None = None,
        **others: Unpack[Others],
    ) -> None:
        super().__init__(learning_rate, weight_decay, **others)
        self.rho = number("rho", rho, BELOW_1)
        self.momentum = number("momentum", momentum, UP_TO_1)
        self.epsilon = number("epsilon", epsilon, EPSILON)
        self.centered = bool(centered)

    @property
    def kernel(self) -> str:
        return "rmsprop" + "_momentum" * (self.momentum > 0) + "_centered" * self.centered
