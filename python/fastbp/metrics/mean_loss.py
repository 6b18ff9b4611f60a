"""What all metrics are that are the mean of a loss."""

import numpy.typing as npt

from fastbp.losses import Loss
from fastbp.metrics.metric import MeanOf


class MeanLoss(MeanOf):
    """The weighted mean of a loss."""

    def __init__(self, loss: Loss, name: str | None, dtype: npt.DTypeLike | None) -> None:
        super().__init__(name, dtype)
        self._loss = loss
        self.kernel = str(loss.kernel)
        self.sparse = loss.sparse

    def kernel_settings_for(self, outputs: int) -> list[float]:
        return [self._loss.from_logits, *self._loss.kernel_settings_for(outputs)]
