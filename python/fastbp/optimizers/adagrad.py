"""Steps by all slopes so far: Adagrad, and Adadelta, which forgets them."""

from typing import Unpack

from fastbp.optimizers.base import AT_LEAST_0, BELOW_1, EPSILON, LearningRate, Optimizer, Others, number


class Adagrad(Optimizer):
    """Adagrad: the more a weight has moved, the smaller its steps.

    a += dw²;  w -= η·dw / √(a + ε), where a begins at ``initial_accumulator_value``.

    Source: Duchi, Hazan and Singer, JMLR 12, 2011.

    >>> Adagrad(learning_rate=0.1, initial_accumulator_value=0.0)
    Adagrad(learning_rate=0.1, initial_accumulator_value=0.0)
    """

    name = "adagrad"

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        weight_decay: float | None = None,
        **others: Unpack[Others],
    ) -> None:
        super().__init__(learning_rate, weight_decay, **others)
        self.initial_accumulator_value = number("initial_accumulator_value", initial_accumulator_value, AT_LEAST_0)
        self.epsilon = number("epsilon", epsilon, EPSILON)


class Adadelta(Optimizer):
    """Adadelta: steps as large as earlier ones, in units of the weights. The paper's learning rate is 1.

    g = ρ·g + (1 - ρ)·dw²;  δ = √(d + ε) / √(g + ε) · dw;  d = ρ·d + (1 - ρ)·δ²;  w -= η·δ

    Source: Zeiler, arXiv 1212.5701.

    >>> Adadelta(learning_rate=1.0).rho
    0.95
    """

    name = "adadelta"
    _interleaved = 2

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
        weight_decay: float | None = None,
        **others: Unpack[Others],
    ) -> None:
        super().__init__(learning_rate, weight_decay, **others)
        self.rho = number("rho", rho, BELOW_1)
        self.epsilon = number("epsilon", epsilon, EPSILON)
