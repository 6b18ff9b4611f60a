"""What all optimisers are: settings, and a look at the steps that the core has taken by them."""

import inspect
import math
import re
from collections.abc import Callable, Iterable, Mapping
from itertools import chain, compress
from typing import Any, ClassVar, Protocol, Self, SupportsFloat, TypedDict, runtime_checkable

import numpy as np
import numpy.typing as npt

from fastbp import _data
from fastbp.optimizers import schedules

Array = npt.NDArray[Any]


@runtime_checkable
class Schedule(Protocol):
    """A learning rate by step: that of one, and those of ``count`` from ``first`` on."""

    def __call__(self, step: Any, /) -> Any: ...
    def rates(self, first: int, count: int, /) -> Array: ...
    def get_config(self) -> dict[str, Any]: ...


LearningRate = float | Schedule


class Others(TypedDict, total=False):
    """Arguments that every optimiser takes after its own, by name only; see Optimizer."""

    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None
    loss_scale_factor: None
    gradient_accumulation_steps: int | None
    name: str | None


Range = tuple[str, Callable[[float], bool]]  # in words, and as a question
AT_LEAST_0: Range = ("finite and at least 0", lambda x: 0.0 <= x < math.inf)
POSITIVE: Range = ("finite and greater than 0", lambda x: 0.0 < x < math.inf)
UP_TO_1: Range = ("in [0, 1]", lambda x: 0.0 <= x <= 1.0)
ABOVE_0: Range = ("in (0, 1]", lambda x: 0.0 < x <= 1.0)
BELOW_1: Range = ("in [0, 1)", lambda x: 0.0 <= x < 1.0)
# Less would be 0 in a float32 network, where a slope of 0 then gives 0/0.
EPSILON: Range = ("finite and at least 1.2e-38", lambda x: 1.2e-38 <= x < math.inf)


def number(name: str, value: Any, allowed: Range) -> float:
    """``value`` as a float in that range."""
    if isinstance(value, bool) or not isinstance(value, (int, float, SupportsFloat)):  # a protocol is slow to ask
        raise TypeError(f"{name} must be a number; got {type(value).__name__} {value!r}")
    words, holds = allowed
    if not holds(float(value)):
        raise ValueError(f"{name} must be {words}; got {value}")
    return float(value)


def optional_number(name: str, value: Any, allowed: Range) -> float | None:
    """None, or ``value`` as a float in that range."""
    return None if value is None else number(name, value, allowed)


def optional_int(name: str, value: Any, least: int) -> int | None:
    """None, or ``value`` as a whole number of at least ``least``."""
    return None if value is None else _data.positive_int(value, name, least)


