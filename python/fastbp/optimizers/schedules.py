"""Learning rate schedules: the rate as a function of how many steps were taken.

Rates are computed in double, for one step or for an array of them.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp import _data, _registry
from fastbp._registry import Configurable, Registry

__all__ = [
    "SCHEDULES",
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "OneCycle",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "deserialize",
    "get",
    "serialize",
]

Rates = npt.NDArray[np.float64]


class LearningRateSchedule(Configurable):
    """Called on a step, from 0, or on an array of steps, gives the learning rate or rates.

    One of your own defines ``__call__``; it need not take arrays.

    >>> class Halving(LearningRateSchedule):
    ...     def __call__(self, step):
    ...         return 0.1 / 2 ** (step // 1000)
    >>> Halving().rates(999, 2)
    array([0.1 , 0.05])
    """

    def __call__(self, step: Any) -> Any:
        steps = _data.as_numbers(step, "step").astype(np.float64)
        # Also one step as an array: NumPy's powers of scalars are rounded otherwise.
        return self._formula(steps.reshape(-1)).reshape(steps.shape)[()]

    def _formula(self, step: Rates) -> Rates:
        raise NotImplementedError(f"{type(self).__name__} must define __call__(step)")

    def rates(self, first: int, count: int) -> Rates:
        """The rates of steps ``first`` to ``first + count - 1``.

        Raises:
            ValueError: if one of them is negative or not finite.

        >>> PiecewiseConstantDecay([2], [1.0, 0.5]).rates(1, 3)
        array([1. , 1. , 0.5])
        """
        first, count = _data.positive_int(first, "first", least=0), _data.positive_int(count, "count", least=0)
        if type(self).__call__ is LearningRateSchedule.__call__:
            values: Rates = self(np.arange(first, first + count))
        else:
            values = np.array([float(self(step)) for step in range(first, first + count)], np.float64)
        bad = np.flatnonzero(~(np.isfinite(values) & (values >= 0.0)))
        if len(bad):
            raise ValueError(
                f"{self} gave {values[bad[0]]} for step {first + bad[0]}; a learning rate must be finite and at least 0"
            )
        return values


class _Decay(LearningRateSchedule):
    """A rate that depends on step / decay_steps, with ``staircase`` on the whole part of it."""

    def __init__(
        self, initial_learning_rate: float, decay_steps: float, decay_rate: float, staircase: bool, name: str
    ) -> None:
        self.initial_learning_rate = _data.real(initial_learning_rate, "initial_learning_rate", least=0.0)
        self.decay_steps = _data.positive(decay_steps, "decay_steps")
        self.decay_rate = _data.real(decay_rate, "decay_rate", least=0.0)
        self.staircase = bool(staircase)
        self.name = name

    def _times(self, step: Rates) -> Rates:
        times = step / self.decay_steps
        return np.floor(times) if self.staircase else times


class ExponentialDecay(_Decay):
    """η = initial_learning_rate · decay_rate^(step / decay_steps), with ``staircase`` by whole powers.

    >>> ExponentialDecay(0.1, decay_steps=10, decay_rate=0.5)([0, 10, 20])
    array([0.1  , 0.05 , 0.025])
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ) -> None:
        super().__init__(initial_learning_rate, decay_steps, decay_rate, staircase, name)

    def _formula(self, step: Rates) -> Rates:
        return self.initial_learning_rate * self.decay_rate ** self._times(step)


