"""The core's slopes against differences of the loss."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp import _data
from fastbp.models import Sequential
from fastbp.tracing.twin import twin

__all__ = ["GradientCheck", "Offender", "check_gradients"]

Array = npt.NDArray[Any]
LISTED = 10  # offenders that the text names
EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Offender:
    """A weight whose two slopes differ by more than they may; ``error`` is relative to the slopes of its array.

    >>> print(Offender("output", "kernel", (2, 0), analytic=36.0, numeric=18.0, error=0.5))
    output/kernel[2, 0]: backpropagation 36, difference 18 (apart by 5.0e-01)
    """

    layer: str
    weight: str
    at: tuple[int, ...]
    analytic: float
    numeric: float
    error: float

    def __str__(self) -> str:
        place = ", ".join(map(str, self.at))
        slopes = f"backpropagation {self.analytic:.9g}, difference {self.numeric:.9g}"
        return f"{self.layer}/{self.weight}[{place}]: {slopes} (apart by {self.error:.1e})"


@dataclass
class GradientCheck:
    """What ``check_gradients`` found. Printed, it is a text.

    Attributes:
        checked: how many weights were looked at.
        greatest_error: the greatest difference of two slopes, relative to the greatest slope of the array.
        offenders: the weights whose slopes differ by more than they may, worst first.
        kinks: how many stand on a kink, where the two sides have slopes of their own: they are left out.

    >>> print(GradientCheck(tolerance=1e-6, checked=3, greatest_error=2e-10))
    3 slopes checked: all agree, the greatest relative difference is 2.0e-10
    """

    tolerance: float
    checked: int = 0
    greatest_error: float = 0.0
    offenders: list[Offender] = field(default_factory=list)
    kinks: int = 0

    @property
    def ok(self) -> bool:
        """Whether all slopes agree."""
        return not self.offenders

    def __str__(self) -> str:
        left_out = f"; {self.kinks} on kinks left out" if self.kinks else ""
        counted = f"{self.checked} slope{'s' * (self.checked != 1)} checked{left_out}"
        if self.ok:
            return f"{counted}: all agree, the greatest relative difference is {self.greatest_error:.1e}"
        wrong = len(self.offenders)
        lines = [f"{counted}: {wrong} differ{'s' * (wrong == 1)} by more than {self.tolerance:g}"]
        lines += [f"  {offender}" for offender in self.offenders[:LISTED]]
        if len(self.offenders) > LISTED:
            lines.append(f"  and {len(self.offenders) - LISTED} more")
        return "\n".join(lines)


def check_gradients(
    model: Sequential,
    x: Any,
    y: Any,
    sample_weight: Any = None,
    *,
    tolerance: float = 1e-6,
    step: float = 1e-5,
    at_most: int | None = 1000,
) -> GradientCheck:
    """Holds the slopes by backpropagation against (loss(w + h) - loss(w - h)) / 2h, in float64: does a loss or an
    activation of your own have the right slope?

    A copy of the model in float64 is looked at, and random layers draw the same numbers every time. Where the two
    slopes differ, smaller steps are tried, for the step may have crossed a kink. A weight whose loss has two slopes,
    one on either side, however small the step, is on a kink, and is left out if the slope by backpropagation is one of
    them or between them.

    Args:
        model: a model compiled with a loss.
        x: a batch, as ``train_on_batch`` takes it.
        y: its targets.
        sample_weight: (n,), what each sample's loss is multiplied by.
        tolerance: how far two slopes may be apart, relative to the greatest slope of their array (or to a thousandth of
            the loss, if that is more: smaller slopes are lost in its rounding).
        step: h.
        at_most: how many weights of each array are looked at, evenly spread; None: all.

    >>> from fastbp import Dense, Input
    >>> square = (lambda x: x * x, lambda x: 3 * x)  # the slope should be 2x
    >>> model = Sequential(
    ...     [Input((1,)), Dense(1, square, use_bias=False, kernel_initializer="ones", name="output")]
    ... )
    >>> model.compile(loss="mse")
    >>> print(check_gradients(model, [[2.0]], [[3.0]]))  # the loss is (w² · 4 - 3)²
    1 slope checked: 1 differs by more than 1e-06
      output/kernel[0, 0]: backpropagation 24, difference 16 (apart by 3.3e-01)
    """
    model._require_loss()
    tolerance, step = _data.positive(tolerance, "tolerance"), _data.positive(step, "step")
    most = None if at_most is None else _data.positive_int(at_most, "at_most")
    copy = twin(model, np.float64)
    trainer, samples, _ = copy._prepare(x, y, sample_weight)
    trainer.require_trainable()
    draws = copy._network.draws

    def loss_now() -> float:
        copy._network.draws = draws
        return trainer.gradients(samples)

    loss = loss_now()
    slopes = {view.ctypes.data: g.copy() for view, g in zip(copy.weights, copy.gradients, strict=True)}
    report = GradientCheck(tolerance)
    for layer in copy.layers:
        trained = {view.ctypes.data for view in layer.trainable_weights}
        for name, view in zip(layer.weight_names, layer.weights, strict=True):
            if view.ctypes.data in trained:
                found = _Array(view, slopes[view.ctypes.data], loss, loss_now, tolerance, step)
                found.check(report, str(layer.name), name, most)
    report.offenders.sort(key=lambda offender: -offender.error)
    return report


class _Array:
    """The slopes of one array of weights."""

    def __init__(
        self, weights: Array, slopes: Array, loss: float, loss_now: Callable[[], float], tolerance: float, step: float
    ) -> None:
        self.weights, self.slopes, self.loss, self.loss_now = weights, slopes, loss, loss_now
        self.tolerance, self.step = tolerance, step

    def check(self, report: GradientCheck, layer: str, name: str, most: int | None) -> None:
        """Adds what it finds to the report."""
        count = self.weights.size
        flat = np.arange(count) if most is None or count <= most else np.linspace(0, count - 1, most).astype(int)
        places = [tuple(map(int, np.unravel_index(i, self.weights.shape))) for i in flat]
        sides = {at: self._sides(at, self.step) for at in places}
        numeric = {at: (left + right) / 2 for at, (left, right) in sides.items()}
        greatest = max(float(np.abs(self.slopes).max()), *map(abs, numeric.values()))
        scale = max(greatest, 1e-3 * max(1.0, abs(self.loss)))
        for at in places:
            report.checked += 1
            error, kink = self._error(at, sides[at], scale)
            if kink:
                report.kinks += 1
                report.checked -= 1
            elif error > self.tolerance:
                offender = Offender(layer, name, at, float(self.slopes[at]), numeric[at], error)
                report.offenders.append(offender)
            if not kink:
                report.greatest_error = max(report.greatest_error, error)

    def _sides(self, at: tuple[int, ...], step: float) -> tuple[float, float]:
        """The slopes to the left and to the right."""
        kept = float(self.weights[at])
        losses = []
        for moved in (kept - step, kept + step):
            self.weights[at] = moved
            losses.append(self.loss_now())
        self.weights[at] = kept
        return (self.loss - losses[0]) / step, (losses[1] - self.loss) / step

    def _error(self, at: tuple[int, ...], sides: tuple[float, float], scale: float) -> tuple[float, bool]:
        """How far the slopes are apart, by the step that suits them best; and whether the weight is on a kink."""
        slope = float(self.slopes[at])
        best = abs(sum(sides) / 2 - slope) / scale
        if best <= self.tolerance:
            return best, False
        for step in (self.step / 10, self.step / 100):
            # A difference of two losses that are rounded, over 2h: what smaller steps may be apart by in addition.
            rounding = 4 * EPS * max(1.0, abs(self.loss)) / step
            sides = self._sides(at, step)
            error = max(0.0, abs(sum(sides) / 2 - slope) - rounding) / scale
            if error <= self.tolerance:
                return error, False
        # Both sides of a smooth loss have the same slope, but for h times its curvature.
        apart = abs(sides[1] - sides[0])
        margin = 2 * rounding + self.tolerance * scale
        on_kink = apart > 100 * margin and min(sides) - margin <= slope <= max(sides) + margin
        return best, on_kink
