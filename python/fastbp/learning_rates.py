"""A learning rate to begin with, found by trying."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp import _data, saving
from fastbp.plots import pyplot

__all__ = ["LearningRates", "find_learning_rate"]

TOO_MUCH = 4.0  # times the least loss: beyond it nothing is to be learnt
LITTLE = 0.02  # of the loss: to fall by no more is not to fall
BELOW_LEAST = 10.0  # times: where the loss is least, the rate is too large already for some batches


@dataclass(frozen=True)
class LearningRates:
    """What ``find_learning_rate`` found.

    Attributes:
        rates: the learning rates that were tried, rising.
        losses: of the batch before the step with each, smoothed.
        suggestion: a tenth of the rate where the loss is least; None if it does not fall by 2 %.
    """

    rates: list[float]
    losses: list[float]
    suggestion: float | None

    def plot(self, ax: Any = None) -> Any:
        """Draws the losses over the rates; returns matplotlib's Axes, a new figure's if ``ax`` is not given.

        Raises:
            ImportError: if matplotlib is missing: ``pip install 'fastbp[plot]'``.
        """
        plt = pyplot("LearningRates.plot")
        if ax is None:
            _, ax = plt.subplots(layout="constrained")
        ax.plot(self.rates, self.losses)
        if self.suggestion is not None:
            ax.axvline(self.suggestion, color="black", ls="--", label=f"suggestion {self.suggestion:.1e}")
            ax.legend()
        ax.set_xscale("log")
        ax.set_xlabel("learning rate")
        ax.set_ylabel("loss, smoothed")
        return ax


def find_learning_rate(
    model: Any,
    x: Any,
    y: Any,
    sample_weight: Any = None,
    *,
    batch_size: int | None = None,
    least: float = 1e-6,
    most: float = 10.0,
    steps: int = 200,
    smoothing: float = 0.9,
) -> LearningRates:
    """``Sequential.find_learning_rate``."""
    size = 32 if batch_size is None else _data.positive_int(batch_size, "batch_size")
    least, most = _data.positive(least, "least"), _data.positive(most, "most")
    if most <= least:
        raise ValueError(f"most must be greater than least; got {most} and {least}")
    steps = _data.positive_int(steps, "steps", least=3)
    smoothing = _data.real(smoothing, "smoothing", least=0.0, most=0.999)
    trainer, samples, n = model._prepare(x, y, sample_weight)
    trainer.require_trainable()
    size = min(size, n)
    rates = np.geomspace(least, most, steps)
    batches = -(-n // size)
    losses: list[float] = []
    mean, least_level = 0.0, np.inf
    restore = saving.remember(model)
    try:
        for step, rate in enumerate(rates.tolist()):
            epoch, batch = divmod(step, batches)
            loss, count, *_ = trainer.train(samples, size, model.epochs_trained + epoch, batch, batch + 1, rate=rate)
            mean = smoothing * mean + (1 - smoothing) * float(loss / count)
            level = mean / (1 - smoothing ** (step + 1))  # for the mean began at 0
            least_level = min(level, least_level)
            if not np.isfinite(level) or level > TOO_MUCH * least_level > 0:
                break
            losses.append(float(loss / count))
    finally:
        restore()
        trainer.known = None  # the core forgets the rate
    smooth = _smoothed(losses, smoothing)
    return LearningRates(rates[: len(losses)].tolist(), smooth, _suggestion(rates, smooth))


def _smoothed(losses: list[float], smoothing: float) -> list[float]:
    """Means on both sides: lossₖ = Σⱼ smoothing^|k - j|·lossⱼ / Σⱼ smoothing^|k - j|."""
    at = np.arange(len(losses))
    weights = smoothing ** np.abs(at[:, None] - at).astype(float)
    return ((weights @ losses) / weights.sum(axis=1)).tolist() if losses else []


def _suggestion(rates: npt.NDArray[np.float64], losses: list[float]) -> float | None:
    if not losses or losses[0] - min(losses) <= LITTLE * abs(losses[0]):
        return None
    return float(rates[int(np.argmin(losses))]) / BELOW_LEAST