class InverseTimeDecay(_Decay):
    """η = initial_learning_rate / (1 + decay_rate · step / decay_steps), with ``staircase`` by whole multiples.

    >>> InverseTimeDecay(0.1, decay_steps=10, decay_rate=1.0)([0, 10, 30])
    array([0.1  , 0.05 , 0.025])
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ) -> None:
        super().__init__(initial_learning_rate, decay_steps, decay_rate, staircase, name)

    def _formula(self, step: Rates) -> Rates:
        return self.initial_learning_rate / (1.0 + self.decay_rate * self._times(step))


class PiecewiseConstantDecay(LearningRateSchedule):
    """η = values[i] for steps after boundaries[i - 1], up to and with boundaries[i].

    >>> PiecewiseConstantDecay([10, 20], [0.1, 0.01, 0.001])([10, 11, 99])
    array([0.1  , 0.01 , 0.001])
    """

    def __init__(self, boundaries: Sequence[float], values: Sequence[float], name: str = "PiecewiseConstant") -> None:
        self.boundaries = [_data.real(b, "a boundary") for b in boundaries]
        self.values = [_data.real(v, "a value", least=0.0) for v in values]
        self.name = name
        if len(self.values) != len(self.boundaries) + 1:
            raise ValueError(
                f"values must be one more than boundaries; got {len(self.values)} and {len(self.boundaries)}"
            )
        if (np.diff(self.boundaries) <= 0.0).any():
            raise ValueError(f"boundaries must increase; got {self.boundaries}")

    def _formula(self, step: Rates) -> Rates:
        return np.array(self.values)[np.searchsorted(self.boundaries, step)]


class PolynomialDecay(LearningRateSchedule):
    """η = (initial_learning_rate - end_learning_rate) · (1 - step / decay_steps)^power + end_learning_rate.

    It stays at the end after decay_steps. With ``cycle`` decay_steps is multiplied each time it is reached, so that the
    rate jumps up and falls again more slowly.

    >>> PolynomialDecay(0.1, decay_steps=10, end_learning_rate=0.0)([0, 5, 15])
    array([0.1 , 0.05, 0.  ])
    >>> PolynomialDecay(0.1, decay_steps=10, end_learning_rate=0.0, cycle=True)([0, 5, 15])
    array([0.1  , 0.05 , 0.025])
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:
        self.initial_learning_rate = _data.real(initial_learning_rate, "initial_learning_rate", least=0.0)
        self.decay_steps = _data.positive(decay_steps, "decay_steps")
        self.end_learning_rate = _data.real(end_learning_rate, "end_learning_rate", least=0.0)
        self.power = _data.real(power, "power", least=0.0)
        self.cycle = bool(cycle)
        self.name = name

    def _formula(self, step: Rates) -> Rates:
        p = step / self.decay_steps
        p = p / np.maximum(np.ceil(p), 1.0) if self.cycle else np.minimum(p, 1.0)
        return (self.initial_learning_rate - self.end_learning_rate) * (1.0 - p) ** self.power + self.end_learning_rate


class CosineDecay(LearningRateSchedule):
    """η = peak · ((1 - alpha) · ½(1 + cos(π · step / decay_steps)) + alpha), down to alpha · peak; there it stays.

    peak is initial_learning_rate. With ``warmup_target`` that is the peak, and the rate rises to it from
    initial_learning_rate in a line over ``warmup_steps`` before the decay begins.

    Source: Loshchilov and Hutter, arXiv 1608.03983; the warm-up: Goyal and others, arXiv 1706.02677.

    >>> CosineDecay(0.1, decay_steps=10)([0, 5, 10, 99]).round(12)
    array([0.1 , 0.05, 0.  , 0.  ])
    >>> CosineDecay(0.0, decay_steps=10, warmup_target=0.1, warmup_steps=4)([0, 2, 4, 9]).round(12)
    array([0.  , 0.05, 0.1 , 0.05])
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: float = 0,
    ) -> None:
        self.initial_learning_rate = _data.real(initial_learning_rate, "initial_learning_rate", least=0.0)
        self.decay_steps = _data.positive(decay_steps, "decay_steps")
        self.alpha = _data.real(alpha, "alpha", least=0.0)
        self.name = name
        self.warmup_target = None if warmup_target is None else _data.real(warmup_target, "warmup_target", least=0.0)
        self.warmup_steps = _data.real(warmup_steps, "warmup_steps", least=0.0)

    def _formula(self, step: Rates) -> Rates:
        start, peak, warmup = self.initial_learning_rate, self.warmup_target, self.warmup_steps
        if peak is None:
            peak, warmup = start, 0.0
        rising = start + (peak - start) * step / (warmup or 1.0)
        p = np.minimum((step - warmup) / self.decay_steps, 1.0)
        falling = peak * ((1.0 - self.alpha) * 0.5 * (1.0 + np.cos(np.pi * p)) + self.alpha)
        return np.where(step < warmup, rising, falling)


class CosineDecayRestarts(LearningRateSchedule):
    """η = initial_learning_rate · ((1 - alpha) · m_mulⁱ · ½(1 + cos(π·p)) + alpha), p from 0 to 1 in every period i.

    Period 0 has ``first_decay_steps``, and each that follows ``t_mul`` times as many as the one before.

    Source: Loshchilov and Hutter, arXiv 1608.03983.

    >>> CosineDecayRestarts(0.1, first_decay_steps=10, m_mul=0.5)([0, 5, 10, 20, 30]).round(12)
    array([0.1  , 0.05 , 0.05 , 0.025, 0.025])
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: float,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ) -> None:
        self.initial_learning_rate = _data.real(initial_learning_rate, "initial_learning_rate", least=0.0)
        self.first_decay_steps = _data.positive(first_decay_steps, "first_decay_steps")
        self.t_mul = _data.real(t_mul, "t_mul", least=1.0)
        self.m_mul = _data.real(m_mul, "m_mul", least=0.0)
        self.alpha = _data.real(alpha, "alpha", least=0.0)
        self.name = name

    def _formula(self, step: Rates) -> Rates:
        x = step / self.first_decay_steps
        growth = self.t_mul - 1.0
        # Period i begins at x = Σ t_mulʲ over j < i. What rounding leaves just before a restart belongs after it.
        place = np.log1p(growth * x) / math.log(self.t_mul) if growth else x
        i = np.floor(place + 1e-9)
        length = self.t_mul**i
        begin = (length - 1.0) / growth if growth else i
        p = (x - begin) / length
        return self.initial_learning_rate * (
            (1.0 - self.alpha) * self.m_mul**i * 0.5 * (1.0 + np.cos(np.pi * p)) + self.alpha
        )


