"""Steps of one size in every weight."""

from typing import Unpack

from fastbp.optimizers.base import ABOVE_0, BELOW_1, LearningRate, Optimizer, Others, number


class Lion(Optimizer):
    """Lion: every weight moves by η, against a mix of the mean slope and the newest.

    w -= η·sign(β₁·m + (1 - β₁)·dw);  m = β₂·m + (1 - β₂)·dw

    Steps are larger than Adam's at the same learning rate: the paper takes a third to a tenth of Adam's.

    Source: Chen et al., arXiv 2302.06675.

    >>> Lion(learning_rate=0.0001)
    Lion(learning_rate=0.0001)
    """

    name = "lion"

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        weight_decay: float | None = None,
        **others: Unpack[Others],
    ) -> None:
        super().__init__(learning_rate, weight_decay, **others)
        self.beta_1 = number("beta_1", beta_1, ABOVE_0)
        self.beta_2 = number("beta_2", beta_2, BELOW_1)