class Optimizer:
    """What all optimisers share: the learning rate, and what happens to slopes and weights besides the rule itself.

    In each step slopes are clipped, weights decay, and then the rule of the optimiser is applied. What it remembers of
    earlier steps (its slots) lies beside the weights in the core.

    Args:
        learning_rate: what a slope is multiplied by, η: a number, or a schedule with one for each step.
        weight_decay: before each step w is multiplied by 1 - η·weight_decay (decoupled: Loshchilov and Hutter, arXiv
            1711.05101). None: w is left alone.
        clipnorm: the slopes of a weight array are scaled down to this norm, where theirs is greater.
        clipvalue: each slope is cut to [-clipvalue, clipvalue].
        global_clipnorm: as clipnorm, by the norm of all slopes together. At most one of the three may be given.
        use_ema: whether a running mean of the weights, mean = ema_momentum·mean + (1 - ema_momentum)·w after each step,
            takes their place at the end of training.
        ema_momentum: from 0 to 1.
        ema_overwrite_frequency: after how many steps the mean takes the weights' place during training as well.
        loss_scale_factor: None, which is all there is: no slope here has a type so narrow that it would need a factor.
        gradient_accumulation_steps: how many batches' slopes are averaged for one step, at least 2. None: each batch is
            a step.
        name: that of the rule, unless given.
    """

    name: str = "optimizer"
    __signature__: ClassVar[inspect.Signature]
    version = 0  # counts the changes of its settings
    _interleaved = 1  # how many slots Keras lists weight by weight, before any others slot by slot

    def __init__(
        self,
        learning_rate: LearningRate,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
    ) -> None:
        self._core: Any = None  # what takes the steps, once a model trains
        self.schedule: Schedule | None = None
        self.learning_rate = learning_rate
        self.weight_decay = optional_number("weight_decay", weight_decay, AT_LEAST_0)
        self.clipnorm = optional_number("clipnorm", clipnorm, POSITIVE)
        self.clipvalue = optional_number("clipvalue", clipvalue, POSITIVE)
        self.global_clipnorm = optional_number("global_clipnorm", global_clipnorm, POSITIVE)
        clips = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        if list(clips.values()).count(None) < 2:
            raise ValueError(f"at most one of {', '.join(clips)} may be given; got {clips}")
        self.use_ema = bool(use_ema)
        self.ema_momentum = number("ema_momentum", ema_momentum, UP_TO_1)
        self.ema_overwrite_frequency = optional_int("ema_overwrite_frequency", ema_overwrite_frequency, 1)
        if loss_scale_factor is not None:
            raise ValueError(f"loss_scale_factor must be None: no slope needs one here; got {loss_scale_factor!r}")
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = optional_int("gradient_accumulation_steps", gradient_accumulation_steps, 2)
        if name is not None:
            self.name = name
        self.exclude_from_weight_decay()

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name != "_core":
            super().__setattr__("version", self.version + 1)

    def __init_subclass__(cls) -> None:
        """Shows all arguments in the signature of a class that hands ``**others`` on."""
        own = inspect.signature(cls.__init__).parameters
        named = [p for p in own.values() if p.kind is not p.VAR_KEYWORD]
        if len(named) < len(own):
            shared = inspect.signature(Optimizer.__init__).parameters
            named += [p.replace(kind=p.KEYWORD_ONLY) for name, p in shared.items() if name not in own]
        cls.__signature__ = inspect.Signature(named[1:])

    @property
    def kernel(self) -> str:
        """The name of the core's update rule."""
        return type(self).name

    # ---- learning rate ----

    @property
    def learning_rate(self) -> float:
        """What a slope is multiplied by in the next step. A number may be assigned, unless a schedule gives it."""
        if self.schedule is None:
            return self._learning_rate
        return float(self.schedule(self._core.batches if self.built else 0))

    @learning_rate.setter
    def learning_rate(self, value: LearningRate) -> None:
        if not isinstance(value, float) and isinstance(value, Schedule):
            self.schedule = value
        elif self.schedule is not None:
            raise TypeError(
                f"the learning rate follows {self.schedule!r}: expected a schedule in its place; got {value!r}"
            )
        else:
            self._learning_rate = number("learning_rate", value, AT_LEAST_0)

    # ---- what has been done ----

    @property
    def built(self) -> bool:
        """Whether a model trains with it, and so there are slots."""
        return self._core is not None

    @property
    def iterations(self) -> int:
        """How many steps have been taken."""
        return int(self._core.iterations) if self.built else 0

    @property
    def variables(self) -> list[Array]:
        """As Keras lists them: the number of steps, the learning rate (unless a schedule gives it), and the slots.

        The slots are views.

        >>> Optimizer(0.5).variables
        [array(0), array(0.5)]
        """
        slots = [list(compress(views, self._core.trained)) for views in self._core.slots()] if self.built else []
        rate = [] if self.schedule else [np.array(self.learning_rate)]
        by_weight = zip(*slots[: self._interleaved], strict=True)
        return [np.array(self.iterations), *rate, *chain(*by_weight, *slots[self._interleaved :])]

    # ---- weight decay ----

    def exclude_from_weight_decay(
        self, var_list: Iterable[Array] | None = None, var_names: Iterable[str] | None = None
    ) -> None:
        """Names the weights that do not decay; a second call takes back the first.

        Args:
            var_list: weights of a model's layers.
            var_names: what names are searched for, as regular expressions.

        >>> optimizer = Optimizer(0.1, weight_decay=0.01)
        >>> optimizer.exclude_from_weight_decay(var_names=["bias"])
        >>> optimizer.uses_weight_decay("bias", np.zeros(3)), optimizer.uses_weight_decay("kernel", np.zeros((2, 3)))
        (False, True)
        """
        weights, names = list(var_list or ()), [var_names] if isinstance(var_names, str) else list(var_names or ())
        for weight in weights:
            if not isinstance(weight, np.ndarray):
                raise TypeError(f"var_list must have arrays, weights of layers; got {type(weight).__name__} {weight!r}")
        for name in names:
            if not isinstance(name, str):
                raise TypeError(f"var_names must have strings; got {type(name).__name__} {name!r}")
        self._excluded_weights = {weight.ctypes.data: weight for weight in weights}  # held, or addresses may be reused
        self._excluded_names = "|".join(names)

    def uses_weight_decay(self, name: str, array: Array) -> bool:
        """Whether a weight of that name decays, if any does."""
        named = self._excluded_names and re.search(self._excluded_names, name)
        return not named and not (self._excluded_weights and array.ctypes.data in self._excluded_weights)

    # ---- copies ----

    def _arguments(self) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}
        return values | {"learning_rate": self.schedule or self.learning_rate}

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal optimiser, under the names that Keras gives them.

        >>> Optimizer(0.1, clipnorm=1).get_config()["clipnorm"]
        1.0
        """
        config = self._arguments()
        if self.schedule:
            config["learning_rate"] = {
                "class_name": type(self.schedule).__name__,
                "config": self.schedule.get_config(),
            }
        return config

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Self:
        """The optimiser of these arguments; ``custom_objects`` are schedules of your own by name.

        >>> Optimizer.from_config(Optimizer(0.5).get_config())
        Optimizer(learning_rate=0.5)
        """
        rate = config.get("learning_rate")
        if isinstance(rate, Mapping):
            config = {**config, "learning_rate": schedules.deserialize(rate, custom_objects)}
        return cls(**config)

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_core": None, "_excluded_weights": {}}  # which stay with the model

    def __repr__(self) -> str:
        parameters = inspect.signature(type(self)).parameters
        settings = [
            f"{name}={value!r}"
            for name, value in self._arguments().items()
            if value != (type(self).name if name == "name" else parameters[name].default)
        ]
        return f"{type(self).__name__}({', '.join(settings)})"