_EASE: dict[str, Callable[[Rates], Rates]] = {  # from 0 to 1
    "cos": lambda p: 0.5 * (1.0 - np.cos(np.pi * p)),
    "linear": lambda p: p,
}


class OneCycle(LearningRateSchedule):
    """Rises from max_learning_rate / div_factor to max_learning_rate, and falls to 1 / final_div_factor of the start.

    The top is reached with step ``pct_start`` · total_steps - 1, the end with the last one, where the rate then stays.
    With ``three_phase`` it falls to its start as fast as it rose, and only then to the end. Phases are cosines or
    lines, by ``anneal_strategy`` "cos" or "linear". The rates are those of PyTorch's OneCycleLR.

    Source: Smith and Topin, arXiv 1708.07120.

    >>> OneCycle(1.0, total_steps=12, pct_start=0.25, anneal_strategy="linear", div_factor=2)([0, 1, 2, 11])
    array([5.0e-01, 7.5e-01, 1.0e+00, 5.0e-05])
    """

    def __init__(
        self,
        max_learning_rate: float,
        total_steps: int,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
    ) -> None:
        self.max_learning_rate = _data.real(max_learning_rate, "max_learning_rate", least=0.0)
        self.total_steps = _data.positive_int(total_steps, "total_steps")
        self.pct_start = _data.real(pct_start, "pct_start", least=0.0, most=1.0)
        self.anneal_strategy = _data.one_of(anneal_strategy, "anneal_strategy", _EASE)
        self.div_factor = _data.positive(div_factor, "div_factor")
        self.final_div_factor = _data.positive(final_div_factor, "final_div_factor")
        self.three_phase = bool(three_phase)

    def _formula(self, step: Rates) -> Rates:
        start, top = self.max_learning_rate / self.div_factor, self.max_learning_rate
        rise, last = self.pct_start * self.total_steps, self.total_steps - 1
        turns = [rise - 1, 2 * rise - 2] if self.three_phase else [rise - 1]
        steps = np.array([0.0, *turns, last])
        rates = np.array([start, top, *([start] if self.three_phase else []), start / self.final_div_factor])
        phase = np.searchsorted(turns, step)
        begin, end = steps[phase], steps[phase + 1]
        p = np.clip((step - begin) / np.maximum(end - begin, 1e-9), 0.0, 1.0)  # a rise may have no steps at all
        return rates[phase] + (rates[phase + 1] - rates[phase]) * _EASE[self.anneal_strategy](p)


SCHEDULES: Registry[LearningRateSchedule] = Registry(
    "learning rate schedule",
    LearningRateSchedule,
    {
        cls.__name__: cls
        for cls in (
            ExponentialDecay,
            InverseTimeDecay,
            PiecewiseConstantDecay,
            PolynomialDecay,
            CosineDecay,
            CosineDecayRestarts,
            OneCycle,
        )
    },
)


def get(identifier: Any) -> LearningRateSchedule:
    """The schedule of that config, or the given one; all need arguments, so a name alone is a TypeError.

    >>> get({"class_name": "CosineDecay", "config": {"initial_learning_rate": 0.1, "decay_steps": 10}})(5).round(12)
    np.float64(0.05)
    """
    return SCHEDULES.get(identifier)


def serialize(learning_rate_schedule: LearningRateSchedule) -> dict[str, Any]:
    """The schedule as Keras writes it, of which JSON can be made.

    >>> serialize(PiecewiseConstantDecay([10], [0.1, 0.01]))["config"]
    {'boundaries': [10.0], 'values': [0.1, 0.01], 'name': 'PiecewiseConstant'}
    """
    return _registry.serialize(learning_rate_schedule)


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> LearningRateSchedule:
    """The schedule that ``serialize`` described; ``custom_objects`` are classes of your own by name.

    >>> deserialize(serialize(ExponentialDecay(0.1, 10, 0.5)))(10)
    np.float64(0.05)
    """
    return SCHEDULES.deserialize(config, custom_objects)
