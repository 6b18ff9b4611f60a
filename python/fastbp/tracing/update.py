"""From a slope to a new weight: what the optimiser does, with its numbers."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp import _core, reference
from fastbp.constraints import Constraint
from fastbp.regularizers import L1L2, Regularizer
from fastbp.tracing.derivation import Line, shown

__all__ = ["Update", "WeightTrace"]

Array = npt.NDArray[Any]

ADAM_M = ("m", "β₁ × m₀ + ( 1 − β₁ ) × slope")
ADAM_V = ("v", "β₂ × v₀ + ( 1 − β₂ ) × slope ²")
RMS_V = ("v", "ρ × v₀ + ( 1 − ρ ) × slope ²")
RMS_A = ("a", "ρ × a₀ + ( 1 − ρ ) × slope")
NEW = "new weight"

# What the slots are called, and the formulas in order: ₀ marks what a slot held before the step.
RULES: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "sgd": ("", [(NEW, "weight − learning_rate × slope")]),
    "momentum": ("v", [("v", "momentum × v₀ − learning_rate × slope"), (NEW, "weight + v")]),
    "nesterov": (
        "v",
        [("v", "momentum × v₀ − learning_rate × slope"), (NEW, "weight + momentum × v − learning_rate × slope")],
    ),
    "adam": (
        "m v",
        [ADAM_M, ADAM_V, (NEW, "weight − learning_rate × √ ( 1 − β₂ᵗ ) / ( 1 − β₁ᵗ ) × m / ( √ v + ε )")],
    ),
    "amsgrad": (
        "m v v̂",
        [
            *(ADAM_M, ADAM_V, ("v̂", "max ( v̂₀ , v )")),
            (NEW, "weight − learning_rate × √ ( 1 − β₂ᵗ ) / ( 1 − β₁ᵗ ) × m / ( √ v̂ + ε )"),
        ],
    ),
    "nadam": (
        "m v",
        [
            *(ADAM_M, ADAM_V),
            (
                NEW,
                "weight − learning_rate × ( uₜ₊₁ × m / ( 1 − Π × uₜ₊₁ ) + ( 1 − uₜ ) × slope / ( 1 − Π ) ) "
                "/ ( √ ( v / ( 1 − β₂ᵗ ) ) + ε )",
            ),
        ],
    ),
    "adamax": (
        "m u",
        [
            *(ADAM_M, ("u", "max ( β₂ × u₀ , | slope | )")),
            (NEW, "weight − learning_rate / ( 1 − β₁ᵗ ) × m / ( u + ε )"),
        ],
    ),
    "adagrad": ("a", [("a", "a₀ + slope ²"), (NEW, "weight − learning_rate × slope / √ ( a + ε )")]),
    "adadelta": (
        "g d",
        [
            ("g", "ρ × g₀ + ( 1 − ρ ) × slope ²"),
            (NEW, "weight − learning_rate × √ ( d₀ + ε ) / √ ( g + ε ) × slope"),
        ],
    ),
    "rmsprop": ("v", [RMS_V, (NEW, "weight − learning_rate × slope / √ ( v + ε )")]),
    "rmsprop_momentum": (
        "v m",
        [RMS_V, ("m", "momentum × m₀ + learning_rate × slope / √ ( v + ε )"), (NEW, "weight − m")],
    ),
    "rmsprop_centered": (
        "v a",
        [RMS_V, RMS_A, (NEW, "weight − learning_rate × slope / √ ( v − a ² + ε )")],
    ),
    "rmsprop_momentum_centered": (
        "v m a",
        [
            *(RMS_V, RMS_A, ("m", "momentum × m₀ + learning_rate × slope / √ ( v − a ² + ε )")),
            (NEW, "weight − m"),
        ],
    ),
    "lion": ("m", [(NEW, "weight − learning_rate × sign ( β₁ × m₀ + ( 1 − β₁ ) × slope )")]),
}
SYMBOLS = {"beta_1": "β₁", "beta_2": "β₂", "rho": "ρ", "epsilon": "ε"}


@dataclass
class WeightTrace:
    """One array of weights in a step; all arrays have its shape."""

    name: str
    old: Array
    new: Array
    gradient: Array  # the slope of the whole loss, penalties included
    share: float  # what the regulariser is multiplied by
    penalty: Array  # the part of ``gradient`` that is its
    trained: bool
    regularizer: Regularizer
    constraint: Constraint | None
    decay: float  # what the weights are multiplied by before the rule
    gathered: Array | None  # slopes of earlier batches of this step
    before: list[Array]  # the slots
    after: list[Array]
    used: Array = field(default_factory=lambda: np.zeros(0))  # the slope that the rule takes, accumulated and clipped
    norm: float = 0.0  # what clipping by norm looks at
    factor: float = 1.0  # and makes of it
    ruled: Array = field(default_factory=lambda: np.zeros(0))  # by the rule, before running means and constraints


class Update:
    """The step of the optimiser that follows the slopes: its settings, its arrays, and the words for one weight.

    Args:
        before: a model that is about to take the step.
        after: its twin that has taken it.
        old: the weights before.
        gradients: their slopes.
        divisor: what a penalty that is per_sample is divided by.
    """

    def __init__(self, before: Any, after: Any, old: list[Array], gradients: list[Array], divisor: float) -> None:
        optimizer, core = before.optimizer, before._trainer.core
        self.optimizer, self.kernel, self.divisor = optimizer, optimizer.kernel, divisor
        self.learning_rate = float(optimizer.learning_rate)
        self.steps = optimizer.gradient_accumulation_steps or 1
        self.batch = core.batches % self.steps + 1  # of this step
        self.number = core.batches // self.steps + 1  # of the step
        settings = {name: float(getattr(optimizer, name)) for name in _core.optimizer_fields(self.kernel)[1]}
        self.settings = settings | {"learning_rate": self.learning_rate}
        every = optimizer.ema_overwrite_frequency
        self.averaged = bool(optimizer.use_ema and every and self.number % every == 0)
        gathered: Any = core.buffers()[1] if self.steps > 1 else [None] * len(old)
        trained = {view.ctypes.data for view in before.trainable_weights}
        self.weights: list[WeightTrace] = []
        for k, (variable, view) in enumerate(zip(before._variables(), before.weights, strict=True)):
            regularizer = variable.regularizer or L1L2()
            share = 1 / divisor if regularizer.per_sample and divisor else 1.0
            weight = WeightTrace(
                name=variable.name,
                old=old[k],
                new=after.weights[k].copy(),
                gradient=gradients[k],
                share=share,
                penalty=share * regularizer.slope(old[k].astype(float)),
                trained=view.ctypes.data in trained,
                regularizer=regularizer,
                constraint=variable.constraint,
                decay=self._decay(variable.name, view),
                gathered=None if gathered[k] is None else gathered[k].copy(),
                before=[slot[k].copy() for slot in core.slots()],
                after=[slot[k].copy() for slot in after._trainer.core.slots()],
            )
            self.weights.append(weight)
        self._apply()

    def _decay(self, name: str, view: Array) -> float:
        """What a weight is multiplied by before the rule."""
        if not (self.optimizer.weight_decay and self.optimizer.uses_weight_decay(name.rpartition("/")[2], view)):
            return 1.0
        return 1.0 - self.learning_rate * self.optimizer.weight_decay

    @property
    def due(self) -> bool:
        """Whether the weights move: with gradient_accumulation_steps only every so many batches do."""
        return self.batch == self.steps

    # ---- the arrays ----

    def _apply(self) -> None:
        """Follows the slopes through accumulation, clipping and the rule, in float64."""
        trained = [w for w in self.weights if w.trained]
        for w in trained:
            w.used = w.gradient.astype(float)
            if w.gathered is not None:
                w.used = (w.gathered + w.used) / self.steps
        norms = [float(np.linalg.norm(w.used)) for w in trained]
        everything = math.hypot(*norms) if norms else 0.0
        for w, norm in zip(trained, norms, strict=True):
            w.norm = everything if self.optimizer.global_clipnorm else norm
            most = self.optimizer.global_clipnorm or self.optimizer.clipnorm
            if most:
                w.factor = most / max(w.norm, most)
                w.used = w.used * w.factor
            if self.optimizer.clipvalue:
                w.used = np.clip(w.used, -self.optimizer.clipvalue, self.optimizer.clipvalue)
            w.ruled = w.decay * w.old.astype(float)
            settings = self.settings | ({"initial_accumulator_value": 0.0} if self.kernel == "adagrad" else {})
            slots = [slot.astype(float) for slot in w.before]  # Adagrad's holds its first value already
            if self.due:
                reference.OPTIMIZERS[self.kernel][0](w.ruled, w.used, slots, self.number, **settings)

    # ---- in words ----

    def lines(self, k: int, at: tuple[int, ...]) -> list[Line]:
        """From the slope of weight ``at`` of array ``k`` to its new value."""
        w = self.weights[k]
        if not w.trained:
            return [Line("", remark=f"not trained: stays {shown(w.old[at])}")]
        slope, weight, lines = float(w.gradient[at]), float(w.old[at]), []
        if self.steps > 1:
            earlier = float(w.gathered[at]) if w.gathered is not None else 0.0
            if not self.due:
                remark = f"kept: the weights move after batch {self.steps} of this step, and this is {self.batch}"
                return [Line("", remark=remark)]
            known = {"earlier_slopes": earlier, "slope": slope, "batches": self.steps}
            slope = (earlier + slope) / self.steps
            lines.append(Line.of("mean slope", "( earlier_slopes + slope ) / batches", known, slope))
        if self.optimizer.clipnorm or self.optimizer.global_clipnorm:
            known = {"slope": slope, "factor": w.factor}
            slope *= w.factor
            remark = f"the norm is {shown(w.norm)}"
            lines.append(Line.of("clipped slope", "slope × factor", known, slope, remark))
        if self.optimizer.clipvalue:
            most = self.optimizer.clipvalue
            remark = f"kept within ±{shown(most)}"
            cut = min(max(slope, -most), most)
            lines.append(Line.of("clipped slope", "slope", {"slope": slope}, cut, remark))
            slope = cut
        if w.decay != 1.0:
            known = {"weight": weight, "learning_rate": self.learning_rate, "decay": self.optimizer.weight_decay}
            lines.append(Line.of("decayed weight", "weight × ( 1 − learning_rate × decay )", known, w.decay * weight))
            weight *= w.decay
        return lines + self._rule(w, at, slope, weight)

    def _rule(self, w: WeightTrace, at: tuple[int, ...], slope: float, weight: float) -> list[Line]:
        names, formulas = RULES[self.kernel]
        known = {SYMBOLS.get(name, name): value for name, value in self.settings.items()}
        known |= {"slope": slope, "weight": weight}
        for symbol, before, after in zip(names.split(), w.before, w.after, strict=True):
            known |= {f"{symbol}₀": float(before[at]), symbol: float(after[at])}
        if "beta_1" in self.settings:
            t, beta_1, beta_2 = self.number, self.settings["beta_1"], self.settings["beta_2"]
            known |= {"β₁ᵗ": beta_1**t, "β₂ᵗ": beta_2**t}
            u = [beta_1 * (1 - 0.5 * 0.96**i) for i in range(1, t + 2)] if self.kernel == "nadam" else [0.0, 0.0]
            known |= {"uₜ": u[-2], "uₜ₊₁": u[-1], "Π": math.prod(u[:-1])}
        new = float(w.new[at])
        moved = self.averaged or w.constraint is not None
        lines = [
            Line.of(left, rule, known, known[left] if left != NEW else float(w.ruled[at]) if moved else new)
            for left, rule in formulas
        ]
        if self.averaged:
            lines.append(Line("", remark="the running mean of the weights takes their place"))
        if w.constraint is not None:
            lines.append(Line("", remark=f"{w.constraint!r} comes last"))
        if moved:
            lines.append(Line("weight kept", value=new))
        return lines
