"""Plain descent, with or without momentum."""

from typing import Unpack

from fastbp.optimizers.base import UP_TO_1, LearningRate, Optimizer, Others, number


class SGD(Optimizer):
    """Stochastic gradient descent: w -= η·dw, where dw is the slope of the batch's loss.

    With momentum μ > 0:  v = μ·v - η·dw;  w += v  (Nesterov: w += μ·v - η·dw).

    Sources: Robbins and Monro, Ann. Math. Stat. 22, 1951; momentum: Polyak, USSR Comput. Math. 4, 1964; Nesterov's, in
    this form: Sutskever et al., ICML 2013.

    >>> SGD(learning_rate=0.1, momentum=0.9)
    SGD(learning_rate=0.1, momentum=0.9)
    """

    name = "sgd"

    def __init__(
        self,
        learning_rate: LearningRate = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float | None = None,
        **others: Unpack[Others],
    ) -> None:
        super().__init__(learning_rate, weight_decay, **others)
        self.momentum = number("momentum", momentum, UP_TO_1)
        self.nesterov = bool(nesterov)

    @property
    def kernel(self) -> str:
        if self.momentum == 0.0:
            return "sgd"
        return "nesterov" if self.nesterov else "momentum"
